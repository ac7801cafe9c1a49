"""Users' classes and functions by name, so that files can refer to them."""

from __future__ import annotations

import inspect

_objects: dict = {}
_names: dict = {}
_scopes: list[dict] = []


def register_keras_serializable(package="Custom", name=None):
    """A decorator that registers a class or function as "package>name".

    Raises:
        ValueError: a class without `get_config`.
    """

    def decorator(target):
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ValueError(f"Cannot register class {target.__name__}: it has no get_config() method")
        registered = f"{package}>{name or target.__name__}"
        _objects[registered] = target
        _names[target] = registered
        return target

    return decorator


def get_registered_name(obj) -> str:
    """The name under which something is registered, else its own."""
    try:
        return _names.get(obj, obj.__name__)
    except TypeError:
        return obj.__name__


def get_registered_object(name, custom_objects=None, module_objects=None):
    """What is registered under a name, or None."""
    for table in ([custom_objects] if custom_objects else []) + _scopes[::-1] + [_objects, module_objects or {}]:
        if name in table:
            return table[name]
    return None


def get_custom_objects() -> dict:
    """The table of registered objects; changes take effect."""
    return _objects


class CustomObjectScope:
    """Within this context names refer to the given objects.

    Args:
        custom_objects: dict from names to classes or functions.
    """

    def __init__(self, custom_objects):
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self):
        _scopes.append(self.custom_objects)
        return self

    def __exit__(self, *_):
        _scopes.remove(self.custom_objects)


custom_object_scope = CustomObjectScope
