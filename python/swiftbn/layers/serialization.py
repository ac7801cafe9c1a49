"""Layers as dictionaries."""

from __future__ import annotations


def serialize(layer) -> dict:
    """A layer's class, configuration and the shapes it was built with, as a dictionary that JSON can hold.

    Raises:
        TypeError: something that has no configuration.
    """
    from swiftbn.saving import serialize_keras_object

    return serialize_keras_object(layer)


def deserialize(config, custom_objects=None):
    """The layer that `serialize`, here or in Keras, described; it has new weights.

    Args:
        custom_objects: dict from names to users' classes and functions.

    Raises:
        ValueError: not a description of a layer, an unknown class.
    """
    from swiftbn.layers.layer import Layer
    from swiftbn.saving import deserialize_keras_object

    found = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(found, Layer):
        raise ValueError(f"deserialize: expected config to describe a layer. Received: config={config!r}")
    return found
