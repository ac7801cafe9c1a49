"""Helpers."""

from swiftbn import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        ".saving": "CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects "
        "get_registered_name get_registered_object register_keras_serializable serialize_keras_object",
        "dataset": "PyDataset",
        "numerical": "normalize to_categorical",
        "packing": "pack_x_y_sample_weight unpack_x_y_sample_weight",
        "seeding": "set_random_seed",
    },
    # The name that Keras had before.
    aliases={"Sequence": "PyDataset"},
)
