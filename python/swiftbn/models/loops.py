"""fit, evaluate, predict and the functions on single batches."""

from __future__ import annotations

import sys

import numpy as np

from swiftbn import tree
from swiftbn.models.data import Data, check_batch_size, make_data, split
from swiftbn.models.trainer import Trainer


class Loops(Trainer):
    """Runs a model's programs over data."""

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains the model for a number of epochs.

        Args:
            x: array, or nested lists, tuples or dicts of arrays, one row per sample.
            y: targets, nested as the model's outputs.
            batch_size: samples per step, 32 by default; the last batch of an epoch may be smaller.
            epochs: number of the epoch to stop behind.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch, "auto" 1 on a terminal and else 2.
            callbacks: list of Callbacks.
            validation_split: part of the data, from its end, that is not trained on but evaluated each epoch.
            validation_data: (x, y) or (x, y, sample_weight) to evaluate each epoch, instead.
            shuffle: whether samples are trained in a new random order each epoch.
            class_weight: dict from class number to weight.
            sample_weight: weights of samples, one array or one for each output.
            initial_epoch: epoch to begin with.
            steps_per_epoch, validation_steps: only None.
            validation_batch_size: batch size of the evaluation, by default `batch_size`.
            validation_freq: every how many epochs to evaluate, or a list of epochs (counted from 1).

        Returns:
            A History, whose `history` maps the names of losses and metrics to a list with one number per epoch.

        Raises:
            TypeError: data that are no arrays of numbers.
            ValueError: arguments out of range, data that do not fit, labels out of range. Nothing is changed then.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        batch_size = check_batch_size(batch_size)
        epochs, initial_epoch = _epoch("epochs", epochs), _epoch("initial_epoch", initial_epoch)
        if not isinstance(shuffle, (bool, np.bool_)):
            raise ValueError(f"fit: only shuffle=True and False are supported. Received: shuffle={shuffle!r}")
        data = make_data(x, y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            validation = _validation(validation_data)
        elif validation_split:
            data, validation = split(data, validation_split)
        evaluates_on = _frequency(validation_freq)
        verbose = _verbosity(verbose)
        data = self._prepare("train", data)
        if validation is not None:
            validation = self._prepare("test", validation)
            validation_batch = check_batch_size(validation_batch_size, batch_size)

        steps = -(-data.count // batch_size)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=steps,
                model=self,
            )
        self.stop_training = False
        with callbacks.guarded():
            callbacks.on_train_begin()
            logs: dict = {}
            for epoch in range(initial_epoch, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                logs = self._train_epoch(data, batch_size, bool(shuffle), callbacks)
                if validation is not None and evaluates_on(epoch + 1):
                    results = self._evaluate(validation, validation_batch, callbacks)
                    logs.update((f"val_{name}", value) for name, value in results.items())
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            self.optimizer.finalize_variable_values(self.trainable_variables)
            callbacks.on_train_end(logs=logs)
        return self.history

    def _train_epoch(self, data: Data, batch_size: int, shuffle: bool, callbacks) -> dict:
        order = np.random.permutation(data.count) if shuffle else None
        arrays = data.arrays
        step = None
        logs: dict = {}
        for number, begin in enumerate(range(0, data.count, batch_size)):
            end = min(begin + batch_size, data.count)
            callbacks.on_train_batch_begin(number)
            if step is None or end - begin < batch_size:
                step = self._step("train", data, end - begin)
            if order is None:
                logs = step.logs(data.rows(begin, end))
            else:
                logs = step.logs(arrays, order[begin:end])
            # A copy, so that what callbacks add is not taken for the epoch's.
            callbacks.on_train_batch_end(number, dict(logs))
            if self.stop_training:
                break
        return _sorted(logs)

    def _evaluate(self, data: Data, batch_size: int, callbacks) -> dict:
        self.reset_metrics()
        callbacks.on_test_begin()
        logs: dict = {}
        for number, begin in enumerate(range(0, data.count, batch_size)):
            end = min(begin + batch_size, data.count)
            callbacks.on_test_batch_begin(number)
            logs = self._step("test", data, end - begin).logs(data.rows(begin, end))
            callbacks.on_test_batch_end(number, logs)
        callbacks.on_test_end(logs)
        return logs

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """Loss and metrics on data, in inference mode.

        Arguments are those of `fit`; `steps` only None.

        Returns:
            The loss, or a list of the loss and the metrics, or with `return_dict` a dict by name.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps=steps)
        batch_size = check_batch_size(batch_size)
        data = make_data(x, y, sample_weight)
        verbose = _verbosity(verbose)
        data = self._prepare("test", data)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=-(-data.count // batch_size),
                model=self,
            )
        with callbacks.guarded():
            logs = self._evaluate(data, batch_size, callbacks)
        return _result(logs, return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The model's outputs for data, in inference mode, as NumPy arrays.

        Arguments are those of `fit`; `steps` only None.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps=steps)
        batch_size = check_batch_size(batch_size)
        data = make_data(x)
        verbose = _verbosity(verbose)
        data = self._prepare("predict", data)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=-(-data.count // batch_size),
                model=self,
            )
        parts = []
        with callbacks.guarded():
            callbacks.on_predict_begin()
            for number, begin in enumerate(range(0, data.count, batch_size)):
                end = min(begin + batch_size, data.count)
                callbacks.on_predict_batch_begin(number)
                step = self._step("predict", data, end - begin)
                results = step.program.run(data.rows(begin, end))
                parts.append(results)
                callbacks.on_predict_batch_end(number, {"outputs": tree.pack_as(step.structure, results)})
            callbacks.on_predict_end()
        joined = [np.concatenate(column) if len(column) > 1 else column[0] for column in zip(*parts, strict=False)]
        return tree.pack_as(step.structure, joined)

    # Single batches

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on a batch.

        Returns:
            As `evaluate`.
        """
        data = make_data(x, y, sample_weight, class_weight)
        data = self._prepare("train", data)
        step = self._step("train", data, data.count)
        self.reset_metrics()
        return _result(step.logs(data.arrays), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics on a batch alone."""
        data = make_data(x, y, sample_weight)
        data = self._prepare("test", data)
        step = self._step("test", data, data.count)
        self.reset_metrics()
        return _result(step.logs(data.arrays), return_dict)

    def predict_on_batch(self, x):
        """The model's outputs for a batch."""
        data = make_data(x)
        data = self._prepare("predict", data)
        step = self._step("predict", data, data.count)
        return tree.pack_as(step.structure, step.program.run(data.arrays))


def _sorted(logs: dict) -> dict:
    return dict(sorted(logs.items()))


def _result(logs: dict, return_dict: bool):
    if return_dict:
        return _sorted(logs)
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _only_none(**arguments) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"Only {name}=None is supported. Received: {name}={value!r}")


def _epoch(name: str, value) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"fit: expected {name} to be an integer >= 0. Received: {name}={value!r}")
    return int(value)


def _verbosity(verbose) -> int:
    if verbose == "auto":
        return 1 if sys.stdout is not None and sys.stdout.isatty() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


def _validation(value) -> Data:
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= 3:
        raise ValueError(
            "fit: expected validation_data to be (x, y) or (x, y, sample_weight). "
            f"Received: {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, (list, tuple)) else "")
        )
    return make_data(*value)


def _frequency(value):
    if isinstance(value, (list, tuple, set)):
        epochs = set(value)
        if not all(isinstance(epoch, (int, np.integer)) for epoch in epochs):
            raise ValueError(f"fit: expected validation_freq to hold numbers of epochs. Received: {value!r}")
        return lambda epoch: epoch in epochs
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"fit: expected validation_freq to be an integer >= 1 or a list. Received: {value!r}")
    return lambda epoch: epoch % value == 0
