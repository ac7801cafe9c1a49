"""Layers against NumPy, their gradients against central differences, their state, errors and configuration."""

import numpy as np
import pytest
from checks import check_layer_gradients
from reference_windows import reference_conv, reference_pool

from swiftbn import Input, layers, ops

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.normal(size=(3, 6, 5, 4))
ROWS = RANDOM.normal(size=(7, 5))


def test_dense():
    layer = layers.Dense(3, activation="tanh", dtype="float64")
    y = layer(ROWS)
    np.testing.assert_allclose(y, np.tanh(ROWS @ layer.kernel.numpy() + layer.bias.numpy()), rtol=1e-12)
    assert layer.kernel.shape == (5, 3) and layer.bias.shape == (3,)
    assert [w.path for w in layer.weights] == [f"{layer.name}/kernel", f"{layer.name}/bias"]
    cube = RANDOM.normal(size=(2, 3, 5))
    np.testing.assert_allclose(layer(cube), np.tanh(cube @ layer.kernel.numpy()), rtol=1e-12)
    check_layer_gradients(layer, ROWS)
    check_layer_gradients(layer, cube)


def test_dense_without_bias_in_float32():
    layer = layers.Dense(3, use_bias=False)
    y = layer(ROWS)
    assert y.dtype == "float32" and len(layer.weights) == 1
    np.testing.assert_allclose(y, ROWS @ layer.kernel.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding, strides, dilation", [("valid", 1, 1), ("same", 2, 1), ("same", 1, 2)])
def test_conv2d(padding, strides, dilation, data_format):
    layer = layers.Conv2D(2, (3, 2), strides, padding, data_format, dilation, dtype="float64", bias_initializer="ones")
    x = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2).copy()
    y = layer(x)
    expected = reference_conv(IMAGES, layer.kernel.numpy(), strides, padding, dilation) + layer.bias.numpy()
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-10)
    assert layer.compute_output_shape(x.shape) == y.shape
    check_layer_gradients(layer, x[:1])


@pytest.mark.parametrize(
    "axis, shape", [(-1, (6, 5)), (1, (6, 5)), (-1, (2, 4, 3, 5)), (1, (2, 4, 3, 5)), (2, (2, 3, 4, 2, 2))]
)
@pytest.mark.parametrize("center, scale", [(True, True), (True, False), (False, True), (False, False)])
def test_batch_normalization(axis, shape, center, scale):
    x = RANDOM.normal(2.0, 3.0, size=shape)
    layer = layers.BatchNormalization(
        axis=axis, momentum=0.9, epsilon=1e-2, center=center, scale=scale, dtype="float64"
    )
    layer(x)
    channels = shape[axis]
    for variable in layer.weights:
        variable.assign(RANDOM.uniform(0.5, 2.0, channels))
    gamma = layer.gamma.numpy().copy() if scale else np.ones(channels)
    beta = layer.beta.numpy().copy() if center else np.zeros(channels)
    mean, variance = layer.moving_mean.numpy().copy(), layer.moving_variance.numpy().copy()
    others = tuple(i for i in range(len(shape)) if i != axis % len(shape))
    wide = [1] * len(shape)
    wide[axis] = -1

    def normalized(mu, var):
        y = (x - mu.reshape(wide)) / np.sqrt(var.reshape(wide) + 1e-2)
        return y * gamma.reshape(wide) + beta.reshape(wide)

    np.testing.assert_allclose(layer(x), normalized(mean, variance), rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), mean)
    np.testing.assert_allclose(
        layer(x, training=True), normalized(x.mean(others), x.var(others)), rtol=1e-9, atol=1e-10
    )
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.9 * mean + 0.1 * x.mean(others), rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.9 * variance + 0.1 * x.var(others), rtol=1e-12)
    assert [w.name for w in layer.weights] == ["gamma"] * scale + ["beta"] * center + [
        "moving_mean",
        "moving_variance",
    ]
    assert [w.name for w in layer.trainable_weights] == ["gamma"] * scale + ["beta"] * center


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("axis, shape", [(-1, (6, 5)), (1, (2, 3, 2, 2))])
def test_batch_normalization_gradients(axis, shape, training):
    layer = layers.BatchNormalization(axis=axis, dtype="float64")
    check_layer_gradients(layer, RANDOM.normal(size=shape), training=training)


def test_frozen_batch_normalization_uses_and_keeps_moving_statistics():
    layer = layers.BatchNormalization(dtype="float64", epsilon=1e-3)
    layer(ROWS)
    layer.trainable = False
    np.testing.assert_allclose(layer(ROWS, training=True), ROWS / np.sqrt(1 + 1e-3), rtol=1e-12)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), np.zeros(5))
    assert layer.trainable_weights == [] and len(layer.non_trainable_weights) == 4


def test_batch_normalization_mask():
    x = RANDOM.normal(size=(3, 4, 2))
    mask = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    layer = layers.BatchNormalization(momentum=0.0, dtype="float64")
    y = layer(x, training=True, mask=mask)
    mean, variance = x[mask].mean(0), x[mask].var(0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.moving_variance.numpy(), variance, rtol=1e-12)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-10)


def test_one_batch_normalization_at_two_channel_counts_names_both_shapes():
    layer = layers.BatchNormalization(name="bn")
    x = layer(Input((26, 26, 32)))
    with pytest.raises(ValueError) as error:
        layer(layers.Conv2D(64, 3, name="conv")(x))
    text = str(error.value)
    assert "(None, 26, 26, 32)" in text and "(None, 24, 24, 64)" in text and "'bn'" in text and "'conv'" in text


def test_batch_normalization_of_integers_and_of_nothing():
    layer = layers.BatchNormalization()
    integers = RANDOM.integers(0, 9, size=(6, 3))
    np.testing.assert_allclose(layer(integers), layer(integers.astype("float32")))
    assert layer(np.zeros((0, 3))).shape == (0, 3)
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"not empty.*\(0, 3\)"):
        layer(np.zeros((0, 3)), training=True)
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for bad in (np.ones((2, 3), complex), np.full((2, 3), None)):
        with pytest.raises(TypeError, match="real number dtype"):
            layer(bad)


def test_weights_are_views_of_native_memory():
    layer = layers.BatchNormalization()
    layer(ROWS)
    assert np.shares_memory(np.asarray(layer.gamma), np.asarray(layer.gamma))
    layer.gamma[...] = 3.0
    np.asarray(layer.gamma)[0] = 5.0
    np.testing.assert_array_equal(layer.get_weights()[0], [5, 3, 3, 3, 3])
    copy = layer.get_weights()[0]
    copy[:] = 0
    assert layer.gamma.numpy()[0] == 5


POOLS = [("MaxPooling2D", np.max), ("AveragePooling2D", np.mean)]


@pytest.mark.parametrize("name, reduce", POOLS)
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_pooling(name, reduce, padding, data_format):
    layer = getattr(layers, name)((2, 3), strides=2, padding=padding, data_format=data_format, dtype="float64")
    x = IMAGES if data_format == "channels_last" else IMAGES.transpose(0, 3, 1, 2).copy()
    expected = reference_pool(IMAGES, (2, 3), 2, padding, reduce)
    if data_format == "channels_first":
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
    check_layer_gradients(layer, x[:1])


@pytest.mark.parametrize("name, reduce", [("GlobalMaxPooling2D", np.max), ("GlobalAveragePooling2D", np.mean)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_global_pooling(name, reduce, keepdims):
    layer = getattr(layers, name)(keepdims=keepdims, dtype="float64")
    np.testing.assert_allclose(layer(IMAGES), reduce(IMAGES, axis=(1, 2), keepdims=keepdims), rtol=1e-12)
    first = getattr(layers, name)(data_format="channels_first", keepdims=keepdims, dtype="float64")
    np.testing.assert_allclose(first(IMAGES), reduce(IMAGES, axis=(2, 3), keepdims=keepdims), rtol=1e-12)
    check_layer_gradients(layer, IMAGES[:1])


def test_flatten_and_reshape():
    np.testing.assert_array_equal(layers.Flatten(dtype="float64")(IMAGES), IMAGES.reshape(3, -1))
    np.testing.assert_array_equal(
        layers.Flatten("channels_first", dtype="float64")(IMAGES), IMAGES.transpose(0, 2, 3, 1).reshape(3, -1)
    )
    assert layers.Flatten()(Input((3, 4))).shape == (None, 12)
    np.testing.assert_array_equal(layers.Reshape((10, -1), dtype="float64")(IMAGES), IMAGES.reshape(3, 10, 12))
    assert layers.Reshape((-1, 2))(Input((3, 4))).shape == (None, 6, 2)
    with pytest.raises(ValueError, match="cannot become"):
        layers.Reshape((7, -1))(Input((3, 4)))


ACTIVATIONS = [
    (lambda: layers.ReLU(), lambda x: np.maximum(x, 0)),
    (lambda: layers.ReLU(max_value=1.0), lambda x: np.clip(x, 0, 1)),
    (lambda: layers.ReLU(negative_slope=0.3), lambda x: np.where(x > 0, x, 0.3 * x)),
    (
        lambda: layers.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5),
        lambda x: np.where(x >= 1.5, 1.5, np.where(x >= 0.5, x, 0.1 * (x - 0.5))),
    ),
    (lambda: layers.LeakyReLU(), lambda x: np.where(x > 0, x, 0.3 * x)),
    (lambda: layers.Activation("tanh"), np.tanh),
    (lambda: layers.Activation(ops.square), np.square),
    (lambda: layers.Softmax(), lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    (lambda: layers.Softmax(axis=0), lambda x: np.exp(x) / np.exp(x).sum(0, keepdims=True)),
]


@pytest.mark.parametrize("case", range(len(ACTIVATIONS)))
def test_activations(case):
    make, reference = ACTIVATIONS[case]
    layer = make()
    layer._compute_dtype = "float64"
    np.testing.assert_allclose(layer(ROWS), reference(ROWS), rtol=1e-12)
    check_layer_gradients(layer, ROWS)


def test_relu_keeps_nan():
    for layer in (layers.ReLU(), layers.ReLU(threshold=1.0), layers.ReLU(max_value=2.0), layers.LeakyReLU()):
        assert np.isnan(layer(np.array([[np.nan]], "float32"))).all()


def test_add_and_concatenate():
    a, b, c = (RANDOM.normal(size=(2, 3)) for _ in range(3))
    np.testing.assert_allclose(layers.Add(dtype="float64")([a, b, c]), a + b + c)
    np.testing.assert_array_equal(layers.Concatenate(axis=0, dtype="float64")([a, b]), np.concatenate([a, b], 0))
    assert layers.concatenate([Input((3,)), Input((4,))]).shape == (None, 7)
    with pytest.raises(ValueError, match="list"):
        layers.Add()(a)


def test_dropout():
    layer = layers.Dropout(0.4, seed=3)
    x = np.ones((100, 100), "float32")
    np.testing.assert_array_equal(layer(x), x)
    first, second = layer(x, training=True), layer(x, training=True)
    assert abs((first == 0).mean() - 0.4) < 0.02
    np.testing.assert_allclose(first[first != 0], 1 / 0.6, rtol=1e-6)
    assert not np.array_equal(first, second)
    again = layers.Dropout(0.4, seed=3)
    np.testing.assert_array_equal(again(x, training=True), first)
    assert layer.weights == [] and len(layer.variables) == 1
    np.testing.assert_array_equal(layers.Dropout(0.0)(x, training=True), x)


BAD_ARGUMENTS = [
    (lambda: layers.Dense(-1), "units=-1"),
    (lambda: layers.Dense(2.5), "units=2.5"),
    (lambda: layers.Dense(3, lora_rank=2), "lora_rank=2"),
    (lambda: layers.Dense(3, unknown=1), "unknown"),
    (lambda: layers.Dense(3, dtype="float8"), "float8"),
    (lambda: layers.Dense(3, dtype="int32"), "int32"),
    (lambda: layers.Dense(3, trainable="yes"), "trainable='yes'"),
    (lambda: layers.Dense(3, name="a/b"), "name='a/b'"),
    (lambda: layers.Conv2D(0, 3), "filters=0"),
    (lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size"),
    (lambda: layers.Conv2D(4, 3, groups=3), "groups=3"),
    (lambda: layers.Conv2D(4, 3, padding="causal"), "padding='causal'"),
    (lambda: layers.Conv2D(4, 3, data_format="NHWC"), "data_format='NHWC'"),
    (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), "strides"),
    (lambda: layers.BatchNormalization(momentum=1.5), "momentum=1.5"),
    (lambda: layers.BatchNormalization(epsilon=0), "epsilon=0"),
    (lambda: layers.BatchNormalization(epsilon=float("nan")), "epsilon=nan"),
    (lambda: layers.BatchNormalization(axis="last"), "axis='last'"),
    (lambda: layers.MaxPooling2D(0), "pool_size=0"),
    (lambda: layers.Dropout(1.0), "rate=1.0"),
    (lambda: layers.Dropout(-0.1), "rate=-0.1"),
    (lambda: layers.Dropout(0.5, noise_shape=(0, 2)), "noise_shape"),
    (lambda: layers.ReLU(max_value=-1), "max_value=-1"),
    (lambda: layers.LeakyReLU(None), "negative_slope=None"),
    (lambda: layers.Softmax(axis=[]), "axis"),
    (lambda: layers.Softmax(axis=[0, 1.5]), "axis"),
    (lambda: layers.Reshape((-1, -1)), "target_shape"),
    (lambda: Input(10), "shape=10"),
    (lambda: Input((3,), sparse=True), "sparse=True"),
    (lambda: Input((3,), optional=True), "optional=True"),
    (lambda: Input(), "shape=None"),
    (lambda: Input((-3,)), "-3"),
]


@pytest.mark.parametrize("case", range(len(BAD_ARGUMENTS)))
def test_bad_arguments_are_named(case):
    make, text = BAD_ARGUMENTS[case]
    with pytest.raises(ValueError) as error:
        make()
    assert text in str(error.value)


def test_inputs_that_do_not_fit_are_named():
    dense = layers.Dense(3, name="d")
    dense(ROWS)
    with pytest.raises(ValueError, match=r"'d' \(Dense\).*built for shape \(7, 5\).*\(2, 4\)"):
        dense(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"rank at least 2"):
        dense(np.ones(5))
    with pytest.raises(ValueError, match=r"known extent on axis -1"):
        layers.Dense(2)(Input((None,)))
    with pytest.raises(ValueError, match=r"axis=7"):
        layers.BatchNormalization(axis=7)(ROWS)
    with pytest.raises(ValueError, match=r"'flat'"):
        layers.Conv2D(2, 3)(layers.Flatten(name="flat")(Input((4, 4, 1))))
    with pytest.raises(ValueError, match=r"'left'.*'right'"):
        layers.Add()([layers.Dense(2, name="left")(Input((3,))), layers.Dense(5, name="right")(Input((3,)))])
    with pytest.raises(ValueError, match=r"'a'.*'b'"):
        layers.Concatenate(axis=1)([Input((2, 3), name="a"), Input((4, 5), name="b")])


def test_set_weights_checks_before_it_changes():
    layer = layers.Dense(3)
    layer(ROWS)
    before = layer.get_weights()
    with pytest.raises(ValueError, match="2 weights"):
        layer.set_weights(before[:1])
    with pytest.raises(ValueError, match=r"weights\[1\].*\(3,\).*\(4,\)"):
        layer.set_weights([before[0] + 1, np.zeros(4)])
    for old, new in zip(before, layer.get_weights(), strict=False):
        np.testing.assert_array_equal(old, new)
    layer.set_weights([before[0] + 1, before[1]])
    np.testing.assert_array_equal(layer.kernel.numpy(), before[0] + 1)


def test_own_variables_are_checked_before_they_are_taken():
    layer = layers.Dense(3)
    layer(ROWS)
    store = {}
    layer.save_own_variables(store)
    store = {name: np.array(value) for name, value in store.items()}
    before = layer.get_weights()
    with pytest.raises(ValueError, match=r"bias of shape \(3,\).*\(4,\)"):
        layer.load_own_variables({"0": store["0"] + 1, "1": np.zeros(4)})
    with pytest.raises(ValueError, match="2 variables"):
        layer.load_own_variables({"0": store["0"]})
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    layer.load_own_variables({"0": store["0"] + 1, "1": store["1"]})
    np.testing.assert_array_equal(layer.kernel.numpy(), before[0] + 1)


CONFIGURED = [
    layers.Dense(3, activation="relu", use_bias=False, name="x", trainable=False),
    layers.Conv2D(3, 2, padding="same", data_format="channels_first"),
    layers.BatchNormalization(axis=1, momentum=0.5, scale=False),
    layers.MaxPooling2D(3, strides=1),
    layers.AveragePooling2D((2, 1), padding="same"),
    layers.GlobalAveragePooling2D(keepdims=True),
    layers.Flatten(),
    layers.Dropout(0.25, seed=1),
    layers.Activation("tanh"),
    layers.ReLU(max_value=3.0),
    layers.LeakyReLU(0.1),
    layers.Softmax(axis=1),
    layers.Add(),
    layers.Concatenate(axis=1),
    layers.Reshape((2, -1)),
]


@pytest.mark.parametrize("layer", CONFIGURED, ids=lambda layer: layer.name)
def test_configuration_round_trip(layer):
    config = layer.get_config()
    copy = type(layer).from_config(config)
    assert copy.get_config() == config
    assert copy.name == layer.name and copy.trainable == layer.trainable


def test_configuration_of_keras_itself_is_understood():
    config = layers.Dense(3).get_config()
    config["quantization_config"] = None
    config["bias_constraint"] = None
    assert layers.Dense.from_config(config).units == 3


def test_names_are_numbered():
    first, second = layers.Dense(1), layers.Dense(1)
    number = int(first.name.removeprefix("dense").lstrip("_") or 0)
    assert second.name == f"dense_{number + 1}"
    assert layers.BatchNormalization().name.startswith("batch_normalization")
    assert layers.Conv2D(1, 1).name.startswith("conv2d")


def test_prelu_and_elu():
    x = RANDOM.normal(size=(3, 4, 5))
    layer = layers.PReLU("uniform", shared_axes=1, dtype="float64")
    y = layer(x)
    alpha = layer.alpha.numpy()
    assert alpha.shape == (1, 5) and [w.path for w in layer.weights] == [f"{layer.name}/alpha"]
    np.testing.assert_allclose(y, np.where(x > 0, x, alpha * x), rtol=1e-14)
    check_layer_gradients(layer, x)
    assert np.isnan(layer(np.full((1, 4, 5), np.nan))).all()
    with pytest.raises(ValueError, match="expected extent 5 on axis 2"):
        layer(x[:, :, :4])
    assert layers.PReLU(shared_axes=[1, 2]).compute_output_shape((None, 3, 4)) == (None, 3, 4)
    for axes in (0, [1.5]):
        with pytest.raises(ValueError, match="shared_axes"):
            layers.PReLU(shared_axes=axes)
    with pytest.raises(ValueError, match="shared_axes below 3"):
        layers.PReLU(shared_axes=[3])(x)
    with pytest.raises(ValueError, match="known extents"):
        layers.PReLU()(Input((None, 3)))
    elu = layers.ELU(0.5, dtype="float64")
    np.testing.assert_allclose(elu(x), np.where(x > 0, x, 0.5 * np.expm1(x)), rtol=1e-12)
    assert elu.get_config()["alpha"] == 0.5
    with pytest.raises(ValueError, match="ELU: expected alpha"):
        layers.ELU(float("nan"))


def test_softmax_over_several_axes():
    x = RANDOM.normal(size=(3, 4, 5)) * 30
    layer = layers.Softmax(axis=(1, 2), dtype="float64")
    e = np.exp(x - x.max((1, 2), keepdims=True))
    np.testing.assert_allclose(layer(x), e / e.sum((1, 2), keepdims=True), rtol=1e-10)
    mask = RANDOM.uniform(size=(3, 4, 5)) < 0.6
    e = np.where(mask, e, 0)
    np.testing.assert_allclose(layer(x, mask=mask), e / e.sum((1, 2), keepdims=True), rtol=1e-10)
    np.testing.assert_allclose(layers.Softmax([2], dtype="float64")(x), layers.Softmax(2, dtype="float64")(x))
    check_layer_gradients(layer, x / 30)
