"""`swiftbn.jit`: a function of arrays as one native program for each form of its arguments."""

from __future__ import annotations

import functools
import inspect
from typing import NamedTuple

import numpy as np

from swiftbn import tree
from swiftbn._recent import Recent
from swiftbn.config import floatx
from swiftbn.dtypes import is_plain, to_host_array
from swiftbn.stateless_scope import before_writing
from swiftbn.tensor import Tensor, is_symbolic
from swiftbn.trace import Trace, current_trace
from swiftbn.variable import Variable


def jit(f=None, *, static_argnums=(), static_argnames=()):
    """A function that traces `f` once for each form of its arguments and then runs it as one native program.

    `f` computes with `swiftbn.ops`, layers and models on nested lists, tuples and dicts of arrays. Arrays and numbers
    among the arguments may change from call to call; a new shape or dtype, or another value of anything else (bools,
    strings, None, static arguments), is traced anew. Variables that `f` reads are read in each call, and assignments to
    them are kept. Other arrays that it gets from outside count with the numbers they had when it was traced, as do
    settings of layers such as `trainable`. Inside another trace `f` is simply called. The programs of the 64 forms used
    last are kept; a form that comes back later is traced again, with the same results.

    Args:
        f: the function; without it, a decorator is returned.
        static_argnums: position, or positions, of arguments that are Python values and not arrays.
        static_argnames: the same by name, also several in one string with spaces between.

    Returns:
        A function with the arguments of `f` that returns what `f` does, with NumPy arrays in place of tensors.

    Raises:
        TypeError: (in calls) a static argument that cannot be hashed, or data that are not numbers.
        ValueError: a static argument that `f` does not have.

    Example:
        >>> @swiftbn.jit
        ... def distance(a, b):
        ...     return ops.sqrt(ops.sum(ops.square(a - b), axis=-1))
    """
    if f is None:
        return functools.partial(jit, static_argnums=static_argnums, static_argnames=static_argnames)
    if not callable(f):
        raise TypeError(f"jit: expected a function. Received: {f!r}")
    call = _CompiledFunction(f, _static_parameters(f, static_argnums, static_argnames)).call

    @functools.wraps(f, updated=())
    def wrapper(*args, **kwargs):
        return call(args, kwargs)

    return wrapper


class _Entry(NamedTuple):
    """A traced form: the program, what it returns, the variables that its key holds by identity, those it writes."""

    program: object
    result: object
    outputs: list
    variables: list
    assigned: list


class _CompiledFunction:
    def __init__(self, f, static: tuple[frozenset, frozenset]):
        self._f = f
        self._static_positions, self._static_names = static
        self._entries = Recent()
        # Of the last call with arrays alone: `floatx()`, shapes and dtypes, the entry.
        self._last: tuple = (None, (), None)

    def call(self, args: tuple, kwargs: dict):
        is_traced = current_trace() is not None
        if not kwargs and not is_traced:
            # A short way, since small programs take no longer than the long one.
            precision, forms, entry = self._last
            if precision == floatx() and _are_of_forms(args, forms):
                return self._run(entry, args)
        is_plain_call = not kwargs and not self._static_positions and all(map(is_plain, args))
        if is_traced or not is_plain_call and is_symbolic((args, kwargs)):
            return self._f(*args, **kwargs)
        if is_plain_call:
            arrays, key = args, (floatx(), *[(array.shape, array.dtype) for array in args])
        else:
            arrays, key = self._described(args, kwargs)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = self._trace(args, kwargs, arrays)
        if is_plain_call:
            self._last = key[0], key[1:], entry
        return self._run(entry, tuple(arrays))

    def _run(self, entry: _Entry, arrays: tuple):
        if entry.assigned:
            before_writing(entry.assigned)
        found = entry.program.run(arrays)
        if type(entry.result) is Tensor:
            return found[0]
        computed = dict(zip(map(id, entry.outputs), found, strict=True))
        return tree.map_structure(lambda leaf: _result(leaf, computed), entry.result)

    def _described(self, args: tuple, kwargs: dict) -> tuple[list, tuple]:
        """The arrays among the arguments, in the order in which the tree is walked, and the key of their program."""
        arrays: list[np.ndarray] = []
        key = [floatx()]
        for position, value in enumerate(args):
            key.append(self._describe(value, position in self._static_positions, f"argument {position}", arrays))
        for name in sorted(kwargs):
            key.append((name, self._describe(kwargs[name], name in self._static_names, name, arrays)))
        return arrays, tuple(key)

    def _describe(self, value, is_static: bool, name: str, arrays: list):
        """What of an argument decides about the program; its arrays are appended to the list."""
        if not is_static and tree.is_nested(value):
            # In the order in which the tree is walked when it is traced.
            keys = tree.keys(value) if isinstance(value, dict) else range(len(value))
            return type(value), tuple((k, self._describe(value[k], False, f"{name}[{k!r}]", arrays)) for k in keys)
        if isinstance(value, Variable):
            return Variable, id(value)
        if not is_static and _is_array(value):
            array = to_host_array(value)
            arrays.append(array)
            return array.shape, array.dtype
        try:
            hash(value)
        except TypeError:
            raise TypeError(
                f"jit: expected {name} to be arrays, or a static value that can be hashed. "
                f"Received: {value!r} (of type {type(value).__name__})"
            ) from None
        return type(value), value

    def _trace(self, args: tuple, kwargs: dict, arrays: list) -> _Entry:
        with Trace() as trace:
            inputs = iter([trace.input(f"argument {i}", a.shape, a.dtype.name) for i, a in enumerate(arrays)])

            def declare(value, is_static: bool):
                if is_static:
                    return value
                return tree.map_structure(lambda leaf: next(inputs) if _is_array(leaf) else leaf, value)

            positional = [declare(value, i in self._static_positions) for i, value in enumerate(args)]
            # In the order in which the arrays were listed.
            named = {name: declare(kwargs[name], name in self._static_names) for name in sorted(kwargs)}
            result = self._f(*positional, **{name: named[name] for name in kwargs})
            result = tree.map_structure(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, result)
            outputs = list({id(leaf): leaf for leaf in tree.flatten(result) if isinstance(leaf, Tensor)}.values())
            variables = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, Variable)]
            return _Entry(trace.compile(outputs), result, outputs, variables, trace.assigned_variables)


def _are_of_forms(args: tuple, forms: tuple) -> bool:
    """Whether the arguments are C-contiguous arrays of these shapes and dtypes."""
    if len(args) != len(forms):
        return False
    for array, (shape, dtype) in zip(args, forms, strict=True):
        if type(array) is not np.ndarray or array.shape != shape or array.dtype is not dtype:
            return False
        if not array.flags.c_contiguous:
            return False
    return True


def _result(leaf, computed: dict):
    if isinstance(leaf, np.ndarray):
        # The trace's own: a caller may change what it is given.
        return leaf.copy()
    return computed.get(id(leaf), leaf)


def _is_array(leaf) -> bool:
    if isinstance(leaf, (bool, Variable)):
        return False
    return hasattr(leaf, "__array__") or isinstance(leaf, (int, float))


def _static_parameters(f, positions, names) -> tuple[frozenset, frozenset]:
    """Static arguments by position and by name, each in both ways where the signature tells."""
    positions = (positions,) if isinstance(positions, int) else tuple(positions)
    names = tuple(names.split()) if isinstance(names, str) else tuple(names)
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return frozenset(positions), frozenset(names)
    order = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes = {p.kind for p in parameters}
    known = {p.name for p in parameters}
    for position in positions:
        if isinstance(position, bool) or not isinstance(position, int) or position < 0:
            raise ValueError(f"jit: expected static_argnums to be integers >= 0. Received: {position!r}")
        if position >= len(order) and inspect.Parameter.VAR_POSITIONAL not in takes:
            raise ValueError(f"jit: expected static_argnums below {len(order)}. Received: {position}")
    for name in names:
        if name not in known and inspect.Parameter.VAR_KEYWORD not in takes:
            raise ValueError(f"jit: expected static_argnames among {', '.join(known)}. Received: {name!r}")
    return (
        frozenset((*positions, *(order.index(name) for name in names if name in order))),
        frozenset((*names, *(order[position] for position in positions if position < len(order)))),
    )
