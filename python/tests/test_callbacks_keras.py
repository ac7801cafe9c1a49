"""What test_callbacks.py expects of callbacks is what real Keras does."""

import csv
import math
import os

import numpy as np
import pytest
from test_callback_events import EPOCH, note
from test_callbacks import CHECKPOINTS, PLATEAU, STOPPING, X, Y

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop


class Script(keras.callbacks.Callback):
    """Puts given values into the logs, and the number of the epoch (from 1) into the model's weights."""

    def __init__(self, series):
        super().__init__()
        self.series = series
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        for name, values in self.series.items():
            if epoch < len(values) and values[epoch] is not None:
                logs[name] = values[epoch]
        self.model.set_weights([np.full((2, 1), epoch + 1), np.zeros(1)])


@pytest.fixture(scope="module")
def network():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mae"])
    return model


def run(model, callback, epochs, **series):
    script = Script(series)
    model.optimizer.learning_rate = 0.5
    history = model.fit(X, Y, epochs=epochs, batch_size=4, callbacks=[script, callback], verbose=0)
    return len(script.epochs), float(model.get_weights()[0][0, 0]), history


# Keras takes NaN for the best value when it is the first.
@pytest.mark.parametrize("arguments, losses, epochs, weights", [c for c in STOPPING if not math.isnan(c[1][0])])
def test_early_stopping(network, arguments, losses, epochs, weights):
    losses = losses + [-i for i in range(1, 11 - len(losses))]
    assert run(network, keras.callbacks.EarlyStopping(**arguments), 10, val_loss=losses)[:2] == (epochs, weights)


@pytest.mark.parametrize("arguments, losses, rates", PLATEAU)
def test_reduce_on_plateau(network, arguments, losses, rates):
    history = run(network, keras.callbacks.ReduceLROnPlateau(**arguments), len(losses), val_loss=losses)[2]
    after = [*history.history["learning_rate"][1:], float(network.optimizer.learning_rate)]
    np.testing.assert_allclose(after, rates)


@pytest.mark.parametrize("arguments, name, losses, files", CHECKPOINTS)
def test_checkpoints(network, arguments, name, losses, files, tmp_path):
    callback = keras.callbacks.ModelCheckpoint(tmp_path / name, **arguments)
    epochs = len(losses) if "monitor" not in arguments else 3
    run(network, callback, epochs, val_loss=losses, loss=[2, 1, 3])
    found = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(files)
    for file, epoch in files.items():
        network.load_weights(found[file])
        assert network.get_weights()[0][0, 0] == epoch


def test_csv_logger(network, tmp_path):
    path = str(tmp_path / "log.csv")
    for _ in range(2):
        logger = keras.callbacks.CSVLogger(path, separator=";", append=True)
        run(network, logger, 2, loss=[1, 2], mae=[5, 6], val_loss=[3, None])
    with open(path, newline="") as file:
        rows = [";".join(row) for row in csv.reader(file, delimiter=";")]
    assert rows == ["epoch;loss;mae;val_loss", "0;1;5;3", "1;2;6;NA", "0;1;5;3", "1;2;6;NA"]


def test_order_of_events(network):
    calls = []
    names = [
        n for n in dir(keras.callbacks.Callback) if n.startswith("on_") and n not in ("on_batch_begin", "on_batch_end")
    ]
    recorder = type("Recorder", (keras.callbacks.Callback,), {name: note(name) for name in names})()
    recorder.calls = calls
    network.fit(X, Y, batch_size=8, epochs=1, validation_data=(X[:4], Y[:4]), callbacks=[recorder], verbose=0)
    logs = ["loss", "mae", "val_loss", "val_mae"]
    ends = [("on_epoch_end", 0, logs), ("on_train_end", logs)]
    assert calls == [("on_train_begin", []), ("on_epoch_begin", 0, []), *EPOCH, *ends]
