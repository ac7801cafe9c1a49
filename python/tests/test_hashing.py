"""Hashes of strings and the layers of them: known values, those of TensorFlow, and what is in no bin."""

import os

import numpy as np
import pytest
from checks import dtypes_agree

import swiftbn
from swiftbn import Input, layers
from swiftbn.layers.preprocessing._hashes import fingerprint64, siphash

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
RANDOM = np.random.default_rng(3)
# Around each length at which FarmHash takes another way, each twice.
STRINGS = [RANDOM.integers(0, 256, n, dtype="uint8").tobytes() for n in [*range(140), 191, 192, 193, 1000] * 2]


def test_known_hashes():
    # https://github.com/veorq/SipHash/blob/master/vectors.h: bytes 0 … n - 1 with the key 0 … 15.
    key = (0x0706050403020100, 0x0F0E0D0C0B0A0908)
    found = siphash([bytes(range(n)) for n in (0, 1, 8, 15)], key)
    assert [f"{h:016x}" for h in found.tolist()] == [
        "726fdb47dd0e0e31",
        "74f839c593dc67fd",
        "93f5f5799a932462",
        "a129ca6149be45e5",
    ]
    # What TensorFlow 2.21 says, for machines without it.
    assert (fingerprint64([b"", b"a", b"hello world", b"x" * 70]) % np.uint64(1000003)).tolist() == [
        377723,
        291400,
        234754,
        793379,
    ]
    assert fingerprint64([]).shape == (0,)


def test_hashes_do_not_depend_on_neighbours():
    together = fingerprint64(STRINGS)
    assert len(set(together[: len(STRINGS) // 2].tolist())) == len(STRINGS) // 2
    order = RANDOM.permutation(len(STRINGS))
    np.testing.assert_array_equal(fingerprint64([STRINGS[i] for i in order]), together[order])
    for i in (0, 5, 100):
        assert fingerprint64([STRINGS[i]])[0] == together[i]


def test_hashing():
    x = np.array([["a", "bb"], ["ccc", "a"]])
    layer = layers.Hashing(7)
    y = layer(x)
    assert y.dtype == "int64" and y.shape == x.shape and y[0, 0] == y[1, 1] and set(y.ravel()) <= set(range(7))
    for same in (x.tolist(), x.astype("S"), x.astype(object)):
        np.testing.assert_array_equal(layer(same), y)
    np.testing.assert_array_equal(layer(np.array([[1, -20]])), layer([["1", "-20"]]))
    np.testing.assert_array_equal(layer(np.array([[1.9, -20.2]])), layer([["1", "-20"]]))
    assert not np.array_equal(layers.Hashing(1000, salt=3)(x), layers.Hashing(1000)(x))
    np.testing.assert_array_equal(layers.Hashing(50, salt=3)(x), layers.Hashing(50, salt=(3, 3))(x))
    masked = layers.Hashing(7, mask_value="a")(x)
    assert masked[0, 0] == masked[1, 1] == 0 and (masked.ravel()[1:3] > 0).all()
    np.testing.assert_array_equal(masked.ravel()[1:3], layers.Hashing(6)(x).ravel()[1:3] + 1)
    assert layers.Hashing(1, mask_value="a")(x).tolist() == [[0, 0], [0, 0]]
    for mode in ("one_hot", "multi_hot", "count"):
        hot = layers.Hashing(7, output_mode=mode)
        expected = layers.CategoryEncoding(7, mode)(y)
        np.testing.assert_array_equal(hot(x), expected)
        assert hot(x).dtype == "float32" and hot.compute_output_shape((None, 2)) == (None, *expected.shape[1:])
    assert layers.Hashing(7, dtype="int32")(x).dtype == "int32" and layers.Hashing(7)(np.zeros((0, 2))).shape == (0, 2)
    bins = layers.Hashing(10)([str(i) for i in range(5000)])
    assert np.abs(np.bincount(bins) - 500).max() < 5 * np.sqrt(450)


def test_crossing():
    a, b = np.array(["x", "y", "x"]), np.array([1, 2, 2])
    layer = layers.HashedCrossing(1000)
    y = layer((a, b))
    assert y.dtype == "int64" and y.shape == (3,) and len(set(y.tolist())) == 3
    np.testing.assert_array_equal(layer((a[:, None], b[:, None])), y[:, None])
    assert layer(("x", 1)).shape == () and layer(("x", 1)) == y[0]
    hot = layers.HashedCrossing(1000, output_mode="one_hot")
    np.testing.assert_array_equal(hot((a, b)), np.eye(1000)[y])
    np.testing.assert_array_equal(hot((a[:, None], b[:, None])), np.eye(1000)[y])
    assert hot.compute_output_shape(((3, 1), (3, 1))) == (3, 1000) and layer.compute_output_shape(((3,), (3,))) == (3,)
    assert not np.array_equal(layer((a, a, b)), y)


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Hashing(5, mask_value="a", salt=[1, 2], name="h"),
        lambda: layers.Hashing(5, output_mode="count", dtype="float64"),
        lambda: layers.HashedCrossing(5, name="c"),
        lambda: layers.HashedCrossing(5, output_mode="one_hot"),
    ],
)
def test_configurations(layer):
    layer = layer()
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert layers.deserialize(layers.serialize(layer)).get_config() == layer.get_config()


BAD = [
    (lambda: layers.Hashing(0), ValueError, "num_bins=0"),
    (lambda: layers.Hashing(2, salt="a"), ValueError, "salt='a'"),
    (lambda: layers.Hashing(2, salt=[1, 2, 3]), ValueError, "salt="),
    (lambda: layers.Hashing(2, output_mode="tf_idf"), ValueError, "output_mode='tf_idf'"),
    (lambda: layers.Hashing(2, dtype="float32"), ValueError, "dtype='float32'"),
    (lambda: layers.Hashing(2, sparse=True), ValueError, "sparse=True"),
    (lambda: layers.Hashing(2)([["a"], ["b", "c"]]), TypeError, "nested lists of them of equal lengths"),
    (lambda: layers.Hashing(2)([None]), TypeError, "expected strings"),
    (lambda: layers.Hashing(2)(Input((2,), dtype="int32")), TypeError, "on the host, outside of models"),
    (lambda: swiftbn.jit(layers.Hashing(2))(np.ones(3)), TypeError, "on the host"),
    (lambda: layers.HashedCrossing(2, output_mode="count"), ValueError, "output_mode='count'"),
    (lambda: layers.HashedCrossing(2)(["a"]), ValueError, "at least two inputs"),
    (lambda: layers.HashedCrossing(2)((["a"], ["b", "c"])), ValueError, "of one shape"),
    (lambda: layers.HashedCrossing(2)(([["a", "b"]], [["b", "c"]])), ValueError, "of one shape"),
    (lambda: layers.HashedCrossing(2)((["a"], [1.5])), TypeError, "strings or integers"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()


@pytest.mark.interop
def test_tensorflow():
    tf = pytest.importorskip("tensorflow")
    bins = 2**63 - 25
    expected = tf.strings.to_hash_bucket_fast(STRINGS, bins).numpy()
    np.testing.assert_array_equal((fingerprint64(STRINGS) % np.uint64(bins)).astype("int64"), expected)
    for key in ([5, 7], [2**62 + 1, 12345678901], [-1, 3]):
        expected = tf.strings.to_hash_bucket_strong(STRINGS, bins, key).numpy()
        np.testing.assert_array_equal((siphash(STRINGS, key) % np.uint64(bins)).astype("int64"), expected)


@pytest.mark.interop
def test_keras():
    keras = pytest.importorskip("keras")
    texts = np.array([["a", "bb", "é" * 30], ["", "x" * 100, "a"]])
    numbers = np.array([[1, 2, -3], [2**40, 0, 1]])
    for options in (
        {},
        {"salt": 133},
        {"salt": [133, 137], "mask_value": 0},
        {"output_mode": "one_hot"},
        {"output_mode": "multi_hot"},
        {"output_mode": "count"},
    ):
        ours, theirs = (k.layers.Hashing(13, name="h", **options) for k in (swiftbn, keras))
        assert ours.get_config() == theirs.get_config()
        np.testing.assert_array_equal(ours(numbers), theirs(numbers))
        for x in (texts, texts[:, :1]) if "mask_value" not in options else ():
            y, expected = ours(x), keras.ops.convert_to_numpy(theirs(x))
            assert dtypes_agree(y, expected)
            np.testing.assert_array_equal(y, expected)
    for first, second in ((texts, numbers), (texts, texts[::-1]), (numbers, numbers[::-1])):
        for mode in ("int", "one_hot"):
            ours, theirs = (k.layers.HashedCrossing(13, output_mode=mode, name="c") for k in (swiftbn, keras))
            assert ours.get_config() == theirs.get_config()
            for x in ((first[0], second[0]), (first[:, :1], second[:, :1])):
                y, expected = ours(x), keras.ops.convert_to_numpy(theirs(x))
                assert dtypes_agree(y, expected)
                np.testing.assert_array_equal(y, expected)
