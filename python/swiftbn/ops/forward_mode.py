"""Derivatives along a direction."""

from __future__ import annotations

from swiftbn import tree
from swiftbn.dtypes import is_float_dtype, to_host_array
from swiftbn.operation import operation
from swiftbn.ops._dispatch import call, dtype_of, resolve, to_dtype
from swiftbn.ops.creation import zeros_like
from swiftbn.ops.elementwise import multiply
from swiftbn.ops.reduction import sum
from swiftbn.tensor import Tensor
from swiftbn.trace import current_trace


@operation
def jvp(fun, primals, tangents, has_aux=False):
    """`fun` at `primals`, and its derivative along `tangents`: J·t for the Jacobian J.

    It is the derivative by u of (Jᵀ·u)·t, which is linear in u, so that both derivatives are ordinary gradients.

    Args:
        fun: a function of tensors, or of nested ones, that returns tensors of float dtypes, nested or not.
        primals: a tuple or list of its arguments.
        tangents: the same of directions, nested and shaped as the primals.
        has_aux: whether `fun` returns (outputs, other results).

    Returns:
        (outputs, derivatives), with `has_aux` (outputs, derivatives, other results).

    Raises:
        TypeError: no function, or arguments or outputs of other dtypes.
        ValueError: tangents that are not nested and shaped as the primals.
    """
    if not callable(fun):
        raise TypeError(f"jvp: expected fun to be a function. Received: fun={fun!r}")
    for name, value in (("primals", primals), ("tangents", tangents)):
        if not isinstance(value, (tuple, list)):
            raise TypeError(f"jvp: expected {name} to be a tuple or a list. Received: {name}={value!r}")

    def described(primals, tangents):
        return _described(current_trace(), fun, primals, tangents, has_aux)

    if current_trace() is not None:
        return described(primals, tangents)
    from swiftbn.compiled_function import jit

    return jit(described)(primals, tangents)


def _described(trace, fun, primals, tangents, has_aux: bool):
    from swiftbn.gradient_tape import FunctionTape

    # Values of their own, so that the derivative is that of this use and not of earlier ones.
    primals = tree.map_structure(lambda leaf: call("identity", _tensor(trace, leaf, "primals"))[0], tuple(primals))
    leaves = tree.flatten(primals)
    directions = _directions(leaves, primals, tuple(tangents))
    tape = FunctionTape()
    tape._open(trace)
    try:
        result = fun(*primals)
    finally:
        tape._close()
    if has_aux and not (isinstance(result, tuple) and len(result) == 2):
        raise TypeError(f"jvp: expected fun to return (outputs, aux) as has_aux=True. Received: {result!r}")
    outputs, aux = result if has_aux else (result, None)
    outputs = tree.map_structure(lambda leaf: _tensor(trace, leaf, "fun to return tensors"), outputs)
    flat = tree.flatten(outputs)
    weights = [call("identity", _tensor(trace, zeros_like(output), "outputs"))[0] for output in flat]
    found = tape.gradient(flat, leaves, output_gradients=weights)
    products = [sum(multiply(g, t)) for g, t in zip(found, directions, strict=True) if g is not None]
    along = trace.gradients(products, weights) if products else [None] * len(flat)
    derivatives = [zeros_like(o) if d is None else d for o, d in zip(flat, along, strict=True)]
    derivatives = tree.pack_as(outputs, derivatives) if tree.is_nested(outputs) else derivatives[0]
    return (outputs, derivatives, aux) if has_aux else (outputs, derivatives)


def _tensor(trace, leaf, what: str) -> Tensor:
    value = resolve(leaf)
    if not isinstance(value, Tensor):
        value = trace.constant(to_host_array(value))
    if not is_float_dtype(dtype_of(value)):
        raise TypeError(f"jvp: expected {what} of a float dtype. Received: dtype {dtype_of(value)}")
    return value


def _directions(leaves: list, primals: tuple, tangents: tuple) -> list:
    shape = tree.map_structure(lambda _: None, primals)
    if tree.map_structure(lambda _: None, tangents) != shape:
        raise ValueError(f"jvp: expected tangents nested as the primals, {shape}. Received: tangents={tangents!r}")
    found = [to_dtype(resolve(t), leaf.dtype) for t, leaf in zip(tree.flatten(tangents), leaves, strict=True)]
    for tangent, leaf in zip(found, leaves, strict=True):
        if tuple(tangent.shape) != tuple(leaf.shape):
            raise ValueError(
                f"jvp: expected a tangent of shape {tuple(leaf.shape)}, as the primal. "
                f"Received: shape {tuple(tangent.shape)}"
            )
    return found
