"""Evaluation by moving averages of the weights."""

from __future__ import annotations

import numpy as np

from swiftbn.callbacks.base import Callback


class SwapEMAWeights(Callback):
    """While a model is evaluated or predicts, its weights are the moving averages that its optimizer keeps.

    The optimizer (or one inside of it) has to be made with `use_ema=True`. Before the first step there are no averages,
    and the weights stay. Meanwhile the averages hold the weights, so neither may be changed by others.

    Args:
        swap_on_epoch: whether the averages also take the weights' place from the end of an epoch to the begin of the
            next one, for callbacks that come later in the list, such as ModelCheckpoint.

    Raises:
        ValueError: (when training, evaluation or prediction begins) no optimizer keeps averages.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        # While averages are in the model: (weight, its average's variable, the average).
        self._swapped: list[tuple] = []

    def _pairs(self) -> list[tuple]:
        """(weight, variable of its average) of all optimizers that keep averages."""
        outer = self.model.optimizer
        outer = getattr(outer, "inner_optimizer", outer)
        optimizers = [o for o in getattr(outer, "optimizers", [outer]) if getattr(o, "use_ema", False)]
        if not optimizers:
            raise ValueError(
                f"SwapEMAWeights: expected an optimizer with use_ema=True in compile(). Received: optimizer={outer!r}"
            )
        built = [optimizer for optimizer in optimizers if optimizer.built]
        return [pair for o in built for pair in zip(o._trainable_variables, o._averages, strict=True)]

    def _swap_in(self) -> None:
        if not self._swapped:
            self._swapped = [(weight, place, np.array(place.numpy())) for weight, place in self._pairs()]
            for weight, place, average in self._swapped:
                place.assign(np.array(weight.numpy()))
                weight.assign(average)

    def _swap_out(self) -> None:
        for weight, place, average in self._swapped:
            weight.assign(np.array(place.numpy()))
            place.assign(average)
        self._swapped = []

    def on_train_begin(self, logs=None):
        self._pairs()

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_out()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_in()

    def on_train_end(self, logs=None):
        # As training ends the optimizer makes the averages the weights, whose place they have here already.
        for weight, place, average in self._swapped:
            weight.assign(average)
            place.assign(average)
        self._swapped = []

    def on_test_begin(self, logs=None):
        self._swap_in()

    def on_test_end(self, logs=None):
        self._swap_out()

    on_predict_begin = on_test_begin
    on_predict_end = on_test_end
    _on_error = on_test_end
