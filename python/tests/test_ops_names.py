"""docs/ops.md lists the names of keras.ops and keras.random that are missing, and no others."""

import os
import re
from pathlib import Path

import pytest

import swiftbn

PAGE = (Path(__file__).parents[2] / "docs" / "ops.md").read_text()


def listed() -> list:
    table = PAGE.split("## Names of Keras that are missing")[1]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([a-z0-9_.]+)`", row.split("|")[1])]


def resolved(package, name):
    module, _, function = name.rpartition(".")
    return getattr(getattr(package, module or "ops"), function, None)


def test_what_is_listed_is_missing():
    names = listed()
    assert len(names) == len(set(names)) > 10
    assert [name for name in names if resolved(swiftbn, name) is not None] == []


@pytest.mark.interop
def test_what_is_missing_is_listed():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras")
    missing = set()
    for module, prefix in ((keras.ops, ""), (keras.random, "random.")):
        names = (prefix + name for name in dir(module) if not name.startswith("_"))
        missing |= {name for name in names if resolved(swiftbn, name) is None}
    assert missing == set(listed())
