"""Operations of the functional API: what is called on `KerasTensor`s, and the nodes that such calls leave behind."""

from __future__ import annotations

import functools
import inspect
from typing import NamedTuple

from swiftbn import naming, tree
from swiftbn.masking import get_keras_mask
from swiftbn.rematerialization import get_current_remat_mode, is_larger_than, recomputed
from swiftbn.tensor import KerasTensor, Tensor, is_symbolic


class KerasHistory(NamedTuple):
    """Where a KerasTensor comes from: output `tensor_index` of call `node_index` of `operation`."""

    operation: Operation
    node_index: int
    tensor_index: int


class Node:
    """One call of an operation on symbolic tensors.

    Attributes:
        operation: what was called.
        args, kwargs: what it was called with.
        inputs: the KerasTensors among them, in order.
        outputs: list of the KerasTensors that it returned.
        structure: what it returned, as it was nested.
    """

    def __init__(self, operation: Operation, args: tuple, kwargs: dict, outputs):
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.inputs = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        self.structure = outputs
        self.outputs = tree.flatten(outputs)
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for tensor_index, tensor in enumerate(self.outputs):
            tensor._keras_history = KerasHistory(operation, index, tensor_index)

    @property
    def parents(self) -> list[Node]:
        """The calls that made the inputs."""
        histories = [x._keras_history for x in self.inputs]
        return [h.operation._inbound_nodes[h.node_index] for h in histories if h is not None]

    @property
    def is_input(self) -> bool:
        return not self.inputs

    def __repr__(self) -> str:
        return f"<Node operation={self.operation.name}>"


class Operation:
    """Something with a name that is called on tensors: a layer, or a function of `swiftbn.ops`."""

    # What the `RematScope` asks for in which the operation was made.
    _remat_mode = None

    def __init__(self, name: str | None = None):
        self.name = naming.auto_name(type(self).__name__) if name is None else naming.check_name(name)
        self._inbound_nodes: list[Node] = []
        mode = get_current_remat_mode()
        if mode is not None:
            self._remat_mode = mode

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no call() method; a subclass has to define it")

    def __call__(self, *args, **kwargs):
        if is_symbolic((args, kwargs)):
            return self.symbolic_call(*args, **kwargs)
        return self.rematerialized_call(self.call, *args, **kwargs)(*args, **kwargs)

    def rematerialized_call(self, fn, *args, **kwargs):
        """What a call with these arguments uses in place of `fn`, which is `call`: by the `RematScope` in which the
        operation was made, `fn` itself or one whose values are computed again in the backward pass."""
        mode = self._remat_mode
        if mode is None:
            return fn
        if mode.mode == "full":
            return recomputed(fn)
        if mode.mode == "larger_than":
            return recomputed(fn, is_larger_than(mode.output_size_threshold))
        return fn

    def symbolic_call(self, *args, **kwargs):
        """Works out what the call returns and records the call."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors with the shapes and dtypes of what `call` returns."""
        return trace_output_spec(self.call, args, kwargs)

    @property
    def input(self):
        """The symbolic input (or inputs) of the first call."""
        inputs = self._first_node("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self):
        """The symbolic output (or outputs) of the first call."""
        return self._first_node("output").structure

    def _first_node(self, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(f"{self.name} has no {what}: it was never called on symbolic tensors")
        return self._inbound_nodes[0]


class FunctionOperation(Operation):
    """A function of `swiftbn.ops` called on symbolic tensors.

    Args:
        function: the function without what makes it an operation.
        name: unique name, by default the function's with a number.
        attributes: arguments by name that every call is given.
    """

    def __init__(self, function, name: str | None = None, attributes: dict | None = None):
        super().__init__(name or naming.auto_name(function.__name__))
        self.function = function
        self.attributes = attributes or {}

    def call(self, *args, **kwargs):
        args, kwargs = self.arguments(args, kwargs)
        return self.function(*args, **kwargs)

    def arguments(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """What the function is given in a call: attributes before `*operands` by position, the others by name."""
        named = {**self.attributes, **kwargs}
        if self.attributes:
            parameters = list(inspect.signature(self.function).parameters.values())
            several = [
                index for index, parameter in enumerate(parameters) if parameter.kind is parameter.VAR_POSITIONAL
            ]
            before = [p.name for p in parameters[: several[0]] if p.name in named] if several else []
            args = (*(named.pop(name) for name in before), *args)
        return args, named

    def __getstate__(self) -> dict:
        """The function by its name, as pickle finds the operation that was made of it under that name."""
        return {**self.__dict__, "function": self.function.__name__}

    def __setstate__(self, state: dict) -> None:
        from swiftbn import ops

        self.__dict__.update(state)
        name = state["function"]
        self.function = getattr(ops if hasattr(ops, name) else ops.image, name).__wrapped__


def operation(function):
    """Makes a function of tensors one operation of the functional API when it is called on KerasTensors."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for argument in args:
            kind = type(argument)
            if kind is KerasTensor or (kind in (list, tuple) and is_symbolic(argument)):
                return FunctionOperation(function)(*args, **kwargs)
        if kwargs and is_symbolic(kwargs):
            return FunctionOperation(function)(*args, **kwargs)
        return function(*args, **kwargs)

    return wrapper


# Two sizes that stand in for an unknown extent where code needs a number; extents that differ depend on it.
_STAND_INS = (83, 89)


def trace_output_spec(function, args: tuple, kwargs: dict):
    """KerasTensors of the shapes and dtypes that `function` returns for KerasTensors among its arguments.

    The function runs in a trace that is thrown away. If it cannot do with unknown extents (say, it draws random numbers
    of the batch's shape), it runs with two stand-ins for them instead.
    """
    try:
        return tree.map_structure(_as_keras_tensor, _traced(function, args, kwargs, None))
    except Exception as error:
        symbolic = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        if all(None not in x.shape for x in symbolic):
            raise
        try:
            first, second = (_traced(function, args, kwargs, size) for size in _STAND_INS)
            return tree.map_structure(_merge_stand_ins, first, second)
        except Exception:
            raise error from None


def _traced(function, args, kwargs, stand_in: int | None):
    from swiftbn.trace import Trace

    substitutes: dict[int, Tensor] = {}

    def substitute(x):
        if not isinstance(x, KerasTensor):
            return x
        shape = tuple(stand_in if extent is None else extent for extent in x.shape)
        if id(x) not in substitutes:
            tensor = substitutes[id(x)] = trace.input(x.name, shape, x.dtype)
            tensor._keras_mask = substitute(x._keras_mask)
        return substitutes[id(x)]

    with Trace() as trace:
        args, kwargs = tree.map_structure(substitute, (args, kwargs))
        return function(*args, **kwargs)


def _as_keras_tensor(x) -> KerasTensor:
    if not hasattr(x, "shape"):
        raise TypeError(f"Expected tensors from a symbolic call. Received: {x!r} (of type {type(x).__name__})")
    result = KerasTensor(x.shape, str(x.dtype))
    mask = get_keras_mask(x)
    result._keras_mask = None if mask is None else _as_keras_tensor(mask)
    return result


def _merge_stand_ins(first, second) -> KerasTensor:
    shape = tuple(a if a == b else None for a, b in zip(first.shape, second.shape, strict=False))
    result = KerasTensor(shape, str(first.dtype))
    masks = get_keras_mask(first), get_keras_mask(second)
    if masks[0] is not None and masks[1] is not None:
        result._keras_mask = _merge_stand_ins(*masks)
    return result
