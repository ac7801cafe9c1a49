"""Initializers: exact values, statistics of random ones, seeds, fans, configuration, errors."""

import math

import numpy as np
import pytest

from swiftbn import Input, Sequential, initializers, layers, random
from swiftbn.utils import set_random_seed

SHAPE = (200, 300)
SEEDED = [
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants(dtype):
    shape = (2, 3)
    for initializer, expected in (
        (initializers.Zeros(), np.zeros(shape)),
        (initializers.Ones(), np.ones(shape)),
        (initializers.Constant(0.25), np.full(shape, 0.25)),
        (initializers.Constant([1, 2, 3]), np.array([[1, 2, 3]] * 2)),
        (initializers.Identity(2.0), 2 * np.eye(2, 3)),
    ):
        values = initializer(shape, dtype)
        assert values.dtype == dtype
        np.testing.assert_array_equal(values, expected)
    assert initializers.Zeros()((2,)).dtype == "float32"


def normal_moments(values, std):
    assert abs(values.mean()) < 4 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.02)


# initializer, standard deviation, bound
DISTRIBUTIONS = [
    (initializers.RandomNormal(stddev=0.3, seed=1), 0.3, None),
    (initializers.TruncatedNormal(stddev=0.3, seed=1), 0.3 * 0.87962566, 0.6),
    (initializers.RandomUniform(-0.5, 0.5, seed=1), 1 / math.sqrt(12), 0.5),
    (initializers.GlorotNormal(seed=1), math.sqrt(2 / 500), 2 * math.sqrt(2 / 500) / 0.87962566),
    (initializers.GlorotUniform(seed=1), math.sqrt(2 / 500), math.sqrt(6 / 500)),
    (initializers.HeNormal(seed=1), math.sqrt(2 / 200), 2 * math.sqrt(2 / 200) / 0.87962566),
    (initializers.HeUniform(seed=1), math.sqrt(2 / 200), math.sqrt(6 / 200)),
    (initializers.LecunNormal(seed=1), math.sqrt(1 / 200), 2 * math.sqrt(1 / 200) / 0.87962566),
    (initializers.LecunUniform(seed=1), math.sqrt(1 / 200), math.sqrt(3 / 200)),
    (initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", 1), math.sqrt(3 / 300), None),
    (initializers.VarianceScaling(3.0, "fan_avg", "uniform", 1), math.sqrt(3 / 250), math.sqrt(9 / 250)),
    (initializers.VarianceScaling(3.0, "fan_in", "normal", 1), math.sqrt(3 / 200), 2 * math.sqrt(3 / 200) / 0.87962566),
]


@pytest.mark.parametrize("initializer, std, bound", DISTRIBUTIONS, ids=[type(c[0]).__name__ for c in DISTRIBUTIONS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(initializer, std, bound, dtype):
    values = initializer(SHAPE, dtype)
    assert values.shape == SHAPE and values.dtype == dtype
    normal_moments(values.astype("float64"), std)
    assert len(np.unique(values)) > 0.9 * values.size
    if bound is None:
        assert 3.5 * std < np.abs(values).max() < 6 * std
    else:
        assert 0.98 * bound < np.abs(values).max() <= bound * (1 + 1e-6)


def test_mean_and_range():
    assert initializers.RandomNormal(5.0, 0.1, seed=2)(SHAPE).mean() == pytest.approx(5, abs=0.01)
    values = initializers.RandomUniform(2.0, 3.0, seed=2)(SHAPE)
    assert 2 <= values.min() < 2.001 and 2.999 < values.max() <= 3 and values.mean() == pytest.approx(2.5, abs=0.01)


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (2, 3, 4), (3, 3, 2, 40)])
def test_orthogonal(shape):
    values = initializers.Orthogonal(gain=2.0, seed=1)(shape, "float64")
    flat = values.reshape(-1, shape[-1])
    small = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-12)
    assert initializers.Orthogonal()(shape).dtype == "float32"


@pytest.mark.parametrize(
    "shape, fans", [((), (1, 1)), ((5,), (5, 5)), ((5, 6), (5, 6)), ((3, 2, 5, 6), (30, 36)), ((4, 5, 6), (20, 24))]
)
def test_fans(shape, fans):
    assert initializers.compute_fans(shape) == fans


@pytest.mark.parametrize("name", SEEDED)
def test_seeds(name):
    cls = getattr(initializers, name)
    seeded = cls(seed=7)
    first = seeded((4, 5))
    np.testing.assert_array_equal(seeded((4, 5)), first)
    np.testing.assert_array_equal(cls(seed=np.int64(7))((4, 5)), first)
    assert not np.array_equal(cls(seed=8)((4, 5)), first)
    generator = random.SeedGenerator(7)
    shared = cls(seed=generator)
    a, b = shared((4, 5)), shared((4, 5))
    np.testing.assert_array_equal(a, first)
    assert not np.array_equal(a, b)
    set_random_seed(3)
    free = [cls()((4, 5)), cls()((4, 5))]
    assert not np.array_equal(*free)
    set_random_seed(3)
    np.testing.assert_array_equal(cls()((4, 5)), free[0])


@pytest.mark.parametrize("name", SEEDED)
def test_configuration_of_seeded(name):
    cls = getattr(initializers, name)
    assert cls().get_config()["seed"] is None
    original = cls(seed=5)
    config = original.get_config()
    assert config["seed"] == 5
    assert cls(seed=np.int64(5)).get_config() == config
    for copy in (cls.from_config(config), initializers.deserialize(initializers.serialize(original))):
        assert type(copy) is cls and copy.get_config() == config
        np.testing.assert_array_equal(copy((3, 4)), original((3, 4)))


NO_AXES = {"input_axes": None, "output_axes": None}
CONFIGS = [
    (initializers.Zeros(), {}),
    (initializers.Ones(), {}),
    (initializers.Constant(0.5), {"value": 0.5}),
    (initializers.Identity(3.0), {"gain": 3.0}),
    (initializers.RandomNormal(1.0, 2.0), {"mean": 1.0, "stddev": 2.0, "seed": None}),
    (initializers.TruncatedNormal(1.0, 2.0), {"mean": 1.0, "stddev": 2.0, "seed": None}),
    (initializers.RandomUniform(1.0, 2.0), {"minval": 1.0, "maxval": 2.0, "seed": None}),
    (initializers.Orthogonal(2.0), {"gain": 2.0, "seed": None}),
    (initializers.HeNormal(), {**NO_AXES, "seed": None}),
    (
        initializers.VarianceScaling(2.0, "fan_out", "uniform"),
        {"scale": 2.0, "mode": "fan_out", "distribution": "uniform", **NO_AXES, "seed": None},
    ),
]


@pytest.mark.parametrize("initializer, config", CONFIGS, ids=[type(c[0]).__name__ for c in CONFIGS])
def test_configuration(initializer, config):
    assert initializer.get_config() == config
    copy = initializers.deserialize(initializers.serialize(initializer))
    assert type(copy) is type(initializer) and copy.get_config() == config


def test_names():
    for name, cls in (
        ("zeros", "Zeros"),
        ("ones", "Ones"),
        ("constant", "Constant"),
        ("identity", "Identity"),
        ("glorot_uniform", "GlorotUniform"),
        ("he_normal", "HeNormal"),
        ("lecun_uniform", "LecunUniform"),
        ("random_normal", "RandomNormal"),
        ("truncated_normal", "TruncatedNormal"),
        ("variance_scaling", "VarianceScaling"),
        ("orthogonal", "Orthogonal"),
    ):
        expected = getattr(initializers, cls)
        assert type(initializers.get(name)) is type(initializers.get(cls)) is expected
        assert type(initializers.get(expected)) is expected
    assert initializers.get(None) is None


def test_arrays_and_functions():
    kernel = np.arange(6.0).reshape(3, 2)
    layer = layers.Dense(2, kernel_initializer=kernel, bias_initializer=lambda shape, dtype=None: np.full(shape, 7.0))
    Sequential([Input((3,)), layer])
    np.testing.assert_array_equal(layer.kernel.numpy(), kernel)
    np.testing.assert_array_equal(layer.bias.numpy(), [7, 7])
    layer.kernel.assign(np.zeros((3, 2)))
    assert kernel[2, 1] == 5
    values = initializers.get(kernel)((3, 2), "float64")
    values[:] = 0
    assert kernel[2, 1] == 5
    with pytest.raises(ValueError, match=r"array of shape \(2, 3\). Received: shape \(3, 2\)"):
        initializers.get(kernel)((2, 3))


BAD = [
    (lambda: initializers.RandomNormal(stddev=-1), "RandomNormal: expected stddev .* >= 0. Received: stddev=-1"),
    (lambda: initializers.RandomNormal(mean="a"), "mean='a'"),
    (lambda: initializers.TruncatedNormal(stddev=float("nan")), "TruncatedNormal: expected stddev .*stddev=nan"),
    (lambda: initializers.RandomUniform(1.0, 0.0), r"RandomUniform: expected maxval .* >= 1. Received: maxval=0\.0"),
    (lambda: initializers.VarianceScaling(scale="a"), "scale='a'"),
    (lambda: initializers.VarianceScaling(scale=0), "expected scale > 0. Received: scale=0"),
    (lambda: initializers.VarianceScaling(mode="fan"), "'fan_avg'. Received: 'fan'"),
    (lambda: initializers.VarianceScaling(distribution="cauchy"), "'uniform'. Received: 'cauchy'"),
    (lambda: initializers.Constant("a"), "Constant: expected value to be a number. Received: value='a'"),
    (lambda: initializers.Identity(gain=None), "gain=None"),
    (lambda: initializers.Identity()((2, 3, 4)), r"rank 2. Received: shape=\(2, 3, 4\)"),
    (lambda: initializers.Orthogonal()((3,)), r"rank >= 2. Received: shape=\(3,\)"),
    (lambda: initializers.Zeros()((2,), "int8"), "dtype='int8'"),
    (lambda: initializers.RandomNormal()((2,), "int32"), "normal: expected dtype .*dtype='int32'"),
    (lambda: initializers.RandomUniform()((2, -1)), r"integers >= 0. Received: shape=\(2, -1\)"),
    (lambda: initializers.get("glorot"), "Unknown initializer 'glorot', expected one of constant, glorot_normal"),
    (lambda: initializers.get(4), "Expected an initializer.*Received: 4"),
    *[(lambda s=seed: initializers.HeNormal(seed=s), "seed=") for seed in ("a", -1, 1.5, True, 2**32)],
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
    with pytest.raises(NotImplementedError, match="Initializer has to define __call__"):
        initializers.Initializer()((2,))


def test_names_in_snake_case():
    for name in ("glorot_uniform", "he_normal", "random_normal", "truncated_normal", "variance_scaling", "orthogonal"):
        kind = getattr(initializers, name)
        assert type(initializers.get(name)) is kind and type(initializers.get(kind.__name__)) is kind
        assert kind(seed=1)((3, 3)).shape == (3, 3)
    np.testing.assert_array_equal(initializers.constant(0.5)((2,)), [0.5, 0.5])
    np.testing.assert_array_equal(initializers.identity()((2, 2)), np.eye(2))
    assert initializers.zeros is initializers.Zeros and initializers.OrthogonalInitializer is initializers.Orthogonal
