"""The scripts of python/examples as modules, for their tests."""

import importlib
import sys
from pathlib import Path

_FOLDER = str(Path(__file__).parents[1] / "examples")


def example(name: str):
    """The module of a script, imported as Python itself finds it when the script is run."""
    if _FOLDER not in sys.path:
        sys.path.append(_FOLDER)
    return importlib.import_module(name)


def quick(folder, *arguments: str) -> list[str]:
    """Arguments of a run in the reduced setting."""
    return ["--quick", "--output", str(folder), *arguments]


def is_picture(path) -> bool:
    return path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000
