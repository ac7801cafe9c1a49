"""The state of a layer and of the layers in it: weights, losses, what is trained."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, tree
from swiftbn.layers._tracking import Tracking, unique
from swiftbn.micro_batches import current_part
from swiftbn.stateless_scope import current_scope
from swiftbn.symbolic_scope import in_symbolic_scope
from swiftbn.tensor import KerasTensor


class State(Tracking):
    """Lists of variables as Keras orders them: a layer's own trainable ones, its others, then those of its layers."""

    @property
    def variables(self) -> list:
        """All variables, also the states of random generators."""
        found = [*self._own_variables(), *(generator.state for generator in self._seed_generators)]
        for layer in self._layers:
            found.extend(layer.variables)
        return unique(found)

    @property
    def weights(self) -> list:
        """The variables that are saved and counted: all but states of random generators."""
        found = self._own_variables()[:]
        for layer in self._layers:
            found.extend(layer.weights)
        return unique(found)

    @property
    def trainable_variables(self) -> list:
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self) -> list:
        return [v for v in self.variables if not v.trainable] if self._trainable else self.variables

    @property
    def trainable_weights(self) -> list:
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list:
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def trainable(self) -> bool:
        """Whether optimizers change the weights; setting it sets it on every layer inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool):
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"Expected trainable to be a bool. Received: trainable={value!r}")
        value = bool(value)
        self._own_variables()
        for variable in self._trainable_variables:
            variable.trainable = value
        self._trainable = value
        for layer in self._layers:
            layer.trainable = value

    def get_weights(self) -> list:
        """Copies of the weights as NumPy arrays."""
        return [np.array(weight.numpy()) for weight in self.weights]

    def set_weights(self, weights) -> None:
        """Takes values in the order of `get_weights`; nothing is changed when one does not fit.

        Raises:
            ValueError: another number of arrays, or one of another shape.
        """
        variables = self.weights
        weights = list(weights)
        if len(weights) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' has {len(variables)} weights. Received: a list of {len(weights)} arrays"
            )
        arrays = [np.asarray(value) for value in weights]
        for index, (variable, array) in enumerate(zip(variables, arrays, strict=False)):
            if array.shape != variable.shape:
                raise ValueError(
                    f"Layer '{self.name}': expected weights[{index}] of shape {variable.shape} for {variable.path}. "
                    f"Received: shape {array.shape}"
                )
        for variable, array in zip(variables, arrays, strict=False):
            variable.assign(array)

    def count_params(self) -> int:
        """Number of elements of the weights."""
        if not self.built:
            raise ValueError(f"Layer '{self.name}' is not built, so its weights cannot be counted; call build() first")
        return sum(weight.size for weight in self.weights)

    def save_own_variables(self, store) -> None:
        """Puts the layer's own variables into a dict-like store under "0", "1", …"""
        for index, variable in enumerate(self._own_variables()):
            store[str(index)] = variable.numpy()

    def load_own_variables(self, store) -> None:
        """Takes the layer's own variables from a store that `save_own_variables` filled.

        Raises:
            ValueError: another number of variables, or one of another shape; nothing is changed then.
        """
        variables = self._own_variables()
        if len(store.keys()) != len(variables):
            raise ValueError(
                f"Layer '{self.name}' expects {len(variables)} variables "
                f"({', '.join(v.name for v in variables) or 'none'}). Received: {len(store.keys())}"
            )
        values = [np.asarray(store[str(index)]) for index in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if value.shape != variable.shape:
                raise ValueError(
                    f"Layer '{self.name}': expected {variable.path} of shape {variable.shape}. "
                    f"Received: shape {value.shape}"
                )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @property
    def metrics(self) -> list:
        """The metrics held in attributes of the layer, then those of the layers in it."""
        found = self._metrics
        for layer in self._layers:
            found.extend(layer.metrics)
        return unique(found)

    @property
    def metrics_variables(self) -> list:
        """The states of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def _flatten_layers(self, include_self: bool = True) -> list:
        found = [self] if include_self else []
        for layer in self._layers:
            found.extend(layer._flatten_layers())
        return unique(found)

    # Losses

    def add_loss(self, loss) -> None:
        """Adds a scalar (or several) computed in `call` to what training minimizes.

        Of micro-batches that are one batch (`accumulate_statistics="union"` in `fit`) scalars count as means over their
        samples; tensors with a value for each sample are summed up.
        """
        part = current_part()
        for item in loss if isinstance(loss, (list, tuple)) else [loss]:
            if not hasattr(item, "shape") or isinstance(item, KerasTensor):
                raise ValueError(
                    "add_loss: expected tensors, in call() or train_step(). "
                    f"Received: {item!r} (of type {type(item).__name__})"
                )
            if part is not None and (not item.shape or item.shape[0] != part.rows):
                item = ops.multiply(item, part.share)
            self._losses.append(item)
            scope = current_scope()
            if scope is not None and scope.collect_losses and not in_symbolic_scope():
                scope.add_loss(item)

    def _add_activity_losses(self, outputs) -> None:
        """The activity regularizer's value of each output, divided by its number of samples as in Keras."""
        for output in tree.flatten(outputs):
            if not hasattr(output, "shape"):
                continue
            loss = self.activity_regularizer(output)
            if len(output.shape) and output.shape[0] is not None:
                # Of nothing the loss is 0.
                loss = ops.divide(loss, float(max(1, output.shape[0])))
            self.add_loss(loss)

    @property
    def losses(self) -> list:
        """What `add_loss` was given since the last outermost call, and the regularizers of trainable weights."""
        found = [loss for layer in self._flatten_layers() for loss in layer._losses]
        return found + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses = []
