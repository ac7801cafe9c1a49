"""swiftbn.tree: nested lists, tuples and dicts."""

import collections

import pytest

from swiftbn import tree

Pair = collections.namedtuple("Pair", "left right")
NESTED = {"b": [1, (2, None)], "a": Pair(3, {"x": 4}), "c": []}


def test_traverse():
    seen = []
    result = tree.traverse(lambda part: seen.append(part), [(1, 2), [3], {"a": 4}])
    assert result == [(1, 2), [3], {"a": 4}]
    assert seen == [[(1, 2), [3], {"a": 4}], (1, 2), 1, 2, [3], 3, {"a": 4}, 4]
    seen.clear()
    tree.traverse(lambda part: seen.append(part), [(1, 2), [3], {"a": 4}], top_down=False)
    assert seen == [1, 2, (1, 2), 3, [3], 4, {"a": 4}, [(1, 2), [3], {"a": 4}]]
    replaced = tree.traverse(lambda part: "t" if isinstance(part, tuple) else None, NESTED)
    assert replaced == {"b": [1, "t"], "a": "t", "c": []}
    assert tree.traverse(lambda part: tree.MAP_TO_NONE if part == 2 else None, [1, 2]) == [1, None]
    assert tree.traverse(lambda part: part * 2 if isinstance(part, int) else None, NESTED, top_down=False) == {
        "b": [2, (4, None)],
        "a": Pair(6, {"x": 8}),
        "c": [],
    }
    with pytest.raises(TypeError, match="func=3"):
        tree.traverse(3, [])


def test_paths():
    assert tree.flatten_with_path(NESTED) == [
        (("a", 0), 3),
        (("a", 1, "x"), 4),
        (("b", 0), 1),
        (("b", 1, 0), 2),
        (("b", 1, 1), None),
    ]
    assert [leaf for _, leaf in tree.flatten_with_path(NESTED)] == tree.flatten(NESTED)
    assert tree.flatten_with_path(5) == [((), 5)]
    tree.assert_same_paths([1, (2,)], (5, [6]))
    with pytest.raises(ValueError, match=r"only in a: \['\(1, 0\)'\], only in b: \['\(1,\)'\]"):
        tree.assert_same_paths([1, [2]], [1, 2])


def test_same_structure():
    tree.assert_same_structure(NESTED, tree.map_structure(str, NESTED))
    tree.assert_same_structure(1, None)
    for a, b in (([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (Pair(1, 2), (1, 2)), ([1], [[1]]), ([1], 1)):
        with pytest.raises(ValueError, match="same structure"):
            tree.assert_same_structure(a, b)
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [2], check_types=True)


def test_map_structure_up_to():
    assert tree.map_structure_up_to([0, 0], len, [[1, 2], [3]]) == [2, 1]
    assert tree.map_structure_up_to({"a": 0}, lambda p, q: (p, q), {"a": [1]}, {"a": 2}) == {"a": ([1], 2)}
    for structures in ((), ([1],), ({"a": 1},)):
        with pytest.raises(ValueError):
            tree.map_structure_up_to([0, 0], str, *structures)


def test_packing():
    assert tree.pack_sequence_as(NESTED, iter(range(5))) == {"b": [2, (3, 4)], "a": Pair(0, {"x": 1}), "c": []}
    assert tree.pack_sequence_as(0, ["one"]) == "one"
    for items in ([], [1], [1, 2, 3]):
        with pytest.raises(ValueError, match=f"expected 2 items. Received: {len(items)}"):
            tree.pack_sequence_as([0, 0], items)
    with pytest.raises(TypeError):
        tree.pack_sequence_as([0], 5)


def test_lists_and_shapes():
    assert tree.lists_to_tuples([1, [2, {"a": [3]}], Pair([4], 5)]) == (1, (2, {"a": (3,)}), Pair((4,), 5))
    shapes = {"a": (None, 3), "b": [[2, 3], (4,)]}
    assert tree.map_shape_structure(len, shapes) == {"a": 2, "b": [2, 1]}


@pytest.mark.interop
def test_keras_does_the_same():
    keras = pytest.importorskip("keras")
    other = keras.tree
    for function, arguments in (
        ("flatten_with_path", (NESTED,)),
        ("lists_to_tuples", ([1, [2, {"a": [3]}]],)),
        ("pack_sequence_as", (NESTED, list(range(5)))),
        ("map_structure_up_to", ([0, 0], len, [[1, 2], [3]])),
        ("map_shape_structure", (len, {"a": (None, 3), "b": [[2, 3], (4,)]})),
    ):
        assert getattr(tree, function)(*arguments) == getattr(other, function)(*arguments)
    for top_down in (True, False):
        seen = []
        for package in (tree, other):
            part = []
            package.traverse(lambda x, part=part: part.append(x), NESTED, top_down)
            seen.append(part)
        assert seen[0] == seen[1]
    for a, b in (([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), ([1], [[1]]), ([1], [2]), ((1, [2]), (3, [4]))):
        for function in ("assert_same_structure", "assert_same_paths"):
            outcomes = []
            for package in (tree, other):
                try:
                    getattr(package, function)(a, b)
                    outcomes.append(True)
                except ValueError:
                    outcomes.append(False)
            assert outcomes[0] == outcomes[1]
