"""Random numbers of distributions that have no native operation, from a bounded number of draws for each."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import finite, is_number, number
from swiftbn.ops._dispatch import call, resolve, to_dtype
from swiftbn.ops.elementwise import (
    add,
    clip,
    divide,
    exp,
    floor,
    greater,
    less,
    less_equal,
    log,
    logical_and,
    maximum,
    multiply,
    sigmoid,
    sqrt,
    square,
    subtract,
    where,
)
from swiftbn.ops.reduction import argmax
from swiftbn.ops.reduction import sum as reduce_sum
from swiftbn.ops.scattering import take_along_axis
from swiftbn.ops.shaping import broadcast_to, expand_dims, squeeze
from swiftbn.random import SeedGenerator, _extents, _float_dtype, checked_seed, draw_seed
from swiftbn.tensor import Tensor

# A try is refused with a probability below 1/20, so that all of them are with one below 10⁻¹⁵: less often than numbers
# differ by rounding.
_TRIES = 12
# So many trials of a binomial distribution, and fewer, are drawn one by one.
_FEW = 15


def gamma(shape, alpha, dtype=None, seed=None):
    """Random numbers of the gamma distribution with density x^(alpha - 1)·e⁻ˣ/Γ(alpha).

    Args:
        alpha: a number > 0, or a tensor that broadcasts to the shape.

    Source: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000. A fixed number of tries is
    drawn for each number, of which the first that is accepted counts.
    """
    dtype, shape = _float_dtype("gamma", dtype), _extents("gamma", shape)
    return exp(_log_gamma(shape, _parameter("gamma", "alpha", alpha, shape, dtype), dtype, _states(seed, 3)))


def beta(shape, alpha, beta, dtype=None, seed=None):
    """Random numbers of the beta distribution, in 0 … 1 with density proportional to x^(alpha - 1)·(1 - x)^(beta - 1).

    Args:
        alpha, beta: numbers > 0, or tensors that broadcast to the shape.

    With x and y of gamma distributions it is x/(x + y), from their logarithms, so that small parameters do not divide
    0 by 0.
    """
    dtype, shape = _float_dtype("beta", dtype), _extents("beta", shape)
    parameters = (_parameter("beta", *pair, shape, dtype) for pair in (("alpha", alpha), ("beta", beta)))
    return _beta(shape, *parameters, dtype, _states(seed, 6))


def _beta(shape: tuple, alpha, beta, dtype: str, states: list):
    x, y = _log_gamma(shape, alpha, dtype, states[:3]), _log_gamma(shape, beta, dtype, states[3:])
    return sigmoid(subtract(x, y))


def _parameter(name: str, argument: str, value, shape: tuple, dtype: str):
    if is_number(value) and argument in ("alpha", "beta"):
        number(name, argument, value, lambda v: 0 < v < np.inf, "a number > 0")
    try:
        return broadcast_to(to_dtype(value, dtype), shape)
    except ValueError:
        raise ValueError(
            f"{name}: expected {argument} to broadcast to the shape {shape}. "
            f"Received: shape {tuple(resolve(value).shape)}"
        ) from None


def _states(seed, count: int) -> list:
    """States for several draws, from an integer, a `SeedGenerator`, or None."""
    if seed is None or isinstance(seed, SeedGenerator):
        return [draw_seed(seed) for _ in range(count)]
    return [np.array([checked_seed(seed), counter], "uint32") for counter in range(count)]


def _uniform(state, shape: tuple, dtype: str):
    """Numbers above 0 and below 1."""
    drawn = call("random_uniform", state, shape=shape, dtype=dtype, minimum=0.0, maximum=1.0)[0]
    return maximum(drawn, float(np.finfo(dtype).tiny))


def _log_gamma(shape: tuple, alpha, dtype: str, states: list):
    """The logarithms of random numbers of the gamma distribution; of parameters below 1 by those of alpha + 1."""
    small = less(alpha, 1.0)
    d = subtract(where(small, add(alpha, 1.0), alpha), 1.0 / 3.0)
    tries = (*shape, _TRIES)
    x = call("random_normal", states[0], shape=tries, dtype=dtype, mean=0.0, std=1.0)[0]
    wide = expand_dims(d, -1)
    root = add(multiply(x, divide(1.0 / 3.0, sqrt(wide))), 1.0)
    log_v = multiply(3.0, log(maximum(root, float(np.finfo(dtype).tiny))))
    bound = add(multiply(0.5, square(x)), multiply(wide, add(subtract(1.0, exp(log_v)), log_v)))
    accepted = logical_and(greater(root, 0.0), less(log(_uniform(states[1], tries, dtype)), bound))
    first = expand_dims(argmax(to_dtype(accepted, "int32"), axis=-1), -1)
    found = add(squeeze(take_along_axis(log_v, first, axis=-1), -1), log(d))
    # X_a = X_(a+1)·U^(1/a).
    return where(small, add(found, divide(log(_uniform(states[2], shape, dtype)), alpha)), found)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    """How many of `counts` trials of given probability succeed, as floats.

    Args:
        counts: an integer >= 0, or an array of them that broadcasts to the shape; its numbers have to be known.
        probabilities: a number in 0 … 1, or a tensor that broadcasts to the shape.

    Trials stand for uniform numbers below the probability. The middle one of n in order, of a beta distribution, says
    which half of them is below or above it, so that the work grows with the logarithm of `counts` (Relles, "A simple
    algorithm for generating binomial random variables when N is large", 1972).
    """
    dtype, shape = _float_dtype("binomial", dtype), _extents("binomial", shape)
    if isinstance(resolve(counts), Tensor):
        raise ValueError("binomial: expected counts that are known, not a tensor of a trace")
    n = np.asarray(counts, "float64")
    if not (np.isfinite(n).all() and (n >= 0).all() and (n == np.floor(n)).all()):
        raise ValueError(f"binomial: expected counts to be integers >= 0. Received: counts={counts!r}")
    if is_number(probabilities):
        finite("binomial", "probabilities", probabilities, 0, 1)
    largest = int(n.max()) if n.size else 0
    n = _parameter("binomial", "counts", n, shape, "float64")
    p = _parameter("binomial", "probabilities", probabilities, shape, "float64")
    halvings = max(0, largest.bit_length() - _FEW.bit_length())
    states = _states(seed, 6 * halvings + 1)
    found = np.zeros(shape)
    for level in range(halvings):
        many = greater(n, float(_FEW))
        middle = floor(divide(add(n, 1.0), 2.0))
        safe = where(many, middle, 1.0)
        own = states[6 * level : 6 * level + 6]
        x = _beta(shape, safe, where(many, subtract(add(n, 1.0), middle), 1.0), "float64", own)
        below = less_equal(x, p)
        found = where(logical_and(many, below), add(found, middle), found)
        left = clip(where(below, divide(subtract(p, x), subtract(1.0, x)), divide(p, x)), 0.0, 1.0)
        p = where(many, left, p)
        n = where(many, where(below, subtract(n, middle), subtract(middle, 1.0)), n)
    drawn = _uniform(states[-1], (*shape, min(largest, _FEW)), "float64")
    counted = less(np.arange(min(largest, _FEW), dtype="float64"), expand_dims(n, -1))
    successes = logical_and(counted, less(drawn, expand_dims(p, -1)))
    return to_dtype(add(found, reduce_sum(to_dtype(successes, "float64"), axis=-1)), dtype)
