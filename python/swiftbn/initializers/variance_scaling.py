"""Random weights that keep the variance from layer to layer."""

from __future__ import annotations

import math

from swiftbn import random
from swiftbn._checks import finite, is_integer
from swiftbn.dtypes import standardize_dtype
from swiftbn.initializers.random import RandomInitializer


def compute_fans(shape, input_axes=None, output_axes=None) -> tuple[int, int]:
    """Numbers of inputs and outputs that a weight of a shape connects; convolutions count their whole window.

    With axes they are the products of the extents of the input axes, and of the output axes.
    """
    shape = tuple(shape)
    if input_axes is not None:
        for name, axes in (("input_axes", input_axes), ("output_axes", output_axes)):
            if not all(-len(shape) <= axis < len(shape) for axis in axes):
                raise ValueError(f"Expected {name} to be axes of a weight of shape {shape}. Received: {name}={axes}")
        return math.prod(shape[axis] for axis in input_axes), math.prod(shape[axis] for axis in output_axes)
    if not shape:
        return 1, 1
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is scale / n, n being the fan-in, the fan-out or their mean.

    Glorot & Bengio 2010, He et al. 2015 (arXiv 1502.01852), LeCun et al. 1998.

    Args:
        scale: > 0.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: see `RandomInitializer`.
        input_axes, output_axes: the axes of inputs and of outputs, both or none; by default the last but one and the
            last, each with all axes in front of them.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if not finite("VarianceScaling", "scale", scale) > 0:
            raise ValueError(f"VarianceScaling: expected scale > 0. Received: scale={scale}")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"VarianceScaling: expected mode 'fan_in', 'fan_out' or 'fan_avg'. Received: {mode!r}")
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in ("truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(
                "VarianceScaling: expected distribution 'truncated_normal', 'untruncated_normal' or 'uniform'. "
                f"Received: {distribution!r}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes, self.output_axes = _axes(input_axes, output_axes)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        dtype = standardize_dtype(dtype)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, math.sqrt(variance), dtype, self.seed)
        # The standard deviation of a standard normal number cut at two is 0.87962566103423978.
        return random.truncated_normal(shape, 0.0, math.sqrt(variance) / 0.87962566103423978, dtype, self.seed)

    def get_config(self) -> dict:
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
            **super().get_config(),
        }


def _axes(input_axes, output_axes) -> tuple:
    if (input_axes is None) != (output_axes is None):
        raise ValueError(
            f"Expected input_axes and output_axes, or none of them. Received: {input_axes=}, {output_axes=}"
        )
    for name, axes in (("input_axes", input_axes), ("output_axes", output_axes)):
        if axes is not None and not (isinstance(axes, (list, tuple)) and all(is_integer(axis) for axis in axes)):
            raise ValueError(f"Expected {name} to be a list of integers. Received: {name}={axes!r}")
    return tuple(None if axes is None else [int(axis) for axis in axes] for axes in (input_axes, output_axes))


class _Named(VarianceScaling):
    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(self._scale, self._mode, self._distribution, seed, input_axes, output_axes)

    def get_config(self) -> dict:
        axes = {"input_axes": self.input_axes, "output_axes": self.output_axes}
        return {**axes, **RandomInitializer.get_config(self)}


class GlorotUniform(_Named):
    """Uniform in ±√(6 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    _mode, _distribution = "fan_avg", "uniform"


class GlorotNormal(_Named):
    """Truncated normal of standard deviation √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010)."""

    _mode = "fan_avg"


class HeUniform(_Named):
    """Uniform in ±√(6 / fan_in) (He et al. 2015)."""

    _scale, _distribution = 2.0, "uniform"


class HeNormal(_Named):
    """Truncated normal of standard deviation √(2 / fan_in) (He et al. 2015)."""

    _scale = 2.0


class LecunUniform(_Named):
    """Uniform in ±√(3 / fan_in) (LeCun et al. 1998)."""

    _distribution = "uniform"


class LecunNormal(_Named):
    """Truncated normal of standard deviation √(1 / fan_in) (LeCun et al. 1998)."""
