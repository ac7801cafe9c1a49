"""Traces: Python code run once on symbolic values to describe a computation to the native core.

While a trace is active on a thread, variables are read as its tensors and assignments to them are recorded; the
compiled program carries them out at the end of each run.
"""

from __future__ import annotations

import threading

import numpy as np

from swiftbn import _native
from swiftbn.tensor import Tensor

_local = threading.local()


def _stack() -> list:
    try:
        return _local.traces
    except AttributeError:
        _local.traces = []
        return _local.traces


def current_trace() -> Trace | None:
    """The innermost active trace of this thread."""
    # Asked in every call of small programs, so without `_stack`.
    stack = getattr(_local, "traces", None)
    return stack[-1] if stack else None


def is_active(trace: Trace) -> bool:
    """Whether the trace is in progress on this thread."""
    return any(trace is other for other in _stack())


class suspend_trace:
    """Inside, operations run at once even if a trace is active; new variables get their values this way."""

    def __enter__(self):
        _stack().append(None)

    def __exit__(self, *exception):
        _stack().pop()


class Trace:
    """A native graph under construction, and what the code traced so far has assigned to variables."""

    def __init__(self):
        self.graph = _native.Graph()
        self._current: dict[int, Tensor] = {}
        self._assigned: dict[int, tuple] = {}
        self._initial: dict[int, tuple] = {}
        self._tapes: list = []
        # Values of variables that traced code was given: indices of tensors.
        self._read: set[int] = set()
        self._scalars: dict[tuple, Tensor] = {}
        # Whether functions of `branches` are being traced.
        self.in_branches = False
        # The axis of each softmax, by its output: losses ask for it to take the logits instead.
        self.softmax_axes: dict[int, int] = {}

    def __enter__(self) -> Trace:
        _stack().append(self)
        return self

    def __exit__(self, *exception) -> None:
        _stack().pop()

    def input(self, name: str, shape, dtype: str) -> Tensor:
        """A value that a run is given; inputs are given in the order of these calls."""
        return Tensor(self, self.graph.input(name, tuple(shape), dtype))

    def constant(self, array: np.ndarray) -> Tensor:
        """The array's present content as a value; equal scalars become one value."""
        if array.ndim:
            return Tensor(self, self.graph.constant(array))
        key = (array.dtype.name, array.tobytes())
        if key not in self._scalars:
            self._scalars[key] = Tensor(self, self.graph.constant(array))
        return self._scalars[key]

    def variable(self, variable) -> Tensor:
        """What the variable holds at this point of the traced code."""
        tensor = self._current.get(id(variable))
        if tensor is None:
            tensor = self.initial(variable)
        for tape in self._tapes:
            tensor = tape._source(variable, tensor)
        self._read.add(tensor._index)
        return tensor

    def was_read(self, tensor: Tensor) -> bool:
        """Whether traced code was given this value of a variable."""
        return tensor._index in self._read

    def initial(self, variable) -> Tensor:
        """What the variable holds when a run begins."""
        entry = self._initial.get(id(variable))
        if entry is None:
            entry = (variable, Tensor(self, self.graph.variable(variable._native)))
            self._initial[id(variable)] = entry
        return entry[1]

    def assign(self, variable, value: Tensor) -> None:
        """From here on the traced code reads `value`; a run writes the last one assigned."""
        self._current[id(variable)] = value
        self._assigned[id(variable)] = (variable, value)

    def standing(self, variable) -> tuple:
        """What is noted of a variable, for `put_back`."""
        return self._current.get(id(variable)), self._assigned.get(id(variable))

    def put_back(self, variable, standing: tuple) -> None:
        """Takes back what was assigned to a variable since `standing` was noted."""
        for place, entry in zip((self._current, self._assigned), standing, strict=True):
            if entry is None:
                place.pop(id(variable), None)
            else:
                place[id(variable)] = entry

    def branches(self, *functions) -> tuple[list, dict]:
        """What each function returns, and for each variable that one of them assigns its value behind each of them.

        Each begins with the values from before; afterwards the variables have these values again.
        """
        current, assigned = dict(self._current), dict(self._assigned)
        results, behind = [], []
        was_in_branches, self.in_branches = self.in_branches, True
        try:
            for function in functions:
                self._current, self._assigned = dict(current), dict(assigned)
                results.append(function())
                behind.append(self._assigned)
        finally:
            self.in_branches = was_in_branches
        self._current, self._assigned = current, assigned
        changed = {}
        for branch in behind:
            for key, (variable, value) in branch.items():
                if assigned.get(key, (None, None))[1] is not value:
                    changed[key] = variable
        values = {
            variable: [branch[key][1] if key in branch else self.variable(variable) for branch in behind]
            for key, variable in changed.items()
        }
        return results, values

    @property
    def assigned_variables(self) -> list:
        """The variables that a run writes."""
        return [variable for variable, _ in self._assigned.values()]

    def operation(self, name: str, inputs: tuple, attributes: dict) -> tuple:
        """Adds an operation on tensors of this trace and host arrays."""
        indices = tuple(x._index if type(x) is Tensor else self.constant(x)._index for x in inputs)
        return tuple(Tensor(self, index) for index in self.graph.add(name, indices, attributes))

    def gradients(self, targets: list, sources: list, seeds: list | None = None) -> list:
        """d(sum of targets)/d(source); `seeds` weigh the targets' elements.

        None stands for a source that the targets do not depend on.
        """

        def indices(tensors):
            return tuple(tensor._index for tensor in tensors)

        found = self.graph.gradients(indices(targets), indices(sources), None if seeds is None else indices(seeds))
        return [None if index is None else Tensor(self, index) for index in found]

    def compile(self, outputs) -> _native.Program:
        """A program that returns the outputs and writes the assigned variables."""
        for variable, value in self._assigned.values():
            self.graph.assign(variable._native, value._index)
        return _native.Program(self.graph, tuple(output._index for output in outputs))
