"""The tables of docs/coming_from_keras.md and docs/layers.md are those of the tests, and complete."""

import functools
import os
import re
from pathlib import Path

import pytest

import swiftbn

PAGE = (Path(__file__).parents[2] / "docs" / "coming_from_keras.md").read_text()


def rows(heading) -> list:
    """The cells of the table under a heading, row by row."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def names(cell) -> list:
    return re.findall(r"`([\w.]+)`", cell)


def by_name(heading) -> dict:
    """The other cells of each row, by each name in its first."""
    found = [(name, rest) for cell, *rest in rows(heading) for name in names(cell)]
    assert len(found) == len(dict(found))
    return dict(found)


LISTED = {names(where)[0]: names(cell) for where, cell in rows("Names that are missing")}


def resolved(package, path):
    return package if path == "keras" else functools.reduce(getattr, path.split("."), package)


@pytest.mark.parametrize("where", LISTED)
def test_what_is_listed_is_missing(where):
    assert LISTED[where] == sorted(set(LISTED[where]))
    assert [name for name in LISTED[where] if hasattr(resolved(swiftbn, where), name)] == []


def public(place) -> set:
    """Names in a module or class of Keras, without those that come from its backend."""
    found = set(dir(place))
    if isinstance(place, type):
        found = {
            name
            for c in place.__mro__
            if c.__module__.startswith("keras.")
            for name in vars(c)
            if "backend" not in c.__module__
        }
    return {name for name in found if not name.startswith("_")}


@pytest.mark.interop
def test_what_is_missing_is_listed():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    from test_signatures import MODULES

    places = [module or "keras" for module in MODULES if module not in ("ops", "random")]
    places += ["backend", "config", "datasets", "dtype_policies", "mixed_precision", "preprocessing.image", "tree"]
    places += ["Layer", "Model", "Optimizer", "Loss", "Metric"]
    missing = {}
    for where in places:
        ours, theirs = resolved(swiftbn, where), resolved(keras, where)
        missing[where] = {name for name in public(theirs) if not hasattr(ours, name)}
    missing["keras"] -= {"src"}
    missing["Model"] -= missing["Layer"]
    assert {where: set(found) for where, found in LISTED.items()} == {w: found for w, found in missing.items() if found}


@pytest.mark.interop
def test_missing_parameters():
    pytest.importorskip("keras")
    from test_signatures import MISSING

    listed = {
        name: (" ".join(names(given)), why) for name, (given, why) in by_name("Parameters that are missing").items()
    }
    assert listed == MISSING


@pytest.mark.interop
def test_different_signatures():
    pytest.importorskip("keras")
    from test_signatures import DIFFERENT

    def reason(path):
        text = DIFFERENT[path]
        if not text.startswith("see "):
            return text
        other = text.removeprefix("see ")
        return reason(other if other in DIFFERENT else f"{other}.{path.rsplit('.', 1)[-1]}")

    assert {name: why for name, [why] in by_name("Signatures that differ otherwise").items()} == {
        path: reason(path) for path in DIFFERENT
    }


def layer_rows() -> list:
    """(names, what it does, what differs) of docs/layers.md."""
    lines = (Path(__file__).parents[2] / "docs" / "layers.md").read_text().splitlines()
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| `")]
    return [(names(first), what.strip(), differs.strip()) for first, what, differs in cells]


def test_layers_lists_all_layers():
    classes = {}
    for name in dir(swiftbn.layers):
        if not name.startswith("_") and isinstance(getattr(swiftbn.layers, name), type):
            classes.setdefault(getattr(swiftbn.layers, name), set()).add(name)
    listed = [set(row[0]) for row in layer_rows()]
    assert sorted(map(sorted, listed)) == sorted(map(sorted, classes.values()))
    assert all(what for _, what, _ in layer_rows())


REQUIRED = {
    "Dense": {"units": 2},
    "EinsumDense": {"equation": "ab,bc->ac", "output_shape": 2},
    "Embedding": {"input_dim": 2, "output_dim": 2},
    "ReversibleEmbedding": {"input_dim": 2, "output_dim": 2},
    "MultiHeadAttention": {"num_heads": 1, "key_dim": 1},
    "CategoryEncoding": {"num_tokens": 2},
    "Discretization": {"num_bins": 2},
    "Hashing": {"num_bins": 2},
    "HashedCrossing": {"num_bins": 2},
    **{name: {"filters": 2, "kernel_size": 1} for name in ("Conv1D", "Conv2D", "Conv3D")},
    **{name: {"units": 2} for name in ("LSTM", "GRU")},
}


def limited():
    """(layer, argument) of the arguments that layers.md says to be limited."""
    for listed, _, differs in layer_rows():
        for text, argument in (("no LoRA", "lora_rank"), ("no quantization", "quantization_config")):
            if text in differs:
                yield listed[0], argument
        if listed[0] != "InputLayer":
            yield from ((listed[0], argument) for argument in re.findall(r"`(\w+)`: only", differs))


@pytest.mark.parametrize("layer, argument", list(limited()))
def test_limited_arguments_are_errors(layer, argument):
    with pytest.raises(ValueError, match=f"{argument}=|{argument}.*Received: True"):
        getattr(swiftbn.layers, layer)(**REQUIRED.get(layer, {}), **{argument: True})
