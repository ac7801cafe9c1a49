"""Helpers."""

from swiftbn import _lazy

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        ".saving": "CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects "
        "get_registered_name get_registered_object register_keras_serializable serialize_keras_object",
        "audio_directory": "audio_dataset_from_directory",
        "dataset": "PyDataset",
        "downloads": "get_file",
        "feature_space": "FeatureSpace",
        "image_directory": "image_dataset_from_directory",
        "images": "array_to_img img_to_array load_img save_img",
        ".dtypes": "standardize_dtype",
        ".messages": "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled",
        "numerical": "normalize to_categorical",
        "drawing": "model_to_dot plot_model",
        "packing": "pack_x_y_sample_weight unpack_x_y_sample_weight",
        "progbar": "Progbar",
        "seeding": "set_random_seed",
        "sequences": "pad_sequences",
        "session": "clear_session get_source_inputs is_keras_tensor",
        "settings": "Config",
        "splitting": "split_dataset",
        "text_directory": "text_dataset_from_directory",
        "timeseries": "timeseries_dataset_from_array",
    },
    # The name that Keras had before.
    aliases={"Sequence": "PyDataset"},
)
