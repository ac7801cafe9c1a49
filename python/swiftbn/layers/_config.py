"""Configurations of layers: dictionaries from which they can be made anew."""

from __future__ import annotations

import inspect

from swiftbn import dtype_policies, tree


def dtype_config(name: str) -> dict:
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": name},
        "registered_name": None,
    }


def regularizer(identifier):
    """The regularizer of a name, configuration or function; None for None, as most layers have none."""
    if identifier is None:
        return None
    from swiftbn import regularizers

    return regularizers.get(identifier)


def base_config(layer) -> dict:
    """What all layers can be configured with."""
    policy_map = layer._policy_map
    dtype = dtype_config(layer._dtype_policy) if policy_map is None else dtype_policies.serialize(policy_map)
    config = {"name": layer.name, "trainable": layer._trainable, "dtype": dtype}
    if layer.activity_regularizer is not None:
        from swiftbn import regularizers

        config["activity_regularizer"] = regularizers.serialize(layer.activity_regularizer)
    return config


def automatic_config(layer, config: dict) -> dict:
    args, kwargs = layer._init_call
    signature = inspect.signature(type(layer).__init__)
    bound = signature.bind(layer, *args, **kwargs)
    bound.apply_defaults()
    arguments = dict(list(bound.arguments.items())[1:])
    accepts_any = False
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            accepts_any = True
            arguments.update(arguments.pop(name, {}))
    simple = (str, int, float, bool, type(None))
    complicated = [name for name, v in arguments.items() if not all(isinstance(x, simple) for x in tree.flatten(v))]
    complicated += [n for n, p in signature.parameters.items() if p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY)]
    if complicated:
        raise NotImplementedError(
            f"{type(layer).__name__} has to define get_config(): its constructor takes {', '.join(complicated)}, "
            "which are no numbers, strings or bools by name"
        )
    known = {name: value for name, value in config.items() if accepts_any or name in signature.parameters}
    return {**arguments, **known}


def without_unknown_none(kind, config: dict) -> dict:
    """The configuration without entries that are None and that no constructor of the class names.

    Keras writes such entries for what it supports and was not used.
    """
    names = {
        name
        for base in kind.__mro__
        if "__init__" in base.__dict__
        for name in inspect.signature(base.__init__).parameters
    }
    return {name: value for name, value in config.items() if value is not None or name in names}
