"""Code that changes variables, run so that they keep their values: the changes are read from the scope."""

from __future__ import annotations

import threading

import numpy as np

from swiftbn.trace import current_trace

_local = threading.local()


def current_scope() -> StatelessScope | None:
    """The innermost open scope of this thread."""
    scopes = getattr(_local, "scopes", None)
    return scopes[-1] if scopes else None


def before_writing(variables) -> None:
    """To be called before variables change, so that an open scope can give them their values back."""
    scope = current_scope()
    if scope is not None:
        for variable in variables:
            scope._remember(variable)


class StatelessScope:
    """Inside, variables have the values of a mapping, and what is assigned to them; outside, they are as before.

    Array code and traced code (in `jit`, `value_and_grad` and steps) may open one; so may code around calls of compiled
    functions, and scopes in scopes. Arrays in which a variable's memory is seen show the values of the scope meanwhile,
    and no other thread may use the variables.

    Args:
        state_mapping: pairs (variable, value).
        collect_losses: whether `losses` holds what layers give to `add_loss`.
        initialize_variables: only True: variables made inside have their values at once.

    Raises:
        ValueError: keys that are no variables, or values of another shape.

    Example:
        >>> with swiftbn.StatelessScope([(v, np.zeros(v.shape, v.dtype)) for v in model.weights]) as scope:
        ...     outputs = model(inputs, training=True)
        >>> values = [scope.get_current_value(v) for v in model.weights]
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        from swiftbn.ops._dispatch import resolve
        from swiftbn.variable import Variable

        if initialize_variables is not True:
            raise ValueError(
                "StatelessScope: only initialize_variables=True is supported. "
                f"Received: initialize_variables={initialize_variables!r}"
            )
        self.collect_losses = collect_losses
        self.initialize_variables = True
        self.losses: list = []
        self._mapping: list[tuple] = []
        # By the variables' ids: (variable, what has to be put back), and what they held as the scope ended.
        self._before: dict[int, tuple] = {}
        self._after: dict = {}
        self._trace = None
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    f"StatelessScope: expected pairs of a Variable and its value. Received: {variable!r} as a variable"
                )
            value = resolve(value)
            if tuple(value.shape) != tuple(variable.shape):
                raise ValueError(
                    f"StatelessScope: expected a value of shape {variable.shape} for {variable.path}. "
                    f"Received: shape {tuple(value.shape)}"
                )
            # A view of a variable's memory would change with it.
            self._mapping.append((variable, np.array(value) if isinstance(value, np.ndarray) else value))

    def __enter__(self) -> StatelessScope:
        if not hasattr(_local, "scopes"):
            _local.scopes = []
        _local.scopes.append(self)
        self._trace = current_trace()
        self._before, self._after = {}, {}
        try:
            for variable, value in self._mapping:
                variable.assign(value)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception) -> None:
        self._after = {key: _present(variable) for key, (variable, _) in self._before.items()}
        for variable, before in self._before.values():
            if self._trace is None:
                variable._view[...] = before
            else:
                self._trace.put_back(variable, before)
        self._before = {}
        _local.scopes.remove(self)

    def _remember(self, variable) -> None:
        # In a trace that began inside the scope nothing changes before its program runs.
        if id(variable) not in self._before and current_trace() is self._trace:
            before = variable._view.copy() if self._trace is None else self._trace.standing(variable)
            self._before[id(variable)] = (variable, before)

    def add_loss(self, loss) -> None:
        """Puts a loss among `losses`."""
        self.losses.append(loss)

    def add_update(self, update) -> None:
        """Assigns a value given as (variable, value)."""
        variable, value = update
        variable.assign(value)

    def get_current_value(self, variable):
        """What the variable holds in the scope, or held as it ended; None if it is as it was before.

        An array (a copy of the variable's memory), in a trace a tensor.
        """
        if id(variable) in self._before:
            return _present(variable)
        return self._after.get(id(variable))


def mapping(owner, **given) -> list[tuple]:
    """Pairs (variable, value) of the owner's lists of variables, each named as the argument that gives its values.

    Raises:
        ValueError: another number of values than of variables.
    """
    pairs = []
    for name, (variables, values) in given.items():
        values = list(values)
        if len(values) != len(variables):
            raise ValueError(
                f"{type(owner).__name__} '{owner.name}': expected {name} to be {len(variables)} tensors, one for each "
                f"of its variables. Received: {len(values)}"
            )
        pairs.extend(zip(variables, values, strict=True))
    return pairs


def _present(variable):
    value = variable.value
    return np.array(value) if isinstance(value, np.ndarray) else value
