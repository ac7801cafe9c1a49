"""Strings and integers as indices of a vocabulary: formulas in NumPy, files, and real Keras."""

import os
import zipfile

import numpy as np
import pytest
from checks import dtypes_agree

import swiftbn
from swiftbn import Input, Model, layers, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
WORDS = np.array([["b", "a", "zz"], ["c", "b", "b"]])
NUMBERS = np.array([[7, -5, 99], [2**40, 7, 7]])
KINDS = {"StringLookup": (WORDS, ["a", "b", "c"], ""), "IntegerLookup": (NUMBERS, [-5, 7, 2**40], 0)}


def make(kind, vocabulary=None, **options):
    return getattr(layers, kind)(vocabulary=vocabulary, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_indices(kind):
    x, vocabulary, mask = KINDS[kind]
    y = make(kind, vocabulary)(x)
    assert y.dtype == "int64" and y.tolist() == [[2, 1, 0], [3, 2, 2]]
    assert make(kind, vocabulary)(x.tolist()).tolist() == y.tolist()
    assert make(kind, np.array(vocabulary))(x[0]).tolist() == [2, 1, 0]
    assert make(kind, vocabulary)(x[0, 0]) == 2 and make(kind, vocabulary)(x[:0]).shape == (0, 3)
    masked = make(kind, vocabulary, mask_token=mask)
    changed = np.where(x == x[0, 0], mask, x)
    assert masked(changed).tolist() == [[0, 2, 1], [4, 0, 0]]
    assert masked.get_vocabulary()[0] == mask and masked.get_vocabulary(False) == vocabulary
    assert masked.vocabulary_size() == 5
    assert make(kind, masked.get_vocabulary(), mask_token=mask)(x).tolist() == masked(x).tolist()
    known = make(kind, vocabulary, num_oov_indices=0)
    assert known(x[1]).tolist() == [2, 1, 1]
    with pytest.raises(ValueError, match="num_oov_indices=0 all tokens have to be in the vocabulary. Received:"):
        known(x)
    several = make(kind, vocabulary, num_oov_indices=3)(x)
    assert several[x != x[0, 2]].tolist() == [4, 3, 5, 4, 4] and 0 <= several[0, 2] < 3


def test_spreading_of_unknown_tokens():
    x = np.arange(-6, 6)
    assert layers.IntegerLookup(num_oov_indices=4, vocabulary=[100])(x).tolist() == (x % 4).tolist()
    hashed = layers.IntegerLookup(num_oov_indices=4, vocabulary=[100], oov_method="farmhash")(x)
    np.testing.assert_array_equal(hashed, layers.Hashing(4)(x))
    salted = layers.StringLookup(num_oov_indices=4, vocabulary=["a"], salt=7, mask_token="")(x.astype(str))
    np.testing.assert_array_equal(salted, layers.Hashing(4, salt=7)(x) + 1)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors(kind):
    x, vocabulary, mask = KINDS[kind]
    indices = make(kind, vocabulary)(x)
    for mode in ("one_hot", "multi_hot", "count"):
        layer = make(kind, vocabulary, output_mode=mode)
        expected = layers.CategoryEncoding(4, mode)(indices)
        assert layer(x).dtype == "int64" and layer.compute_output_shape((None, 3)) == (None, *expected.shape[1:])
        np.testing.assert_array_equal(layer(x), expected)
        np.testing.assert_array_equal(layer(x[:, :1]), layers.CategoryEncoding(4, mode)(indices[:, :1]))
        # The mask token counts as nothing, and has no index.
        masked = make(kind, vocabulary, output_mode=mode, mask_token=mask)(np.where(x == x[0, 2], mask, x))
        unknown = expected.copy()
        unknown[..., 0] = 0
        np.testing.assert_array_equal(masked, unknown)
        assert make(kind, vocabulary, output_mode=mode, pad_to_max_tokens=True, max_tokens=9)(x).shape[-1] == 9
    weights = [0.5, 2.0, 3.0]
    layer = make(kind, vocabulary, output_mode="tf_idf", idf_weights=weights)
    found = layer(x)
    counts = layers.CategoryEncoding(4, "count")(indices)
    np.testing.assert_allclose(found, counts * [np.mean(weights), *weights], rtol=1e-6)
    assert found.dtype == "float32"
    padded = make(kind, vocabulary, output_mode="tf_idf", idf_weights=weights, pad_to_max_tokens=True, max_tokens=6)
    np.testing.assert_allclose(padded(x), np.pad(found, ((0, 0), (0, 2))))


@pytest.mark.parametrize("kind", KINDS)
def test_back(kind):
    x, vocabulary, mask = KINDS[kind]
    forward = make(kind, vocabulary, mask_token=mask)
    back = make(kind, forward.get_vocabulary(), mask_token=mask, invert=True)
    y = back(forward(x))
    unknown = back.oov_token
    expected = np.where(x == x[0, 2], unknown, x.astype("U8") if kind == "StringLookup" else x)
    np.testing.assert_array_equal(y, expected)
    assert back(np.array([0, 1, -3, 100])).tolist() == [mask, unknown, unknown, unknown]


@pytest.mark.parametrize("kind", KINDS)
def test_adapt(kind):
    x, vocabulary, _ = KINDS[kind]
    frequent = [x[0, 0], *sorted({x[0, 1].item(), x[0, 2].item(), x[1, 0].item()}, reverse=True)]
    for data in (x, x.tolist(), x.ravel(), iter([x[:1], x[1:]])):
        layer = make(kind)
        layer.adapt(data)
        assert layer.get_vocabulary(False) == frequent and layer.vocabulary_size() == 5
    layer = make(kind, max_tokens=3)
    layer.adapt(x)
    assert layer.get_vocabulary(False) == frequent[:2]
    layer = make(kind, mask_token=frequent[0], oov_token=frequent[1])
    layer.adapt(x)
    assert layer.get_vocabulary(False) == frequent[2:]
    layer = make(kind, output_mode="tf_idf")
    layer.adapt(iter([x, x[:1]]), steps=1)
    documents = [sum(token in row for row in x) for token in frequent]
    idf = np.log(1 + 2 / (1 + np.array(documents)))
    np.testing.assert_allclose(layer.idf_weights, [idf.mean(), *idf], rtol=1e-6)
    # The second time the first data are forgotten.
    layer.adapt(x[:1])
    assert len(layer.get_vocabulary(False)) == 3
    with pytest.raises(ValueError, match="without a given vocabulary"):
        make(kind, vocabulary).adapt(x)


def test_files_of_words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n", encoding="utf-8")
    for given in (path, str(path)):
        layer = layers.StringLookup(vocabulary=given)
        np.testing.assert_array_equal(layer(WORDS), layers.StringLookup(vocabulary=["a", "b", "c"])(WORDS))
        assert layer.get_config()["vocabulary"] is None
    with pytest.raises(ValueError, match="names a file, which is not read"):
        layers.StringLookup.from_config({**layer.get_config(), "vocabulary": str(path)})


def model_of(k, mode="int"):
    lookup = k.layers.IntegerLookup(mask_token=0, num_oov_indices=2, output_mode=mode, name="lookup")
    lookup.adapt(np.array([[5, 5, 7, 1], [5, 1, 1, 0]]))
    inputs = k.Input((3,), dtype="int64", name="ids")
    return k.Model(inputs, k.layers.Dense(2, name="dense")(lookup(inputs)), name="model")


IDS = np.array([[5, 8, 0], [1, 7, -3]])


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count", "tf_idf"])
def test_models(mode, tmp_path):
    model = model_of(swiftbn, mode)
    lookup, dense = model.get_layer("lookup"), model.get_layer("dense")
    expected = np.asarray(lookup(IDS), "float64") @ dense.kernel.numpy()
    np.testing.assert_allclose(model.predict(IDS, verbose=0), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(RuntimeError, match="a part of programs"):
        lookup.adapt(np.array([1, 2, 3]))
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(IDS, verbose=0), model.predict(IDS, verbose=0))
    assert again.get_config() == model.get_config()


def test_unknown_integers_are_errors_in_models():
    inputs = Input((3,), dtype="int64")
    model = Model(inputs, layers.IntegerLookup(vocabulary=[1, 5, 7, 8, -3, 0], num_oov_indices=0)(inputs))
    assert model.predict(IDS, verbose=0).tolist() == [[1, 3, 5], [0, 2, 4]]
    with pytest.raises((ValueError, IndexError), match="out of range"):
        model.predict(IDS + 100, verbose=0)
    back = Model(inputs, layers.IntegerLookup(vocabulary=[9, 8], invert=True)(inputs))
    assert back.predict(np.array([[0, 1, 2], [3, -1, 1]]), verbose=0).tolist() == [[-1, 9, 8], [-1, -1, 9]]


class WithWords(Model):
    """Strings are looked up on the host; the model keeps the layer, and so its vocabulary."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.words = layers.StringLookup(output_mode="tf_idf")
        self.dense = layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def get_config(self):
        return {"name": self.name}


def test_assets_of_strings(tmp_path):
    model = WithWords(name="m")
    model.words.adapt(np.array([["ä", "b c"], ["ä", ""]]))
    model.build((None, 4))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.read("assets/words/vocabulary.txt").decode() == "[UNK]\nä\nb c\n"
    again = saving.load_model(tmp_path / "m.keras", custom_objects={"WithWords": WithWords})
    # A last token that is empty is lost, as in Keras.
    assert again.words.get_vocabulary() == model.words.get_vocabulary()[:-1]
    np.testing.assert_array_equal(again.words.idf_weights, model.words.idf_weights)
    model.words = layers.StringLookup()
    model.words.adapt(["a\nb"])
    with pytest.raises(ValueError, match="line breaks in tokens"):
        model.save(tmp_path / "n.keras")


@pytest.mark.parametrize("name", ["assets/../../evil.txt", "assets/lookup//x", "assets/a\\b", "assets/C:x"])
def test_assets_stay_in_their_folder(name, tmp_path):
    model_of(swiftbn).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras", "a") as archive:
        archive.writestr(name, "evil")
    with pytest.raises(ValueError, match="no name of an asset"):
        saving.load_model(tmp_path / "m.keras")


BAD = [
    (lambda: layers.StringLookup(max_tokens=1), ValueError, "max_tokens=1"),
    (lambda: layers.StringLookup(num_oov_indices=-1), ValueError, "num_oov_indices=-1"),
    (lambda: layers.StringLookup(pad_to_max_tokens=True), ValueError, "max_tokens=None"),
    (lambda: layers.StringLookup(output_mode="hot"), ValueError, "output_mode='hot'"),
    (lambda: layers.StringLookup(invert=True, output_mode="count"), ValueError, "output_mode='count'"),
    (lambda: layers.StringLookup(sparse=True), ValueError, "sparse=True"),
    (lambda: layers.StringLookup(idf_weights=[1]), ValueError, "output_mode='int'"),
    (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf"), ValueError, "idf_weights=None"),
    (lambda: layers.StringLookup(vocabulary=["a"], output_mode="tf_idf", idf_weights=[1, 2]), ValueError, r"\(2,\)"),
    (lambda: layers.StringLookup(vocabulary=[]), ValueError, "not empty"),
    (lambda: layers.StringLookup(vocabulary=["a", "a"]), ValueError, r"repeated \['a'\]"),
    (lambda: layers.StringLookup(vocabulary=["a", "b"], mask_token="b"), ValueError, "mask_token='b' at index 1"),
    (lambda: layers.StringLookup(vocabulary=["a", "b"], oov_token="b", invert=True), ValueError, "oov_token='b'"),
    (lambda: layers.StringLookup(vocabulary=["a", "b"], max_tokens=2), ValueError, "max_tokens=2.*Received: 3"),
    (lambda: layers.StringLookup(output_mode="count")(["a"]), RuntimeError, "expected a vocabulary"),
    (lambda: layers.StringLookup()([1, 2]), TypeError, "expected strings"),
    (lambda: layers.StringLookup()(Input((2,), dtype="int32")), TypeError, "on the host"),
    (lambda: layers.StringLookup(colour=1), ValueError, "colour"),
    (lambda: layers.IntegerLookup(vocabulary_dtype="int32"), ValueError, "vocabulary_dtype='int32'"),
    (lambda: layers.IntegerLookup(oov_method="sip"), ValueError, "oov_method='sip'"),
    (lambda: layers.IntegerLookup(salt=3), ValueError, "oov_method='floormod'"),
    (lambda: layers.IntegerLookup()(["a"]), TypeError, "expected integers"),
    (lambda: swiftbn.jit(layers.IntegerLookup(2 + 2, 2, oov_method="farmhash"))(NUMBERS), TypeError, "on the host"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()


def listed(value):
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


OPTIONS = [
    {},
    {"num_oov_indices": 3, "mask": True},
    {"num_oov_indices": 2, "salt": [4, 5]},
    {"output_mode": "one_hot", "mask": True},
    {"output_mode": "multi_hot", "max_tokens": 4, "pad_to_max_tokens": True},
    {"output_mode": "count", "num_oov_indices": 2},
    {"output_mode": "tf_idf", "max_tokens": 9, "pad_to_max_tokens": True, "mask": True},
]


@pytest.mark.interop
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_keras(kind, options):
    keras = pytest.importorskip("keras")
    x, _, mask = KINDS[kind]
    options = dict(options)
    if options.pop("mask", False):
        options["mask_token"] = mask
    if "salt" in options and kind == "IntegerLookup":
        options["oov_method"] = "farmhash"
    ours, theirs = (getattr(k.layers, kind)(name="layer", **options) for k in (swiftbn, keras))
    unseen = np.concatenate([x, np.roll(x, 1)[:, ::-1], np.full_like(x[:1], mask)])
    for layer in (ours, theirs):
        layer.adapt(x[:, :2])
    assert listed(ours.get_config()) == listed(theirs.get_config())
    assert [str(v) for v in ours.get_vocabulary()] == [str(v) for v in theirs.get_vocabulary()]
    found, expected = ours(unseen), keras.ops.convert_to_numpy(theirs(unseen))
    assert dtypes_agree(found, expected) and found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.interop
@pytest.mark.parametrize("mode", ["int", "count", "tf_idf"])
def test_files_of_keras(mode, tmp_path):
    keras = pytest.importorskip("keras")
    for source, target in ((swiftbn, keras), (keras, swiftbn)):
        model = model_of(source, mode)
        model.save(tmp_path / "m.keras")
        again = target.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(again.predict(IDS, verbose=0), model.predict(IDS, verbose=0), rtol=1e-5, atol=1e-6)
