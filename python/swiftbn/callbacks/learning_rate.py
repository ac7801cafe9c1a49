"""Changing the learning rate between epochs."""

from __future__ import annotations

from swiftbn import messages
from swiftbn.callbacks.base import Callback
from swiftbn.callbacks.monitor import Monitor


def _current_rate(callback) -> float:
    optimizer = callback.model.optimizer
    if optimizer is None or not hasattr(optimizer, "learning_rate"):
        raise ValueError(f"{type(callback).__name__}: the model's optimizer has no learning rate")
    return float(optimizer.learning_rate)


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch to `schedule(epoch, present rate)`.

    Raises:
        ValueError: the schedule returns something that is no number.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        present = _current_rate(self)
        try:
            rate = self.schedule(epoch, present)
        except TypeError:
            # A schedule may take the epoch alone.
            rate = self.schedule(epoch)
        if isinstance(rate, bool) or not hasattr(rate, "__float__"):
            raise ValueError(f"LearningRateScheduler: expected schedule to return a number. Received: {rate!r}")
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            messages.show(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = _current_rate(self)


class ReduceLROnPlateau(Monitor):
    """Multiplies the learning rate by `factor` when a quantity has not improved for `patience` epochs.

    Args:
        monitor, mode, min_delta: see `Monitor`.
        factor: < 1.
        patience: epochs without improvement that are waited.
        verbose: 1 prints each reduction.
        cooldown: epochs after a reduction that are not counted.
        min_lr: lowest learning rate.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        super().__init__(monitor, mode, min_delta)
        if self._number("factor", factor) >= 1.0:
            raise ValueError(f"ReduceLROnPlateau: expected factor < 1. Received: factor={factor}")
        self.factor = factor
        self.patience = self._count("patience", patience)
        self.verbose = verbose
        self.cooldown = self._count("cooldown", cooldown)
        self.min_lr = self._number("min_lr", min_lr)
        self.on_train_begin()

    def on_train_begin(self, logs=None):
        self.best = None
        self.wait = 0
        self.cooldown_counter = 0

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = _current_rate(self)
        value = self.read(logs)
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            present = _current_rate(self)
            if self.wait >= self.patience and present > self.min_lr:
                rate = max(present * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = rate
                if self.verbose:
                    messages.show(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
                self.cooldown_counter = self.cooldown
                self.wait = 0
