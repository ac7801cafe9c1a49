"""Random tensors from a counter-based generator: equal states give equal numbers on any number of threads."""

from __future__ import annotations

import numpy as np

from swiftbn import _lazy, naming
from swiftbn._checks import finite, integer
from swiftbn.dtypes import COMPUTING_DTYPES, INT_DTYPES, standardize_dtype
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, resolve, to_dtype, to_float
from swiftbn.ops.elementwise import add, floor, log, multiply, negative
from swiftbn.ops.reduction import argmax
from swiftbn.ops.shaping import expand_dims, take
from swiftbn.ops.shaping import shape as shape_of
from swiftbn.variable import Variable

_global_generator = None


def make_default_seed() -> int:
    """A seed from Python's generator, which `utils.set_random_seed` seeds."""
    import random as python_random

    return python_random.randint(1, int(1e9))


class SeedGenerator:
    """A source of states for random operations, each used once.

    The state (seed, counter) is a variable; a layer that holds a generator as an attribute saves it with its weights,
    and draws other numbers in every step of training.

    Args:
        seed: an integer in 0 … 2**32 - 1, or None for one drawn from Python's `random`.
        name: unique name.
    """

    def __init__(self, seed: int | None = None, name: str | None = None):
        self.name = naming.auto_name(type(self).__name__) if name is None else name
        self._initial_seed = seed
        seed = make_default_seed() if seed is None else checked_seed(seed)
        with naming.name_scope(self.name, caller=self):
            self.state = Variable(
                np.array([seed, 0], "uint32"), dtype="uint32", trainable=False, name="seed_generator_state"
            )

    def next(self, ordered: bool = True):
        """The present state; the counter moves on."""
        state = self.state.value
        if isinstance(state, np.ndarray):
            state = state.copy()
        self.state.assign(add(state, np.array([0, 1], "uint32")))
        return state

    def get_config(self) -> dict:
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict) -> SeedGenerator:
        return cls(**config)


def checked_seed(seed) -> int:
    """The seed if it is an integer in 0 … 2**32 - 1; ValueError otherwise."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"Expected seed to be an integer in 0 … 2**32 - 1. Received: seed={seed!r}")
    return int(seed)


def global_seed_generator() -> SeedGenerator:
    """The generator that serves operations without a seed."""
    global _global_generator
    if _global_generator is None:
        _global_generator = SeedGenerator(name="global_seed_generator")
    return _global_generator


def reset_global_seed(seed: int | None = None) -> None:
    """Starts the global generator anew, from a seed or (None) when it is first used."""
    global _global_generator
    if seed is not None and _global_generator is not None:
        # The same variable, which compiled programs may read.
        _global_generator.state.numpy()[...] = (seed, 0)
    else:
        _global_generator = None if seed is None else SeedGenerator(seed, name="global_seed_generator")


def draw_seed(seed):
    """The state for one operation, from an integer, a SeedGenerator, or (None) the global generator."""
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if seed is None:
        return global_seed_generator().next()
    return np.array([checked_seed(seed), 0], "uint32")


def _extents(name: str, shape) -> tuple:
    shape = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    for extent in shape:
        if isinstance(extent, bool) or not isinstance(extent, (int, np.integer)) or extent < 0:
            raise ValueError(f"{name}: expected a shape of integers >= 0. Received: shape={shape}")
    return tuple(int(extent) for extent in shape)


def _float_dtype(name: str, dtype) -> str:
    standard = standardize_dtype(dtype)
    if standard not in COMPUTING_DTYPES:
        raise ValueError(f"{name}: expected dtype to be float32 or float64. Received: dtype={dtype!r}")
    return standard


def _bell(name: str, shape, mean, stddev, dtype, seed):
    """Numbers of the native operation `name`, around `mean`."""
    dtype, extents = _float_dtype(name, dtype), _extents(name, shape)
    mean, std = float(finite(name, "mean", mean)), float(finite(name, "stddev", stddev, low=0))
    kind = "random_normal" if name == "normal" else name
    return call(kind, draw_seed(seed), shape=extents, dtype=dtype, mean=mean, std=std)[0]


def normal(shape, mean: float = 0.0, stddev: float = 1.0, dtype=None, seed=None):
    """Normal random numbers of mean `mean` and standard deviation `stddev`."""
    return _bell("normal", shape, mean, stddev, dtype, seed)


def truncated_normal(shape, mean: float = 0.0, stddev: float = 1.0, dtype=None, seed=None):
    """Normal random numbers, redrawn when more than two standard deviations from the mean."""
    return _bell("truncated_normal", shape, mean, stddev, dtype, seed)


def uniform(shape, minval: float = 0.0, maxval: float = 1.0, dtype=None, seed=None):
    """Random numbers, uniform in [minval, maxval)."""
    dtype, extents = _float_dtype("uniform", dtype), _extents("uniform", shape)
    finite("uniform", "maxval", maxval, low=finite("uniform", "minval", minval))
    return call(
        "random_uniform",
        draw_seed(seed),
        shape=extents,
        dtype=dtype,
        minimum=float(minval),
        maximum=float(maxval),
    )[0]


def randint(shape, minval: int, maxval: int, dtype="int32", seed=None):
    """Random integers, uniform in minval … maxval - 1."""
    low, high = integer("randint", "minval", minval), integer("randint", "maxval", maxval)
    if low >= high:
        raise ValueError(f"randint: expected minval < maxval. Received: minval={minval}, maxval={maxval}")
    standard = standardize_dtype(dtype)
    if standard not in INT_DTYPES:
        raise ValueError(f"randint: expected dtype to be one of {', '.join(INT_DTYPES)}. Received: dtype={dtype!r}")
    return to_dtype(floor(uniform(shape, low, high, "float64", seed)), standard)


def categorical(logits, num_samples: int, dtype="int32", seed=None):
    """Random classes (n, num_samples) with probabilities softmax(logits) for logits (n, classes).

    The class of the largest sum of a logit and -log(-log(u)) is drawn (Gumbel 1954).

    Raises:
        ValueError: logits of another rank, or `num_samples` or `dtype` that are no integer and integer dtype.
    """
    logits, count = to_float(logits), integer("categorical", "num_samples", num_samples)
    if len(logits.shape) != 2 or count < 0:
        raise ValueError(
            "categorical: expected logits of shape (n, classes) and num_samples >= 0. "
            f"Received: shape {tuple(logits.shape)}, num_samples={num_samples}"
        )
    standard = standardize_dtype(dtype)
    if standard not in INT_DTYPES:
        raise ValueError(f"categorical: expected dtype to be an integer one. Received: dtype={dtype!r}")
    rows, classes = logits.shape
    draws = uniform((rows, count, classes), dtype=dtype_of(logits), seed=seed)
    noise = negative(log(negative(log(draws))))
    return to_dtype(argmax(add(expand_dims(logits, 1), noise), axis=-1), standard)


def dropout(inputs, rate: float, noise_shape=None, seed=None):
    """Each element kept with probability 1 - rate and divided by it, else 0.

    Args:
        noise_shape: a shape that broadcasts to that of the inputs; elements that share a place of it are kept or
            dropped together. None in it stands for the extent of the inputs.

    Raises:
        ValueError: a rate outside 0 ≤ rate < 1, a noise_shape that does not broadcast.
    """
    inputs = to_float(inputs)
    if noise_shape is None:
        return call("dropout", inputs, draw_seed(seed), rate=float(rate))[0]
    shape = noise_shape_of("dropout", noise_shape, inputs.shape)
    if shape == tuple(inputs.shape):
        return call("dropout", inputs, draw_seed(seed), rate=float(rate))[0]
    ones = np.ones(shape, dtype_of(inputs))
    return multiply(inputs, call("dropout", ones, draw_seed(seed), rate=float(rate))[0])


def noise_shape_of(name: str, noise_shape, shape) -> tuple:
    """The noise_shape with the extents of the inputs for None."""
    if len(noise_shape) <= len(shape):
        tail = shape[len(shape) - len(noise_shape) :]
        found = tuple(x if n is None else n for n, x in zip(noise_shape, tail, strict=True))
        if all(n == 1 or n == x for n, x in zip(found, tail, strict=True)):
            return _extents(name, found)
    raise ValueError(
        f"{name}: expected a noise_shape that broadcasts to the inputs' shape {tuple(shape)}. "
        f"Received: noise_shape={tuple(noise_shape)}"
    )


def shuffle(x, axis: int = 0, seed=None):
    """x with its parts along an axis in random order."""
    x = resolve(x)
    axis = normalize_axis(axis, len(x.shape), "shuffle")
    order = call("random_permutation", draw_seed(seed), n=int(shape_of(x)[axis]))[0]
    return take(x, order, axis=axis)


__getattr__, __dir__, __all__ = _lazy.attach(__name__, {"._distributions": "beta binomial gamma"})
