"""Nested lists, tuples and dicts of leaves. Dicts are walked in the order of their sorted keys."""

from __future__ import annotations


def is_nested(structure) -> bool:
    return isinstance(structure, (list, tuple, dict))


def flatten(structure) -> list:
    """The leaves from left to right; anything but a list, tuple or dict is a leaf."""
    if isinstance(structure, dict):
        return [leaf for key in keys(structure) for leaf in flatten(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    return [structure]


def map_structure(function, structure, *others):
    """The same structure with `function(leaf, *leaves of the others)` in place of each leaf.

    Raises:
        ValueError: the structures differ.
    """
    if isinstance(structure, dict):
        for other in others:
            if not isinstance(other, dict) or set(other) != set(structure):
                raise ValueError(f"Expected the same structure. Received: {structure} and {other}")
        # Leaves are visited in the order of `flatten`; the result's keys stay in the order of the structure's.
        mapped = {key: map_structure(function, structure[key], *(o[key] for o in others)) for key in keys(structure)}
        return {key: mapped[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        for other in others:
            if not isinstance(other, (list, tuple)) or len(other) != len(structure):
                raise ValueError(f"Expected the same structure. Received: {structure} and {other}")
        items = [map_structure(function, *parts) for parts in zip(structure, *others, strict=False)]
        return _rebuild_sequence(structure, items)
    return function(structure, *others)


def pack_as(structure, leaves):
    """The same structure with leaves taken in order from `leaves`."""
    iterator = iter(leaves)
    result = _pack(structure, iterator)
    if next(iterator, iterator) is not iterator:
        raise ValueError("Expected as many leaves as the structure has. Received: more")
    return result


def _pack(structure, iterator):
    if isinstance(structure, dict):
        packed = {key: _pack(structure[key], iterator) for key in keys(structure)}
        return {key: packed[key] for key in structure}
    if isinstance(structure, (list, tuple)):
        return _rebuild_sequence(structure, [_pack(item, iterator) for item in structure])
    return next(iterator)


def _rebuild_sequence(structure, items):
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*items)
    return tuple(items) if isinstance(structure, tuple) else list(items)


def keys(structure: dict) -> list:
    """A dict's keys in the order of `flatten`."""
    try:
        return sorted(structure)
    except TypeError:
        return list(structure)
