"""Lambda, wrappers, spectral normalization and activity regularization."""

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import Input, KerasTensor, Model, Sequential, layers, ops, saving
from swiftbn.masking import get_keras_mask, set_keras_mask

RANDOM = np.random.default_rng(14)
X = RANDOM.normal(size=(3, 4)).astype("float32")


@saving.register_keras_serializable(package="tests")
def scaled(x, factor=1.0, training=None):
    return ops.multiply(x, -factor if training else factor)


@saving.register_keras_serializable(package="tests")
def halved_shape(shape):
    return (shape[0], shape[1] // 2)


def front(x):
    return x[:, :2]


def test_lambda():
    layer = layers.Lambda(scaled, arguments={"factor": 2.0})
    np.testing.assert_array_equal(layer(X), 2 * X)
    np.testing.assert_array_equal(layer(X, training=True), -2 * X)
    assert layers.Lambda(front)(Input((4,))).shape == (None, 2)
    assert layers.Lambda(front).compute_output_shape((None, 4)) == (None, 2)
    assert layers.Lambda(front, output_shape=(2,)).compute_output_shape((5, 4)) == (5, 2)
    assert layers.Lambda(front, output_shape=halved_shape)(KerasTensor((None, 4))).shape == (None, 2)
    pair = layers.Lambda(lambda x: ops.add(*x))([X, X])
    np.testing.assert_array_equal(pair, 2 * X)
    gradient = swiftbn.grad(lambda x: ops.sum(layer(x)))(X)
    np.testing.assert_array_equal(gradient, np.full((3, 4), 2.0))


def test_masks_of_lambda():
    mask = np.array([True, False, True])
    x = X.copy()
    set_keras_mask(x, mask)
    with pytest.warns(UserWarning, match="does not support masking"):
        assert get_keras_mask(layers.Lambda(front)(x)) is None
    y = layers.Lambda(front, mask=lambda inputs, m: ops.logical_not(m))(x)
    assert get_keras_mask(y).tolist() == [False, True, False]
    assert layers.Lambda(front, mask=mask).compute_mask(x) is mask
    seen = []
    layers.Lambda(lambda x, mask: seen.append(mask) or x, mask=mask)(x)
    assert seen[0] is mask


def test_lambda_in_files(tmp_path):
    model = Sequential([Input((4,)), layers.Lambda(scaled, arguments={"factor": 3.0}), layers.Dense(2)])
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(saving.load_model(tmp_path / "m.keras")(X), model(X))
    layer = layers.Lambda(front, output_shape=halved_shape)
    config = layer.get_config()
    with pytest.raises(ValueError, match="Unknown function 'front'"):
        layers.Lambda.from_config(config)
    again = layers.Lambda.from_config(config, custom_objects={"front": front})
    assert again.compute_output_shape((7, 4)) == (7, 2) and again.function is front
    again = layers.Lambda.from_config(layers.Lambda(scaled, output_shape=(4,)).get_config())
    assert again.compute_output_shape((7, 4)) == (7, 4)


def test_python_lambdas_are_not_saved_or_loaded(tmp_path):
    model = Sequential([Input((4,)), layers.Lambda(lambda x: x)])
    with pytest.raises(TypeError, match="Cannot save a lambda"):
        model.save(tmp_path / "m.keras")
    config = {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "4wEAAA=="}}}
    with pytest.raises(ValueError, match="program code, which is not loaded"):
        layers.Lambda.from_config(config)
    with pytest.raises(ValueError, match="safe_mode=False"):
        layers.Lambda.from_config(config, safe_mode=False)


def test_wrapper():
    class Twice(layers.Wrapper):
        def call(self, inputs):
            return ops.multiply(self.layer(inputs), 2)

    wrapper = Twice(layers.Dense(3, name="inner"), name="outer")
    y = wrapper(X)
    np.testing.assert_allclose(y, 2 * (X @ wrapper.layer.kernel.numpy()), rtol=1e-5, atol=1e-6)
    assert [w.name for w in wrapper.weights] == ["kernel", "bias"]
    again = Twice.from_config(wrapper.get_config())
    assert again.layer.units == 3 and again.name == "outer" and again.layer is not wrapper.layer
    with pytest.raises(ValueError, match="Twice: expected layer to be a Layer. Received: layer=3"):
        Twice(3)


def test_spectral_normalization():
    layer = layers.SpectralNormalization(layers.Dense(3, dtype="float64"), power_iterations=60, dtype="float64")
    x = X.astype("float64")
    before = layer(x)
    kernel = np.array(layer.kernel.numpy())
    np.testing.assert_allclose(layer(x), before)
    largest = np.linalg.svd(kernel)[1][0]
    y = layer(x, training=True)
    np.testing.assert_allclose(y, x @ kernel / largest, rtol=1e-9)
    np.testing.assert_allclose(layer.layer.kernel.numpy(), kernel / largest, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(layer.vector_u.numpy()), 1, rtol=1e-12)
    np.testing.assert_allclose(layer(x), y)
    assert layer.compute_output_shape((None, 4)) == (None, 3)
    again = layers.SpectralNormalization.from_config(layer.get_config())
    assert again.power_iterations == 60 and again.layer.units == 3
    one = layers.SpectralNormalization(layers.Conv2D(2, 3))
    one(np.ones((1, 5, 5, 2), "float32"), training=True)
    assert one.vector_u.shape == (1, 2) and not one.vector_u.trainable


def test_spectral_normalization_gradient_is_that_of_kernel_by_sigma():
    """By the product rule, u and v being constants: dW/σ - (Σ dW∘W)·(vᵀu)/σ²."""
    layer = layers.SpectralNormalization(layers.Dense(3, use_bias=False, dtype="float64"), 50, dtype="float64")
    x = X.astype("float64")
    layer(x)
    kernel = np.array(layer.kernel.numpy())
    gradient = swiftbn.grad(lambda w: ops.sum(layer(x, training=True)))(layer.kernel)
    u, s, v = np.linalg.svd(kernel)
    dw = x.sum(0)[:, None] * np.ones(3)
    expected = dw / s[0] - (dw * kernel).sum() * np.outer(u[:, 0], v[0]) / s[0] ** 2
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


def test_spectral_normalization_of_zeros_and_errors():
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    before = layer(X) is not None and np.array(layer.vector_u.numpy())
    assert not layer(X, training=True).any()
    np.testing.assert_array_equal(layer.vector_u.numpy(), before)
    with pytest.raises(ValueError, match="power_iterations=0"):
        layers.SpectralNormalization(layers.Dense(3), 0)
    with pytest.raises(ValueError, match="a weight 'kernel' or 'embeddings'"):
        layers.SpectralNormalization(layers.ReLU())(X)


def test_activity_regularization():
    layer = layers.ActivityRegularization(0.1, 0.2)
    np.testing.assert_array_equal(layer(X), X)
    expected = (0.1 * np.abs(X).sum() + 0.2 * (X**2).sum()) / 3
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-5)
    layer(X)
    assert len(layer.losses) == 1
    layer(X[:0])
    assert layer.losses[0] == 0
    found = traced(lambda x: (layer(x), layer.losses[0])[1], X)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert layer.get_config()["l1"] == 0.1 and layer(Input((4,))).shape == (None, 4)
    with pytest.raises(ValueError, match="l2=-1"):
        layers.ActivityRegularization(l2=-1)


def test_activity_regularization_in_training():
    inputs = Input((4,))
    model = Model(inputs, layers.ActivityRegularization(l2=1.0)(layers.Dense(2, use_bias=False)(inputs)))
    model.compile(swiftbn.optimizers.SGD(0.1), "mse")
    y = model(X)
    loss = model.evaluate(X, np.zeros((3, 2), "float32"), batch_size=3, verbose=0)
    np.testing.assert_allclose(loss, (y**2).mean() + (y**2).sum() / 3, rtol=1e-5)
    model.fit(X, y, batch_size=3, epochs=40, verbose=0)
    assert np.abs(model(X)).sum() < np.abs(y).sum()
