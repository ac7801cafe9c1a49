"""Updates that happen only in some steps, inside the one compiled step."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.trace import current_trace


def update_if(condition, update, variables: list) -> None:
    """Calls `update`; where the condition does not hold, the variables that it assigns keep their values.

    In a trace the condition is a tensor, so both outcomes are computed and one is selected, bit by bit: what the update
    makes of infinite gradients does not leak into the variables.
    """
    if current_trace() is None:
        if condition:
            update()
        return
    before = [variable.value for variable in variables]
    update()
    for variable, old in zip(variables, before, strict=True):
        new = variable.value
        if new is not old:
            variable.assign(ops.where(condition, new, old))


def is_due(iterations, period: int):
    """Whether the step after `iterations` steps is a `period`-th one."""
    return ops.equal(ops.mod(ops.add(iterations, 1), period), 0)
