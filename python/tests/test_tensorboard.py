"""`callbacks.TensorBoard`: its files, read back by TensorBoard."""

import io
import json
import sys

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, callbacks, layers, optimizers

X = np.random.default_rng(2).normal(size=(10, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def make_model(optimizer=None) -> Sequential:
    model = Sequential([Input((3,)), layers.Dense(2, name="a"), layers.Dense(1, name="b")], name="net")
    model.compile(optimizer or optimizers.SGD(0.1), "mse", metrics=["mae"])
    return model


@pytest.fixture
def read(tmp_path):
    """Reads what is in the files of a part: steps and values by tag."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util.tensor_util import make_ndarray

    def read(part="train"):
        if not (tmp_path / "logs" / part).exists():
            return {}
        events = accumulator.EventAccumulator(str(tmp_path / "logs" / part), {"tensors": 0}).Reload()
        found = {}
        for tag in events.Tags()["tensors"]:
            found[tag] = {event.step: make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        read.metadata = events.SummaryMetadata
        return found

    return read


@pytest.fixture
def board(tmp_path, read):
    return lambda **options: callbacks.TensorBoard(tmp_path / "logs", **options)


def scalars(found) -> dict:
    numbers = {tag: values for tag, values in found.items() if tag.startswith(("epoch_", "batch_", "evaluation_"))}
    return {tag: {step: float(value) for step, value in values.items()} for tag, values in numbers.items()}


def test_epochs(read, board):
    history = make_model().fit(X, Y, batch_size=4, epochs=3, validation_split=0.2, verbose=0, callbacks=[board()])
    history, train, validation = history.history, read(), read("validation")
    assert set(train) == {"epoch_loss", "epoch_mae", "epoch_learning_rate", "keras"}
    assert read.metadata("epoch_loss").plugin_data.plugin_name == "scalars"
    assert {value.dtype.name for value in train["epoch_loss"].values()} == {"float32"}
    for name in ("loss", "mae"):
        np.testing.assert_allclose(list(train[f"epoch_{name}"].values()), history[name], rtol=1e-6)
        np.testing.assert_allclose(list(validation[f"epoch_{name}"].values()), history[f"val_{name}"], rtol=1e-6)
        by_step = scalars(validation)[f"evaluation_{name}_vs_iterations"]
        assert list(by_step) == [2, 4, 6]
        np.testing.assert_allclose(list(by_step.values()), history[f"val_{name}"], rtol=1e-6)
        assert list(train[f"epoch_{name}"]) == list(validation[f"epoch_{name}"]) == [0, 1, 2]
    np.testing.assert_allclose(list(train["epoch_learning_rate"].values()), [0.1] * 3)
    assert len(validation) == 4


@pytest.mark.parametrize(
    "update_freq, steps", [("epoch", []), ("batch", [1, 2, 3, 4, 5, 6]), (1, [1, 2, 3, 4, 5, 6]), (4, [4])]
)
def test_batches(read, board, update_freq, steps):
    seen = []
    note = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    make_model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[note, board(update_freq=update_freq)])
    found = scalars(read()).get("batch_loss", {})
    assert list(found) == steps and len(seen) == 6
    np.testing.assert_allclose(list(found.values()), [seen[step - 1] for step in steps], rtol=1e-6)


def test_speed(read, board):
    callback = board(write_steps_per_second=True, update_freq=2)
    make_model().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[callback])
    found = scalars(read())
    assert list(found["epoch_steps_per_second"]) == [0, 1] and list(found["batch_steps_per_second"]) == [2, 4, 6]
    speeds = [*found["epoch_steps_per_second"].values(), *found["batch_steps_per_second"].values()]
    assert all(0 < speed < np.inf for speed in speeds)


def test_histograms(read, board):
    model, kept = make_model(), []
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(model.layers[0].kernel.numpy().copy()))
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[keep, board(histogram_freq=2)])
    found = read()
    tags = {f"{weight.path}/histogram" for weight in model.weights}
    assert len(tags) == 4 and {tag for tag in found if tag.endswith("/histogram")} == tags
    assert {read.metadata(tag).plugin_data.plugin_name for tag in tags} == {"histograms"}
    table = found[f"{model.layers[0].kernel.path}/histogram"]
    assert list(table) == [0, 2]
    for epoch, rows in table.items():
        values = kept[epoch].astype(float)
        assert rows.shape == (30, 3) and rows.dtype == np.float64
        np.testing.assert_allclose([rows[0, 0], rows[-1, 1]], [values.min(), values.max()])
        np.testing.assert_allclose(rows[1:, 0], rows[:-1, 1])
        inside = [((values >= a) & ((values < b) | (i == 29))).sum() for i, (a, b, _) in enumerate(rows)]
        np.testing.assert_array_equal(rows[:, 2], inside)
        assert rows[:, 2].sum() == 6


@pytest.mark.parametrize(
    "values, counted",
    [([2.0, 2.0], 2), ([np.nan, 1, 2, np.inf], 2), ([np.nan], 0), ([], 0), ([3.0], 1), ([-0.0, 0], 2)],
)
def test_histograms_of_odd_values(values, counted):
    pytest.importorskip("tensorboard")
    from swiftbn.callbacks._event_file import _buckets

    rows = _buckets(np.array(values, "float32"))
    assert rows.shape == (30, 3) and rows[:, 2].sum() == counted and np.isfinite(rows).all()


def test_histograms_are_those_of_tensorboard():
    summary = pytest.importorskip("tensorboard.plugins.histogram.summary_v2")
    from tensorboard.util.tensor_util import make_ndarray

    from swiftbn.callbacks._event_file import _buckets

    for values in (np.random.default_rng(1).normal(size=1000), np.arange(60.0), np.full(5, 2.5), np.zeros(0)):
        theirs = make_ndarray(summary.histogram_pb("t", values).value[0].tensor)
        np.testing.assert_allclose(_buckets(values), theirs, rtol=1e-12, atol=1e-12)


def decoded(values) -> tuple:
    """(width and height, pixels of each picture)."""
    image = pytest.importorskip("PIL.Image")
    width, height, *pictures = values.tolist()
    return (int(width), int(height)), [np.asarray(image.open(io.BytesIO(data))) for data in pictures]


def test_images(read, board):
    pytest.importorskip("PIL")
    model = Sequential(
        [
            Input((4, 4, 2)),
            layers.Conv2D(5, 3, use_bias=False, name="conv"),
            layers.Flatten(),
            layers.Dense(1, use_bias=False, name="last"),
            layers.Dense(3, kernel_initializer="ones", name="wide"),
            layers.Reshape((3, 1)),
            layers.Conv1D(5, 3, padding="same", use_bias=False, name="line"),
            layers.Conv1D(4, 2, use_bias=False, name="three"),
        ]
    )
    model.compile(optimizers.SGD(0.0), "mse")
    kernel = np.full((2, 5, 4), 0.999)
    kernel[0, 1, 2], kernel[1, 4, 0] = -3, 2
    model.layers[-1].kernel.assign(kernel)
    x = np.zeros((2, 4, 4, 2), "float32")
    model.fit(x, np.zeros((2, 2, 4)), verbose=0, callbacks=[board(histogram_freq=1, write_images=True)])
    found = {tag: decoded(values[0]) for tag, values in read().items() if tag.endswith("/image")}
    sizes = {tag.split("/")[-3]: (size, len(pictures)) for tag, (size, pictures) in found.items() if "bias" not in tag}
    # A vector is a column, as of "last"; 3 × 3 × 2 × 5 has no channels that make an image.
    assert sizes == {"last": ((1, 20), 1), "wide": ((1, 3), 1), "line": ((5, 3), 1), "three": ((5, 2), 3)}
    [three] = [pictures for tag, (_, pictures) in found.items() if "three" in tag]
    expected = np.clip(kernel * 255.5, 0, 255).astype("uint8").transpose(2, 0, 1)
    np.testing.assert_array_equal(three, expected[:3])
    assert expected[2, 0, 1] == 0 and expected[0, 1, 4] == 255 and expected[0, 0, 0] == 255
    assert read.metadata(next(tag for tag in read() if tag.endswith("/image"))).plugin_data.plugin_name == "images"


def test_images_of_odd_values():
    pytest.importorskip("PIL")
    pytest.importorskip("tensorboard")
    from swiftbn.callbacks._event_file import _png

    values = np.array([np.nan, np.inf, -np.inf, 0.5, 1, -1], "float32").reshape(2, 3, 1)
    [picture] = decoded(np.array([b"3", b"2", _png(values)], object))[1]
    assert picture.tolist() == [[0, 255, 0], [127, 255, 0]]


def test_graph(read, board):
    model = make_model()
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[board()])
    text = read()["keras"][0].item().decode()
    assert json.loads(text) == json.loads(model.to_json())
    plugin = read.metadata("keras").plugin_data
    assert (plugin.plugin_name, plugin.content) == ("graph_keras_model", b"1")
    util = pytest.importorskip("tensorboard.plugins.graph.keras_util")
    graph = util.keras_model_to_graph_def(json.loads(text))
    assert {"net/a", "net/b"} <= {node.name for node in graph.node}


def test_without_a_graph(read, board):
    make_model().fit(X, Y, epochs=1, verbose=0, callbacks=[board(write_graph=False)])
    assert "keras" not in read()

    class Own(swiftbn.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[board()])
    assert "keras" not in read() and "epoch_loss" in read()


def test_a_model_without_configuration(read, board):
    model = Sequential([Input((3,)), layers.Lambda(lambda x: x[:, :1])])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="TensorBoard: the model is not written"):
        model.fit(X, Y, epochs=1, verbose=0, callbacks=[board()])
    assert "keras" not in read() and "epoch_loss" in read()


def test_evaluate(read, board):
    model = make_model()
    model.fit(X, Y, batch_size=5, epochs=2, verbose=0)
    callback = board()
    results = model.evaluate(X, Y, verbose=0, return_dict=True, callbacks=[callback])
    assert callback._validation._records is None
    found = scalars(read("validation"))
    assert found.keys() == {"evaluation_loss_vs_iterations", "evaluation_mae_vs_iterations"}
    assert list(found["evaluation_loss_vs_iterations"]) == [4]
    np.testing.assert_allclose(found["evaluation_loss_vs_iterations"][4], results["loss"], rtol=1e-6)
    assert read() == {}


def test_optimizers(read, board):
    multi = optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(0.2, name="first"), {"b": optimizers.Adam(0.3, name="second")})
    )
    make_model(multi).fit(X, Y, epochs=1, verbose=0, callbacks=[board()])
    rates = {tag: values[0] for tag, values in scalars(read()).items() if "rate" in tag}
    assert rates == {"epoch_learning_rate_first": np.float32(0.2), "epoch_learning_rate_second": np.float32(0.3)}


def test_schedules_and_scaled_losses(read, board):
    schedule = optimizers.schedules.ExponentialDecay(1.0, 1, 0.5)
    optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(schedule), initial_scale=2.0)
    make_model(optimizer).fit(X / 100, Y, batch_size=5, epochs=2, verbose=0, callbacks=[board()])
    np.testing.assert_allclose(list(read()["epoch_learning_rate"].values()), [0.25, 0.0625], rtol=1e-6)


def test_logs_with_several_values(read, board):
    model = make_model()
    model.compile("sgd", "mse", metrics=[swiftbn.metrics.R2Score(class_aggregation=None, name="r2")])
    logs = model.fit(X, Y, epochs=1, verbose=0, callbacks=[board()]).history["r2"][0]
    assert np.shape(logs) == (1,)
    np.testing.assert_allclose(read()["epoch_r2_0"][0], logs[0], rtol=1e-6)


def test_an_error_closes_the_files(read, board):
    callback = board(update_freq=1)

    def fail(batch, logs):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        late = callbacks.LambdaCallback(on_train_batch_end=fail)
        make_model().fit(X, Y, epochs=1, verbose=0, callbacks=[callback, late])
    assert list(read()["batch_loss"]) == [1] and callback._train._records is None
    make_model().fit(X, Y, epochs=1, verbose=0, callbacks=[callback])
    assert list(read()["epoch_loss"]) == [0]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"profile_batch": 2}, "only profile_batch=0 is supported. Received: profile_batch=2"),
        ({"profile_batch": (1, 2)}, "profile_batch"),
        ({"embeddings_freq": 1}, "only embeddings_freq=0 is supported. Received: embeddings_freq=1"),
        ({"embeddings_metadata": "x.tsv"}, "only embeddings_metadata=None is supported"),
        ({"update_freq": 0}, "expected update_freq to be 'epoch', 'batch' or an integer >= 1. Received: update_freq=0"),
        ({"update_freq": "epochs"}, "update_freq='epochs'"),
        ({"histogram_freq": -1}, "expected histogram_freq to be an integer >= 0. Received: histogram_freq=-1"),
        ({"histogram_freq": 0.5}, "histogram_freq"),
    ],
)
def test_bad_arguments(arguments, text):
    with pytest.raises(ValueError, match=text.replace("(", r"\(")):
        callbacks.TensorBoard(**arguments)


def test_without_tensorboard(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(
        ImportError, match=r"expected tensorboard to be installed; pip install 'swiftbn\[tensorboard\]'"
    ):
        callbacks.TensorBoard()


@pytest.mark.interop
def test_same_tags_and_steps_as_keras(read, board, tmp_path):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    # With a greater update_freq Keras leaves out evaluations, too.
    options = {"histogram_freq": 1, "update_freq": 1, "write_steps_per_second": True, "write_images": True}
    model = make_model()
    model.fit(X, Y, batch_size=4, epochs=2, validation_split=0.2, verbose=0, callbacks=[board(**options)])
    ours = {part: read(part) for part in ("train", "validation")}
    theirs = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2, name="a"), keras.layers.Dense(1, name="b")], name="net"
    )
    theirs.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    (tmp_path / "logs").rename(tmp_path / "ours")
    callback = keras.callbacks.TensorBoard(str(tmp_path / "logs"), **options)
    theirs.fit(X, Y, batch_size=4, epochs=2, validation_split=0.2, verbose=0, callbacks=[callback])
    for part in ours:
        other = read(part)
        assert {tag: list(values) for tag, values in ours[part].items()} == {t: list(v) for t, v in other.items()}
        for tag, values in other.items():
            for step, value in values.items():
                assert ours[part][tag][step].shape == value.shape and ours[part][tag][step].dtype == value.dtype
