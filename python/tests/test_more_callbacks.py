"""SwapEMAWeights and RemoteMonitor."""

import http.server
import json
import threading
import urllib.parse

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, callbacks, layers, optimizers

X = np.random.default_rng(2).normal(size=(8, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def make_model(optimizer) -> Sequential:
    model = Sequential([Input((3,)), layers.Dense(1, kernel_initializer="ones", use_bias=False, name="d")])
    model.compile(optimizer, "mse")
    return model


def averaging(**kwargs):
    return optimizers.SGD(0.2, use_ema=True, ema_momentum=0.9, **kwargs)


class Weights(callbacks.Callback):
    """Notes the weights that callbacks see."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _note(self, name):
        self.seen.append((name, self.model.get_weights()[0][0, 0]))

    def on_epoch_begin(self, epoch, logs=None):
        self._note("begin")

    def on_epoch_end(self, epoch, logs=None):
        self._note("end")

    def on_test_batch_end(self, batch, logs=None):
        self._note("test")


MAKERS = [
    averaging,
    lambda: optimizers.LossScaleOptimizer(averaging(), initial_scale=2.0),
    lambda: optimizers.MultiOptimizer(optimizers.OptimizerMap(averaging(), {"nothing": optimizers.SGD()})),
]


@pytest.mark.parametrize("make", MAKERS, ids=["plain", "scaled", "multi"])
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_averages_take_the_place_of_weights(make, swap_on_epoch):
    model, plain, seen = make_model(make()), make_model(optimizers.SGD(0.2)), Weights()
    swap = callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
    options = {"batch_size": 4, "validation_batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(X, Y + 1, epochs=3, validation_data=(X, Y), callbacks=[swap, seen], **options)
    weight, average, wanted = 1.0, None, []
    for _ in range(3):
        begin = weight
        for i in (0, 4):
            plain.train_on_batch(X[i : i + 4], Y[i : i + 4] + 1)
            weight = plain.get_weights()[0][0, 0]
            average = weight if average is None else 0.9 * average + 0.1 * weight
        wanted += [("begin", begin), ("test", average), ("end", average if swap_on_epoch else weight)]
    assert [name for name, _ in seen.seen] == [name for name, _ in wanted]
    np.testing.assert_allclose([w for _, w in seen.seen], [w for _, w in wanted], rtol=1e-5)
    # As training ends the optimizer makes its averages the weights.
    np.testing.assert_allclose(model.get_weights()[0][0, 0], average, rtol=1e-5)


@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_training_that_stops_early_ends_with_the_averages(swap_on_epoch):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    models = make_model(averaging()), make_model(averaging())
    for model, epochs, more in zip(models, (2, 5), ([], [Stop()]), strict=True):
        swap = callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        model.fit(X, Y + 1, epochs=epochs, shuffle=False, verbose=0, callbacks=[swap, *more])
    for model in models:
        np.testing.assert_array_equal(model.optimizer._averages[0].numpy(), model.get_weights()[0])
    np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])
    for ours, theirs in zip(models[0].optimizer.variables, models[1].optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_evaluation_prediction_and_errors_leave_the_weights():
    model = make_model(averaging(ema_overwrite_frequency=None))
    swap = callbacks.SwapEMAWeights()
    before = model.predict(X, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(before, model.predict(X, verbose=0))
    for _ in range(3):
        model.train_on_batch(X, Y + 1)
    weights, average = model.get_weights()[0], np.array(model.optimizer._averages[0].numpy())
    assert not np.array_equal(weights, average)
    np.testing.assert_allclose(model.predict(X, verbose=0, callbacks=[swap]), X @ average, rtol=1e-5)
    np.testing.assert_array_equal(model.get_weights()[0], weights)
    model.evaluate(X, Y, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(model.get_weights()[0], weights)

    class Fail(callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        model.evaluate(X, Y, verbose=0, callbacks=[swap, Fail()])
    np.testing.assert_array_equal(model.get_weights()[0], weights)
    np.testing.assert_array_equal(model.optimizer._averages[0].numpy(), average)


def test_an_optimizer_without_averages():
    for optimizer in (optimizers.SGD(), optimizers.MultiOptimizer(optimizers.OptimizerMap(optimizers.SGD()))):
        with pytest.raises(ValueError, match="use_ema=True"):
            make_model(optimizer).fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


@pytest.mark.interop
@pytest.mark.parametrize("swap_on_epoch", [False, True])
def test_keras_ends_with_the_same(swap_on_epoch):
    keras = pytest.importorskip("keras")
    results = []
    for package in (swiftbn, keras):
        model = package.Sequential([package.Input((3,)), package.layers.Dense(1, kernel_initializer="ones")])
        model.compile(package.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.9), "mse")
        swap = package.callbacks.SwapEMAWeights(swap_on_epoch=swap_on_epoch)
        history = model.fit(
            *(X, Y + 1), batch_size=4, epochs=3, validation_data=(X, Y), shuffle=False, verbose=0, callbacks=[swap]
        )
        results.append([history.history["val_loss"], *model.get_weights()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.fixture
def server():
    """A server that notes what is posted, and answers with `status`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.server.posts.append((self.path, dict(self.headers), body))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *arguments): ...

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.posts, server.status = [], 200
        server.root = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("send_as_json", [False, True])
def test_remote_monitor(server, send_as_json, status, recwarn):
    server.status = status
    monitor = callbacks.RemoteMonitor(server.root, "/here", "logs", {"X-Key": "7"}, send_as_json)
    history = make_model("sgd").fit(X, Y, epochs=2, verbose=0, callbacks=[monitor]).history
    assert [path for path, _, _ in server.posts] == ["/here"] * 2 and not recwarn.list
    for epoch, (_, headers, body) in enumerate(server.posts):
        assert headers["X-Key"] == "7"
        if send_as_json:
            assert headers["Content-Type"] == "application/json"
        else:
            body = urllib.parse.parse_qs(body, strict_parsing=True)["logs"][0]
        assert json.loads(body) == {"epoch": epoch, "loss": history["loss"][epoch]}


def test_remote_monitor_sends_arrays_and_needs_no_server(server):
    monitor = callbacks.RemoteMonitor(server.root, send_as_json=True)
    monitor.on_epoch_end(3, {"a": np.float32(0.5), "b": np.arange(2)})
    assert json.loads(server.posts[0][2]) == {"epoch": 3, "a": 0.5, "b": [0, 1]}
    with pytest.warns(UserWarning, match="RemoteMonitor: http://127.0.0.1:1 was not reached"):
        callbacks.RemoteMonitor("http://127.0.0.1:1").on_epoch_end(0)
    for root in ("file:///etc", "localhost:9000", None):
        with pytest.raises(ValueError, match="root="):
            callbacks.RemoteMonitor(root)
