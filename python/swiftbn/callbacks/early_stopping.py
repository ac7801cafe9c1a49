"""Ending training in time."""

from __future__ import annotations

from swiftbn import messages
from swiftbn.callbacks.monitor import Monitor


class EarlyStopping(Monitor):
    """Ends training when a quantity has not improved for `patience` epochs.

    Args:
        monitor, min_delta, mode: see `Monitor`.
        patience: epochs without improvement that are waited.
        verbose: 1 prints when training ends.
        baseline: value that has to be beaten.
        restore_best_weights: whether the weights of the best epoch come back.
        start_from_epoch: epochs before watching begins.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta)
        self.patience = self._count("patience", patience)
        self.verbose = verbose
        self.baseline = None if baseline is None else self._number("baseline", baseline)
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = self._count("start_from_epoch", start_from_epoch)
        self.on_train_begin()

    def on_train_begin(self, logs=None):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_epoch = 0
        self.best_weights = None

    def on_epoch_end(self, epoch, logs=None):
        value = self.read(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose:
            messages.show(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                messages.show(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
