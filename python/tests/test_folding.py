"""Batch normalization folded into the layers around it."""

import numpy as np
import pytest
from batch_norm_models import folded_equal, mnist_cnn, normalizations, randomize

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops

BN = layers.BatchNormalization


def test_mnist_cnn():
    folded = folded_equal(mnist_cnn())
    assert folded.folding_report == [
        ("first", "folded into 'convolution'"),
        ("second", "folded into 'hidden'"),
        ("third", "folded into 'classes'"),
    ]
    assert [type(x).__name__ for x in folded.layers] == [
        "Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Dense",
    ]  # fmt: skip


def test_mnist_cnn_with_negative_scales_keeps_those_before_max_pooling():
    folded = folded_equal(mnist_cnn(), kept=("first", "second"), negative=True)
    assert "negative scale" in dict(folded.folding_report)["first"]


def test_zero_scales_pass_max_pooling():
    model = randomize(mnist_cnn())
    model.get_layer("first").gamma[0] = 0
    assert not normalizations(swiftbn.fold_batch_norm(model))


def test_formula_before():
    model = randomize(Sequential([Input((4,)), layers.Dense(3), BN(name="bn")]), negative=True)
    dense, bn = (swiftbn.fold_batch_norm(model).layers[0], model.layers[1])
    scale = bn.gamma.numpy().astype(float) / np.sqrt(bn.moving_variance.numpy().astype(float) + 1e-3)
    kernel, bias = (v.numpy().astype(float) for v in (model.layers[0].kernel, model.layers[0].bias))
    np.testing.assert_array_equal(dense.kernel, (kernel * scale).astype("float32"))
    expected = (bias * scale + (bn.beta.numpy().astype(float) - scale * bn.moving_mean.numpy())).astype("float32")
    np.testing.assert_array_equal(dense.bias, expected)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("center, scale", [(True, True), (False, True), (True, False), (False, False)])
def test_options(bias, center, scale):
    rows = [layers.Dense(5, use_bias=bias), BN(center=center, scale=scale, epsilon=0.1), layers.ReLU()]
    folded = folded_equal(Sequential([Input((4,)), *rows, layers.Dense(2, use_bias=bias), BN()]), negative=True)
    assert all(layer.use_bias and layer.bias is not None for layer in (folded.layers[0], folded.layers[2]))
    again = Sequential.from_config(folded.get_config())
    again.set_weights(folded.get_weights())
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(again(x), folded(x))


def test_no_bias_stays_no_bias_without_a_shift():
    model = Sequential([Input((4,)), layers.Dense(3, use_bias=False), BN(center=False)])
    model.layers[1].moving_variance[...] = [1, 2, 3]
    assert swiftbn.fold_batch_norm(model).layers[0].bias is None


def test_first_and_several_in_a_row():
    folded = folded_equal(Sequential([Input((4,)), BN(), layers.Dense(3), BN(), BN(), layers.Dense(2), BN()]))
    assert len(folded.layers) == 2
    folded_equal(Sequential([Input((4,)), BN(), BN(), layers.Dropout(0.5), layers.Dense(2)]))
    # The first is behind a maximum that it must not pass, and has to wait for the second.
    rows = [layers.Conv2D(3, 1), layers.MaxPooling2D(2), BN(), BN(), layers.Flatten(), BN(), layers.Dense(2)]
    folded_equal(Sequential([Input((4, 4, 2)), *rows]), negative=True)
    folded_equal(Sequential([Input((4,)), BN(name="only")]), kept=("only",))


POOLS = [
    lambda: layers.AveragePooling2D(2),
    lambda: layers.AveragePooling2D(3, strides=2, padding="same"),
    layers.GlobalAveragePooling2D,
    lambda: layers.GlobalAveragePooling2D(keepdims=True),
    lambda: layers.MaxPooling2D(3, strides=2, padding="same"),
    layers.GlobalMaxPooling2D,
    lambda: layers.Activation("linear"),
    lambda: layers.Dropout(0.4),
]


@pytest.mark.parametrize("make", POOLS)
@pytest.mark.parametrize("negative", [False, True])
def test_layers_between(make, negative):
    kept = ("bn",) if negative and "Max" in type(make()).__name__ else ()
    first = layers.Conv2D(4, 3)
    folded_equal(Sequential([Input((9, 9, 2)), first, make(), BN(name="bn"), layers.Flatten()]), kept, negative)
    rows = [Input((9, 9, 2)), BN(name="bn"), make(), layers.Flatten(), layers.Dropout(0.2), layers.Dense(3)]
    folded_equal(Sequential(rows), kept, negative)


def test_flatten_with_channels_first():
    for flatten in (layers.Flatten(), layers.Flatten(data_format="channels_first")):
        rows = [Input((3, 5, 4)), BN(axis=1), layers.AveragePooling2D(2, data_format="channels_first")]
        folded_equal(Sequential([*rows, flatten, layers.Dense(3)]), negative=True)
    first = layers.Conv2D(4, 3, data_format="channels_first")
    folded_equal(Sequential([Input((3, 5, 4)), first, BN(axis=1)]), negative=True)


@pytest.mark.parametrize(
    "rows",
    [
        [layers.Conv2D(4, 3, activation="relu"), BN(name="bn"), layers.ReLU(), layers.Conv2D(4, 3)],
        [layers.Conv2D(4, 3), BN(axis=1, name="bn"), layers.Conv2D(4, 3)],
        [layers.AveragePooling2D(2), BN(axis=2, name="bn"), layers.AveragePooling2D(2), layers.Flatten()],
        [layers.Dense(4), layers.Flatten(), BN(name="bn"), layers.Softmax()],
        [BN(name="bn"), layers.Reshape((-1,)), layers.Dense(2)],
        [layers.Dense(4, dtype="float64"), BN(name="bn"), layers.Activation("relu")],
        [layers.Dense(4, activation="tanh"), BN(name="bn"), layers.Dense(4, dtype="float64")],
    ],
)
def test_kept(rows):
    folded_equal(Sequential([Input((9, 9, 2)), *map(fresh, rows)]), kept=("bn",))


def fresh(layer):
    return type(layer).from_config(layer.get_config())


def test_float64():
    rows = [layers.Dense(4, dtype="float64"), BN(dtype="float64"), layers.Dense(2, dtype="float64")]
    folded_equal(Sequential([Input((3,), dtype="float64"), *rows]), tolerance=1e-13)


def test_unknown_extents():
    x = Input((None, None, 2))
    head = layers.Dense(3)(layers.GlobalAveragePooling2D()(BN()(layers.Conv2D(4, 3, activation="relu")(x))))
    model = randomize(Model(x, head))
    folded = swiftbn.fold_batch_norm(model)
    assert not normalizations(folded) and folded.input_shape == (None, None, None, 2)
    data = np.ones((1, 7, 9, 2), "float32")
    np.testing.assert_allclose(folded(data), model(data), rtol=1e-4)


def test_not_finite_statistics_are_kept():
    model = Sequential([Input((2,)), layers.Dense(2), BN()])
    model.layers[1].moving_variance[0] = -1
    assert "not finite" in swiftbn.fold_batch_norm(model, check=False).folding_report[0].result
    model.layers[1].moving_variance[0] = 1
    model.layers[0].kernel[...] = 1e38
    model.layers[1].gamma[...] = 1e3
    assert "would not be finite" in swiftbn.fold_batch_norm(model, check=False).folding_report[0].result


def test_accuracy_on_digits_stays():
    (x, y), (x_test, y_test) = swiftbn.datasets.digits.load_data(8)
    model = mnist_cnn((16, 16, 1), momentum=0.8)
    x, x_test = (np.kron(a, np.ones((1, 2, 2)))[..., None].astype("float32") / 16 for a in (x, x_test))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=8, batch_size=32, verbose=0)
    folded = swiftbn.fold_batch_norm(model)
    assert not normalizations(folded)
    expected, got = model.predict(x_test, verbose=0), folded.predict(x_test, verbose=0)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    folded.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    after = folded.evaluate(x_test, y_test, verbose=0)
    np.testing.assert_allclose(after, model.evaluate(x_test, y_test, verbose=0), rtol=1e-3)
    assert after[1] > 0.85 and (got.argmax(1) == expected.argmax(1)).all()


def test_folded_models_are_saved(tmp_path):
    model = swiftbn.fold_batch_norm(randomize(mnist_cnn()))
    model.save(tmp_path / "model.keras")
    x = np.ones((2, 28, 28, 1), "float32")
    np.testing.assert_array_equal(swiftbn.saving.load_model(tmp_path / "model.keras")(x), model(x))


def test_errors():
    with pytest.raises(TypeError, match="expected a model. Received: 3"):
        swiftbn.fold_batch_norm(3)
    with pytest.raises(TypeError, match="BatchNormalization"):
        swiftbn.fold_batch_norm(BN())
    with pytest.raises(ValueError, match="not built"):
        swiftbn.fold_batch_norm(Sequential([layers.Dense(2), BN()]))
    with pytest.raises(ValueError, match="check to be a bool. Received: check=1"):
        swiftbn.fold_batch_norm(mnist_cnn(), check=1)

    class Own(Model):
        def call(self, inputs):
            return ops.relu(inputs)

    with pytest.raises(ValueError, match="type Own, with a call"):
        swiftbn.fold_batch_norm(Own())
