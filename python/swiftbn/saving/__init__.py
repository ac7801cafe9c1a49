"""Saving and loading in the formats of Keras 3: `.keras` and `.weights.h5`."""

from swiftbn import _lazy
from swiftbn.saving.registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "archive": "load_model load_weights save_model save_weights",
        "file_editor": "KerasFileEditor",
        "serialization": "deserialize_keras_object serialize_keras_object",
    },
)
