"""Texts as indices and counts of words, against plain Python and real Keras."""

import os

import numpy as np
import pytest
from checks import dtypes_agree

import swiftbn
from swiftbn import Input, Model, layers, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
TEXTS = ["The cat, the DOG!", "  a\tdog's\n tail ", "", "É é the-cat"]


def test_words():
    layer = layers.TextVectorization()
    layer.adapt(TEXTS)
    # Of equally frequent words the last one comes first, in the order of their bytes.
    words = ["the", "é", "É", "thecat", "tail", "dogs", "dog", "cat", "a"]
    assert layer.get_vocabulary() == ["", "[UNK]", *words] and layer.get_vocabulary(False) == words
    index = {word: i for i, word in enumerate(layer.get_vocabulary())}
    y = layer(np.array([["the dog is"], ["a"]]))
    assert y.dtype == "int64" and y.tolist() == [[index["the"], index["dog"], 1], [index["a"], 0, 0]]
    assert layer("the dog").tolist() == [index["the"], index["dog"]]
    for same in (["the dog is", "a"], np.array(["the dog is", "a"]), np.array([b"the dog is", b"a"])):
        np.testing.assert_array_equal(layer(same), y)
    assert layer([]).shape == (0, 0) and layer([""]).shape == (1, 0)


def test_lengths():
    for length in (0, 2, 5):
        layer = layers.TextVectorization(output_sequence_length=length, vocabulary=["a", "b"])
        expected = np.array([[2, 3, 1, 0, 0], [0, 0, 0, 0, 0], [3, 3, 3, 3, 3]])[:, :length]
        np.testing.assert_array_equal(layer(["a b c", "", "b b b b b b"]), expected)
        assert layer.compute_output_shape((None,)) == (None, length)


@pytest.mark.parametrize(
    "standardize, expected",
    [
        (None, ["A-b", "C'D"]),
        ("lower", ["a-b", "c'd"]),
        ("strip_punctuation", ["Ab", "CD"]),
        ("lower_and_strip_punctuation", ["ab", "cd"]),
        (lambda texts: np.char.replace(texts.astype(str), "-", "+"), ["A+b", "C'D"]),
    ],
)
def test_standards(standardize, expected):
    layer = layers.TextVectorization(standardize=standardize)
    layer.adapt(["A-b C'D"])
    assert sorted(layer.get_vocabulary(False)) == sorted(expected)


def test_splits():
    layer = layers.TextVectorization(split="character", standardize=None, vocabulary=["a", "é", " "])
    assert layer(["aé a", "b"]).tolist() == [[2, 3, 4, 2], [1, 0, 0, 0]]
    layer = layers.TextVectorization(split=None, standardize="lower", vocabulary=["a b", "c"])
    assert layer(["A B", "c d", "c"]).tolist() == [2, 1, 3] and layer([["A B", "c d"]]).tolist() == [[2, 1]]
    assert layer("c") == 3
    layer = layers.TextVectorization(split=lambda texts: [t.split("_") for t in texts], standardize=None)
    layer.adapt(["a_b", "b"])
    assert layer.get_vocabulary(False) == ["b", "a"] and layer([["b_a_c"]]).tolist() == [[2, 3, 1]]


def test_ngrams():
    layer = layers.TextVectorization(ngrams=2)
    layer.adapt(["a b c", "a b"])
    assert sorted(layer.get_vocabulary(False)) == ["a", "a b", "b", "b c", "c"]
    index = {word: i for i, word in enumerate(layer.get_vocabulary())}
    assert layer(["a b", "c"]).tolist() == [[index["a"], index["b"], index["a b"]], [index["c"], 0, 0]]
    layer = layers.TextVectorization(ngrams=(2, 3), vocabulary=["a b", "a b c"])
    assert layer(["a b c", "a"]).tolist() == [[2, 1, 3], [0, 0, 0]]


def test_vectors():
    counts = layers.TextVectorization(output_mode="count", vocabulary=["a", "b"])
    y = counts(["a a z", "", "b a"])
    assert y.tolist() == [[1, 2, 0], [0, 0, 0], [0, 1, 1]] and counts.compute_output_shape((None,)) == (None, 3)
    hot = layers.TextVectorization(output_mode="multi_hot", vocabulary=["a", "b"], pad_to_max_tokens=True, max_tokens=4)
    assert hot(["a a z", "", "b a"]).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0]]
    idf = layers.TextVectorization(output_mode="tf_idf")
    idf.adapt(["a a b", "a", "c"])
    weights = dict(zip(idf.get_vocabulary(False), np.log(1 + 3 / (1 + np.array([2, 1, 1]))), strict=True))
    found = idf(["a a c z"])[0]
    expected = [np.mean(list(weights.values())), *(n * weights[w] for w, n in zip("acb", (2, 1, 0), strict=True))]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert layers.TextVectorization(output_mode="count", vocabulary=["a", "b"])("a a").tolist() == [0, 2, 0]


class Classifier(Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.text = layers.TextVectorization(output_sequence_length=4)
        self.embedding = layers.Embedding(20, 3)
        self.dense = layers.Dense(1)

    def call(self, tokens):
        return self.dense(layers.Flatten()(self.embedding(tokens)))

    def get_config(self):
        return {"name": self.name}


def test_saved_with_a_model(tmp_path):
    model = Classifier(name="m")
    model.text.adapt(TEXTS)
    tokens = model.text(TEXTS)
    model.compile("adam", "mse")
    model.fit(tokens, np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras", custom_objects={"Classifier": Classifier})
    assert again.text.get_vocabulary() == model.text.get_vocabulary()
    np.testing.assert_array_equal(again.text(TEXTS), tokens)
    np.testing.assert_array_equal(again.predict(tokens, verbose=0), model.predict(tokens, verbose=0))


@saving.register_keras_serializable()
def shout(texts):
    return np.char.upper(texts.astype(str))


def test_configuration():
    layer = layers.TextVectorization(9, shout, "character", (1, 3), "count", vocabulary=["A"], name="t")
    again = layers.deserialize(layers.serialize(layer))
    assert again.get_config() == layer.get_config() and again(["aab"]).tolist() == layer(["aab"]).tolist()
    with pytest.raises(ValueError, match="names a file"):
        layers.TextVectorization.from_config({"vocabulary": "words.txt"})


BAD = [
    (lambda: layers.TextVectorization(standardize="upper"), ValueError, "standardize='upper'"),
    (lambda: layers.TextVectorization(split="line"), ValueError, "split='line'"),
    (lambda: layers.TextVectorization(ngrams=0), ValueError, "ngrams=0"),
    (lambda: layers.TextVectorization(ngrams="2"), ValueError, "ngrams='2'"),
    (lambda: layers.TextVectorization(output_sequence_length=-1), ValueError, "output_sequence_length=-1"),
    (lambda: layers.TextVectorization(output_mode="count", output_sequence_length=2), ValueError, "'count'"),
    (lambda: layers.TextVectorization(ragged=True), ValueError, "ragged=True"),
    (lambda: layers.TextVectorization(sparse=True), ValueError, "sparse=True"),
    (lambda: layers.TextVectorization(output_mode="bag"), ValueError, "output_mode='bag'"),
    (lambda: layers.TextVectorization()([["a", "b"]]), ValueError, r"texts \(N,\) or \(N, 1\)"),
    (lambda: layers.TextVectorization()([1]), TypeError, "expected strings"),
    (lambda: layers.TextVectorization()(Input((1,))), TypeError, "on the host, outside of models"),
    (lambda: layers.TextVectorization(standardize=lambda x: x[:1])(["a", "b"]), ValueError, "keep the shape"),
    (lambda: layers.TextVectorization(split=lambda x: [["a"]])(["a", "b"]), ValueError, "return 2 lists"),
    (lambda: layers.TextVectorization(split=None, output_sequence_length=2)(["a"]), ValueError, r"texts \(N, T\)"),
    (lambda: layers.TextVectorization(vocabulary=["a"]).adapt(["a"]), ValueError, "without a given vocabulary"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()


OPTIONS = [
    {},
    {"output_sequence_length": 3, "ngrams": 2},
    {"standardize": "lower", "split": "character"},
    {"standardize": None, "max_tokens": 5},
    {"output_mode": "multi_hot", "max_tokens": 5},
    {"output_mode": "count", "ngrams": (1, 3)},
    {"output_mode": "tf_idf", "max_tokens": 20, "pad_to_max_tokens": True},
    {"split": None, "standardize": "strip_punctuation"},
]


@pytest.mark.interop
@pytest.mark.parametrize("options", OPTIONS)
def test_keras(options):
    keras = pytest.importorskip("keras")
    texts = [
        *TEXTS,
        "tabs\vand\fbreaks\r\nhere",
        "\u2003wide\u00a0spaces\u2028and lines",
        "Ünïcödé 漢字 😀",
        "the the a",
    ]
    ours, theirs = (k.layers.TextVectorization(name="t", **options) for k in (swiftbn, keras))
    for layer in (ours, theirs):
        layer.adapt(texts[:6])
    assert [str(v) for v in theirs.get_vocabulary()] == ours.get_vocabulary()
    a, b = ours.get_config(), theirs.get_config()
    assert {**a, "ngrams": 0} == {**b, "ngrams": 0}
    for x in (texts, [[t] for t in texts], texts[2:3]):
        found, expected = ours(x), keras.ops.convert_to_numpy(theirs(x))
        assert dtypes_agree(found, expected) and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-6)
