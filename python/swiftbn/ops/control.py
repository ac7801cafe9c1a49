"""Control flow: loops are unrolled where they are described, choices by data describe every branch and select.

The graph of a step has no loops and no jumps; its program leaves out what only a branch needs that is not chosen. A
number of steps has to be known when the code is described; what depends on data inside fit, a layer's call or a
differentiated function is an error that names the argument.
"""

from __future__ import annotations

import numpy as np

from swiftbn import tree
from swiftbn.ops._dispatch import call, dtype_of, normalize_axis, resolve, to_dtype
from swiftbn.ops.elementwise import equal, less, where
from swiftbn.ops.shaping import _cut, concatenate, flip, stack
from swiftbn.tensor import KerasTensor, Tensor
from swiftbn.trace import current_trace
from swiftbn.variable import Variable


def _known(x):
    """A host number or array, or None for a tensor, whose numbers are not known yet."""
    x = x.value if isinstance(x, Variable) else x
    if isinstance(x, KerasTensor):
        raise TypeError(f"Expected an array, or a tensor inside a layer's call. Received: {x!r}")
    return None if isinstance(x, Tensor) else x


def _scalar(name: str, argument: str, x):
    """A condition as a tensor without axes."""
    if tuple(x.shape) not in ((), (1,)):
        raise ValueError(f"{name}: expected {argument} to be a scalar. Received: shape {tuple(x.shape)}")
    return call("reshape", x, shape=())[0] if x.shape else x


def _truth(name: str, argument: str, x):
    x = _scalar(name, argument, resolve(x))
    return x if dtype_of(x) == "bool" else call("not_equal", to_dtype(x, "float64"), np.array(0.0))[0]


def _selected(name: str, conditions: list, results: list):
    """From the first result whose condition holds, else the last one, leaf by leaf."""
    structures = [tree.map_structure(lambda _: None, result) for result in results]
    if any(structure != structures[0] for structure in structures[1:]):
        raise ValueError(f"{name}: expected all branches to return the same structure. Received: {structures}")
    flat = [tree.flatten(result) for result in results]
    chosen = iter([_pick(name, conditions, leaves) for leaves in zip(*flat, strict=True)])
    return tree.map_structure(lambda _: next(chosen), results[0])


def _pick(name: str, conditions: list, leaves: tuple):
    if all(leaf is None for leaf in leaves):
        return None
    values = [resolve(leaf) for leaf in leaves]
    shapes = [tuple(v.shape) for v in values]
    if any(
        len(s) != len(shapes[0]) or any(None not in (a, b) and a != b for a, b in zip(s, shapes[0], strict=True))
        for s in shapes
    ):
        raise ValueError(f"{name}: expected all branches to return the same shapes. Received: {shapes}")
    result = values[-1]
    for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
        result = where(condition, value, result)
    return result


def _branched(name: str, conditions: list, functions: list):
    """Results of all functions, and their assignments to variables, selected by conditions that are tensors."""
    trace = current_trace() or conditions[0]._trace
    results, assigned = trace.branches(*functions)
    for variable, values in assigned.items():
        variable.assign(_pick(name, conditions, tuple(values)))
    return _selected(name, conditions, results)


def cond(pred, true_fn, false_fn):
    """`true_fn()` if pred is true, else `false_fn()`.

    For a symbolic pred both are described and one result is selected, of the variables they assign as well; both have
    to return the same structure and shapes. A program leaves out what the other one alone needs. Where a branch that is
    not taken is infinite, its gradient may still be NaN.

    Raises:
        TypeError: a branch that cannot be called.
        ValueError: branches that do not fit together.
    """
    for argument, function in (("true_fn", true_fn), ("false_fn", false_fn)):
        if not callable(function):
            raise TypeError(f"cond: expected {argument} to be a function. Received: {argument}={function!r}")
    known = _known(pred)
    if known is not None:
        return true_fn() if bool(np.asarray(known).reshape(())) else false_fn()
    return _branched("cond", [_truth("cond", "pred", pred)], [true_fn, false_fn])


def switch(index, branches, *operands):
    """`branches[index](*operands)`, with the index cut to those there are; for a symbolic index see `cond`."""
    branches = list(branches)
    if not branches:
        raise ValueError("switch: expected at least one branch. Received: branches=[]")
    known = _known(index)
    if known is not None:
        return branches[min(max(int(known), 0), len(branches) - 1)](*operands)
    functions = [lambda branch=branch: branch(*operands) for branch in branches]
    if len(functions) == 1:
        return functions[0]()
    index = _scalar("switch", "index", resolve(index))
    conditions = [less(index, 1), *(equal(index, i) for i in range(1, len(branches) - 1))]
    return _branched("switch", conditions, functions)


def while_loop(cond, body, loop_vars, maximum_iterations: int | None = None):
    """`loop_vars = body(*loop_vars)` while `cond(*loop_vars)` holds, at most `maximum_iterations` times.

    A symbolic condition needs `maximum_iterations`: that many steps are described, and those behind the end change
    nothing.

    Raises:
        ValueError: a condition that depends on data, without `maximum_iterations`.
    """
    is_sequence = isinstance(loop_vars, (list, tuple))
    variables = tuple(loop_vars) if is_sequence else (loop_vars,)
    count = 0
    while maximum_iterations is None or count < maximum_iterations:
        holds = cond(*variables)
        known = _known(holds)
        if known is not None and not np.asarray(known).reshape(()):
            break
        if known is None:
            if maximum_iterations is None:
                raise ValueError(
                    "while_loop: cond depends on data that is not known while the loop is described (inside fit, a "
                    "layer's call or a differentiated function); expected maximum_iterations. Received: "
                    "maximum_iterations=None"
                )
            holds = _truth("while_loop", "cond", holds)
        if known is not None:
            variables = _as_tuple(body(*variables), len(variables))
        else:
            # Variables that no longer change keep the condition false.
            here = variables
            variables = _branched(
                "while_loop",
                [holds],
                [lambda: _as_tuple(body(*here), len(here)), lambda: here],  # noqa: B023
            )
        count += 1
    if not is_sequence:
        return variables[0]
    return list(variables) if isinstance(loop_vars, list) else variables


def _as_tuple(values, count: int) -> tuple:
    values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
    if len(values) != count:
        raise ValueError(f"while_loop: expected body to return {count} loop_vars. Received: {len(values)}")
    return values


def fori_loop(lower, upper, body_fun, init_val):
    """`value = body_fun(i, value)` for i = lower … upper - 1, unrolled.

    Raises:
        ValueError: bounds that depend on data.
    """
    bounds = []
    for argument, bound in (("lower", lower), ("upper", upper)):
        known = _known(bound)
        if known is None:
            raise ValueError(
                f"fori_loop: expected {argument} to be known while the loop is described; it depends on data. "
                f"Received: {argument}={bound!r}"
            )
        bounds.append(int(known))
    value = init_val
    for i in range(*bounds):
        value = body_fun(i, value)
    return value


def _length(name: str, xs, length=None) -> int:
    """The common extent of axis 0."""
    extents = {tuple(resolve(x).shape)[0] if resolve(x).shape else None for x in tree.flatten(xs)}
    if length is not None:
        extents.add(int(length))
    if len(extents) != 1 or None in extents:
        received = ", ".join(sorted(str(extent) for extent in extents))
        raise ValueError(f"{name}: expected tensors with one known extent of axis 0. Received: {received}")
    return extents.pop()


def _part(xs, i: int):
    return tree.map_structure(lambda x: call("squeeze", _cut(resolve(x), 0, i, i + 1), axes=(0,))[0], xs)


def _stacked(parts: list):
    """Structures of tensors as a structure of tensors with a new first axis."""
    flat = [tree.flatten(part) for part in parts]
    joined = iter([None if leaves[0] is None else stack(list(leaves)) for leaves in zip(*flat, strict=True)])
    return tree.map_structure(lambda _: next(joined), parts[0])


def scan(f, init, xs=None, length: int | None = None, reverse: bool = False, unroll=1):
    """`carry, y = f(carry, x)` for the parts x of xs along axis 0 (or `length` times with x = None), unrolled.

    `reverse` goes from the last part to the first. `unroll` changes nothing.

    Returns:
        (the last carry, all y stacked along axis 0).

    Raises:
        TypeError: f cannot be called.
        ValueError: neither xs nor a length, or extents that differ.
    """
    if not callable(f):
        raise TypeError(f"scan: expected f to be a function. Received: f={f!r}")
    if xs is None and length is None:
        raise ValueError("scan: expected xs or length. Received: None for both")
    count = int(length) if xs is None else _length("scan", xs, length)
    carry, found = init, []
    for i in reversed(range(count)) if reverse else range(count):
        carry, y = f(carry, None if xs is None else _part(xs, i))
        found.append(y)
    if not found:
        return carry, None
    return carry, _stacked(found[::-1] if reverse else found)


def map(f, xs):
    """f of each part of xs along axis 0, stacked; unrolled.

    Raises:
        ValueError: no parts, or extents that differ.
    """
    count = _length("map", xs)
    if not count:
        raise ValueError("map: expected at least one part along axis 0. Received: 0")
    return _stacked([f(_part(xs, i)) for i in range(count)])


def vectorized_map(function, elements):
    """The same as `map`: one description of the function for each part."""
    return map(function, elements)


def associative_scan(f, elems, reverse: bool = False, axis: int = 0):
    """Running results of an associative function of two tensors (or structures of them) along an axis, log₂ n deep.

    Raises:
        TypeError: f cannot be called.
        ValueError: extents that differ.
    """
    if not callable(f):
        raise TypeError(f"associative_scan: expected f to be a function. Received: f={f!r}")
    flat = [resolve(x) for x in tree.flatten(elems)]
    axis = normalize_axis(axis, len(flat[0].shape), "associative_scan")
    extents = {x.shape[axis] for x in flat}
    if len(extents) != 1:
        raise ValueError(f"associative_scan: expected equal extents along axis {axis}. Received: {sorted(extents)}")

    def combine(a: list, b: list) -> list:
        result = f(tree.pack_as(elems, a), tree.pack_as(elems, b)) if tree.is_nested(elems) else f(a[0], b[0])
        return [resolve(x) for x in tree.flatten(result)]

    flat = [flip(x, axis) for x in flat] if reverse else flat
    flat = _running(combine, flat, axis)
    flat = [flip(x, axis) for x in flat] if reverse else flat
    return tree.pack_as(elems, flat) if tree.is_nested(elems) else flat[0]


def _every_other(x, axis: int, first: int):
    rank = len(x.shape)
    begin, steps = [first if a == axis else 0 for a in range(rank)], [2 if a == axis else 1 for a in range(rank)]
    return call("slice", x, begin=begin, end=list(x.shape), strides=steps)[0]


def _running(combine, xs: list, axis: int) -> list:
    """Pairs are combined, their running results are those of odd places, and even places come from these."""
    n = xs[0].shape[axis]
    if n < 2:
        return xs
    even, odd = ([_every_other(x, axis, first) for x in xs] for first in (0, 1))
    pairs = [_cut(x, axis, 0, n // 2) for x in even]
    odd_results = _running(combine, combine(pairs, odd), axis)
    results = [_cut(x, axis, 0, 1) for x in xs]
    if n > 2:
        before = [_cut(x, axis, 0, (n - 1) // 2) for x in odd_results]
        behind = combine(before, [_cut(x, axis, 1, (n + 1) // 2) for x in even])
        results = [concatenate([a, b], axis) for a, b in zip(results, behind, strict=True)]
    return [_interleaved(a, b, axis) for a, b in zip(results, odd_results, strict=True)]


def _interleaved(a, b, axis: int):
    """a[0], b[0], a[1], b[1], …; a may be one longer."""
    m = b.shape[axis]
    both = stack([_cut(a, axis, 0, m), b], axis + 1)
    shape = (*a.shape[:axis], 2 * m, *a.shape[axis + 1 :])
    both = call("reshape", both, shape=tuple(shape))[0]
    return both if a.shape[axis] == m else concatenate([both, _cut(a, axis, m, m + 1)], axis)
