"""Gamma, beta and binomial random numbers: moments, distribution functions, seeds."""

import math

import numpy as np
import pytest
from checks import same_on_threads, traced

import swiftbn
from swiftbn import random

COUNT = 20000
# 0.1 % of samples of a distribution are farther from it than this in Kolmogorov's and Smirnov's distance.
FAR = 1.95 / math.sqrt(COUNT)


def distance(sample, grid, distribution) -> float:
    """The largest difference of the distribution functions on a grid."""
    return np.abs(np.searchsorted(np.sort(sample), grid, side="right") / len(sample) - distribution).max()


def integrated(density, grid):
    """The distribution function on a fine grid, up to the mass before it."""
    steps = np.diff(grid) * (density(grid[1:]) + density(grid[:-1])) / 2
    return np.concatenate([[0], np.cumsum(steps)])


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 1.7, 20.0, 3000.0])
def test_gamma(alpha):
    x = random.gamma((COUNT,), alpha, dtype="float64", seed=3)
    # Of the logarithm, whose density has no pole.
    grid = np.linspace(np.log(alpha) - 12 / min(1, alpha), np.log(alpha + 30 * np.sqrt(alpha) + 30), 400001)
    mass = integrated(lambda t: np.exp(alpha * t - np.exp(t) - math.lgamma(alpha)), grid)
    assert mass[-1] == pytest.approx(1, abs=1e-5)
    assert (x > 0).all() and distance(np.log(x), grid, mass) < FAR
    assert abs(x.mean() - alpha) < 4.5 * math.sqrt(alpha / COUNT)


@pytest.mark.parametrize("a, b", [(0.2, 0.2), (1e-6, 1e-6), (1.0, 1.0), (5.0, 0.5), (2.0, 300.0)])
def test_beta(a, b):
    x = random.beta((COUNT,), a, b, seed=4).astype("float64")
    assert (x >= 0).all() and (x <= 1).all()
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    assert abs(x.mean() - mean) < 4.5 * math.sqrt(variance / COUNT)
    assert x.var() == pytest.approx(variance, rel=0.1)
    if min(a, b) >= 1:
        grid = np.linspace(0, 1, 200001)
        log_norm = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
        with np.errstate(divide="ignore"):
            mass = integrated(
                lambda t: np.exp((a - 1) * np.log(t) + (b - 1) * np.log1p(-t) - log_norm) if a > 1 else t * 0 + 1, grid
            )
        assert distance(x, grid, mass) < FAR


@pytest.mark.parametrize("n, p", [(0, 0.5), (1, 0.3), (9, 0.9), (40, 0.02), (1000, 0.4), (10**6, 0.7)])
def test_binomial(n, p):
    x = random.binomial((COUNT,), n, p, seed=5).astype("float64")
    assert (x == np.floor(x)).all() and (x >= 0).all() and (x <= n).all()
    if n > 5000:
        assert abs(x.mean() - n * p) < 4.5 * math.sqrt(n * p * (1 - p) / COUNT)
        assert x.var() == pytest.approx(n * p * (1 - p), rel=0.05)
        return
    k = np.arange(n + 1)
    logs = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k])
    mass = np.cumsum(np.exp(logs + k * math.log(p) + (n - k) * math.log1p(-p)))
    assert distance(x, k, mass) < FAR
    assert random.binomial((50,), n, 0.0, seed=1).max() == 0 and random.binomial((50,), n, 1.0, seed=1).min() == n


def test_tensors_of_parameters():
    alpha = np.array([[0.5], [50.0]])
    x = random.gamma((2, 5000), alpha, seed=6)
    np.testing.assert_allclose(x.mean(1), alpha[:, 0], rtol=0.1)
    counts, p = np.array([[3], [0], [200]]), np.array([0.1, 0.9])
    y = random.binomial((4000, 3, 2), counts, p, seed=7)
    np.testing.assert_allclose(y.mean(0), counts * p, rtol=0.05)
    found = traced(lambda a: random.beta((2, 5000), a, 2.0, seed=8), alpha)
    np.testing.assert_array_equal(found, random.beta((2, 5000), alpha, 2.0, seed=8))
    assert random.beta((0, 3), 1.0, 1.0).shape == (0, 3) and random.gamma((), 2.0, seed=1).shape == ()


@pytest.mark.parametrize("name, parameters", [("gamma", (0.7,)), ("beta", (0.7, 2.0)), ("binomial", (50, 0.3))])
def test_seeds(name, parameters):
    function = getattr(random, name)
    one = function((200,), *parameters, seed=9)
    np.testing.assert_array_equal(function((200,), *parameters, seed=9), one)
    assert not np.array_equal(function((200,), *parameters, seed=10), one)
    generator = random.SeedGenerator(9)
    first, second = (function((200,), *parameters, seed=generator) for _ in range(2))
    assert not np.array_equal(first, second) and one.dtype == "float32"
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3
    np.testing.assert_array_equal(same_on_threads(lambda: function((200,), *parameters, seed=9), (1, 3))[0], one)


BAD = [
    (lambda: random.gamma((2,), 0.0), "alpha=0"),
    (lambda: random.gamma((2,), np.ones(3)), "broadcast to the shape"),
    (lambda: random.gamma((-2,), 1.0), "integers >= 0"),
    (lambda: random.beta((2,), 1.0, float("nan")), "beta=nan"),
    (lambda: random.beta((2,), 1.0, 1.0, dtype="int32"), "dtype='int32'"),
    (lambda: random.binomial((2,), 1.5, 0.5), "counts=1.5"),
    (lambda: random.binomial((2,), -1, 0.5), "counts=-1"),
    (lambda: random.binomial((2,), 3, 1.5), "probabilities=1.5"),
    (lambda: swiftbn.jit(lambda n: random.binomial((2,), n, 0.5))(np.ones(2)), "counts that are known"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
