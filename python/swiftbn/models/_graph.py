"""The calls between the inputs and outputs of a functional model, in an order in which they can be carried out."""

from __future__ import annotations

import collections

from swiftbn import tree
from swiftbn.operation import Node
from swiftbn.tensor import KerasTensor


def history_node(tensor) -> Node | None:
    """The call that made a symbolic tensor."""
    history = tensor._keras_history
    return None if history is None else history.operation._inbound_nodes[history.node_index]


def sort_nodes(inputs: list, outputs: list, owner: str = "Model") -> list[Node]:
    """The calls that the outputs need, each behind those it depends on; calls that made the inputs end the search.

    Raises:
        ValueError: an output depends on an `Input` that is not among the inputs.
    """
    given = {id(x) for x in inputs}
    done: set = set()
    order: list[Node] = []
    for output in outputs:
        # Depth first without recursion, as models may be deeper than Python's stack.
        stack = [(output, False)]
        while stack:
            tensor, is_expanded = stack.pop()
            node = history_node(tensor)
            if node is None or id(node) in done or (id(tensor) in given and not node.is_input):
                if node is None and id(tensor) not in given:
                    raise ValueError(f"{owner}: {tensor!r} is neither an input nor made by a layer")
                continue
            if is_expanded:
                done.add(id(node))
                order.append(node)
                continue
            if node.is_input and id(tensor) not in given:
                raise ValueError(
                    f"{owner}: the outputs depend on input '{node.operation.name}', which is not among the inputs "
                    f"({', '.join(x.name for x in inputs)})"
                )
            stack.append((tensor, True))
            stack.extend((x, False) for x in reversed(node.inputs))
    return order


def _call_again(node: Node, args, kwargs):
    return node.operation(*args, **kwargs)


def follow(nodes: list[Node], values: dict, call=_call_again):
    """Carries out calls with other values than the symbolic tensors that they were made with.

    Args:
        nodes: the calls, in an order of `sort_nodes`.
        values: the new values of the inputs by the ids of the tensors; those of the calls' outputs are added.
        call: takes a node, and the new arguments and keyword arguments; calls the operation if not given.

    Returns:
        A function that puts the values in the place of the tensors in a structure.
    """

    def replaced(structure):
        return tree.map_structure(lambda x: values[id(x)] if isinstance(x, KerasTensor) else x, structure)

    for node in nodes:
        if node.is_input or all(id(output) in values for output in node.outputs):
            continue
        outputs = tree.flatten(call(node, *replaced((node.args, node.kwargs))))
        values.update((id(x), value) for x, value in zip(node.outputs, outputs, strict=False))
    return replaced


def sort_operations(inputs: list, outputs: list, nodes: list[Node]) -> list:
    """The operations of a model from inputs to outputs, as Keras orders them (and so a model's weights).

    An operation's depth is the largest number of calls between it and an output; deeper ones come first, and among
    equals the one that a depth-first search from the outputs meets first.
    """
    included = {id(node) for node in nodes}
    first_seen: dict = {}
    for output in outputs:
        _visit(output, included, first_seen)
    depths: dict = {}
    operation_depths: dict = {}
    for node in reversed(nodes):
        depth = max(depths.get(id(node), 0), operation_depths.get(id(node.operation), 0))
        depths[id(node)] = operation_depths[id(node.operation)] = depth
        for parent in node.parents:
            if id(parent) in included:
                depths[id(parent)] = max(depths.get(id(parent), 0), depth + 1)
    operations = {id(node.operation): node.operation for node in nodes}
    for x in inputs:
        node = history_node(x)
        if node is not None and node.is_input and id(node.operation) not in operations:
            operations[id(node.operation)] = node.operation
            operation_depths[id(node.operation)] = 0
            first_seen[id(node.operation)] = -1
    return sorted(operations.values(), key=lambda o: (-operation_depths[id(o)], first_seen[id(o)]))


def _visit(output, included: set, first_seen: dict) -> None:
    seen: set = set()
    stack = [output]
    while stack:
        node = history_node(stack.pop())
        if node is None or id(node) not in included or id(node) in seen:
            continue
        seen.add(id(node))
        first_seen.setdefault(id(node.operation), len(first_seen))
        stack.extend(reversed(node.inputs))


def check_names(operations: list) -> None:
    """Raises ValueError when two operations of a model have the same name."""
    names = collections.Counter(operation.name for operation in operations)
    twice = sorted(name for name, count in names.items() if count > 1)
    if twice:
        raise ValueError(f"Model: expected unique layer names. Received several layers named {', '.join(twice)}")
