"""The counters of names, and symbolic tensors."""

from __future__ import annotations

import gc

from swiftbn import dtype_policies, naming, tree
from swiftbn.tensor import KerasTensor


def clear_session(free_memory: bool = True) -> None:
    """Names are counted anew ("dense", "dense_1", …) and the global dtype policy is `floatx()` again.

    Nothing else is held globally: models live as long as they are referred to.

    Args:
        free_memory: whether Python's garbage collection runs, which frees models that refer to themselves.
    """
    naming.reset_uids()
    dtype_policies.reset()
    if free_memory:
        gc.collect()


def is_keras_tensor(x) -> bool:
    """Whether it is a symbolic tensor, as `Input` and layers called on it return."""
    return isinstance(x, KerasTensor)


def get_source_inputs(tensor) -> list:
    """The symbolic tensors that a symbolic tensor was computed from in the end, such as `Input`s.

    Raises:
        ValueError: no symbolic tensor.
    """
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"get_source_inputs: expected a symbolic tensor. Received: tensor={tensor!r}")
    found: dict = {}
    seen: set = set()
    # Depth first without recursion, as models may be deeper than Python's stack.
    stack = [tensor]
    while stack:
        x = stack.pop()
        if id(x) in seen:
            continue
        seen.add(id(x))
        history = x._keras_history
        if history is None:
            found[id(x)] = x
            continue
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input:
            found.update((id(output), output) for output in tree.flatten(node.outputs))
        else:
            stack.extend(reversed(node.inputs))
    return list(found.values())
