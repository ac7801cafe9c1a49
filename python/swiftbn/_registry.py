"""Finding objects by name or configuration, shared by activations, initializers, losses and their like."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping


def snake_case(name: str) -> str:
    """`MeanSquaredError` as `mean_squared_error`, `SGD` as `sgd`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def both_cases(names) -> dict:
    """Names of classes under themselves and in snake case."""
    return {form: name for name in names for form in (name, snake_case(name))}


def by_name(classes, aliases: dict | None = None) -> dict:
    """Classes under their own names, in snake case, and under aliases."""
    table = {cls.__name__: cls for cls in classes}
    return {**{form: table[name] for form, name in both_cases(table).items()}, **(aliases or {})}


class Members(Mapping):
    """Members of a package under names, each asked of the package when it is looked up.

    Args:
        package: the package's name.
        names: names, with the names of the members that they stand for.
    """

    def __init__(self, package: str, names: dict):
        self._package = package
        self._names = names

    def __getitem__(self, name):
        return getattr(sys.modules[self._package], self._names[name])

    def __contains__(self, name) -> bool:
        return name in self._names

    def __iter__(self):
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def get(identifier, table: Mapping, kind: str):
    """The object that a name, a configuration, a class or an object itself stands for; None for None.

    Raises:
        ValueError: an unknown name or something else.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        from swiftbn.saving import deserialize_keras_object

        return deserialize_keras_object(identifier)
    if isinstance(identifier, str):
        found = table.get(identifier) or table.get(identifier.lower())
        if found is None:
            from swiftbn.saving.registration import get_registered_object

            found = get_registered_object(identifier)
        if found is None:
            names = ", ".join(sorted({snake_case(name) for name in table}))
            raise ValueError(f"Unknown {kind} {identifier!r}, expected one of {names}")
        identifier = found
    if inspect.isclass(identifier):
        return identifier()
    if callable(identifier) or hasattr(identifier, "get_config"):
        return identifier
    article = "an" if kind[0] in "aeiou" else "a"
    raise ValueError(f"Expected {article} {kind}: a name, an object or a configuration. Received: {identifier!r}")


def serialize(value):
    """The configuration of an object, in the format of Keras 3."""
    from swiftbn.saving import serialize_keras_object

    return serialize_keras_object(value)


def deserialize(config, custom_objects: dict | None, get):
    """What `get` makes of a configuration while users' classes and functions are known by their names."""
    from swiftbn.saving import CustomObjectScope

    with CustomObjectScope(custom_objects or {}):
        return get(config)
