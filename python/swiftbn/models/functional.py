"""Models made of layer calls on symbolic tensors."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.layers.layer import Layer
from swiftbn.masking import get_keras_mask, with_mask
from swiftbn.models._graph import check_names, follow, sort_nodes, sort_operations
from swiftbn.models.model import Model
from swiftbn.operation import Operation
from swiftbn.ops._dispatch import to_dtype
from swiftbn.tensor import KerasTensor


class Functional(Model):
    """A model from symbolic inputs to symbolic outputs; `Model(inputs, outputs)` makes one.

    Args:
        inputs: an `Input`, or nested lists, tuples or dicts of them.
        outputs: tensors computed from the inputs, nested likewise.
        name: unique name.
    """

    _untracked = Model._untracked | {"_nodes", "_operations", "_inputs_struct", "_outputs_struct"}

    def __init__(self, inputs, outputs, name=None, **kwargs):
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            for tensor in tree.flatten(structure):
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"Model: expected {what} to be symbolic tensors, made by Input and layers. Received: {tensor!r}"
                    )
        trainable = kwargs.pop("trainable", None)
        Model.__init__(self, name=name, **kwargs)
        self._set_graph(inputs, outputs)
        self.built = True
        if trainable is not None:
            self.trainable = trainable

    def _set_graph(self, inputs, outputs) -> None:
        self._inputs_struct = tree.map_structure(lambda x: x, inputs)
        self._outputs_struct = tree.map_structure(lambda x: x, outputs)
        flat_inputs, flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        self._nodes = sort_nodes(flat_inputs, flat_outputs)
        self._operations = sort_operations(flat_inputs, flat_outputs, self._nodes)
        check_names(self._operations)
        self._build_shapes = {"input_shape": tree.map_structure(lambda x: x.shape, inputs)}

    @property
    def inputs(self) -> list:
        return tree.flatten(self._inputs_struct)

    @property
    def outputs(self) -> list:
        return tree.flatten(self._outputs_struct)

    @property
    def input(self):
        return self._inputs_struct

    @property
    def output(self):
        return self._outputs_struct

    @property
    def input_shape(self):
        return tree.map_structure(lambda x: x.shape, self._inputs_struct)

    @property
    def output_shape(self):
        return tree.map_structure(lambda x: x.shape, self._outputs_struct)

    @property
    def operations(self) -> list[Operation]:
        return self._operations[:]

    @property
    def _layers(self) -> list:
        own = [operation for operation in self._operations if isinstance(operation, Layer)]
        known = {id(layer) for layer in own}
        return own + [layer for layer in super()._layers if id(layer) not in known]

    @property
    def layers(self) -> list:
        return self._layers

    @property
    def input_names(self) -> list[str]:
        return [x._keras_history.operation.name for x in self.inputs]

    @property
    def output_names(self) -> list[str]:
        return [x._keras_history.operation.name for x in self.outputs]

    def build(self, input_shape=None):
        """Nothing is left to build."""

    def call(self, inputs, training=None, mask=None):
        given = self._standardize(inputs)
        if mask is not None:
            given = [with_mask(x, m) for x, m in zip(given, self._flat_masks(mask), strict=True)]
        values = {id(x): v for x, v in zip(self.inputs, given, strict=True)}

        replaced = follow(self._nodes, values)
        outputs = replaced(self._outputs_struct)
        # As in Keras, a list of one output is that output.
        return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs

    def _flat_masks(self, mask) -> list:
        """A mask, or None, for each input."""
        masks = self._order_inputs(mask) if isinstance(mask, dict) else tree.flatten(mask)
        if len(masks) != len(self.inputs):
            raise ValueError(
                f"Model '{self.name}': expected a mask (or None) for each of {len(self.inputs)} input(s). "
                f"Received: {len(masks)}"
            )
        return masks

    def _pass_masks(self, arguments: dict, masks, outputs):
        # The layers inside have given the outputs their masks.
        return outputs

    def _convert(self, value):
        # `_standardize` knows the dtype of each input; the layers have their own.
        return value if hasattr(value, "dtype") else super()._convert(value)

    def _standardize(self, inputs) -> list:
        """Flat inputs in the order, rank and dtype that the model was made with."""
        flat = self._order_inputs(inputs)
        return [self._fit_input(x, wanted) for x, wanted in zip(flat, self.inputs, strict=False)]

    def _order_inputs(self, inputs) -> list:
        wanted = self.inputs
        if isinstance(inputs, dict) and not isinstance(self._inputs_struct, dict):
            by_name = {x.name: x for x in wanted}
            missing = [name for name in by_name if name not in inputs]
            if missing:
                raise ValueError(
                    f"Model '{self.name}': expected inputs named {', '.join(by_name)}. "
                    f"Received: {', '.join(map(str, inputs))}"
                )
            return [inputs[name] for name in by_name]
        flat = tree.flatten(inputs)
        if len(flat) != len(wanted):
            raise ValueError(
                f"Model '{self.name}' has {len(wanted)} input(s): {', '.join(x.name for x in wanted)}. "
                f"Received: {len(flat)}"
            )
        return flat

    def _fit_input(self, x, wanted: KerasTensor):
        mask = get_keras_mask(x)
        if not isinstance(x, KerasTensor):
            x = to_dtype(x, wanted.dtype)
        rank, wanted_rank = len(x.shape), len(wanted.shape)
        if rank == wanted_rank - 1 and wanted.shape[-1] == 1:
            x = ops.expand_dims(x, -1)
        elif rank == wanted_rank + 1 and x.shape[-1] == 1:
            x = ops.squeeze(x, -1)
        fits = len(x.shape) == wanted_rank and all(
            a is None or b is None or a == b for a, b in zip(x.shape[1:], wanted.shape[1:], strict=False)
        )
        if not fits:
            raise ValueError(
                f"Input '{wanted.name}' of model '{self.name}' does not fit: expected shape {wanted.shape}. "
                f"Received: shape {tuple(x.shape)}"
            )
        return with_mask(x, mask)

    def get_config(self) -> dict:
        from swiftbn.models.functional_config import functional_config

        if not has_functional_constructor(type(self)):
            return Model.get_config(self)
        return functional_config(self)

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.models.functional_config import functional_from_config

        if "layers" in config and "input_layers" in config:
            kind = cls if has_functional_constructor(cls) else Functional
            return functional_from_config(kind, config, custom_objects)
        return cls(**config)


def has_functional_constructor(kind) -> bool:
    return kind.__init__ in (Functional.__init__, Model.__init__)
