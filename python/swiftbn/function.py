"""Computations between symbolic tensors, without the rest of a model."""

from __future__ import annotations

from swiftbn import tree
from swiftbn.models._graph import follow, sort_nodes, sort_operations
from swiftbn.operation import Operation
from swiftbn.ops._dispatch import resolve
from swiftbn.tensor import KerasTensor


class Function(Operation):
    """What is computed from some symbolic tensors to others, to be computed from other tensors again.

    Unlike a functional model it is no layer: it has no variables, though layers in it have theirs.

    Args:
        inputs: KerasTensors, nested in lists, tuples or dicts. They may be anywhere in a computation.
        outputs: KerasTensors computed from them, nested likewise.
        name: unique name.

    Raises:
        ValueError: no inputs or outputs, something else than KerasTensors, or an output that depends on anything but
            the inputs.

    Example:
        >>> a, b = swiftbn.KerasTensor((None, 3)), swiftbn.KerasTensor((None, 3))
        >>> function = swiftbn.Function([a, b], ops.sigmoid(a + b))
        >>> function([np.ones((2, 3)), np.ones((2, 3))]).shape
        (2, 3)
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name)
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            flat = tree.flatten(structure)
            if not flat or not all(isinstance(tensor, KerasTensor) for tensor in flat):
                raise ValueError(f"Function: expected {what} to be KerasTensors. Received: {what}={structure!r}")
        self._inputs_struct = tree.map_structure(lambda x: x, inputs)
        self._outputs_struct = tree.map_structure(lambda x: x, outputs)
        self._nodes = sort_nodes(self.inputs, self.outputs, "Function")
        self._operations = sort_operations(self.inputs, self.outputs, self._nodes)

    @property
    def inputs(self) -> list:
        """The symbolic inputs, flat."""
        return tree.flatten(self._inputs_struct)

    @property
    def outputs(self) -> list:
        """The symbolic outputs, flat."""
        return tree.flatten(self._outputs_struct)

    @property
    def operations(self) -> list[Operation]:
        """What is called on the way, in the order in which it is."""
        return self._operations[:]

    def compute_output_spec(self, inputs):
        self._check(inputs)
        return super().compute_output_spec(inputs)

    def compute_output_shape(self, input_shape):
        """Shapes of the outputs, nested as they are, for shapes nested as the inputs."""
        dtypes = iter(x.dtype for x in self.inputs)
        inputs = tree.map_shape_structure(lambda shape: KerasTensor(shape, next(dtypes)), input_shape)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(inputs))

    def call(self, inputs):
        """The outputs for other tensors, nested as the inputs are."""
        inputs = tree.map_structure(resolve, inputs)
        self._check(inputs)
        values = {id(x): value for x, value in zip(self.inputs, tree.flatten(inputs), strict=True)}
        return follow(self._nodes, values)(self._outputs_struct)

    def _check(self, inputs) -> None:
        shape, wanted = (tree.map_structure(lambda _: None, x) for x in (inputs, self._inputs_struct))
        if shape != wanted:
            raise ValueError(f"Function '{self.name}': expected inputs nested as {wanted}. Received: {shape}")
        for x, known in zip(tree.flatten(inputs), self.inputs, strict=True):
            if len(x.shape) != len(known.shape) or any(
                a != b and None not in (a, b) for a, b in zip(x.shape, known.shape, strict=True)
            ):
                raise ValueError(
                    f"Function '{self.name}': expected shape {known.shape} for input '{known.name}'. "
                    f"Received: shape {tuple(x.shape)}"
                )
