"""Initializers, regularizers and constraints: values, distributions, configurations, errors; where models use them."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Sequential, constraints, initializers, layers, optimizers, regularizers

RANDOM = np.random.default_rng(61)
W = RANDOM.normal(size=(5, 4)).astype("float32")


# Initializers

I = initializers  # noqa: E741
# Initializer, shape, standard deviation, bound (None: unbounded).
FAN_IN, FAN_OUT = 300, 200
SHAPE = (FAN_IN, FAN_OUT)
CUT = 2 / 0.87962566103423978  # A normal cut at two deviations, widened back to the deviation asked for.
DISTRIBUTIONS = {
    "normal": (I.RandomNormal(0.0, 0.3, seed=1), 0.3, None),
    "truncated": (I.TruncatedNormal(0.0, 0.3, seed=1), 0.3 * 0.87962566, 0.6),
    "uniform": (I.RandomUniform(-0.4, 0.4, seed=1), 0.8 / 12**0.5, 0.4),
    "glorot uniform": (I.GlorotUniform(seed=1), (2 / 500) ** 0.5, (6 / 500) ** 0.5),
    "glorot normal": (I.GlorotNormal(seed=1), (2 / 500) ** 0.5, CUT * (2 / 500) ** 0.5),
    "he uniform": (I.HeUniform(seed=1), (2 / 300) ** 0.5, (6 / 300) ** 0.5),
    "he normal": (I.HeNormal(seed=1), (2 / 300) ** 0.5, CUT * (2 / 300) ** 0.5),
    "lecun uniform": (I.LecunUniform(seed=1), (1 / 300) ** 0.5, (3 / 300) ** 0.5),
    "lecun normal": (I.LecunNormal(seed=1), (1 / 300) ** 0.5, CUT * (1 / 300) ** 0.5),
    "scaling fan out": (I.VarianceScaling(3.0, "fan_out", "uniform", seed=1), (3 / 200) ** 0.5, (9 / 200) ** 0.5),
    "scaling untruncated": (I.VarianceScaling(3.0, "fan_avg", "untruncated_normal", seed=1), (3 / 250) ** 0.5, None),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_distributions(name):
    initializer, deviation, bound = DISTRIBUTIONS[name]
    values = np.asarray(initializer(SHAPE, "float32"))
    assert values.shape == SHAPE and values.dtype == "float32"
    count = values.size
    # Five standard errors.
    assert abs(values.mean()) < 5 * deviation / count**0.5
    assert abs(values.std() / deviation - 1) < 5 / (2 * count) ** 0.5
    if bound is not None:
        assert np.abs(values).max() <= bound * 1.0001
        assert np.abs(values).max() > bound * 0.98
    np.testing.assert_array_equal(values, initializer(SHAPE, "float32"))
    copy = initializers.deserialize(initializers.serialize(initializer))
    np.testing.assert_array_equal(values, copy(SHAPE, "float32"))
    other = type(initializer).from_config({**initializer.get_config(), "seed": 2})
    assert (np.asarray(other(SHAPE, "float32")) != values).mean() > 0.99


def test_fans_of_convolution_kernels():
    values = np.asarray(I.GlorotUniform(seed=3)((3, 3, 32, 64)))
    bound = (6 / (9 * 32 + 9 * 64)) ** 0.5
    assert 0.99 * bound < np.abs(values).max() <= bound


def test_constants():
    np.testing.assert_array_equal(I.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(I.Ones()((2, 3)), np.ones((2, 3)))
    np.testing.assert_array_equal(I.Constant(0.5)((2,)), [0.5, 0.5])
    np.testing.assert_array_equal(I.Identity(2.0)((3, 3)), 2 * np.eye(3))


@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (3, 3, 4, 20)])
def test_orthogonal(shape):
    q = np.asarray(I.Orthogonal(gain=2.0, seed=5)(shape)).reshape(-1, shape[-1]).astype("float64")
    product = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-5)


def test_global_seed():
    def weights(seed):
        swiftbn.utils.set_random_seed(seed)
        model = Sequential([swiftbn.Input((6,)), layers.Dense(5), layers.Dense(5)])
        return model.get_weights()

    first, again, other = weights(1), weights(1), weights(2)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (first[0] != other[0]).all() and (first[0][:5] != first[2]).all()


# Regularizers

PENALTIES = {
    "l1": (regularizers.L1(0.3), 0.3 * np.abs(W).sum()),
    "l2": (regularizers.L2(0.2), 0.2 * (W**2).sum()),
    "l1l2": (regularizers.L1L2(0.3, 0.2), 0.3 * np.abs(W).sum() + 0.2 * (W**2).sum()),
    "only l1": (regularizers.L1L2(l1=0.3), 0.3 * np.abs(W).sum()),
    "nothing": (regularizers.L1L2(), 0.0),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties(name):
    regularizer, expected = PENALTIES[name]
    assert float(regularizer(W)) == pytest.approx(expected, rel=1e-5)
    copy = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(copy) is type(regularizer) and copy.get_config() == regularizer.get_config()


def test_penalties_join_the_loss_and_its_gradient():
    model = Sequential(
        [swiftbn.Input((5,)), layers.Dense(4, kernel_regularizer=regularizers.L1L2(0.3, 0.2), use_bias=False)]
    )
    model.set_weights([W])
    model.compile(optimizers.SGD(0.1), "mse")
    x, y = np.zeros((3, 5), "float32"), np.zeros((3, 4), "float32")
    expected = 0.3 * np.abs(W).sum() + 0.2 * (W**2).sum()
    assert model.evaluate(x, y, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.train_on_batch(x, y) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], W - 0.1 * (0.3 * np.sign(W) + 0.4 * W), rtol=1e-5, atol=1e-6)
    assert [float(value) for value in model.losses] == pytest.approx(
        [0.3 * np.abs(model.get_weights()[0]).sum() + 0.2 * (model.get_weights()[0] ** 2).sum()], rel=1e-5
    )


# Constraints

NORMS = np.sqrt((W**2).sum(0, keepdims=True))
FORCED = {
    "max norm": (constraints.MaxNorm(1.5), W * np.clip(NORMS, 0, 1.5) / NORMS),
    "max norm of rows": (
        constraints.MaxNorm(1.0, axis=1),
        W * np.minimum(1, 1 / np.sqrt((W**2).sum(1, keepdims=True))),
    ),
    "non-negative": (constraints.NonNeg(), np.maximum(W, 0)),
    "unit norm": (constraints.UnitNorm(), W / NORMS),
    "min max norm": (
        constraints.MinMaxNorm(1.0, 2.0, rate=0.5),
        W * (0.5 * np.clip(NORMS, 1, 2) + 0.5 * NORMS) / NORMS,
    ),
}


@pytest.mark.parametrize("name", FORCED)
def test_constraints(name):
    constraint, expected = FORCED[name]
    np.testing.assert_allclose(constraint(W), expected, rtol=1e-5, atol=1e-6)
    copy = constraints.deserialize(constraints.serialize(constraint))
    np.testing.assert_array_equal(copy(W), constraint(W))


def test_constraints_hold_after_training():
    model = Sequential([swiftbn.Input((5,)), layers.Dense(4, kernel_constraint=constraints.NonNeg())])
    model.compile(optimizers.SGD(0.5), "mse")
    model.fit(RANDOM.normal(size=(40, 5)), RANDOM.normal(size=(40, 4)), verbose=0)
    kernel = model.get_weights()[0]
    assert kernel.min() == 0 and kernel.max() > 0


@pytest.mark.parametrize(
    "make,text",
    [
        (lambda: regularizers.L1(-1), "l1.*-1"),
        (lambda: regularizers.L2(float("nan")), "l2.*nan"),
        (lambda: regularizers.get("l3"), "Unknown regularizer 'l3', expected one of"),
        (lambda: constraints.get("tight"), "Unknown constraint 'tight', expected one of"),
        (lambda: initializers.get("fancy"), "Unknown initializer 'fancy', expected one of"),
        (lambda: initializers.VarianceScaling(scale=-1), "scale.*-1"),
        (lambda: initializers.VarianceScaling(mode="fan"), "mode.*'fan'"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "distribution.*'cauchy'"),
        (lambda: initializers.Identity()((2, 3, 4)), r"\(2, 3, 4\)"),
        (lambda: initializers.Orthogonal()((3,)), r"\(3,\)"),
        (lambda: initializers.RandomNormal(seed="one"), "seed.*'one'"),
    ],
)
def test_bad_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make()
