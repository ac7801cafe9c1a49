"""Objects as dictionaries that JSON can hold, in the format of Keras 3, and back. Nothing is ever unpickled."""

from __future__ import annotations

import importlib
import inspect
import types

import numpy as np

from swiftbn.dtype_policies import DTypePolicy
from swiftbn.saving.registration import CustomObjectScope, get_registered_name, get_registered_object

# Where Keras keeps the classes of each of our packages.
_MODULES = {
    "swiftbn.layers": "keras.layers",
    "swiftbn.models": "keras",
    "swiftbn.initializers": "keras.initializers",
    "swiftbn.regularizers": "keras.regularizers",
    "swiftbn.constraints": "keras.constraints",
    "swiftbn.losses": "keras.losses",
    "swiftbn.metrics": "keras.metrics",
    "swiftbn.optimizers.schedules": "keras.optimizers.schedules",
    "swiftbn.optimizers": "keras.optimizers",
    "swiftbn.activations": "keras.activations",
    "swiftbn.distillation": "keras.distillation",
    "swiftbn.dtype_policies": "keras",
    "swiftbn.dtype_policy_map": "keras.dtype_policies",
    "swiftbn.utils.feature_specs": "keras.src.layers.preprocessing.feature_space",
    "swiftbn.utils": "keras.utils",
}
_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy")
_FUNCTIONAL = "keras.src.models.functional"
# Classes that Keras exports under another name.
_EXPORTED = {"GroupedQueryAttention": "GroupQueryAttention"}


def serialize_keras_object(obj):
    """An object's class, configuration and, for layers, the shapes it was built with.

    Raises:
        TypeError: something that has no configuration.
    """
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, (list, tuple)):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, types.FunctionType):
        return _function_config(obj)
    if not hasattr(obj, "get_config"):
        raise TypeError(f"Cannot save {obj!r}: it has no get_config() method")
    cls = type(obj)
    module, class_name, registered = _address(cls)
    config = {
        "module": module,
        "class_name": class_name,
        "config": serialize_keras_object(obj.get_config()),
        "registered_name": registered,
    }
    for key, method in (("build_config", "get_build_config"), ("compile_config", "get_compile_config")):
        value = getattr(obj, method)() if hasattr(obj, method) else None
        if value is not None:
            config[key] = serialize_keras_object(value)
    return config


def _function_config(function):
    if function.__name__ == "<lambda>":
        raise TypeError("Cannot save a lambda: give it a name with def and register_keras_serializable()")
    own = function.__module__.startswith("swiftbn.")
    return {
        "module": "builtins",
        "class_name": "function",
        "config": function.__name__,
        "registered_name": "function" if own else get_registered_name(function),
    }


def _address(cls) -> tuple[str | None, str, str | None]:
    """(module, class name, registered name) as Keras writes them."""
    from swiftbn.models.functional import Functional

    if cls is Functional:
        return _FUNCTIONAL, "Functional", "Functional"
    for ours, keras in _MODULES.items():
        if cls.__module__ == ours or cls.__module__.startswith(ours + "."):
            return keras, _EXPORTED.get(cls.__name__, cls.__name__), None
    registered = get_registered_name(cls)
    return cls.__module__, cls.__name__, registered


def deserialize_keras_object(config, custom_objects=None, safe_mode=True):
    """The object that `serialize_keras_object`, or Keras, described.

    Args:
        config: a dictionary; anything else is returned as it is.
        custom_objects: dict from names to users' classes and functions.
        safe_mode: only True: code is never loaded from files.

    Raises:
        ValueError: an unknown class, code in the file, or a configuration that does not fit.
    """
    if not safe_mode:
        raise ValueError("Only safe_mode=True is supported. Received: safe_mode=False")
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config)
    if isinstance(config, list):
        return [deserialize_keras_object(item) for item in config]
    if not isinstance(config, dict):
        return config
    class_name = config.get("class_name")
    if class_name is None or ("config" not in config and class_name != "__tuple__"):
        return {key: deserialize_keras_object(value) for key, value in config.items()}
    if class_name in _POLICIES:
        return DTypePolicy(config["config"]["name"])
    if class_name == "__numpy__":
        return np.array(config["config"]["value"], dtype=config["config"]["dtype"])
    if class_name == "__lambda__":
        raise ValueError("The file holds a lambda, that is program code, which is not loaded")
    if class_name == "__tuple__":
        return tuple(deserialize_keras_object(item) for item in config.get("items", config.get("config", {})["value"]))
    if class_name == "function":
        return _find_function(config)
    cls = _find_class(config)
    inner = config["config"]
    if not isinstance(inner, dict):
        raise ValueError(f"{class_name}: expected its config to be a dictionary. Received: {inner!r}")
    obj = cls.from_config(_clean(cls, inner))
    build_config = config.get("build_config")
    if build_config and hasattr(obj, "build_from_config") and not getattr(obj, "built", True):
        obj.build_from_config(_shapes(build_config))
    if config.get("compile_config") and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(config["compile_config"])
    return obj


def _shapes(build_config: dict) -> dict:
    """Shapes as tuples."""

    def restore(value):
        if isinstance(value, dict):
            return {key: restore(item) for key, item in value.items()}
        if isinstance(value, list):
            is_shape = all(item is None or isinstance(item, int) for item in value)
            return tuple(value) if is_shape else [restore(item) for item in value]
        return value

    return restore(build_config)


def _find_function(config):
    name = config["config"]
    found = get_registered_object(config.get("registered_name") or name) or get_registered_object(name)
    found = found or own_function(name)
    if found is None:
        raise ValueError(f"Unknown function {name!r}: give it in custom_objects or register it")
    return found


def own_function(name: str):
    """The loss, metric or activation function of a name; None when there is none."""
    for module in ("losses", "metrics", "activations"):
        function = getattr(importlib.import_module(f"swiftbn.{module}"), name, None)
        if inspect.isfunction(function) and function.__name__ == name:
            return function
    return None


def _find_class(config):
    name, module = config["class_name"], config.get("module")
    registered = config.get("registered_name")
    for candidate in (registered, name):
        found = get_registered_object(candidate) if candidate else None
        if found is not None:
            return found
    if name == "Functional":
        from swiftbn.models.functional import Functional

        return Functional
    for ours, keras in _MODULES.items():
        if module == keras or (module or "").startswith(ours):
            found = getattr(importlib.import_module(ours), name, None)
            if inspect.isclass(found):
                return found
    place = f"{module}.{name}" if module else name
    raise ValueError(f"Unknown class {place}: swiftbn does not have it, and it is not in custom_objects")


def _clean(cls, config: dict) -> dict:
    """The configuration without dtype policies, and without arguments of other versions of Keras that are not used."""
    cleaned = {}
    accepted = _accepted(cls)
    for key, value in config.items():
        if isinstance(value, dict) and value.get("class_name") in _POLICIES:
            value = value["config"]["name"]
        if accepted is not None and key not in accepted and value in (None, False):
            continue
        cleaned[key] = value
    return cleaned


def _accepted(cls) -> set | None:
    """Arguments of the constructors of a class of ours; None where from_config takes more than those."""
    if not cls.__module__.startswith("swiftbn.") or cls.__module__.startswith("swiftbn.models"):
        return None
    names: set = set()
    for base in cls.__mro__:
        if "__init__" in vars(base):
            names.update(inspect.signature(base.__init__).parameters)
    return names
