"""When callbacks are called and with what, what is shown on the screen, and arguments that are refused."""

import sys

import numpy as np
import pytest
from test_callbacks import X, Y, model, run

import swiftbn
from swiftbn import Input, Sequential, callbacks, layers
from swiftbn.callbacks.base import _EVENTS


class Recorder(callbacks.Callback):
    """Notes every event with its number and the names in its logs."""

    def __init__(self, calls):
        super().__init__()
        self.calls = calls


def note(event):
    def method(self, *args, logs=None):
        if len(args) > ("batch" in event or "epoch" in event):
            *args, logs = args
        self.calls.append((event, *args, None if logs is None else sorted(logs)))

    return method


for _event in _EVENTS:
    if _event not in ("on_batch_begin", "on_batch_end"):
        setattr(Recorder, _event, note(_event))

TRAINED, ALL = ["loss", "mae"], ["loss", "mae", "val_loss", "val_mae"]
EPOCH = [
    ("on_train_batch_begin", 0, []),
    ("on_train_batch_end", 0, TRAINED),
    ("on_train_batch_begin", 1, []),
    ("on_train_batch_end", 1, TRAINED),
    ("on_test_begin", []),
    ("on_test_batch_begin", 0, []),
    ("on_test_batch_end", 0, TRAINED),
    ("on_test_end", TRAINED),
]


def test_order_of_events_in_fit():
    calls = []
    model(["mae"]).fit(
        X, Y, batch_size=8, epochs=2, validation_data=(X[:4], Y[:4]), callbacks=[Recorder(calls)], verbose=0
    )
    expected = [("on_train_begin", [])]
    for epoch in range(2):
        expected += [("on_epoch_begin", epoch, []), *EPOCH, ("on_epoch_end", epoch, ALL)]
    assert calls == [*expected, ("on_train_end", ALL)]


def test_order_of_events_in_evaluate_and_predict():
    network, calls = model(["mae"]), []
    network.evaluate(X, Y, batch_size=8, callbacks=[Recorder(calls)], verbose=0)
    batches = [
        (f"on_test_batch_{edge}", i, TRAINED if edge == "end" else []) for i in (0, 1) for edge in ("begin", "end")
    ]
    assert calls == [("on_test_begin", []), *batches, ("on_test_end", TRAINED)]
    calls.clear()
    network.predict(X, batch_size=8, callbacks=[Recorder(calls)], verbose=0)
    batches = [
        (f"on_predict_batch_{edge}", i, ["outputs"] if edge == "end" else [])
        for i in (0, 1)
        for edge in ("begin", "end")
    ]
    assert calls == [("on_predict_begin", []), *batches, ("on_predict_end", [])]


def test_same_events_as_keras():
    """The names of the hooks are all of Keras'."""
    expected = {f"on_{m}_{e}" for m in ("train", "test", "predict", "epoch", "batch") for e in ("begin", "end")}
    expected |= {f"on_{m}_batch_{e}" for m in ("train", "test", "predict") for e in ("begin", "end")}
    assert set(_EVENTS) == expected and len(_EVENTS) == 16


def test_batch_events_have_their_short_names():
    calls = []

    class Short(callbacks.Callback):
        def on_batch_begin(self, batch, logs=None):
            calls.append(("begin", batch))

        def on_batch_end(self, batch, logs=None):
            calls.append(("end", batch, sorted(logs)))

    model().fit(X, Y, batch_size=8, callbacks=Short(), verbose=0)
    assert calls == [("begin", 0), ("end", 0, ["loss"]), ("begin", 1), ("end", 1, ["loss"])]


def test_logs_are_of_the_epoch_so_far_and_shared_by_callbacks():
    network = model(rate=0.0)
    losses = ((network.predict(X, verbose=0) - Y) ** 2).ravel()
    seen = {}

    def end(epoch, logs):
        logs["mine"] = epoch + 0.5

    def batch(number, logs):
        seen[number] = logs["loss"]
        logs["of the batch"] = 1

    first = callbacks.LambdaCallback(on_epoch_end=end, on_train_batch_end=batch)
    later = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update(epoch=dict(logs)))
    history = network.fit(X, Y, batch_size=5, epochs=1, shuffle=False, callbacks=[first, later], verbose=0).history
    for number, end in enumerate((5, 10, 12)):
        assert seen[number] == pytest.approx(losses[:end].mean(), rel=1e-5)
    assert seen["epoch"] == {"loss": seen[2], "mine": 0.5}
    assert history == {"loss": [seen[2]], "mine": [0.5]}


def test_model_and_params_are_set_and_training_can_stop_in_an_epoch():
    network, seen = model(), []

    class Stopper(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            assert self.model is network and self.params == {"verbose": 0, "epochs": 5, "steps": 3}
            seen.append(batch)
            self.model.stop_training = batch == 1

    history = network.fit(X, Y, batch_size=4, epochs=5, validation_data=(X, Y), callbacks=[Stopper()], verbose=0)
    assert seen == [0, 1] and history.epoch == [0] and "val_loss" in history.history
    assert int(network.optimizer.iterations.numpy()) == 2


def test_lambda_callback():
    calls = []
    callback = callbacks.LambdaCallback(
        on_train_begin=lambda logs: calls.append("train"),
        on_epoch_begin=lambda epoch, logs: calls.append(epoch),
        on_train_batch_begin=lambda batch, logs: calls.append(f"batch {batch}"),
        on_test_end=lambda logs: calls.append("tested"),
        on_train_end=lambda logs: calls.append(sorted(logs)),
        on_epoch_end=None,
    )
    model().fit(X, Y, batch_size=12, epochs=2, validation_data=(X, Y), callbacks=[callback], verbose=0)
    assert calls == ["train", 0, "batch 0", "tested", 1, "batch 0", "tested", ["loss", "val_loss"]]


@pytest.mark.parametrize("frequency, expected", [(1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (4, [4]), (7, [])])
def test_checkpoints_every_few_batches(frequency, expected, tmp_path):
    callback = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch:02d}.weights.h5", save_weights_only=True, save_freq=frequency
    )
    # Batches are counted across epochs.
    model().fit(X, Y, batch_size=4, epochs=2, callbacks=[callback], verbose=0)
    names = [f"{(step - 1) // 3 + 1}-{(step - 1) % 3 + 1:02d}.weights.h5" for step in expected]
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_checkpoints_tell_what_they_do(tmp_path, capsys):
    callback = callbacks.ModelCheckpoint(tmp_path / "m.keras", save_best_only=True, verbose=1)
    run(callback, epochs=3, val_loss=[3, 4, 2])
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    path = tmp_path / "m.keras"
    assert lines == [
        "Epoch 1: val_loss improved from None to 3.00000",
        f"Epoch 1: saving model to {path}",
        "Epoch 2: val_loss did not improve from 3.00000",
        "Epoch 3: val_loss improved from 3.00000 to 2.00000",
        f"Epoch 3: saving model to {path}",
    ]


def test_checkpoints_without_the_quantity_save_all_the_same(tmp_path):
    callback = callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras", save_best_only=True)
    with pytest.warns(UserWarning, match="ModelCheckpoint: 'val_loss' is not available, only loss"):
        run(callback, epochs=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.keras", "2.keras"]


def test_checkpoint_names_what_is_not_in_the_logs(tmp_path):
    for name in ("{val_accuracy:.2f}.keras", "{batch}.keras", "{}.keras"):
        with pytest.raises(KeyError, match="ModelCheckpoint: filepath .* names .*not in the logs: epoch, loss"):
            model().fit(X, Y, callbacks=[callbacks.ModelCheckpoint(tmp_path / name)], verbose=0)
    assert list(tmp_path.iterdir()) == []


REFUSED = [
    (lambda c: c.ModelCheckpoint("m.h5"), r"ModelCheckpoint: expected filepath to end in '\.keras'. Received: m\.h5"),
    (lambda c: c.ModelCheckpoint("m.keras", save_weights_only=True), r"end in '\.weights\.h5'. Received: m\.keras"),
    (
        lambda c: c.ModelCheckpoint("m.keras", save_freq=0),
        "expected save_freq 'epoch' or an integer >= 1. .*save_freq=0",
    ),
    (lambda c: c.ModelCheckpoint("m.keras", save_freq="batch"), "save_freq='batch'"),
    (lambda c: c.ModelCheckpoint("m.keras", save_freq=True), "save_freq=True"),
    (lambda c: c.ModelCheckpoint("m.keras", mode="best"), "ModelCheckpoint: expected mode .*Received: mode='best'"),
    (lambda c: c.ModelCheckpoint("m.keras", initial_value_threshold="3"), "initial_value_threshold='3'"),
    (lambda c: c.EarlyStopping(mode="least"), "EarlyStopping: expected mode .*Received: mode='least'"),
    (lambda c: c.EarlyStopping(patience=-1), "EarlyStopping: expected patience to be an integer >= 0. .*patience=-1"),
    (lambda c: c.EarlyStopping(patience="3"), "patience='3'"),
    (lambda c: c.EarlyStopping(start_from_epoch=1.5), "start_from_epoch=1.5"),
    (lambda c: c.EarlyStopping(min_delta=None), "expected min_delta to be a number. Received: min_delta=None"),
    (lambda c: c.EarlyStopping(baseline="3"), "expected baseline to be a number. Received: baseline='3'"),
    (lambda c: c.ReduceLROnPlateau(factor=1.0), "ReduceLROnPlateau: expected factor < 1. Received: factor=1.0"),
    (lambda c: c.ReduceLROnPlateau(cooldown=-2), "cooldown=-2"),
    (lambda c: c.ReduceLROnPlateau(min_lr="0"), "min_lr='0'"),
    (lambda c: c.CSVLogger("log.csv", separator=", "), "CSVLogger: expected separator to be one character. .*', '"),
    (lambda c: c.LambdaCallback(on_epoch=print), "LambdaCallback: expected events such as .*Received: on_epoch$"),
    (lambda c: c.LambdaCallback(on_epoch_end=3), "LambdaCallback: expected on_epoch_end to be a function. Received: 3"),
    (lambda c: c.CallbackList([c.History(), 3]), "Expected callbacks to be Callback objects. Received: 3"),
    (lambda c: c.CallbackList(c.History), "Expected callbacks to be Callback objects. Received: <class"),
]


@pytest.mark.parametrize("make, text", REFUSED)
def test_bad_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make(callbacks)


def test_bad_callbacks_change_nothing():
    network = model()
    before = [np.array(v.numpy()) for v in [*network.variables, *network.optimizer.variables]]
    for bad in ("history", [len], {"history": callbacks.History()}):
        with pytest.raises(ValueError, match="Expected callbacks to be Callback objects"):
            network.fit(X, Y, callbacks=bad, verbose=0)
    for a, b in zip(before, [*network.variables, *network.optimizer.variables], strict=False):
        np.testing.assert_array_equal(a, b.numpy())


def test_quiet(capsys):
    network = model()
    network.fit(X, Y, epochs=2, validation_data=(X, Y), verbose=0)
    network.evaluate(X, Y, verbose=0)
    network.predict(X, verbose=0)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == ""


@pytest.mark.parametrize("verbose", ["auto", 2])
def test_one_line_per_epoch_where_there_is_no_terminal(verbose, capsys):
    network = model(["mae"])
    network.fit(X, Y, batch_size=4, epochs=3, validation_data=(X, Y), verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    history = network.history.history
    for epoch, line in enumerate(lines):
        assert line.startswith(f"Epoch {epoch + 1}/3 - 3/3 - ")
        assert line.endswith(" - ".join(f"{name}: {history[name][epoch]:.4f}" for name in sorted(history)))
    network.evaluate(X, Y, verbose=verbose)
    network.predict(X, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" - ")[0] for line in lines] == ["Evaluate", "Predict"]
    assert lines[0].endswith(f"mae: {history['val_mae'][2]:.4f}")


def test_bar_on_request_and_on_terminals(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for verbose in ("auto", 1):
        model().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=verbose)
        out = capsys.readouterr().out
        assert "Epoch 1/2" in out and "Epoch 2/2" in out and "3/3" in out and "val_loss: " in out


def test_evaluation_in_a_callback_shows_no_second_bar(capsys):
    network = model()
    results = []
    inner = callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: results.append(network.evaluate(X, Y, verbose=1))
    )
    network.fit(X, Y, batch_size=4, callbacks=[inner], verbose=1)
    out = capsys.readouterr().out
    assert len(results) == 3 and "Epoch 1/1" in out and "Evaluate" not in out
    network.evaluate(X, Y, verbose=1)
    assert "Evaluate" in capsys.readouterr().out


def test_an_error_takes_the_bar_away(capsys):
    def fails(batch, logs):
        raise KeyboardInterrupt

    network = model()
    with pytest.raises(KeyboardInterrupt):
        network.fit(X, Y, callbacks=[callbacks.LambdaCallback(on_train_batch_end=fails)], verbose=1)
    with pytest.raises(KeyboardInterrupt):
        network.predict(X, callbacks=[callbacks.LambdaCallback(on_predict_batch_end=fails)], verbose=1)
    assert callbacks.ProgbarLogger._on_screen is None
    capsys.readouterr()
    network.fit(X, Y, verbose=1)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_early_stopping_brings_moving_statistics_back():
    network = Sequential([Input((2,)), layers.BatchNormalization(momentum=0.5), layers.Dense(1)])
    network.compile(swiftbn.optimizers.SGD(0.1), "mse")
    kept = []
    watch = callbacks.EarlyStopping("loss", mode="max", patience=1, restore_best_weights=True)
    keep = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: kept.append(network.get_weights()))
    network.fit(X, Y, epochs=5, callbacks=[keep, watch], shuffle=False, verbose=0)
    assert len(kept) == 2 and not np.array_equal(kept[0][2], kept[1][2])
    for a, b in zip(network.get_weights(), kept[0], strict=True):
        np.testing.assert_array_equal(a, b)
