"""Saving while training."""

from __future__ import annotations

import os

from swiftbn import messages
from swiftbn.callbacks.monitor import Monitor


class ModelCheckpoint(Monitor):
    """Saves the model or its weights after each epoch or every few batches.

    Args:
        filepath: may hold `{epoch}` (from 1) and names of logs, such as `{val_loss:.2f}`; ends in `.keras`, or with
            `save_weights_only` in `.weights.h5`.
        monitor, mode: see `Monitor`.
        verbose: 1 prints what is saved.
        save_best_only: whether only improvements are saved.
        save_weights_only: whether only weights are saved.
        save_freq: "epoch", or a number of batches.
        initial_value_threshold: value that the first saved model has to beat.

    Raises:
        ValueError: an extension that does not fit.
        KeyError: in training, a name in `filepath` that is not in the logs.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode)
        self.filepath = os.fspath(filepath)
        ending = ".weights.h5" if save_weights_only else ".keras"
        if not self.filepath.endswith(ending):
            raise ValueError(f"ModelCheckpoint: expected filepath to end in {ending!r}. Received: {self.filepath}")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"ModelCheckpoint: expected save_freq 'epoch' or an integer >= 1. Received: save_freq={save_freq!r}"
            )
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        threshold = initial_value_threshold
        self.best = None if threshold is None else self._number("initial_value_threshold", threshold)
        self._epoch = 0
        self._batches = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch":
            self._batches += 1
            if self._batches % self.save_freq == 0:
                self._save({**(logs or {}), "batch": batch + 1})

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _path(self, logs: dict) -> str:
        try:
            return self.filepath.format(**{"epoch": self._epoch + 1, **logs})
        except (KeyError, IndexError) as error:
            raise KeyError(
                f"ModelCheckpoint: filepath {self.filepath!r} names {error}, which is not in the logs: epoch, "
                f"{', '.join(logs)}"
            ) from None

    def _is_wanted(self, logs: dict) -> bool:
        """Whether this state is to be saved; without the quantity to watch it is."""
        if not self.save_best_only or (value := self.read(logs)) is None:
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        better = self.improves(value, self.best)
        if better:
            self.best = value
        if self.verbose:
            change = f"improved from {best} to {value:.5f}" if better else f"did not improve from {best}"
            messages.show(f"\nEpoch {self._epoch + 1}: {self.monitor} {change}")
        return better

    def _save(self, logs: dict) -> None:
        path = self._path(logs)
        if not self._is_wanted(logs):
            return
        if self.verbose:
            messages.show(f"\nEpoch {self._epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
