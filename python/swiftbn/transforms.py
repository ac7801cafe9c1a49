"""Derivatives of Python functions written with `swiftbn.ops`."""

from __future__ import annotations

import functools

from swiftbn import tree
from swiftbn.dtypes import is_float_dtype, to_host_array
from swiftbn.gradient_tape import FunctionTape
from swiftbn.ops._dispatch import call, dtype_of, resolve
from swiftbn.stateless_scope import before_writing
from swiftbn.tensor import Tensor, is_symbolic
from swiftbn.trace import Trace, current_trace
from swiftbn.variable import Variable


def value_and_grad(f, argnums=0, has_aux: bool = False):
    """A function that returns the value of `f` and its gradient.

    `f` takes arrays, variables, and nested lists, tuples and dicts of them, computes with `swiftbn.ops`, and returns a
    scalar. The gradient has the structure of the argument; where the value does not depend on an array it is zeros.
    What `f` assigns to variables is kept. Gradients may be taken of gradients.

    Args:
        f: the function.
        argnums: position of the argument to differentiate by, or several.
        has_aux: whether `f` returns (value, other results), which are returned as well.

    Returns:
        A function with the arguments of `f` that returns (value, gradient), with `has_aux` ((value, aux), gradient),
        and a tuple of gradients when `argnums` are several.

    Raises:
        TypeError: an argument that is not of a float dtype (ValueError when there is no such argument), or a value that
            is not a scalar of a float dtype.

    Example:
        >>> value, gradient = value_and_grad(lambda x: ops.sum(ops.square(x)))(np.array([1.0, 2.0]))
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(f, updated=())
    def wrapper(*args, **kwargs):
        for number in numbers:
            if not -len(args) <= number < len(args):
                raise ValueError(
                    f"value_and_grad: expected argnums to be positions of {len(args)} arguments. "
                    f"Received: argnums={argnums}"
                )
        trace = current_trace()
        if trace is not None or _holds_tensors((args, kwargs)):
            value, aux, gradients = _inside(trace, f, numbers, has_aux, args, kwargs)
        else:
            value, aux, gradients = _outside(f, numbers, has_aux, args, kwargs)
        gradients = gradients[0] if isinstance(argnums, int) else tuple(gradients)
        return ((value, aux), gradients) if has_aux else (value, gradients)

    return wrapper


def grad(f, argnums=0, has_aux: bool = False):
    """A function that returns the gradient of `f`, with `has_aux` (gradient, aux); see `value_and_grad`."""
    function = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f, updated=())
    def wrapper(*args, **kwargs):
        value, gradients = function(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return wrapper


def _holds_tensors(structure) -> bool:
    return any(isinstance(leaf, Tensor) for leaf in tree.flatten(structure))


def _outside(f, numbers, has_aux, args, kwargs):
    """Traces `f`, compiles value and gradient into one program, and runs it."""
    if is_symbolic((args, kwargs)):
        raise TypeError("value_and_grad: expected arrays and variables. Received: a KerasTensor")
    with Trace() as trace:
        arrays: list = []

        def declare(leaf):
            if isinstance(leaf, Variable) or not _is_array(leaf):
                return leaf
            array = to_host_array(leaf)
            arrays.append(array)
            return trace.input(f"argument {len(arrays)}", array.shape, array.dtype.name)

        traced_args, traced_kwargs = tree.map_structure(declare, (args, kwargs))
        positive = {number % len(args) for number in numbers}
        for position in positive:
            _check_differentiable(traced_args[position])
        value, aux, gradients = _differentiate(trace, f, numbers, has_aux, traced_args, traced_kwargs)
        aux = tree.map_structure(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, aux)
        results = (value, aux, gradients)
        wanted = [leaf for leaf in tree.flatten(results) if isinstance(leaf, Tensor)]
        program = trace.compile(wanted)
    before_writing(trace.assigned_variables)
    computed = dict(zip(map(id, wanted), program.run(tuple(arrays)), strict=False))
    return tree.map_structure(lambda leaf: computed.get(id(leaf), leaf), results)


def _is_array(leaf) -> bool:
    return hasattr(leaf, "__array__") or (isinstance(leaf, (int, float)) and not isinstance(leaf, bool))


def _check_differentiable(value) -> None:
    for leaf in tree.flatten(value):
        if not isinstance(leaf, (Tensor, Variable)):
            raise TypeError(
                f"value_and_grad: expected arrays and variables to differentiate by. "
                f"Received: {leaf!r} (of type {type(leaf).__name__})"
            )


def _inside(trace, f, numbers, has_aux, args, kwargs):
    """In a trace the gradient is described along with the rest."""
    if trace is None:
        trace = next(leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, Tensor))._trace

    def tensor(leaf):
        if isinstance(leaf, (Tensor, Variable)) or not _is_array(leaf):
            return leaf
        return trace.constant(to_host_array(leaf))

    args = tree.map_structure(tensor, args)
    return _differentiate(trace, f, numbers, has_aux, args, kwargs)


def _differentiate(trace: Trace, f, numbers, has_aux, args, kwargs):
    # Each source becomes a value of its own, so that the gradient is that of this use and not of earlier ones; the tape
    # does the same for variables.
    def source(leaf):
        return call("identity", leaf)[0] if isinstance(leaf, Tensor) else leaf

    args = list(args)
    for number in numbers:
        args[number] = tree.map_structure(source, args[number])
    leaves = [leaf for number in numbers for leaf in tree.flatten(args[number])]
    for leaf in leaves:
        if not is_float_dtype(dtype_of(leaf)):
            raise TypeError(
                f"value_and_grad: expected arrays of dtype float32 or float64 to differentiate by. "
                f"Received: dtype {dtype_of(leaf)} of shape {tuple(leaf.shape)}"
            )
    tape = FunctionTape()
    tape._open(trace)
    try:
        result = f(*args, **kwargs)
    finally:
        tape._close()
    if has_aux and not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(f"value_and_grad: expected f to return (value, aux) as has_aux=True. Received: {result!r}")
    value, aux = result if has_aux else (result, None)
    if isinstance(value, Variable) or (not isinstance(value, Tensor) and _is_array(value)):
        value = resolve(value)
    shape = tuple(getattr(value, "shape", ())) if hasattr(value, "shape") else None
    if shape != () or not is_float_dtype(dtype_of(value)):
        what = f"shape {shape}, dtype {dtype_of(value)}" if shape is not None else repr(value)
        raise TypeError(f"value_and_grad: expected f to return a scalar of a float dtype. Received: {what}")
    filled = iter(tape.gradient(value, leaves, unconnected_gradients="zero"))
    gradients = [tree.map_structure(lambda _: next(filled), args[number]) for number in numbers]
    return value, aux, gradients
