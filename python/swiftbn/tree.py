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


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a place."""


def traverse(func, structure, top_down: bool = True):
    """The structure with `func(part)` in place of each part, leaf or not, for which it is not None.

    Args:
        func: function of a part; `MAP_TO_NONE` puts None in its place.
        structure: nested lists, tuples and dicts.
        top_down: whether a part comes before those in it, which are passed over when it is replaced; else behind them.

    Raises:
        TypeError: `func` is no function.
    """
    if not callable(func):
        raise TypeError(f"traverse: expected a function. Received: func={func!r}")

    def inside():
        if isinstance(structure, dict):
            done = {key: traverse(func, structure[key], top_down) for key in keys(structure)}
            return {key: done[key] for key in structure}
        if isinstance(structure, (list, tuple)):
            return _rebuild_sequence(structure, [traverse(func, item, top_down) for item in structure])
        return structure

    part = structure if top_down else inside()
    result = func(part)
    if result is None:
        return inside() if top_down else part
    return None if result is MAP_TO_NONE else result


def flatten_with_path(structure) -> list[tuple]:
    """Pairs (path, leaf) in the order of `flatten`; a path is a tuple of positions and keys."""
    if isinstance(structure, dict):
        items = [(key, structure[key]) for key in keys(structure)]
    elif isinstance(structure, (list, tuple)):
        items = list(enumerate(structure))
    else:
        return [((), structure)]
    return [((key, *path), leaf) for key, item in items for path, leaf in flatten_with_path(item)]


def map_structure_up_to(shallow_structure, func, *structures):
    """`shallow_structure` with `func(*parts of the structures in its place)` for each leaf.

    Raises:
        ValueError: no structures, or one that is not nested as `shallow_structure`, as far as that goes.
    """
    if not structures:
        raise ValueError("map_structure_up_to: expected at least one structure. Received: none")
    return map_structure(lambda _, *parts: func(*parts), shallow_structure, *structures)


def assert_same_structure(a, b, check_types=None) -> None:
    """Raises ValueError unless two structures are nested in the same way.

    Lists fit lists, tuples tuples, dicts those with the same keys, named tuples those of their class. `check_types` has
    no effect, as in Keras, which warns of it.
    """
    if check_types is not None:
        import warnings

        warnings.warn("assert_same_structure: check_types has no effect", DeprecationWarning, stacklevel=2)
    if not _is_same(a, b):
        raise ValueError(f"Expected the same structure. Received: {a!r} and {b!r}")


def _is_same(a, b) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return set(a) == set(b) and all(_is_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and type(a) is type(b):
        return len(a) == len(b) and all(_is_same(p, q) for p, q in zip(a, b, strict=True))
    return not is_nested(a) and not is_nested(b)


def assert_same_paths(a, b) -> None:
    """Raises ValueError, which names the paths, unless the leaves of two structures have the same paths."""
    paths = [{path for path, _ in flatten_with_path(structure)} for structure in (a, b)]
    if paths[0] != paths[1]:
        only_a, only_b = (sorted(map(str, paths[i] - paths[1 - i])) for i in (0, 1))
        raise ValueError(f"Expected the same paths. Received: only in a: {only_a}, only in b: {only_b}")


def pack_sequence_as(structure, flat_sequence):
    """`structure` with leaves taken in order from `flat_sequence`.

    Raises:
        TypeError: `flat_sequence` is no sequence.
        ValueError: it has fewer or more items than the structure has leaves.
    """
    flat_sequence = list(flat_sequence)
    count = len(flatten(structure))
    if len(flat_sequence) != count:
        raise ValueError(f"pack_sequence_as: expected {count} items. Received: {len(flat_sequence)}")
    return pack_as(structure, flat_sequence)


def lists_to_tuples(structure):
    """The structure with tuples in place of lists."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, top_down=False)


def map_shape_structure(func, structure):
    """The structure with `func(shape)` in place of each list or tuple of integers and None."""
    if isinstance(structure, (list, tuple)):
        if all(item is None or isinstance(item, int) for item in structure):
            return func(structure)
        return _rebuild_sequence(structure, [map_shape_structure(func, item) for item in structure])
    if isinstance(structure, dict):
        return {key: map_shape_structure(func, item) for key, item in structure.items()}
    return func(structure)
