"""utils for data: pad_sequences, split_dataset, timeseries_dataset_from_array; Config."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, layers, utils
from swiftbn.preprocessing import sequence

SEQUENCES = [[1], [2, 3], [], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    "arguments, expected",
    [
        ({}, [[0, 0, 0, 1], [0, 0, 2, 3], [0, 0, 0, 0], [4, 5, 6, 7]]),
        ({"padding": "post"}, [[1, 0, 0, 0], [2, 3, 0, 0], [0, 0, 0, 0], [4, 5, 6, 7]]),
        ({"maxlen": 2, "value": -1}, [[-1, 1], [2, 3], [-1, -1], [6, 7]]),
        ({"maxlen": 2, "truncating": "post", "padding": "post"}, [[1, 0], [2, 3], [0, 0], [4, 5]]),
        ({"maxlen": 5}, [[0, 0, 0, 0, 1], [0, 0, 0, 2, 3], [0, 0, 0, 0, 0], [0, 4, 5, 6, 7]]),
    ],
)
def test_pad_sequences(arguments, expected):
    found = utils.pad_sequences(SEQUENCES, **arguments)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == "int32" and sequence.pad_sequences is utils.pad_sequences


def test_pad_sequences_of_vectors_floats_and_strings():
    rows = [np.ones((2, 3)), np.full((1, 3), 2.0), []]
    found = utils.pad_sequences(rows, dtype="float32", value=0.5)
    assert found.shape == (3, 2, 3) and found.dtype == "float32"
    np.testing.assert_array_equal(found[1], [[0.5] * 3, [2] * 3])
    words = utils.pad_sequences([["a"], ["long", "words"]], dtype=object, value="-")
    assert words.tolist() == [["-", "a"], ["long", "words"]]
    assert utils.pad_sequences([]).shape == (0, 0) and utils.pad_sequences([[]]).shape == (1, 0)


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"sequences": [1, 2]}, "list of sequences"),
        ({"sequences": 3}, "list of sequences"),
        ({"sequences": SEQUENCES, "padding": "left"}, "padding='left'"),
        ({"sequences": SEQUENCES, "truncating": "left"}, "truncating='left'"),
        ({"sequences": SEQUENCES, "maxlen": 0}, "maxlen=0"),
        ({"sequences": SEQUENCES, "value": "x"}, "dtype=object"),
        ({"sequences": [np.ones((2, 3)), np.ones((2, 4))]}, r"shape \(3,\).*\(4,\) in sequence 1"),
    ],
)
def test_pad_sequences_errors(arguments, text):
    with pytest.raises(ValueError, match=text):
        utils.pad_sequences(**arguments)


def samples(dataset) -> list:
    return [np.asarray(item).tolist() for item in dataset]


@pytest.mark.parametrize(
    "sizes, expected",
    [((0.75, None), (6, 2)), ((None, 0.25), (6, 2)), ((3, None), (3, 5)), ((None, 3), (5, 3)), ((2, 0.5), (2, 4))],
)
def test_split_dataset(sizes, expected):
    data = np.arange(8)
    left, right = utils.split_dataset(data, *sizes)
    assert (len(left), len(right)) == expected
    assert samples(left) == list(range(expected[0])) and samples(right) == list(range(8 - expected[1], 8))


def test_split_dataset_shuffles():
    x, y = np.arange(20.0).reshape(10, 2), np.arange(10)
    left, right = utils.split_dataset((x, y), 0.6, shuffle=True, seed=3)
    again = utils.split_dataset([x, y], 0.6, shuffle=True, seed=3)
    for part, other in zip((left, right), again, strict=True):
        for (a, b), (c, d) in zip(part, other, strict=True):
            np.testing.assert_array_equal(a, c)
            assert b == d and a[0] == 2 * b
    numbers = [int(b) for _, b in [*left, *right]]
    assert sorted(numbers) == list(range(10)) != numbers


def test_split_dataset_of_batches_and_iterables():
    class Batches(utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = np.arange(4 if index < 2 else 2) + 4 * index
            return {"x": rows[:, None].astype("float32")}, rows.astype("float32")

    left, right = utils.split_dataset(Batches(), left_size=0.5)
    assert [len(y) for _, y in left] == [4, 1] and [len(y) for _, y in right] == [4, 1]
    np.testing.assert_array_equal(right[1][0]["x"], [[9]])
    x = Input((1,), name="x")
    model = swiftbn.Model(x, layers.Dense(1)(x))
    model.compile("sgd", "mse")
    model.fit(left, validation_data=right, verbose=0)
    left, _ = utils.split_dataset(iter([(i, [i]) for i in range(5)]), left_size=2)
    assert len(left) == 2 and left[1][0] == 1 and left[1][1] == [1]
    torch = pytest.importorskip("torch")
    tensors = torch.utils.data.TensorDataset(torch.arange(6), torch.arange(6) * 2)
    left, right = utils.split_dataset(tensors, right_size=2)
    assert samples(right) == [[4, 8], [5, 10]]


@pytest.mark.parametrize(
    "dataset, arguments, text",
    [
        (np.arange(4), {}, "left_size or right_size"),
        (np.arange(4), {"left_size": 4}, "left_size to be an integer in 1 … 3"),
        (np.arange(4), {"left_size": 0.0}, "left_size=0.0"),
        (np.arange(4), {"left_size": 1.0}, "left_size=1.0"),
        (np.arange(4), {"right_size": "half"}, "right_size='half'"),
        (np.arange(4), {"left_size": 3, "right_size": 2}, "4 together at most"),
        (np.arange(4), {"left_size": 0.01}, "two parts with samples"),
        (np.arange(4), {"left_size": 2, "preferred_backend": "torch"}, "preferred_backend='torch'"),
        ([np.arange(4), np.arange(3)], {"left_size": 2}, "as many rows"),
        ([[1, 2], [3, 4]], {"left_size": 1}, "NumPy arrays"),
        ([], {"left_size": 1}, "NumPy arrays"),
        (iter([]), {"left_size": 1}, "empty"),
        (iter([np.ones(2), np.ones(3)]), {"left_size": 1}, "one structure and shape"),
    ],
)
def test_split_dataset_errors(dataset, arguments, text):
    with pytest.raises(ValueError, match=text):
        utils.split_dataset(dataset, **arguments)


def test_split_dataset_of_something_else():
    with pytest.raises(TypeError, match="Received: int"):
        utils.split_dataset(3, left_size=1)


DATA = np.arange(20.0)
SERIES = [
    {"sequence_length": 3},
    {"sequence_length": 3, "targets": DATA[3:] * 10},
    {"sequence_length": 3, "targets": DATA[6:], "sampling_rate": 2, "sequence_stride": 3, "batch_size": 2},
    {"sequence_length": 4, "start_index": 5, "end_index": 15, "sequence_stride": 2},
    {"sequence_length": 4, "targets": DATA, "start_index": 2, "end_index": 18},
    {"sequence_length": 5, "targets": DATA[:4]},
    {"sequence_length": 5, "batch_size": None},
]


@pytest.mark.parametrize("case", range(len(SERIES)))
def test_timeseries(case):
    arguments = {"targets": None, **SERIES[case]}
    dataset = utils.timeseries_dataset_from_array(DATA, **arguments)
    first, last = arguments.get("start_index", 0), arguments.get("end_index", 20)
    rate, stride, length = (arguments.get(n, 1) for n in ("sampling_rate", "sequence_stride", "sequence_length"))
    own = None if arguments["targets"] is None else arguments["targets"][first:last]
    wanted, begin = [], first
    while begin + (length - 1) * rate < last and (own is None or begin - first < len(own)):
        window = [DATA[begin + i * rate] for i in range(length)]
        wanted.append(window if own is None else (window, own[begin - first]))
        begin += stride
    found = []
    for batch in dataset:
        if arguments.get("batch_size", 128) is None:
            found.append(batch.tolist())
        else:
            x, y = batch if isinstance(batch, tuple) else (batch, None)
            assert len(x) <= arguments.get("batch_size", 128)
            rows = x.tolist() if y is None else zip(x.tolist(), y.tolist(), strict=True)
            found += rows
    assert found == wanted and len(found) > 0


def test_timeseries_shuffles_anew_in_each_epoch_and_trains():
    x = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    arguments = {"targets": x[5:, :1], "sequence_length": 5, "batch_size": 8, "shuffle": True, "seed": 4}
    dataset, again = (utils.timeseries_dataset_from_array(x, **arguments) for _ in range(2))
    first, second = ([y.tolist() for _, y in dataset] for _ in range(2))
    assert first != second and sorted(sum(first, [])) == sorted(sum(second, []))
    assert [y.tolist() for _, y in again] == first
    assert sum(first, []) != x[5:, :1].tolist()[: len(first)]
    model = Sequential([Input((5, 2)), layers.LSTM(4), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(dataset, epochs=2, verbose=0).history
    assert len(dataset) == 7 and np.isfinite(history["loss"]).all()
    with pytest.raises(IndexError):
        dataset[7]
    np.testing.assert_array_equal(dataset[-1][0], dataset[6][0])


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"sequence_length": 0}, "sequence_length=0"),
        ({"sequence_length": 21}, "sequence_length=21"),
        ({"sequence_length": 2, "sampling_rate": 20}, "sampling_rate=20"),
        ({"sequence_length": 2, "sequence_stride": 20}, "sequence_stride=20"),
        ({"sequence_length": 2, "sequence_stride": -1}, "sequence_stride=-1"),
        ({"sequence_length": 2, "start_index": -1}, "start_index=-1"),
        ({"sequence_length": 2, "start_index": 7, "end_index": 7}, "start_index=7, end_index=7"),
        ({"sequence_length": 2, "end_index": 21}, "end_index=21"),
        ({"sequence_length": 2, "batch_size": 0}, "batch_size=0"),
        ({"sequence_length": 2, "format": "grain"}, "format='grain'"),
    ],
)
def test_timeseries_errors(arguments, text):
    with pytest.raises(ValueError, match=text):
        utils.timeseries_dataset_from_array(DATA, None, **arguments)


@pytest.mark.interop
def test_keras_makes_the_same():
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    for arguments in SERIES:
        arguments = {"targets": None, **arguments}
        theirs = list(keras.utils.timeseries_dataset_from_array(DATA, **arguments))
        ours = list(utils.timeseries_dataset_from_array(DATA, **arguments))
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            for p, q in zip(*((t if isinstance(t, tuple) else (t,)) for t in (a, b)), strict=True):
                np.testing.assert_array_equal(p, np.asarray(q))
    for arguments in ({}, {"maxlen": 2}, {"maxlen": 3, "padding": "post", "truncating": "post", "value": 9}):
        np.testing.assert_array_equal(
            utils.pad_sequences(SEQUENCES, **arguments), keras.utils.pad_sequences(SEQUENCES, **arguments)
        )
    for sizes in ((0.7, None), (None, 3), (0.31, 0.31)):
        pairs = zip(utils.split_dataset(DATA, *sizes), keras.utils.split_dataset(DATA, *sizes), strict=True)
        for part, other in pairs:
            assert samples(part) == [float(item) for item in other]


def test_config():
    config = utils.Config(learning_rate=0.1)
    config.epochs, config["seed"] = 3, 5
    assert config.learning_rate == 0.1 and config.seed == 5 == config.get("seed") and config.get("nothing", 7) == 7
    assert list(config) == ["epochs", "learning_rate", "seed"] and len(config) == 3 and "seed" in config
    assert dict(config.items()) == config.as_dict() == {"learning_rate": 0.1, "epochs": 3, "seed": 5}
    assert set(config.keys()) == set(config) and 5 in config.values()
    config.as_dict()["seed"] = 0
    assert config.to_json() == '{"learning_rate": 0.1, "epochs": 3, "seed": 5}'
    del config["seed"]
    config.update(batch=2)
    assert (
        config.pop("batch") == 2
        and "seed" not in config
        and repr(config) == "<Config {'learning_rate': 0.1, 'epochs': 3}>"
    )
    with pytest.raises(AttributeError, match="'learning_rat'; there is 'learning_rate'"):
        config.learning_rat  # noqa: B018
    with pytest.raises(AttributeError, match="another name"):
        config.items = 3
    config.freeze()
    assert config.frozen

    def delete():
        del config["epochs"]

    for change in (
        lambda: setattr(config, "epochs", 4),
        lambda: config.__setitem__("x", 1),
        lambda: config.update(x=1),
        lambda: config.pop("epochs"),
        delete,
    ):
        with pytest.raises(ValueError, match="frozen"):
            change()
    config.unfreeze()
    config.epochs = 4
    assert config.epochs == 4
