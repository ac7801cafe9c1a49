"""`utils.FeatureSpace`: vectors from tables, alone, in models and in files, as in Keras."""

import json
import zipfile

import numpy as np
import pytest

import swiftbn
from swiftbn import Model, layers
from swiftbn.utils import FeatureSpace

DATA = {
    "n": [1.0, 2.0, 5.0, 8.0],
    "r": [1.0, 2.0, 3.0, 4.0],
    "f": [1.0, 0.0, 2.0, -1.0],
    "d": [0.1, 0.5, 0.9, 0.3],
    "i": [3, 4, 3, 7],
    "s": ["a", "b", "a", "c"],
    "h": ["x", "y", "z", "w"],
    "hi": [1, 2, 3, 4],
}


def make(space=FeatureSpace, **options):
    features = {
        "n": "float_normalized",
        "r": space.float_rescaled(2.0, 1.0),
        "f": "float",
        "d": space.float_discretized(3),
        "i": "integer_categorical",
        "s": space.string_categorical(num_oov_indices=2),
        "h": "string_hashed",
        "hi": space.integer_hashed(5),
    }
    crosses = [("i", "s"), space.cross(("h", "hi"), 8)]
    return space(features, crosses=crosses, hashing_dim=6, crossing_dim=7, **options)


def test_each_feature():
    space = make(output_mode="dict")
    space.adapt(DATA)
    found = space(DATA)
    assert list(found) == ["d", "f", "h", "hi", "i", "n", "r", "s", "h_X_hi", "i_X_s"]
    assert {name: x.shape for name, x in found.items()} == {
        **{name: (4, 1) for name in "fnr"},
        **{"d": (4, 3), "h": (4, 6), "hi": (4, 5), "i": (4, 4), "s": (4, 5), "h_X_hi": (4, 8), "i_X_s": (4, 7)},
    }
    assert {x.dtype.name for x in found.values()} == {"float32"}
    n = np.array(DATA["n"])
    np.testing.assert_allclose(found["n"][:, 0], (n - n.mean()) / n.std(), rtol=1e-6)
    np.testing.assert_array_equal(found["r"][:, 0], [3, 5, 7, 9])
    np.testing.assert_array_equal(found["f"][:, 0], DATA["f"])
    assert all((found[name].sum(1) == 1).all() for name in ("d", "h", "hi", "i", "s", "h_X_hi", "i_X_s"))
    # The most frequent integer stands behind the index of unknown ones, the string behind two.
    assert found["i"].argmax(1).tolist() == [1, 3, 1, 2] and found["s"].argmax(1).tolist() == [2, 4, 2, 3]
    bins = space.preprocessors["h"](DATA["h"])
    np.testing.assert_array_equal(found["h"].argmax(1), bins)
    crossed = space.crossers["h_X_hi"]([bins, space.preprocessors["hi"](DATA["hi"])])
    np.testing.assert_array_equal(found["h_X_hi"].argmax(1), crossed)
    unknown = space({**DATA, "i": [1, 2, 9, 3], "s": ["q", "a", "b", "c"]})
    assert unknown["i"].argmax(1).tolist() == [0, 0, 0, 1] and unknown["s"].argmax(1)[0] < 2


def test_one_vector():
    space = make()
    space.adapt(DATA)
    vectors = space(DATA)
    parts = make(output_mode="dict")
    parts.adapt(DATA)
    np.testing.assert_array_equal(vectors, np.concatenate(list(parts(DATA).values()), axis=-1))
    assert vectors.shape == (4, 3 + 1 + 6 + 5 + 4 + 1 + 1 + 5 + 8 + 7)
    # Samples alone, arrays of one axis and of two, and an empty batch.
    single = {name: values[2] for name, values in DATA.items()}
    np.testing.assert_array_equal(space(single), vectors[2])
    np.testing.assert_array_equal(parts(single)["s"], parts(DATA)["s"][2])
    columns = {name: np.array(values)[:, None] for name, values in DATA.items()}
    np.testing.assert_array_equal(space(columns), vectors)
    one = {name: values[:1] for name, values in DATA.items()}
    np.testing.assert_array_equal(space(one), vectors[:1])


def test_integers():
    space = FeatureSpace(
        {"s": FeatureSpace.string_categorical(output_mode="int"), "i": FeatureSpace.integer_hashed(9, "int")},
        crosses=[FeatureSpace.cross(("s", "i"), 11, output_mode="int")],
        output_mode="dict",
    )
    space.adapt({"s": ["a", "b", "a"], "i": [5, 6, 7]})
    found = space({"s": ["b", "q"], "i": [5, 6]})
    assert found["s"].tolist() == [[2], [0]] and {x.dtype.name for x in found.values()} == {"int64"}
    assert found["s_X_i"].shape == (2, 1) and found["s_X_i"].max() < 11


@pytest.mark.parametrize("shape", ["batches", "samples", "dataset"])
def test_data_to_adapt_to(shape):
    expected = make()
    expected.adapt(DATA)
    space = make()
    if shape == "batches":
        batches = [{n: v[:3] for n, v in DATA.items()}, {n: np.array(v[3:])[:, None] for n, v in DATA.items()}]
        space.adapt(batches)
    elif shape == "samples":
        space.adapt({name: values[i] for name, values in DATA.items()} for i in range(4))
    else:

        class Batches(swiftbn.utils.PyDataset):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return {name: values[2 * index : 2 * index + 2] for name, values in DATA.items()}

        space.adapt(Batches())
    np.testing.assert_allclose(space(DATA), expected(DATA), rtol=1e-6)


def test_adapting_again():
    space = make()
    space.adapt(DATA)
    width = space(DATA).shape[1]
    space.adapt({**DATA, "s": ["a", "b", "c", "d"]})
    assert space(DATA).shape[1] == width + 1


def test_nothing_to_adapt():
    space = FeatureSpace(
        {
            "a": "float",
            "b": FeatureSpace.float_discretized(None, bin_boundaries=[0.0, 1.0]),
            "c": FeatureSpace.feature("int64", layers.IntegerLookup(vocabulary=[7, 8]), "one_hot"),
            "d": FeatureSpace.feature("float32", layers.Normalization(mean=1.0, variance=4.0), "float"),
            "e": "string_hashed",
        }
    )
    x = space({"a": [1], "b": [0.5], "c": [8], "d": [5.0], "e": ["x"]})
    assert x.dtype == np.float32 and x[0, :8].tolist() == [1, 0, 1, 0, 0, 0, 1, 2] and x.shape == (1, 40)


def test_a_layer_of_ones_own():
    space = FeatureSpace({"t": FeatureSpace.feature("string", layers.TextVectorization(output_mode="tf_idf"), "float")})
    space.adapt({"t": ["a b", "b c", "b"]})
    vocabulary = space.preprocessors["t"].get_vocabulary()
    found = space({"t": ["b b a"]})
    np.testing.assert_array_equal(found, space.preprocessors["t"](["b b a"]))
    assert [bool(x) for x in found[0]] == [token in ("a", "b") for token in vocabulary]


def train(space, data, target):
    encoded = space.get_encoded_features()
    tensors = list(encoded.values()) if isinstance(encoded, dict) else [encoded]
    joined = layers.Concatenate()(tensors) if len(tensors) > 1 else tensors[0]
    model = Model(encoded, layers.Dense(1)(joined))
    model.compile("adam", "mse")
    model.fit(space(data), target, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_models_of_what_is_encoded(mode):
    space = make(output_mode=mode)
    space.adapt(DATA)
    model = train(space, DATA, np.arange(4.0))
    assert model.predict(space(DATA), verbose=0).shape == (4, 1)
    with pytest.raises(TypeError, match="s, h, hi, i_X_s, h_X_hi are encoded on the host, outside of models"):
        space.get_inputs()


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_models_of_features(mode):
    names = {"n": "float_normalized", "d": FeatureSpace.float_discretized(3), "i": "integer_categorical", "f": "float"}
    data = {name: DATA[name] for name in names}
    space = FeatureSpace(names, output_mode=mode)
    space.adapt(data)
    inputs = space.get_inputs()
    assert list(inputs) == list(names) and inputs["i"].dtype == "int32" and inputs["n"].shape == (None, 1)
    assert space.get_encoded_features() is space.get_encoded_features() and space.get_inputs() is space.inputs
    encoder = Model(inputs, space.get_encoded_features())
    columns = {name: np.array(values)[:, None] for name, values in data.items()}
    found, expected = encoder.predict(columns, verbose=0), space(data)
    for name in expected if mode == "dict" else [...]:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)
    model = train(space, data, np.arange(4.0))
    whole = Model(inputs, model(space.get_encoded_features()))
    np.testing.assert_allclose(whole.predict(columns, verbose=0), model.predict(space(data), verbose=0), rtol=1e-5)


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_files(tmp_path, mode):
    space = make(output_mode=mode)
    space.adapt(DATA)
    space.save(tmp_path / "space.keras")
    loaded = swiftbn.saving.load_model(tmp_path / "space.keras")
    expected, found = space(DATA), loaded(DATA)
    for name in expected if mode == "dict" else [...]:
        np.testing.assert_array_equal(found[name], expected[name])
    config = json.loads(zipfile.ZipFile(tmp_path / "space.keras").read("config.json"))
    assert config["module"] == "keras.utils" and config["class_name"] == "FeatureSpace"


def test_saving_before_adapting(tmp_path):
    with pytest.raises(ValueError, match="expected adapt"):
        make().save(tmp_path / "space.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda: FeatureSpace({}), "features to be a dict with at least one. Received: features={}"),
        (lambda: FeatureSpace([]), "features to be a dict"),
        (lambda: FeatureSpace({"a": "floats"}), r"features\['a'\] to be one of .* Received: .*'floats'"),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), "output_mode to be one of"),
        (lambda: FeatureSpace({"a": "integer_hashed"}, crosses=[("a", "b")]), r"unknown \['b'\]"),
        (lambda: FeatureSpace.cross(("a", "b"), 3, output_mode="float"), "output_mode to be one of"),
        (lambda: FeatureSpace.string_hashed(3, output_mode="multi"), "output_mode to be one of"),
        (lambda: FeatureSpace.string_hashed(0), "num_bins to be an integer >= 1"),
        (lambda: make()(DATA), r"expected adapt\(data\) before it is used"),
        (lambda: make().get_encoded_features(), "expected adapt"),
        (lambda: make().adapt([1, 2]), "a dict of arrays or lists, or an iterable of them. Received: list of int"),
        (lambda: make().adapt([]), "Received: list of nothing"),
        (lambda: FeatureSpace({"a": "float"})([1.0]), r"expected a dict of \['a'\]. Received: list"),
        (lambda: FeatureSpace({"a": "float"})({"b": [1.0]}), r"expected a dict of \['a'\]. Received: \['b'\]"),
        (lambda: FeatureSpace({"a": "float"})({"a": ["x"]}), "expected numbers for feature 'a' of dtype float32"),
        (
            lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, "int")})({"a": [1]}),
            "feature 'a' of dtype int64 cannot stand in a vector",
        ),
        (
            lambda: FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(2.0), "one_hot")})({"a": [1]}),
            "it is not known how many categories there are",
        ),
        (
            lambda: FeatureSpace(
                {"a": FeatureSpace.feature("int64", layers.CategoryEncoding(3), "one_hot")}, output_mode="dict"
            )({"a": [1]}),
            "expected integers from the preprocessor of feature 'a'",
        ),
    ],
)
def test_errors(function, text):
    with pytest.raises(ValueError, match=text):
        function()


def keras_space():
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    space = make(keras.utils.FeatureSpace)
    space.adapt(DATA)
    return keras, space


OTHER = {**DATA, "n": [0.5, 9, 2, 2], "i": [9, 3, 4, 7], "s": ["é", "", "c", "b"], "h": ["x", "é", "", "w"]}


@pytest.mark.interop
def test_same_as_keras_and_files_of_both(tmp_path):
    keras, theirs = keras_space()
    space = make()
    space.adapt(DATA)
    for data in (DATA, OTHER):
        np.testing.assert_allclose(space(data), np.asarray(theirs(data)), rtol=1e-6)
    space.save(tmp_path / "ours.keras")
    theirs.save(str(tmp_path / "theirs.keras"))
    np.testing.assert_array_equal(swiftbn.saving.load_model(tmp_path / "theirs.keras")(OTHER), space(OTHER))
    loaded = keras.saving.load_model(str(tmp_path / "ours.keras"))
    np.testing.assert_array_equal(np.asarray(loaded(OTHER)), np.asarray(theirs(OTHER)))
