"""Bad input to layers and models: type and text of the error, and that nothing has changed after it.

Labels, lengths and batches given to `fit` are in test_errors.py, arrays given to `swiftbn.functional` in
test_functional_errors.py, files in test_saving_errors.py, test_saving_weights.py and test_datasets.py.
"""

import numpy as np
import pytest

from swiftbn import Input, Model, Sequential, layers

RANDOM = np.random.default_rng(13)
IMAGES = RANDOM.normal(size=(12, 8, 8, 2)).astype("float32")
LABELS = RANDOM.integers(0, 3, size=12)


@pytest.fixture(scope="module")
def model():
    """A trained network with batch normalization: weights, moving statistics and an optimizer that may be damaged."""
    network = Sequential(
        [
            Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ],
        name="net",
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(IMAGES, LABELS, batch_size=5, epochs=2, verbose=0)
    return network


def state(network):
    """Weights, moving statistics, states of random numbers, the optimizer's iterations and moments."""
    optimizer = [] if network.optimizer is None else network.optimizer.variables
    return [np.array(v.numpy()) for v in [*network.variables, *optimizer]]


def fails(network, call, error, *texts):
    """The call raises exactly this type with all of these texts, and leaves the network as it was."""
    before = state(network)
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    for text in texts:
        assert text in str(caught.value)
    after = state(network)
    assert len(after) == len(before)
    for a, b in zip(before, after, strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()


CALLS = {
    "fit": lambda m, x: m.fit(x, LABELS[: len(x)], verbose=0),
    "evaluate": lambda m, x: m.evaluate(x, LABELS[: len(x)], verbose=0),
    "predict": lambda m, x: m.predict(x, verbose=0),
    "train_on_batch": lambda m, x: m.train_on_batch(x, LABELS[: len(x)]),
    "test_on_batch": lambda m, x: m.test_on_batch(x, LABELS[: len(x)]),
    "predict_on_batch": lambda m, x: m.predict_on_batch(x),
}

ARRAYS = {
    "rank": (IMAGES[..., 0, 0], ValueError, ["(None, 8, 8, 2)", "(None, 8)"]),
    "channels": (np.ones((12, 8, 8, 3), "float32"), ValueError, ["(None, 8, 8, 2)", "(None, 8, 8, 3)"]),
    "extent": (np.ones((12, 9, 8, 2), "float32"), ValueError, ["(None, 8, 8, 2)", "(None, 9, 8, 2)"]),
    "complex": (IMAGES.astype("complex64"), TypeError, ["x: ", "complex64"]),
    "object": (IMAGES.astype(object), TypeError, ["x: ", "object"]),
    "text": (np.full((12, 8, 8, 2), "a"), TypeError, ["x: "]),
    "empty": (IMAGES[:0], ValueError, ["Expected at least one sample", "(0, 8, 8, 2)"]),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("case", ARRAYS)
def test_input_of_a_model(model, call, case):
    x, error, texts = ARRAYS[case]
    fails(model, lambda: CALLS[call](model, x), error, *texts)


LABELS_AND_WEIGHTS = [
    (
        dict(y=np.where(LABELS == 1, np.inf, LABELS)),
        "Expected labels y in 0 … 2 for an output of shape (None, 3)",
        "to inf",
    ),
    (dict(y=np.where(LABELS == 1, -np.inf, LABELS)), "Received: labels from -inf to 2"),
    (dict(y=np.where(LABELS == 1, 5.0, LABELS), class_weight={0: 2.0}), "Received: labels from 0 to 5"),
    (
        dict(y=LABELS, class_weight={0: 1.0, 2: float("nan")}),
        "class_weight to hold finite numbers. Received: nan for class 2",
    ),
    (dict(y=LABELS, class_weight={1: np.inf}), "class_weight to hold finite numbers. Received: inf for class 1"),
    (dict(y=LABELS, class_weight={0: "a"}), "class_weight to hold finite numbers. Received: 'a' for class 0"),
    (
        dict(y=LABELS, class_weight=[1, 2, 3]),
        "Expected class_weight to be a dict of class to weight. Received: [1, 2, 3]",
    ),
]


@pytest.mark.parametrize("arguments, texts", [(a, t) for a, *t in LABELS_AND_WEIGHTS])
def test_labels_and_class_weights(model, arguments, texts):
    fails(model, lambda: model.fit(IMAGES, **arguments, verbose=0), ValueError, *texts)
    fails(model, lambda: model.train_on_batch(IMAGES, **arguments), ValueError, *texts)


def test_validation_frequency(model):
    data = dict(validation_data=(IMAGES, LABELS), verbose=0)
    for value in (["a"], [0.5], [1, None]):
        text = f"validation_freq to hold numbers of epochs. Received: {value!r}"
        fails(model, lambda value=value: model.fit(IMAGES, LABELS, validation_freq=value, **data), ValueError, text)


@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True])
@pytest.mark.parametrize("function", ["fit", "evaluate", "predict"])
def test_batch_size(model, function, value):
    arguments = {"x": IMAGES, "batch_size": value, "verbose": 0}
    if function != "predict":
        arguments["y"] = LABELS
    text = f"Expected batch_size to be an integer >= 1. Received: batch_size={value!r}"
    fails(model, lambda: getattr(model, function)(**arguments), ValueError, text)


def test_batch_size_of_the_validation(model):
    def call():
        model.fit(IMAGES, LABELS, validation_data=(IMAGES, LABELS), validation_batch_size=0, verbose=0)

    fails(model, call, ValueError, "Expected batch_size to be an integer >= 1. Received: batch_size=0")


@pytest.mark.parametrize("y", [np.array([[0.5], [np.nan], [1.0]]), np.array([[0.5], [1.0], [np.nan]], "float32")])
def test_nan_targets_of_a_regression(y):
    network = Sequential([Input((2,)), layers.BatchNormalization(), layers.Dense(1)])
    network.compile("adam", "mse")
    x = RANDOM.normal(size=(3, 2))
    network.fit(x, np.nan_to_num(y), verbose=0)
    row = int(np.argwhere(np.isnan(y))[0, 0])
    text = f"Expected labels without NaN. Received: y with 1 NaN, the first at index ({row}, 0)"
    for function in (network.fit, network.evaluate, network.train_on_batch):
        fails(network, lambda function=function: function(x, y), ValueError, text)
    fails(network, lambda: network.fit(x, x[:, :1], validation_data=(x, y), verbose=0), ValueError, text)


@pytest.mark.parametrize("value", [0, 0.0, -1e-3, float("nan"), float("inf"), "1e-3", None])
def test_epsilon(value):
    with pytest.raises(ValueError) as caught:
        layers.BatchNormalization(epsilon=value)
    assert type(caught.value) is ValueError
    assert "BatchNormalization" in str(caught.value) and f"epsilon={value!r}" in str(caught.value)


@pytest.mark.parametrize("axis", [4, -5, 7])
def test_axis_out_of_range(axis):
    layer = layers.BatchNormalization(axis=axis, name="bn")
    for x in (IMAGES, Input((8, 8, 2))):
        with pytest.raises(ValueError) as caught:
            layer(x)
        text = str(caught.value)
        assert f"axis={axis}" in text and "8, 8, 2)" in text
        assert not layer.built and layer.variables == []


def test_one_batch_normalization_at_32_and_then_64_channels():
    layer = layers.BatchNormalization(name="bn")
    narrow, wide = np.ones((4, 6, 6, 32), "float32"), np.ones((4, 6, 6, 64), "float32")
    layer(narrow, training=True)
    before = layer.get_weights()
    for training in (False, True):
        with pytest.raises(ValueError) as caught:
            layer(wide, training=training)
        assert type(caught.value) is ValueError
        for text in ("'bn'", "(4, 6, 6, 32)", "(4, 6, 6, 64)"):
            assert text in str(caught.value)
    with pytest.raises(ValueError, match=r"'bn'.*\(4, 6, 6, 32\).*\(None, 6, 6, 64\).*'conv'"):
        layer(layers.Conv2D(64, 1, name="conv")(Input((6, 6, 3))))
    assert len(layer.variables) == 4
    for a, b in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    layer(narrow, training=True)
    assert not np.array_equal(layer.get_weights()[2], before[2])


def test_one_batch_normalization_in_a_model_at_two_channel_counts():
    shared = layers.BatchNormalization(name="bn")
    with pytest.raises(ValueError) as caught:
        Sequential([Input((6, 6, 32)), shared, layers.Conv2D(64, 3, name="conv"), shared], name="net")
    for text in ("'net'", "a second layer 'bn', the same object", "(None, 6, 6, 32)", "(None, 4, 4, 64)"):
        assert text in str(caught.value)
    with pytest.raises(ValueError, match="unique layer names. Received a second layer 'bn', the same object$"):
        Sequential([shared, layers.Conv2D(64, 3), shared])
    with pytest.raises(ValueError, match="unique layer names. Received a second layer 'bn'$"):
        Sequential([shared, layers.BatchNormalization(name="bn")])


UNFIT = [
    # the layers, and the names of both that do not fit
    (lambda: [layers.Flatten(name="flat"), layers.Conv2D(2, 3, name="conv")], ["'flat'", "'conv'", "(None, 128)"]),
    (lambda: [layers.Conv2D(2, 5, name="one"), layers.Conv2D(2, 5, name="two")], ["'one'", "'two'", "(None, 4, 4, 2)"]),
    (
        lambda: [layers.Conv2D(2, 7, name="one"), layers.MaxPooling2D(3, name="two")],
        ["'one'", "'two'", "(None, 2, 2, 2)"],
    ),
    (lambda: [layers.Dense(4, name="one"), layers.Reshape((7,), name="two")], ["'one'", "'two'", "(None, 8, 8, 4)"]),
    (
        lambda: [layers.GlobalAveragePooling2D(name="one"), layers.MaxPooling2D(name="two")],
        ["'one'", "'two'", "(None, 2)"],
    ),
    (
        lambda: [layers.Flatten(name="one"), layers.GlobalMaxPooling2D(name="two")],
        ["'one'", "'two'", "(None, 128)"],
    ),
]


@pytest.mark.parametrize("make, texts", UNFIT)
def test_layers_that_do_not_fit_are_both_named(make, texts):
    first, second = make()
    x = first(Input((8, 8, 2)))
    with pytest.raises(ValueError) as caught:
        second(x)
    assert type(caught.value) is ValueError
    for text in texts:
        assert text in str(caught.value)
    assert first(Input((8, 8, 2))).shape == x.shape


@pytest.mark.parametrize("make, texts", UNFIT)
def test_a_layer_that_does_not_fit_is_not_added(make, texts):
    first, second = make()
    network = Sequential([Input((8, 8, 2)), first])
    expected, weights = network(IMAGES), network.get_weights()
    with pytest.raises(ValueError) as caught:
        network.add(second)
    for text in texts:
        assert text in str(caught.value)
    assert network.layers == [first]
    np.testing.assert_array_equal(network(IMAGES), expected)
    for a, b in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    network.add(layers.Flatten())
    assert len(network.layers) == 2 and network.output_shape[0] is None


def test_branches_that_do_not_fit_are_both_named():
    inputs = Input((8, 8, 2))
    left, right = layers.Conv2D(4, 3, name="left")(inputs), layers.Conv2D(5, 3, name="right")(inputs)
    for make in (layers.Add(name="join"), layers.Concatenate(axis=1, name="join")):
        with pytest.raises(ValueError) as caught:
            make([left, right])
        for text in ("'join'", "'left'", "'right'", "(None, 6, 6, 4)", "(None, 6, 6, 5)"):
            assert text in str(caught.value)
    network = Model(inputs, layers.Concatenate()([left, right]))
    assert network(IMAGES).shape == (12, 6, 6, 9)


def test_weights_of_another_shape(model):
    weights = model.get_weights()
    fails(model, lambda: model.set_weights(weights[:-1]), ValueError, "'net' has 8 weights", "7 arrays")
    last = [*[w + 1 for w in weights[:-1]], np.zeros(4)]
    fails(model, lambda: model.set_weights(last), ValueError, "weights[7] of shape (3,)", "Received: shape (4,)")
    fails(model, lambda: model.layers[0].kernel.assign(np.zeros((3, 3))), ValueError, "(3, 3, 2, 4)", "(3, 3)")


def test_compile_with_what_does_not_exist(model):
    for arguments, text in [
        (dict(optimizer="adamant"), "Unknown optimizer 'adamant'"),
        (dict(optimizer=3), "Received: 3"),
        (dict(loss="mse", metrics="accuracy"), "metrics to be a list, tuple or dict. Received: metrics='accuracy'"),
        (dict(loss="mse", weighted_metrics="mae"), "weighted_metrics='mae'"),
    ]:
        optimizer = model.optimizer
        fails(model, lambda arguments=arguments: model.compile(**arguments), ValueError, text)
        assert model.optimizer is optimizer
    assert len(model.evaluate(IMAGES, LABELS, verbose=0)) == 2


def test_what_was_compiled_wrongly_is_said_each_time():
    """Names of losses and metrics are looked up when outputs are known, in `fit`."""
    for arguments, text in [
        (dict(loss="msee"), "Unknown loss 'msee'"),
        (dict(loss=[None]), "a loss for at least one output"),
        (dict(loss="mse", loss_weights=["1"]), "loss_weights to be numbers. Received: '1'"),
        (dict(loss="mse", metrics=["mae", "acuracy"]), "Unknown metric 'acuracy'"),
    ]:
        network = Sequential([Input((2,)), layers.Dense(1)])
        network.compile("adam", **arguments)
        x = np.ones((3, 2), "float32")
        for _ in range(2):
            fails(network, lambda network=network, x=x: network.fit(x, x[:, :1], verbose=0), ValueError, text)
