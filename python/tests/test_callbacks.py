"""Callbacks that watch training and act: when they do, and on what."""

import csv

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, callbacks, layers, ops, saving

X = np.random.default_rng(6).normal(size=(12, 2)).astype("float32")
Y = X[:, :1]


class Script(callbacks.Callback):
    """Puts given values into the logs, and the number of the epoch (from 1) into the model's weights."""

    def __init__(self, **series):
        super().__init__()
        self.series = series
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)
        for name, values in self.series.items():
            if epoch < len(values) and values[epoch] is not None:
                logs[name] = values[epoch]
        self.model.set_weights([np.full((2, 1), epoch + 1), np.zeros(1)])


def model(metrics=(), rate=0.5):
    network = Sequential([Input((2,)), layers.Dense(1)])
    network.compile(swiftbn.optimizers.SGD(rate), "mse", metrics=list(metrics))
    return network


def run(callback, epochs=10, network=None, batch_size=4, **series):
    """Trains under a script; returns the number of epochs, the epoch of the final weights, and the model."""
    script = Script(**series)
    network = network or model()
    network.fit(X, Y, epochs=epochs, batch_size=batch_size, callbacks=[script, callback], verbose=0)
    return len(script.epochs), float(network.get_weights()[0][0, 0]), network


def test_history():
    network = model(["mae"])
    history = network.fit(X, Y, epochs=3, validation_data=(X, Y), validation_freq=2, verbose=0)
    assert network.history is history and history.model is network and history.epoch == [0, 1, 2]
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert [len(v) for v in history.history.values()] == [3, 3, 1, 1]
    assert all(type(value) is float for values in history.history.values() for value in values)
    assert history.params == {"verbose": 0, "epochs": 3, "steps": 1}
    mine = callbacks.History()
    assert network.fit(X, Y, epochs=2, callbacks=[mine], verbose=0) is mine and len(mine.history["loss"]) == 2
    network.fit(X, Y, epochs=4, initial_epoch=2, callbacks=mine, verbose=0)
    assert len(mine.history["loss"]) == 4 and mine.epoch == [2, 3]


STOPPING = [
    # arguments, values of val_loss, epochs run, epoch of the weights at the end
    (dict(), [5, 4, 4, 3], 3, 3),
    (dict(patience=1), [5, 4, 4, 3, 3, 2], 3, 3),
    (dict(patience=2), [5, 4, 4, 3, 3, 3, 2], 6, 6),
    (dict(patience=2, restore_best_weights=True), [5, 4, 4, 3, 3, 3, 2], 6, 4),
    (dict(patience=20, restore_best_weights=True), [5, 1, 4, 3, 3, 3, 3, 3, 3, 3], 10, 2),
    (dict(min_delta=0.5), [5, 4, 3.6, 1], 3, 3),
    (dict(min_delta=-0.5), [5, 4, 3.6, 1], 3, 3),
    (dict(mode="max"), [1, 2, 3, 3, 4], 4, 4),
    (dict(mode="max", min_delta=0.5), [1, 2, 2.4, 9], 3, 3),
    (dict(mode="min", restore_best_weights=True), [1, 2, 3], 2, 1),
    (dict(baseline=3, patience=2), [5, 4.5, 4, 3.5], 10, 10),
    (dict(baseline=3, patience=2), [5, 4.5, 4.6, 2, 1], 3, 3),
    (dict(baseline=3, patience=2), [5, 2, 2.5, 2.5, 1], 4, 4),
    (dict(start_from_epoch=3), [1, 2, 3, 5, 4, 4], 6, 6),
    (dict(start_from_epoch=3, restore_best_weights=True), [1, 2, 3, 5, 4, 4], 6, 5),
    (dict(patience=1), [float("nan"), 4, float("nan"), 3, 2], 3, 3),
]


@pytest.mark.parametrize("arguments, losses, epochs, weights", STOPPING)
def test_early_stopping(arguments, losses, epochs, weights):
    callback = callbacks.EarlyStopping(**arguments)
    losses = losses + [-i for i in range(1, 11 - len(losses))]
    assert run(callback, val_loss=losses)[:2] == (epochs, weights)
    assert callback.stopped_epoch == (epochs - 1 if epochs < 10 else 0)
    # The next training begins anew.
    assert run(callback, val_loss=losses)[:2] == (epochs, weights)


def test_early_stopping_with_a_metric_and_without_its_value(capsys):
    callback = callbacks.EarlyStopping("val_accuracy", verbose=1, restore_best_weights=True)
    assert run(callback, val_accuracy=[0.1, 0.2, 0.2, 0.3])[:2] == (3, 2)
    assert callback.best == 0.2 and callback.best_epoch == 1 and callback.stopped_epoch == 2
    text = "Epoch 3: early stopping\nRestoring model weights from the end of the best epoch: 2.\n"
    assert capsys.readouterr().out == text
    with pytest.warns(UserWarning, match="EarlyStopping: 'nothing' is not available, only loss"):
        assert run(callbacks.EarlyStopping("nothing"), epochs=2)[0] == 2


DIRECTIONS = [
    ("loss", [], False),
    ("val_kind_loss", [], False),
    ("val_accuracy", ["accuracy"], True),
    ("mae", ["mae"], False),
    ("val_error", [swiftbn.metrics.RootMeanSquaredError(name="error")], False),
    ("hits", [swiftbn.metrics.BinaryAccuracy(name="hits")], True),
    ("val_precision", [], True),
]


@pytest.mark.parametrize("name, metrics, rises", DIRECTIONS)
def test_auto_mode_knows_the_direction(name, metrics, rises):
    for values, stops in (([1, 2, 3, 4], not rises), ([4, 3, 2, 1], rises)):
        callback = callbacks.EarlyStopping(name)
        epochs = run(callback, epochs=4, network=model(metrics), **{name: values})[0]
        assert epochs == (2 if stops else 4)


def test_auto_mode_does_not_guess():
    def score(y_true, y_pred):
        return ops.mean(y_true - y_pred, axis=-1)

    for kind in (callbacks.EarlyStopping, callbacks.ReduceLROnPlateau):
        with pytest.raises(ValueError, match=f"{kind.__name__}: .*'score' should rise or fall.*mode 'min' or 'max'"):
            run(kind("score"), epochs=4, network=model([score]))
        assert run(kind("score", mode="max", patience=9), epochs=2, network=model([score]))[0] == 2


def test_learning_rate_scheduler(capsys):
    seen = []

    def schedule(epoch, rate):
        seen.append((epoch, rate))
        return rate * 0.5

    callback = callbacks.LearningRateScheduler(schedule, verbose=1)
    _, _, network = run(callback, epochs=3)
    assert seen == [(0, 0.5), (1, 0.25), (2, 0.125)]
    assert network.history.history["learning_rate"] == [0.25, 0.125, 0.0625]
    assert float(network.optimizer.learning_rate) == 0.0625
    assert "\nEpoch 2: LearningRateScheduler setting learning rate to 0.125.\n" in capsys.readouterr().out
    network.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.75)], verbose=0)
    assert float(network.optimizer.learning_rate) == 0.75


def test_learning_rate_takes_effect():
    network = model()
    before = network.get_weights()
    network.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: 0.0)], verbose=0)
    for a, b in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", ["0.1", None, True, [0.1]])
def test_learning_rate_scheduler_wants_a_number(value):
    network = model()
    before = network.get_weights()
    with pytest.raises(ValueError, match="LearningRateScheduler: expected schedule to return a number. Received: "):
        network.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda e, r: value)], verbose=0)
    assert float(network.optimizer.learning_rate) == 0.5
    np.testing.assert_array_equal(before[0], network.get_weights()[0])


def test_learning_rate_of_a_schedule_cannot_be_set():
    network = model(rate=swiftbn.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5))
    with pytest.raises(TypeError, match="made with a LearningRateSchedule, so its learning rate cannot be set"):
        network.fit(X, Y, callbacks=[callbacks.LearningRateScheduler(lambda e, r: 0.1)], verbose=0)


PLATEAU = [
    (dict(factor=0.5, patience=1), [5, 5, 5, 4, 4], [0.5, 0.25, 0.125, 0.125, 0.0625]),
    (dict(factor=0.5, patience=2), [5, 5, 5, 5, 5], [0.5, 0.5, 0.25, 0.25, 0.125]),
    (dict(factor=0.5, patience=1, min_delta=1), [5, 4.5, 3], [0.5, 0.25, 0.25]),
    (dict(factor=0.5, patience=1, min_delta=0), [5, 4.99999, 4.9999], [0.5, 0.5, 0.5]),
    (dict(factor=0.5, patience=1), [5, 4.99999, 4.99998], [0.5, 0.25, 0.125]),
    (dict(factor=0.5, patience=1, cooldown=2), [5, 5, 5, 5, 5, 5], [0.5, 0.25, 0.25, 0.125, 0.125, 0.0625]),
    (dict(factor=0.1, patience=1, min_lr=0.125), [5, 5, 5], [0.5, 0.125, 0.125]),
    (dict(factor=0.5, patience=1, mode="max"), [5, 6, 6], [0.5, 0.5, 0.25]),
]


@pytest.mark.parametrize("arguments, losses, rates", PLATEAU)
def test_reduce_on_plateau(arguments, losses, rates, capsys):
    callback = callbacks.ReduceLROnPlateau(verbose=1, **arguments)
    network = run(callback, epochs=len(losses), val_loss=losses)[2]
    after = [*network.history.history["learning_rate"][1:], float(network.optimizer.learning_rate)]
    np.testing.assert_allclose(after, rates)
    lines = capsys.readouterr().out.count("ReduceLROnPlateau reducing learning rate to ")
    assert lines == sum(a != b for a, b in zip([0.5, *rates], rates, strict=False))


def read(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv_logger(tmp_path):
    path = tmp_path / "log.csv"
    callback = callbacks.CSVLogger(path)
    run(callback, epochs=2, loss=[0.5, 0.25], val_loss=[3, 2])
    assert read(path) == [["epoch", "loss", "val_loss"], ["0", "0.5", "3"], ["1", "0.25", "2"]]
    run(callback, epochs=1, loss=[1.5])
    # Columns of the validation are there when it comes later only.
    assert read(path) == [["epoch", "loss", "val_loss"], ["0", "1.5", "NA"]]


def test_csv_logger_appends_and_separates(tmp_path):
    path = tmp_path / "log.csv"
    for _ in range(2):
        run(callbacks.CSVLogger(str(path), separator=";", append=True), epochs=2, loss=[1, 2], val_loss=[3, None])
    assert path.read_text().splitlines() == ["epoch;loss;val_loss", "0;1;3", "1;2;NA", "0;1;3", "1;2;NA"]


def test_csv_logger_has_written_what_was_before_an_error(tmp_path):
    def fails(epoch, logs):
        if epoch == 1:
            raise RuntimeError("stop here")

    logger = callbacks.CSVLogger(tmp_path / "log.csv")
    with pytest.raises(RuntimeError, match="stop here"):
        both = [logger, callbacks.LambdaCallback(on_epoch_end=fails)]
        model().fit(X, Y, epochs=3, callbacks=both, verbose=0)
    assert logger._file is None
    assert [row[0] for row in read(tmp_path / "log.csv")] == ["epoch", "0", "1"]


def test_terminate_on_nan(capsys):
    network = model()
    x = X.copy()
    x[5] = np.nan
    history = network.fit(
        x, Y, epochs=3, batch_size=4, shuffle=False, callbacks=[callbacks.TerminateOnNaN()], verbose=0
    )
    assert len(history.epoch) == 1 and int(network.optimizer.iterations.numpy()) == 2
    assert "Batch 1: loss is nan, training ends" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match="TerminateOnNaN: the loss is nan at batch 0"):
        network.fit(x, Y, callbacks=[callbacks.TerminateOnNaN(raise_error=True)], verbose=0)


CHECKPOINTS = [
    # arguments, file name, values of val_loss, files at the end with the epoch whose weights they hold
    (dict(), "m.keras", [3, 2, 4], {"m.keras": 3}),
    (dict(save_best_only=True), "m.keras", [3, 2, 4], {"m.keras": 2}),
    (dict(save_best_only=True), "{epoch}.keras", [3, 2, 4, 1], {"1.keras": 1, "2.keras": 2, "4.keras": 4}),
    (dict(save_best_only=True, mode="max"), "{epoch}.keras", [3, 2, 4], {"1.keras": 1, "3.keras": 3}),
    (dict(save_best_only=True, initial_value_threshold=2.5), "{epoch}.keras", [3, 2, 4], {"2.keras": 2}),
    (dict(), "{epoch:02d}-{val_loss:.2f}.keras", [3, 0.126], {"01-3.00.keras": 1, "02-0.13.keras": 2}),
    (dict(save_weights_only=True), "deep/{epoch}.weights.h5", [3], {"deep/1.weights.h5": 1}),
    (dict(monitor="loss", save_best_only=True), "m.keras", [3], {"m.keras": 2}),
]


@pytest.mark.parametrize("arguments, name, losses, files", CHECKPOINTS)
def test_checkpoints(arguments, name, losses, files, tmp_path):
    callback = callbacks.ModelCheckpoint(tmp_path / name, **arguments)
    run(callback, epochs=len(losses) if "monitor" not in arguments else 3, val_loss=losses, loss=[2, 1, 3])
    found = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    assert sorted(found) == sorted(files)
    for name, epoch in files.items():
        if name.endswith(".keras"):
            network = saving.load_model(found[name])
            assert network.compiled and int(network.optimizer.iterations.numpy()) == 3 * epoch
        else:
            network = model()
            network.load_weights(found[name])
        assert network.get_weights()[0][0, 0] == epoch
