"""Tools for models with batch normalization: folding for inference, recalibration, a report."""

from swiftbn.batch_norm.folding import Folding, fold_batch_norm
from swiftbn.batch_norm.report import BatchNormReport, LayerReport, batch_norm_report
