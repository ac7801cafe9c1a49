"""The tables of docs/coming_from_keras.md are those of the tests, and complete."""

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
    places += ["config", "datasets", "tree", "Layer", "Model", "Optimizer", "Loss", "Metric"]
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
