"""Names that a package gives without loading the modules that define them until one is first asked for."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType


def attach(package: str, names: dict, aliases: dict | None = None, submodules: tuple = ()):
    """What a package needs to find names late: its `__getattr__`, `__dir__` and `__all__`.

    No module may have the name of a function that another one is found by: importing it would put it in its place.

    Args:
        package: the package's `__name__`; it calls this when all that it loads at once is there.
        names: what modules define, separated by spaces, by the module, as it is called within the package (".x" is
            the module x beside the package).
        aliases: other names, with the name that each stands for.
        submodules: modules of the package that are found by their own names.
    """
    module_of = {name: module for module, text in names.items() for name in text.split()}
    aliases = aliases or {}
    late = {*module_of, *aliases, *submodules}
    namespace = vars(sys.modules[package])
    present = {name for name, value in namespace.items() if name[0] != "_" and not isinstance(value, ModuleType)}

    def __getattr__(name):
        target = aliases.get(name, name)
        if target in module_of:
            value = getattr(importlib.import_module(f".{module_of[target]}", package), target)
        elif target in submodules:
            value = importlib.import_module(f".{target}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        namespace[name] = value
        return value

    def __dir__():
        return sorted({*namespace, *late})

    return __getattr__, __dir__, sorted(late | present)
