"""First values of weights. Names, arguments and distributions are Keras 3's; the numbers are ours."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import _registry, ops, random
from swiftbn._checks import finite, is_integer, one_of
from swiftbn._windows import check_window, fourier, window_values
from swiftbn.dtypes import standardize_dtype


class Initializer:
    """A function of shape and dtype that makes a first value; subclasses define `__call__`."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} has to define __call__(shape, dtype)")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class Zeros(Initializer):
    """0 everywhere."""

    def __call__(self, shape, dtype=None):
        return np.zeros(shape, standardize_dtype(dtype))


class Ones(Initializer):
    """1 everywhere."""

    def __call__(self, shape, dtype=None):
        return np.ones(shape, standardize_dtype(dtype))


class Constant(Initializer):
    """`value` everywhere."""

    def __init__(self, value=0.0):
        if np.asarray(value).dtype.kind not in "biuf":
            raise ValueError(f"Constant: expected value to be a number. Received: value={value!r}")
        self.value = value

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.value, standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"value": self.value}


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain=1.0):
        self.gain = finite("Identity", "gain", gain)

    def __call__(self, shape, dtype=None):
        if len(shape) != 2:
            raise ValueError(f"Identity: expected a shape of rank 2. Received: shape={shape}")
        return np.eye(*shape, dtype=standardize_dtype(dtype)) * np.array(self.gain, standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"gain": self.gain}


class RandomInitializer(Initializer):
    """An initializer with a seed: an integer (the same values at every call), a SeedGenerator, or None."""

    def __init__(self, seed=None):
        is_own = seed is None or isinstance(seed, random.SeedGenerator)
        self._initial_seed = None if is_own else random.checked_seed(seed)
        self.seed = random.make_default_seed() if seed is None else seed

    def get_config(self) -> dict:
        return {"seed": self._initial_seed}


class RandomNormal(RandomInitializer):
    """Normal numbers of mean `mean` and standard deviation `stddev`."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = finite(type(self).__name__, "mean", mean)
        self.stddev = finite(type(self).__name__, "stddev", stddev, low=0)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        return random.normal(shape, self.mean, self.stddev, standardize_dtype(dtype), self.seed)

    def get_config(self) -> dict:
        return {"mean": self.mean, "stddev": self.stddev, **super().get_config()}


class TruncatedNormal(RandomNormal):
    """Normal numbers, redrawn when more than two standard deviations from the mean."""

    def __call__(self, shape, dtype=None):
        return random.truncated_normal(shape, self.mean, self.stddev, standardize_dtype(dtype), self.seed)


class RandomUniform(RandomInitializer):
    """Numbers uniform in [minval, maxval)."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = finite("RandomUniform", "minval", minval)
        self.maxval = finite("RandomUniform", "maxval", maxval, low=minval)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        return random.uniform(shape, self.minval, self.maxval, standardize_dtype(dtype), self.seed)

    def get_config(self) -> dict:
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}


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


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times `gain` (Saxe et al. 2014, arXiv 1312.6120)."""

    def __init__(self, gain=1.0, seed=None):
        self.gain = finite("Orthogonal", "gain", gain)
        super().__init__(seed)

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(f"Orthogonal: expected a shape of rank >= 2. Received: shape={shape}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        flat = random.normal((max(rows, columns), min(rows, columns)), dtype="float64", seed=self.seed)
        q, r = np.linalg.qr(np.asarray(flat))
        q = q * np.sign(np.diag(r))
        q = q.T if rows < columns else q
        return ops.cast(np.ascontiguousarray(self.gain * q.reshape(shape)), standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"gain": self.gain, **super().get_config()}


class STFT(Initializer):
    """The real or imaginary part of a discrete Fourier transform of windows, as a kernel of a convolution.

    kernel[t, 0, f] = window[t]·cos(-2π·t·f/F)/scale, or with sin, for a shape (T, 1, F/2 + 1).

    Args:
        side: "real" or "imag".
        window: "hann", "hamming", "blackman", "bartlett", "boxcar", an array of T numbers, or None for no window.
        scaling: "density": scale is the root of the sum of squares of the window, "spectrum": the sum of its absolute
            values, None: 1.
        periodic: whether the value behind the window's last one would be its first.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):

        one_of("STFT", "side", side, ("real", "imag"))
        one_of("STFT", "scaling", scaling, (None, "density", "spectrum"))
        check_window("STFT", window)
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = bool(periodic)

    def __call__(self, shape, dtype=None):

        if len(shape) != 3 or shape[1] != 1:
            raise ValueError(f"STFT: expected a shape (T, 1, F/2 + 1). Received: shape={tuple(shape)}")
        window = window_values("STFT", self.window, shape[0], self.periodic)
        kernel = fourier(shape[0], 2 * (shape[2] - 1))[self.side == "imag"] * window[:, None]
        if self.window is not None and self.scaling is not None:
            kernel /= np.sqrt(np.square(window).sum()) if self.scaling == "density" else np.abs(window).sum()
        return kernel[:, None].astype(standardize_dtype(dtype))

    def get_config(self) -> dict:
        return {"side": self.side, "window": self.window, "scaling": self.scaling, "periodic": self.periodic}


_CLASSES = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
# Keras' other names of the same.
constant, identity, zeros, ones, orthogonal = Constant, Identity, Zeros, Ones, Orthogonal
IdentityInitializer, OrthogonalInitializer, STFTInitializer, stft = Identity, Orthogonal, STFT, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_normal, glorot_uniform, variance_scaling = GlorotNormal, GlorotUniform, VarianceScaling
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform

_TABLE = _registry.by_name(_CLASSES, {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros})


def get(identifier):
    """The initializer of a name, configuration, function or object; an array becomes a constant one.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(identifier, np.ndarray):
        values = identifier

        def constant(shape, dtype=None):
            if tuple(shape) != values.shape:
                raise ValueError(f"Expected an array of shape {tuple(shape)}. Received: shape {values.shape}")
            return np.array(values, standardize_dtype(dtype))

        return constant
    return _registry.get(identifier, _TABLE, "initializer")


def serialize(initializer):
    """The configuration of an initializer."""
    return _registry.serialize(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)
