"""Functional models, and what models of all kinds share: structure, names, shapes, state, configuration."""

import copy
import json
import pickle

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops

RANDOM = np.random.default_rng(5)


def small_sequential():
    return Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dense(2)])


def test_training_argument_reaches_inner_layers():
    model = Sequential([Input((4,)), Sequential([Input((4,)), layers.BatchNormalization(momentum=0.0)])])
    x = RANDOM.normal(3, 2, size=(50, 4)).astype("float32")
    norm = model.layers[0].layers[0]
    model(x)
    np.testing.assert_array_equal(norm.moving_mean.numpy(), np.zeros(4))
    model(x, training=True)
    np.testing.assert_allclose(norm.moving_mean.numpy(), x.mean(0), rtol=1e-5)


def branches():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    shared = layers.Dense(5, name="shared")
    left = shared(a)
    right = shared(layers.Dense(4, name="adapt")(b))
    joined = layers.Concatenate(name="join")([left, right])
    first = layers.Dense(2, name="first")(joined)
    second = layers.Dense(1, name="second")(ops.tanh(joined) * 2.0)
    return Model([a, b], [first, second], name="branches")


def test_functional_with_shared_layers_and_several_ends():
    model = branches()
    assert model.input_names == ["a", "b"] and model.output_names == ["first", "second"]
    # Keras' order: deeper layers first, then as a search from the outputs meets them.
    assert [w.path.split("/")[-2] for w in model.weights[::2]] == ["adapt", "shared", "first", "second"]
    xa, xb = RANDOM.normal(size=(6, 4)).astype("float32"), RANDOM.normal(size=(6, 3)).astype("float32")

    def dense(name, x):
        layer = model.get_layer(name)
        return x @ layer.kernel.numpy() + layer.bias.numpy()

    joined = np.concatenate([dense("shared", xa), dense("shared", dense("adapt", xb))], 1)
    first, second = model([xa, xb])
    np.testing.assert_allclose(first, dense("first", joined), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(second, dense("second", 2 * np.tanh(joined)), rtol=1e-4, atol=1e-5)
    by_name = model({"a": xa, "b": xb})
    np.testing.assert_array_equal(by_name[0], first)
    predicted = model.predict([xa, xb], batch_size=4, verbose=0)
    assert isinstance(predicted, list)
    np.testing.assert_allclose(predicted[1], second, rtol=1e-5, atol=1e-6)
    assert len(model.weights) == 8


def test_nested_models_and_dict_outputs():
    inner = Model(x := Input((3,)), layers.Dense(2)(x), name="inner")
    y = Input((3,), name="y")
    model = Model({"y": y}, {"out": layers.Dense(1)(inner(y)), "features": inner(y)})
    result = model({"y": np.ones((4, 3), "float32")})
    assert result["out"].shape == (4, 1) and result["features"].shape == (4, 2)
    assert len(model.weights) == 4
    assert set(model.predict({"y": np.ones((4, 3))}, verbose=0)) == {"out", "features"}


def test_document_six():
    inputs = Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    model = Model(inputs=inputs, outputs=layers.GlobalAveragePooling2D()(x))
    assert model.output_shape == (None, 8)
    assert model(np.zeros((2, 16, 16, 3))).shape == (2, 8)


def test_functional_fits_the_rank_and_dtype_of_its_inputs():
    model = Sequential([Input((5, 4, 1)), layers.Flatten()])
    x = np.arange(40, dtype="uint8").reshape(2, 5, 4)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x.reshape(2, 20).astype("float32"))
    np.testing.assert_array_equal(model(x), x.reshape(2, 20))
    flat = Sequential([Input((3,)), layers.Dense(1)])
    assert flat(np.ones((2, 3, 1))).shape == (2, 1)
    with pytest.raises(ValueError, match=r"expected shape \(None, 3\).*\(2, 4\)"):
        flat(np.ones((2, 4)))


def test_functional_errors():
    a, b = Input((3,), name="first_in"), Input((3,), name="second_in")
    with pytest.raises(ValueError, match="second_in"):
        Model(a, layers.Add()([a, b]))
    with pytest.raises(ValueError, match="unique layer names"):
        Model(a, layers.Dense(1, name="same")(layers.Dense(2, name="same")(a)))
    with pytest.raises(ValueError, match="symbolic"):
        Model(np.ones(3), layers.Dense(1)(a))
    model = Model([a, b], layers.Add()([a, b]))
    with pytest.raises(ValueError, match=r"2 input\(s\)"):
        model(np.ones((1, 3)))
    with pytest.raises(ValueError, match="second_in"):
        model({"first_in": np.ones((1, 3))})
    with pytest.raises(ValueError, match="no layer named"):
        model.get_layer("nothing")


def test_subclass_that_is_functional():
    class Named(Model):
        def __init__(self):
            x = Input((3,))
            super().__init__(inputs=x, outputs=layers.Dense(2)(x))
            self.extra = 5

    model = Named()
    assert model.extra == 5 and isinstance(model, Named) and model.output_shape == (None, 2)
    assert model(np.ones((1, 3))).shape == (1, 2)


def test_weights_are_taken_in_order():
    model, twin = small_sequential(), small_sequential()
    x = RANDOM.normal(size=(3, 4)).astype("float32")
    assert not np.array_equal(model(x), twin(x))
    twin.set_weights(model.get_weights())
    np.testing.assert_array_equal(model(x), twin(x))


def nested():
    x = Input((4,), name="x")
    inner = Model(x, layers.Dense(3)(x), name="inner")
    outside = Input((4,))
    return Model(outside, ops.add(inner(outside), inner(layers.Dense(4)(outside)) * 2.0))


def with_many_functions():
    x = Input((3, 4), name="x")
    y = ops.mean(x, axis=(1,), keepdims=True) + x[:, ::-1] * np.ones((3, 4), "float32")
    y = ops.pad(ops.concatenate([y, x[..., :2]], axis=-1), ((0, 0), (1, 1), (0, 0)))
    y = ops.reshape(ops.where(y > 0, y, ops.relu6(y)), (-1, 30))
    return Model(x, ops.softmax(ops.clip(y, -1.0, 1.0), axis=-1))


def with_functions_of_several():
    """Functions of any number of tensors, one behind an argument that is not a tensor."""
    x, y = Input((3, 4), name="x"), Input((4, 2), name="y")
    products = ops.einsum("bij,bjk->bik", x, y)
    alone = ops.einsum("bij->bji", products)
    rows, columns = ops.meshgrid(ops.reshape(alone, (-1,)), ops.reshape(y, (-1,)), indexing="ij")
    return Model([x, y], [products, alone, rows * columns])


def ends_in_a_model():
    x = Input((4,), name="x")
    inner = Model(x, layers.Dense(3)(x), name="inner")
    inner(Input((4,)))
    outside = Input((4,))
    return Model(outside, inner(layers.Dense(4)(outside)))


@pytest.mark.parametrize(
    "make",
    [small_sequential, branches, nested, ends_in_a_model, with_many_functions, with_functions_of_several],
    ids=lambda function: function.__name__,
)
def test_configuration_round_trip(make):
    model = make()
    config = json.loads(json.dumps(model.get_config()))
    twin = type(model).from_config(config)
    twin.set_weights(model.get_weights())
    x = [RANDOM.normal(size=(3, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    x = x[0] if len(x) == 1 else x
    for a, b in zip(swiftbn.tree.flatten(model(x)), swiftbn.tree.flatten(twin(x)), strict=False):
        np.testing.assert_array_equal(a, b)
    assert [layer.name for layer in twin.layers] == [layer.name for layer in model.layers]
    assert twin.get_config() == model.get_config()


def test_masks_that_keras_notes_are_left_out():
    x = Input((4,))
    config = Model(x, layers.Softmax()(layers.BatchNormalization()(x))).get_config()
    for layer in config["layers"]:
        for node in layer["inbound_nodes"]:
            node["kwargs"]["mask"] = None
    assert Model.from_config(config).output_shape == (None, 4)


def test_random_shapes_of_the_batch():
    class Sampling(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.generator = swiftbn.random.SeedGenerator(1)

        def call(self, inputs):
            mean, spread = inputs
            noise = swiftbn.random.normal(ops.shape(mean), seed=self.generator)
            return mean + ops.exp(0.5 * spread) * noise

    x = Input((3,))
    model = Model(x, Sampling()([layers.Dense(2)(x), layers.Dense(2)(x)]))
    assert model.output_shape == (None, 2)
    assert model.predict(np.ones((5, 3)), batch_size=2, verbose=0).shape == (5, 2)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
@pytest.mark.parametrize("make", [small_sequential, branches], ids=lambda function: function.__name__)
def test_copies_are_independent(make, duplicate):
    model = make()
    x = [RANDOM.normal(size=(6, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    y = [RANDOM.normal(size=(6, *tensor.shape[1:])).astype("float32") for tensor in model.outputs]
    x, y = (v[0] if len(v) == 1 else v for v in (x, y))
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    before = model.get_weights()
    twin = duplicate(model)
    assert [w.path for w in twin.weights] == [w.path for w in model.weights] and not twin.compiled
    twin.compile("adam", "mse")
    twin.fit(x, y, epochs=1, verbose=0)
    assert not np.array_equal(twin.get_weights()[0], before[0])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_models_keep_the_dtype_of_their_inputs():
    """A call takes float64 arrays to float64 inputs as they are, and others to the dtype of the input."""
    data = np.random.default_rng(3).normal(size=(5, 3))
    model = Sequential([Input((3,), dtype="float64"), layers.Dense(3, dtype="float64", use_bias=False)])
    model.set_weights([np.eye(3)])
    for made in (model, Model(model.inputs, model.outputs)):
        np.testing.assert_array_equal(made(data), data)
    narrow = Sequential([Input((3,)), layers.Dense(3, use_bias=False)])
    narrow.set_weights([np.eye(3)])
    y = narrow(data)
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y, data.astype("float32"))


def test_a_list_of_one_output_is_that_output():
    x = Input((4,))
    y = layers.Dense(3)(x)
    alone, listed = Model(x, y), Model([x], [y])
    data = np.arange(8, dtype="float32").reshape(2, 4)
    expected = alone.predict(data, verbose=0)
    for found in (listed.predict(data, verbose=0), listed(data), listed.predict_on_batch(data), listed([data])):
        assert isinstance(found, np.ndarray)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    z = layers.Dense(2)(listed(x))
    assert z.shape == (None, 2)
    listed.compile("sgd", "mse", metrics=["mae"])
    listed.fit(data, np.zeros((2, 3)), verbose=0)
    listed.fit([data], [np.zeros((2, 3))], verbose=0)
    again = Model.from_config(listed.get_config())
    assert again.predict(data, verbose=0).shape == (2, 3)
