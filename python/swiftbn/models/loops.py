"""fit, evaluate and predict."""

from __future__ import annotations

import itertools
import warnings

import numpy as np

from swiftbn import tree
from swiftbn.config import max_epochs
from swiftbn.models._arguments import (
    check_count,
    check_division,
    check_epoch,
    check_shuffle,
    check_validation_data,
    check_verbose,
    validation_epochs,
)
from swiftbn.models.batches import Epochs, array_source, is_array_data, make_source
from swiftbn.models.data import make_data, split
from swiftbn.models.single_batches import SingleBatches


class Loops(SingleBatches):
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
        *,
        accumulate=1,
        accumulate_statistics="each",
    ):
        """Trains the model for a number of epochs.

        The order of samples in an epoch follows from NumPy's random state when `fit` begins and from the epoch's
        number. So `utils.set_random_seed(s)` before each call of `fit` makes 2 epochs, saving, loading, and 3 more with
        `initial_epoch=2` the same as 5 epochs, bit by bit.

        Args:
            x: array, or nested lists, tuples or dicts of arrays, one row per sample; or data in batches, which are
                (x,), (x, y) or (x, y, sample_weight): a `utils.PyDataset`, a generator, PyTorch's DataLoader, or
                anything that can be iterated over. Batches may differ in size and shape.
            y: targets, nested as the model's outputs; outputs without a loss may be left out. None with batches.
            batch_size: samples per step, 32 by default (with `steps_per_epoch`, the number that divides arrays into as
                many steps); the last batch of an epoch may be smaller. None with batches.
            epochs: number of the epoch to stop behind.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch, "auto" 1 on a terminal and else 2.
            callbacks: list of Callbacks.
            validation_split: part of the arrays, from their end, that is not trained on but evaluated each epoch.
            validation_data: (x, y), (x, y, sample_weight) or data in batches to evaluate each epoch, instead.
            shuffle: True for a new random order of samples in each epoch, and of the batches of a PyDataset; "batch"
                for one of full batches of arrays. Other data in batches come in their own order.
            class_weight: dict from class number to weight, 1 for others.
            sample_weight: weights of samples, one array or one for each output. None with batches.
            initial_epoch: epoch to begin with.
            steps_per_epoch: batches per epoch, by default all; the next epoch goes on where the last one ended.
            validation_steps: batches per evaluation, by default all; each begins anew, but for generators.
            validation_batch_size: batch size of the evaluation, by default `batch_size`.
            validation_freq: every how many epochs to evaluate, or a list of epochs (counted from 1).
            accumulate: number of parts into which a batch is divided, to be computed one after the other in less
                memory; the weights are updated once, with the mean of the parts' gradients by their numbers of samples.
                For losses that are means this is the batch's gradient, except that batch normalization uses the
                statistics of each part.
            accumulate_statistics: of which samples batch normalization takes mean and variance when a batch is
                divided: "each" part's; or those of the "union" of all parts: then the update, the moving statistics,
                the loss and the metrics are those of the batch undivided, up to rounding (random layers draw other
                numbers). Parts then go through the model together, from one batch normalization to the next. Kept for
                all of them are the inputs of batch normalizations and the outputs of the model; what the backward pass
                needs of what lies between it computes a second time. So activations take more memory than with "each"
                and less than in the undivided batch. Scalars given to `add_loss` count as means over a part's samples.

        Returns:
            A History, whose `history` maps the names of losses and metrics to a list with one number per epoch.

        Raises:
            TypeError: data that are no arrays of numbers.
            ValueError: arguments out of range, data that do not fit, labels out of range. Nothing is changed then,
                unless it is found in a later batch of data in batches.
        """
        epochs, initial_epoch = check_epoch("epochs", epochs), check_epoch("initial_epoch", initial_epoch)
        if max_epochs() is not None and epochs > max_epochs():
            warnings.warn(f"Limiting epochs to {max_epochs()}, as config.max_epochs() says", stacklevel=2)
            epochs = max_epochs()
        steps = check_count("steps_per_epoch", steps_per_epoch)
        division = check_division("fit", self, accumulate, accumulate_statistics)
        validation_steps = check_count("validation_steps", validation_steps)
        shuffle, verbose = check_shuffle(shuffle), check_verbose(verbose)
        evaluates_on = validation_epochs(validation_freq)
        validation = None
        if is_array_data(x):
            data = make_data(x, y, sample_weight, class_weight)
            if validation_data is None and validation_split:
                data, validation = split(data, validation_split)
            source = array_source(self, "train", data, batch_size, steps, shuffle)
        elif validation_split and validation_data is None:
            raise ValueError(
                f"fit: expected validation_data with data in batches. Received: validation_split={validation_split}"
            )
        else:
            source = make_source(self, "train", x, y, sample_weight, class_weight, batch_size, steps, bool(shuffle))
        batch_size = batch_size if validation_batch_size is None else validation_batch_size
        if validation is not None:
            validation = array_source(self, "test", validation, batch_size, validation_steps)
        elif validation_data is not None:
            parts = check_validation_data(validation_data)
            size = batch_size if is_array_data(parts[0]) else validation_batch_size
            validation = make_source(self, "test", *parts, batch_size=size, steps=validation_steps)
        if not self.built:
            source.prepare()
        training = Epochs(source, steps, goes_on=True)
        validation = None if validation is None else Epochs(validation, validation_steps)

        callbacks = self._callback_list(callbacks, verbose, training.steps, epochs, add_history=True)
        self.stop_training = False
        self._initial_epoch = None
        with callbacks.guarded():
            callbacks.on_train_begin()
            logs: dict = {}
            for epoch in range(self._initial_epoch or initial_epoch, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                logs = self._train_epoch(training, epoch, division, callbacks)
                if callbacks.params and "steps" in callbacks.params:
                    # Known of data without a length when they have been seen once.
                    callbacks.params["steps"] = training.steps
                if validation is not None and evaluates_on(epoch + 1):
                    results = self._evaluate(validation, callbacks)
                    logs.update((f"val_{name}", value) for name, value in results.items())
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            self._finalize_weights()
            callbacks.on_train_end(logs=logs)
        return self.history

    def _finalize_weights(self) -> None:
        """Lets an optimizer that keeps averages of the weights put them in place."""
        finalize = getattr(self.optimizer, "finalize_variable_values", None)
        if finalize is not None:
            finalize(self.trainable_variables)

    def _train_epoch(self, training: Epochs, epoch: int, division: tuple, callbacks) -> dict:
        logs: dict = {}
        step_for = self._finder("train", *division)
        for first, group in self._groups(training.epoch(epoch)):
            callbacks.on_train_batch_begin(first)
            for batch in group:
                logs = step_for(batch).logs(batch.arrays, batch.indices)
            # A copy, so that what callbacks add is not taken for the epoch's.
            callbacks.on_train_batch_end(first + len(group) - 1, dict(logs))
            if self.stop_training:
                break
        if not logs:
            # The data have ended, of which there was a warning.
            self.stop_training = True
        return dict(sorted(logs.items()))

    def _evaluate(self, testing: Epochs, callbacks) -> dict:
        self.reset_metrics()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        logs: dict = {}
        step_for = self._finder("test")
        for first, group in self._groups(testing.epoch(0)):
            callbacks.on_test_batch_begin(first)
            for batch in group:
                logs = step_for(batch).logs(batch.arrays, batch.indices)
            callbacks.on_test_batch_end(first + len(group) - 1, logs)
            if self.stop_evaluating:
                break
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

        Arguments are those of `fit`; `steps` is the number of batches, by default all.

        Returns:
            The loss, or a list of the loss and the metrics, or with `return_dict` a dict by name.
        """
        steps, verbose = check_count("steps", steps), check_verbose(verbose)
        source = make_source(self, "test", x, y, sample_weight, batch_size=batch_size, steps=steps)
        testing = Epochs(source, steps)
        callbacks = self._callback_list(callbacks, verbose, testing.steps)
        with callbacks.guarded():
            logs = self._evaluate(testing, callbacks)
        return self._result(logs, return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The model's outputs for data, in inference mode, as NumPy arrays.

        Arguments are those of `fit`; `steps` is the number of batches, by default all. Of data in batches only x is
        used.
        """
        steps, verbose = check_count("steps", steps), check_verbose(verbose)
        source = make_source(self, "predict", x, batch_size=batch_size, steps=steps)
        predicting = Epochs(source, steps)
        callbacks = self._callback_list(callbacks, verbose, predicting.steps)
        self.stop_predicting = False
        step_for = self._finder("predict")
        parts = []
        with callbacks.guarded():
            callbacks.on_predict_begin()
            for first, group in self._groups(predicting.epoch(0)):
                callbacks.on_predict_batch_begin(first)
                for batch in group:
                    step = step_for(batch)
                    parts.append(step.run(batch.arrays))
                outputs = tree.pack_as(step.structure, parts[-1])
                callbacks.on_predict_batch_end(first + len(group) - 1, {"outputs": outputs})
                if self.stop_predicting:
                    break
            callbacks.on_predict_end()
        if not parts:
            raise ValueError(f"Expected at least one batch. Received: x of type {type(x).__name__} without batches")
        joined = [np.concatenate(column) if len(column) > 1 else column[0] for column in zip(*parts, strict=True)]
        return tree.pack_as(step.structure, joined)

    def _groups(self, batches):
        """(number of the first, batches) for as many batches as callbacks see at once."""
        first = 0
        batches = iter(batches)
        while group := list(itertools.islice(batches, self.steps_per_execution)):
            yield first, group
            first += len(group)

    def _finder(self, kind: str, *division):
        """A function that returns the program of a batch, without a search while batches are alike."""
        data, count, step = None, 0, None

        def find(batch):
            nonlocal data, count, step
            if batch.data is not data or batch.count != count:
                data, count, step = batch.data, batch.count, self._step(kind, batch.data, batch.count, *division)
            return step

        return find

    def _callback_list(self, callbacks, verbose: int, steps: int | None, epochs: int = 1, add_history: bool = False):
        from swiftbn.callbacks import CallbackList

        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
            model=self,
        )
