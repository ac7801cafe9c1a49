"""float16 and bfloat16: tensors are stored in them, everything is computed in float32."""

import numpy as np
import pytest

import swiftbn as keras
from swiftbn import functional, layers, ops

ml_dtypes = pytest.importorskip("ml_dtypes")
HALVES = [np.dtype("float16"), np.dtype(ml_dtypes.bfloat16)]
RNG = np.random.default_rng(3)
pytestmark = [
    pytest.mark.filterwarnings("ignore:invalid value encountered in cast"),
    pytest.mark.parametrize("half", HALVES, ids=["float16", "bfloat16"]),
]


def all_numbers(half):
    return np.arange(65536, dtype=np.uint32).astype(np.uint16).view(half)


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    nan = np.isnan(np.asarray(b, np.float64))
    np.testing.assert_array_equal(np.isnan(np.asarray(a, np.float64)), nan)
    np.testing.assert_array_equal(a.view(np.uint16)[~nan], b.view(np.uint16)[~nan])


def test_every_number_is_cast_as_ml_dtypes_does(half):
    x = all_numbers(half)
    for wide in ("float32", "float64"):
        y = ops.cast(x, wide)
        np.testing.assert_array_equal(y, x.astype(wide))
        same(ops.cast(y, half.name), x)


def test_casting_to_half_rounds_to_nearest_even(half):
    finite = np.sort(all_numbers(half).astype(np.float64))
    finite = finite[np.isfinite(finite)]
    middle = (finite[1:] + finite[:-1]) / 2
    for x in (middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf), np.array([1e300, -1e300, 1e-300])):
        with np.errstate(over="ignore"):
            same(ops.cast(x, half.name), x.astype(np.float64).astype(half) if half.name == "float16" else brain(x))
            single = x.astype(np.float32)
            same(ops.cast(single, half.name), single.astype(half))


def brain(x):
    """Doubles correctly rounded to bfloat16: ml_dtypes goes through float32 and rounds twice."""
    with np.errstate(over="ignore"):
        single = x.astype(np.float32)
    bits = single.view(np.uint32)
    inexact = (single != x) & np.isfinite(single)
    odd = np.where(inexact & (np.abs(single.astype(np.float64)) > np.abs(x)), bits - 1, bits)
    odd = np.where(inexact, odd | 1, odd).astype(np.uint32)
    overflow = np.isinf(single) & np.isfinite(x)
    return np.where(overflow, bits, odd).astype(np.uint32).view(np.float32).astype(ml_dtypes.bfloat16)


def test_operations_compute_in_float32(half):
    x = RNG.normal(size=(5, 4)).astype(half)
    y = RNG.normal(size=(5, 4)).astype(half)
    same(ops.add(x, y), (x.astype(np.float32) + y.astype(np.float32)).astype(half))
    same(ops.exp(x), ops.exp(x.astype(np.float32)).astype(half))
    same(ops.transpose(x), np.ascontiguousarray(x.T))
    same(ops.sum(x, axis=0), ops.sum(x.astype(np.float32), axis=0).astype(half))
    assert ops.add(x, 1.5).dtype == half and ops.add(x, np.ones(4, "int32")).dtype == half
    assert ops.add(x, np.ones(4, "float32")).dtype == np.float32
    assert ops.add(x, np.ones(4, "float64")).dtype == np.float64
    assert ops.matmul(x, np.ones((4, 2), "float32")).dtype == np.float32
    assert ops.greater(x, y).dtype == bool
    other = next(h for h in HALVES if h != half)
    assert ops.add(x, y.astype(other)).dtype == np.float32


def test_gradients_pass_through(half):
    x = RNG.normal(size=(3, 2)).astype("float32")

    def f(x):
        h = ops.cast(x, half.name)
        return ops.sum(ops.cast(ops.square(h), "float32")) + ops.sum(ops.cast(h, "float32"))

    value, (gradient,) = keras.value_and_grad(f, argnums=(0,))(x)
    rounded = x.astype(half).astype(np.float32)
    np.testing.assert_allclose(gradient, 2 * rounded + 1, rtol=0.02)
    assert np.array_equal(gradient, gradient.astype(half).astype(np.float32))


@pytest.mark.parametrize("policy", ["{}", "mixed_{}"])
def test_batch_normalization_keeps_its_weights_in_float32(half, policy):
    x = (RNG.normal(size=(64, 6)) * 3 + 7).astype(half)
    layer = layers.BatchNormalization(dtype=policy.format(half.name))
    plain = layers.BatchNormalization()
    assert layer.compute_dtype == half.name and layer.dtype == layer.variable_dtype == "float32"
    y, expected = layer(x, training=True), plain(x.astype(np.float32), training=True)
    same(y, expected.astype(half))
    assert all(w.dtype == "float32" for w in layer.weights)
    for ours, theirs in zip(layer.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again = layers.BatchNormalization.from_config(layer.get_config())
    assert again.compute_dtype == half.name


def test_variance_beyond_float16(half):
    x = np.array([[-60000.0], [60000.0], [0.0]]).astype(half)
    layer = layers.BatchNormalization(dtype=half.name, momentum=0.0)
    y = layer(x, training=True).astype(np.float64)
    np.testing.assert_allclose(y, [[-1.2247], [1.2247], [0]], atol=0.01)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(layer.moving_variance.numpy(), wide.var(axis=0), rtol=1e-6)
    y, mean, inv_std = functional.batch_norm(x, None, None)
    assert y.dtype == half and mean.dtype == inv_std.dtype == np.float32
    np.testing.assert_allclose(y.astype(np.float64), [[-1.2247], [1.2247], [0]], atol=0.01)


def test_functional(half):
    x, dy = RNG.normal(size=(2, 8, 3, 6)).astype(half), RNG.normal(size=(2, 8, 3, 6)).astype(half)
    gamma, beta = RNG.normal(size=(2, 6)).astype("float32")
    wide, wide_dy = x.astype("float32"), dy.astype("float32")
    cases = {
        "batch_norm": {},
        "layer_norm": {},
        "group_norm": {"groups": 3},
        "instance_norm": {},
    }
    for name, options in cases.items():
        y, mean, inv_std = getattr(functional, name)(x, gamma, beta, **options)
        expected = getattr(functional, name)(wide, gamma, beta, **options)
        same(y, expected[0].astype(half))
        np.testing.assert_array_equal(mean, expected[1])
        backward = getattr(functional, name + "_backward")
        dx, dgamma, dbeta = backward(dy, x, gamma, mean, inv_std, **options)
        expected = backward(wide_dy, wide, gamma, mean, inv_std, **options)
        same(dx, expected[0].astype(half))
        np.testing.assert_array_equal(dgamma, expected[1])
        assert dgamma.dtype == dbeta.dtype == np.float32
    same(functional.rms_norm(x, gamma)[0], functional.rms_norm(wide, gamma)[0].astype(half))
    out = np.empty_like(x)
    y, _, _ = functional.batch_norm(x, gamma, beta, out=out)
    assert y is out
    same(out, functional.batch_norm(wide, gamma, beta)[0].astype(half))
    with pytest.raises(ValueError, match=f"x has dtype {half.name}, .*copying is not allowed"):
        functional.batch_norm(x, gamma, beta, copy=False)
    with pytest.raises(TypeError, match=f"out is float32, expected an array of {half.name}"):
        functional.batch_norm(x, gamma, beta, out=np.empty(x.shape, "float32"))
    with pytest.raises(TypeError, match="gamma has dtype float64, expected float32"):
        functional.batch_norm(x, gamma.astype("float64"), beta)


def test_a_mixed_model_trains(half):
    keras.utils.set_random_seed(1)
    policy = f"mixed_{half.name}"
    x = RNG.normal(size=(256, 5)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(16, activation="relu", dtype=policy),
            layers.BatchNormalization(dtype=policy),
            layers.Dense(2, activation="softmax", dtype=policy),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x.astype(half), y, epochs=12, batch_size=32, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    assert model.predict(x, verbose=0).dtype == half
    assert all(w.dtype == "float32" for w in model.weights)


def test_what_cannot_be_16_bits_says_so(half):
    for make in (
        lambda: keras.Variable(np.zeros(3), dtype=half.name),
        lambda: keras.losses.MeanSquaredError(dtype=half.name),
        lambda: keras.metrics.Mean(dtype=half.name),
        lambda: keras.random.normal((2,), dtype=half.name),
    ):
        with pytest.raises(ValueError, match=f"dtype='{half.name}'"):
            make()
