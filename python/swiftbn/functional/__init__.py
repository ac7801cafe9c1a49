"""Normalization and its gradients on NumPy arrays, straight to the Swift kernels: float32 and float64, and
the 16-bit float16 and bfloat16 by way of float32.

Nothing is kept between calls: what the backward functions need of the forward ones is returned and passed on.
"""

from swiftbn import _lazy
from swiftbn.functional._batch_norm import batch_norm, batch_norm_backward, batch_norm_inference

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "_group_norm": "group_norm group_norm_backward instance_norm instance_norm_backward",
        "_layer_norm": "layer_norm layer_norm_backward",
        "_rms_norm": "rms_norm rms_norm_backward",
        "_unit_norm": "unit_norm unit_norm_backward",
    },
)
