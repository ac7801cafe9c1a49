"""What layers are given and what they keep: arguments, inputs, weights, configurations, names."""

import numpy as np
import pytest

from swiftbn import Input, layers

ROWS = np.random.default_rng(3).normal(size=(7, 5))


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
