"""How layers make their weights."""

from __future__ import annotations

from swiftbn import naming
from swiftbn._checks import one_of
from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.variable import AGGREGATIONS, Variable


class Weights:
    """The part of a layer that makes variables."""

    def add_weight(
        self,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
    ) -> Variable:
        """A new variable of the layer.

        Args:
            shape: extents, by default a scalar.
            initializer: by default "glorot_uniform" for floats and "zeros" for integers.
            dtype: by default the layer's.
            trainable: whether optimizers change it.
            autocast: accepted, and without effect: variables are always read in their own dtype.
            regularizer: function of the variable whose value is added to the loss.
            constraint: function applied to the variable after each optimizer update.
            aggregation: "none", "mean", "sum" or "only_first_replica", without effect, as there is one replica.
            overwrite_with_gradient: whether optimizers assign its gradient to it.
            name: part of its path.
        """
        from swiftbn import constraints, initializers, regularizers

        self._check_initialized()
        if isinstance(shape, str):
            raise ValueError(
                f"add_weight: expected shape to be extents, name=... by keyword. Received: shape={shape!r}"
            )
        one_of("add_weight", "aggregation", aggregation, AGGREGATIONS)
        one_of("add_weight", "autocast", autocast, (True, False))
        one_of("add_weight", "overwrite_with_gradient", overwrite_with_gradient, (True, False))
        dtype = self.dtype if dtype is None else standardize_dtype(dtype)
        if initializer is None:
            initializer = "glorot_uniform" if is_float_dtype(dtype) else "zeros"
        with naming.name_scope(self.name, caller=self):
            variable = Variable(
                initializers.get(initializer),
                shape=() if shape is None else shape,
                dtype=dtype,
                trainable=trainable,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track_variable(variable)
        if not self._trainable:
            variable.trainable = False
        return variable

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ) -> Variable:
        """The same as `add_weight`."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def add_metric(self, *args, **kwargs):
        """Raises NotImplementedError, as in Keras 3: metrics are given to `compile`, or held in attributes."""
        raise NotImplementedError(
            f"Layer '{self.name}': add_metric() does not exist in Keras 3; give metrics to compile(), or hold them in "
            "attributes of the layer and call their update_state()"
        )
