"""Calls that leave the variables of a layer as they are, for code that keeps state in lists of its own."""

from __future__ import annotations

from swiftbn.stateless_scope import StatelessScope, mapping


class Stateless:
    """The part of a layer that is called as a function of its variables."""

    def stateless_call(self, trainable_variables, non_trainable_variables, *args, return_losses=False, **kwargs):
        """What the layer returns when its variables have given values, and the values they have behind the call.

        The layer's own variables stay as they are.

        Args:
            trainable_variables, non_trainable_variables: values in the order of the attributes of these names.
            return_losses: whether `losses` are returned, too.
            others: arguments of the call.

        Returns:
            (outputs, non_trainable_variables), with `return_losses` (outputs, non_trainable_variables, losses).

        Raises:
            ValueError: the layer is not built, or numbers or shapes of values that do not fit.

        Example:
            >>> def loss(trainable, other, x, y):
            ...     outputs, other = model.stateless_call(trainable, other, x, training=True)
            ...     return ops.mean(ops.square(outputs - y)), other
            >>> (value, other), gradients = swiftbn.value_and_grad(loss, has_aux=True)(trainable, other, x, y)
        """
        if not self.built:
            raise ValueError(f"Layer '{self.name}' has to be built before stateless_call(): call it on data")
        others = self.non_trainable_variables
        pairs = mapping(
            self,
            trainable_variables=(self.trainable_variables, trainable_variables),
            non_trainable_variables=(others, non_trainable_variables),
        )
        layers = self._flatten_layers()
        before = [layer._losses for layer in layers]
        try:
            with StatelessScope(pairs) as scope:
                outputs = self(*args, **kwargs)
                losses = self.losses if return_losses else None
                values = [scope.get_current_value(variable) for variable in others]
        finally:
            for layer, own in zip(layers, before, strict=True):
                layer._losses = own
        return (outputs, values, losses) if return_losses else (outputs, values)
