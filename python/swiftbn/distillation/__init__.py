"""Training of a small model by what a large one says."""

from swiftbn import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {"distiller": "Distiller", "distillation_losses": "DistillationLoss FeatureDistillation LogitsDistillation"},
)
