"""Helpers."""

from swiftbn.saving import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from swiftbn.utils.dataset import PyDataset
from swiftbn.utils.numerical import normalize, to_categorical
from swiftbn.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from swiftbn.utils.seeding import set_random_seed

# The name that Keras had before.
Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
