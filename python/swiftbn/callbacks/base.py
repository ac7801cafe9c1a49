"""The base class, the list that calls all, and the simplest callbacks."""

from __future__ import annotations

import math
import sys

_EVENTS = [
    f"on_{mode}{part}_{edge}"
    for mode in ("train", "test", "predict")
    for part in ("", "_batch")
    for edge in ("begin", "end")
] + ["on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end"]


class Callback:
    """Methods that `fit`, `evaluate` and `predict` call; a subclass defines those it needs.

    `self.model` is the model and `self.params` a dict with verbose, epochs and steps. `logs` are dicts of the present
    metrics by name.
    """

    def __init__(self):
        self.params = None
        self._model = None

    @property
    def model(self):
        return self._model

    def set_params(self, params) -> None:
        self.params = params

    def set_model(self, model) -> None:
        self._model = model

    def on_epoch_begin(self, epoch, logs=None): ...
    def on_epoch_end(self, epoch, logs=None): ...
    def on_batch_begin(self, batch, logs=None): ...
    def on_batch_end(self, batch, logs=None): ...

    def on_train_batch_begin(self, batch, logs=None):
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch, logs=None): ...
    def on_test_batch_end(self, batch, logs=None): ...
    def on_predict_batch_begin(self, batch, logs=None): ...
    def on_predict_batch_end(self, batch, logs=None): ...
    def on_train_begin(self, logs=None): ...
    def on_train_end(self, logs=None): ...
    def on_test_begin(self, logs=None): ...
    def on_test_end(self, logs=None): ...
    def on_predict_begin(self, logs=None): ...
    def on_predict_end(self, logs=None): ...


class CallbackList(Callback):
    """Calls a list of callbacks in order.

    Args:
        callbacks: a Callback or a list of them.
        add_history: adds a History unless there is one; the model's `history` becomes it.
        add_progbar: adds a ProgbarLogger unless there is one.
        model: given to all; params: given to all as a dict.

    Raises:
        ValueError: something that is no Callback.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        from swiftbn.callbacks.progress import ProgbarLogger

        items = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
        for item in items:
            if not isinstance(item, Callback):
                raise ValueError(f"Expected callbacks to be Callback objects. Received: {item!r}")
        self.callbacks = list(items)
        if add_progbar and not any(isinstance(item, ProgbarLogger) for item in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        history = next((item for item in self.callbacks if isinstance(item, History)), None)
        if add_history and history is None:
            history = History()
            self.callbacks.append(history)
        self.set_params(params)
        if model is not None:
            self.set_model(model)
            if history is not None:
                model.history = history

    def append(self, callback: Callback) -> None:
        self.callbacks.append(callback)

    def set_params(self, params) -> None:
        self.params = params
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model) -> None:
        super().set_model(model)
        for callback in self.callbacks:
            callback.set_model(model)


def _forward(event: str):
    def method(self, *args, **kwargs):
        for callback in self.callbacks:
            getattr(callback, event)(*args, **kwargs)

    method.__name__ = event
    return method


for _event in _EVENTS:
    setattr(CallbackList, _event, _forward(_event))


class History(Callback):
    """Keeps the logs of every epoch: `history[name]` is a list with one number per epoch, `epoch` the epochs."""

    def __init__(self):
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """A callback made of functions, each given by the name of its event.

    Raises:
        ValueError: a name that is no event, or something that cannot be called.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for event, function in given.items():
            if event not in _EVENTS:
                raise ValueError(f"LambdaCallback: expected events such as on_epoch_end. Received: {event}")
            if function is None:
                continue
            if not callable(function):
                raise ValueError(f"LambdaCallback: expected {event} to be a function. Received: {function!r}")
            setattr(self, event, function)


class TerminateOnNaN(Callback):
    """Ends training when the loss is NaN or infinite, by RuntimeError if `raise_error`."""

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"Batch {batch}: loss is {loss}, training ends")
            print(f"Batch {batch}: loss is {loss}, training ends", file=sys.stderr)
            self.model.stop_training = True


class Monitor(Callback):
    """What callbacks that watch a quantity share.

    Args:
        monitor: its name in the logs.
        mode: "min", "max", or "auto": "max" for accuracies and the like.
        min_delta: smallest change that counts as an improvement.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{type(self).__name__}: expected mode 'auto', 'min' or 'max'. Received: mode={mode!r}")
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)
        name = monitor.removeprefix("val_")
        self._rises = mode == "max" or (
            mode == "auto" and any(word in name for word in ("acc", "auc", "precision", "recall", "f1"))
        )

    @property
    def worst(self) -> float:
        return -math.inf if self._rises else math.inf

    def improves(self, value: float, best: float) -> bool:
        return value - self.min_delta > best if self._rises else value + self.min_delta < best

    def read(self, logs) -> float | None:
        """The quantity, or None and a warning on standard error when it is not in the logs."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            import warnings

            warnings.warn(
                f"{type(self).__name__}: {self.monitor!r} is not available, only {', '.join(logs or {})}", stacklevel=2
            )
        return value
