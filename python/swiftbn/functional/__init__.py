# ruff: noqa: F401  (names are imported to be re-exported)
"""Normalization and its gradients on NumPy arrays, straight to the Swift kernels: float32 and float64, and
the 16-bit float16 and bfloat16 by way of float32.

Nothing is kept between calls: what the backward functions need of the forward ones is returned and passed on.
"""

from swiftbn.functional._batch_norm import batch_norm, batch_norm_backward, batch_norm_inference
from swiftbn.functional._group_norm import group_norm, group_norm_backward, instance_norm, instance_norm_backward
from swiftbn.functional._layer_norm import layer_norm, layer_norm_backward
from swiftbn.functional._rms_norm import rms_norm, rms_norm_backward
