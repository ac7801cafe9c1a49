"""What training, evaluating and predicting do with one batch, in the form of methods that a subclass may override."""

from __future__ import annotations

import inspect

from swiftbn import ops, tree
from swiftbn.gradient_tape import FunctionTape
from swiftbn.models._union import call_in_parts
from swiftbn.models.trainer import Trainer
from swiftbn.tensor import Tensor
from swiftbn.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight


class Steps(Trainer):
    """The steps, traced once per form of their data: one native program reads and writes all state.

    An override computes with `swiftbn.ops`, models and layers; it differentiates with `swiftbn.GradientTape` or
    `swiftbn.value_and_grad`, and updates with `optimizer.apply(gradients, variables)`. Code behind an assignment to a
    variable, be it by an optimizer or a metric, sees the new value.
    """

    def train_step(self, data) -> dict:
        """Computes the loss, updates the weights, and returns logs by name.

        Args:
            data: tensors, x or (x, y) or (x, y, sample_weight); see `utils.unpack_x_y_sample_weight`.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        outputs, gradients, variables = self._forward_and_gradients(x, y, sample_weight)
        self._update(gradients, variables)
        return self.compute_metrics(x, y, outputs, sample_weight=sample_weight)

    def test_step(self, data) -> dict:
        """Computes the loss in inference mode and returns logs by name."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        outputs = self(x, training=False)
        loss = self._compute_loss(x, y, outputs, sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=float(_samples(x)))
        return self.compute_metrics(x, y, outputs, sample_weight=sample_weight)

    def predict_step(self, data):
        """The outputs in inference mode."""
        return self(unpack_x_y_sample_weight(data)[0], training=False)

    def _is_custom(self, kind: str) -> bool:
        name = f"{kind}_step"
        return getattr(type(self), name) is not getattr(Steps, name)

    def _accumulated_train_step(self, data, parts: int) -> dict:
        """`train_step` with the mean of the gradients of a batch's parts, each counting by its samples."""
        count = _samples(unpack_x_y_sample_weight(data)[0])
        parts = min(parts, count)
        sums: list = []
        for part in range(parts):
            begin, end = part * count // parts, (part + 1) * count // parts
            x, y, sample_weight = _rows(data, begin, end)
            outputs, gradients, variables = self._forward_and_gradients(x, y, sample_weight, (end - begin) / count)
            sums = [_sum(a, b) for a, b in zip(sums or [None] * len(gradients), gradients, strict=True)]
            logs = self.compute_metrics(x, y, outputs, sample_weight=sample_weight)
        self._update(sums, variables)
        return logs

    def _union_train_step(self, data, parts: int) -> dict:
        """`train_step` whose forward and backward passes are computed for one part of the batch after the other."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        outputs, gradients, variables = self._forward_and_gradients(
            x, y, sample_weight, forward=lambda x: call_in_parts(self, x, parts)
        )
        self._update(gradients, variables)
        return self.compute_metrics(x, y, outputs, sample_weight=sample_weight)

    def _forward_and_gradients(self, x, y, sample_weight, share: float = 1.0, forward=None) -> tuple:
        """Outputs, gradients of the share of the loss, and the variables they belong to.

        `forward` is by default the model's call in training.
        """
        with FunctionTape() as tape:
            outputs = self(x, training=True) if forward is None else forward(x)
            loss = self._compute_loss(x, y, outputs, sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=float(_samples(x)))
        variables = self.trainable_variables
        if not variables:
            return outputs, [], []
        if not isinstance(loss, Tensor):
            raise ValueError(f"Model '{self.name}': the loss does not depend on the model")
        self.optimizer.build(variables)
        # Optimizers that scale the loss divide the gradients by as much.
        scale = getattr(self.optimizer, "scale_loss", None)
        scaled = loss if scale is None else scale(loss)
        weight = None if share == 1 else ops.full((), share, dtype=scaled.dtype)
        gradients = tape.gradient(scaled, variables, output_gradients=weight)
        if all(gradient is None for gradient in gradients):
            paths = ", ".join(v.path for v in variables)
            raise ValueError(f"Model '{self.name}': the loss depends on none of the weights {paths}")
        return outputs, gradients, variables

    def _update(self, gradients: list, variables: list) -> None:
        if not variables:
            return
        used = [(gradient, v) for gradient, v in zip(gradients, variables, strict=True) if gradient is not None]
        self.optimizer.apply(*map(list, zip(*used, strict=True)))

    def _compute_loss(self, x, y, y_pred, sample_weight, training: bool):
        """`compute_loss`, also one that a subclass has defined without the parameter `training`."""
        if "training" in inspect.signature(self.compute_loss).parameters:
            return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        return self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)


def pack(x, y, weights: list | None):
    """What a step is given for traced data whose weights are a flat list."""
    if weights is not None:
        weights = tree.pack_as(y, weights) if tree.is_nested(y) else weights[0]
    return pack_x_y_sample_weight(x, y, weights)


def _samples(x) -> int:
    return tree.flatten(x)[0].shape[0]


def _rows(data, begin: int, end: int) -> tuple:
    def cut(leaf):
        return None if leaf is None else leaf[begin:end]

    return tuple(None if part is None else tree.map_structure(cut, part) for part in unpack_x_y_sample_weight(data))


def _sum(a, b):
    return b if a is None else a if b is None else ops.add(a, b)
