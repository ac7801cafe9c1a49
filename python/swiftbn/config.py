"""Settings of the package: default dtype, fuzz factor, image data format, threads, algorithms."""

from __future__ import annotations

import os

from swiftbn import _choices, messages
from swiftbn._checks import positive_integer

_settings = {"floatx": "float32", "epsilon": 1e-7, "image_data_format": "channels_last"}
# None until they are set; the environment is asked then.
_limits: dict = {}


def floatx() -> str:
    """Default float dtype of new weights and of inputs: "float32" or "float64"."""
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Sets the default float dtype.

    Raises:
        ValueError: `value` is neither "float32" nor "float64".
    """
    if value not in ("float32", "float64"):
        raise ValueError(f"Expected floatx to be 'float32' or 'float64'. Received: value={value!r}")
    _settings["floatx"] = value


def epsilon() -> float:
    """The small number that keeps logarithms and divisions finite, 1e-7 by default."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Sets the small number of `epsilon()`."""
    if not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ValueError(f"Expected epsilon to be a number between 0 and 1. Received: value={value!r}")
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Default place of the channels of images: "channels_last" or "channels_first"."""
    return _settings["image_data_format"]


def set_image_data_format(data_format: str) -> None:
    """Sets the default place of the channels of images."""
    _settings["image_data_format"] = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """The data format itself, or the default for None.

    Raises:
        ValueError: neither "channels_last" nor "channels_first".
    """
    if data_format is None:
        return image_data_format()
    name = str(data_format).lower()
    if name not in ("channels_last", "channels_first"):
        raise ValueError(
            f"Expected data_format to be 'channels_last' or 'channels_first'. Received: data_format={data_format!r}"
        )
    return name


def max_epochs() -> int | None:
    """The largest number of epochs of `fit`, for trying programs out; by default that of KERAS_MAX_EPOCHS, or None."""
    return _limit("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs: int | None) -> None:
    """Sets the largest number of epochs of `fit`; None for no limit."""
    _set_limit("max_epochs", max_epochs)


def max_steps_per_epoch() -> int | None:
    """The largest number of batches of an epoch, an evaluation or a prediction.

    By default that of the environment's KERAS_MAX_STEPS_PER_EPOCH, or None for no limit.
    """
    return _limit("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Sets the largest number of batches of an epoch, an evaluation or a prediction; None for no limit."""
    _set_limit("max_steps_per_epoch", max_steps_per_epoch)


def _limit(name: str, variable: str) -> int | None:
    if name in _limits:
        return _limits[name]
    text = os.environ.get(variable)
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"Expected the environment's {variable} to be an integer >= 1. Received: {text!r}")
    return int(text)


def _set_limit(name: str, value: int | None) -> None:
    _limits[name] = None if value is None else positive_integer(f"set_{name}", name, value)


def config() -> dict:
    """Version of the library, instruction-set level, threads, algorithms, and the settings of this module."""
    from swiftbn import _native

    return {**_native.config(), **_settings}


def get_num_threads() -> int:
    """Number of threads that kernels use."""
    from swiftbn import _native

    return _native.get_num_threads()


def set_num_threads(count: int) -> None:
    """Sets the number of threads that kernels use; results do not depend on it."""
    from swiftbn import _native

    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"Expected the number of threads to be an integer >= 1. Received: count={count!r}")
    _native.set_num_threads(count)


def register_threadpoolctl() -> None:
    """Makes `threadpoolctl.threadpool_info` and `threadpool_limits` see and limit the library's threads.

    Called by `import swiftbn` when threadpoolctl has been imported before, as scikit-learn does; else call it after
    importing both. Further calls do nothing. The library's `user_api` is "swiftbn".

    Raises:
        ImportError: threadpoolctl is not installed, or older than 3.2.
    """
    import swiftbn._threadpoolctl  # noqa: F401


def get_winograd() -> bool:
    """Whether float32 3x3 convolutions may use Winograd's algorithm."""
    from swiftbn import _native

    return _native.get_winograd()


def set_winograd(enabled: bool) -> None:
    """Lets float32 3x3 convolutions and their gradients use Winograd's algorithm, or not, from the next run on.

    It is on unless the environment says SWIFTBN_WINOGRAD=0. Where it is faster (stride 1, no dilation, enough channels
    and pixels; a matter of the shapes alone) F(4x4, 3x3) needs a quarter of the multiplications. Compared with the
    direct sum:

    - it rounds differently: errors are below 1e-5 of the largest sum of |x||w| in a tile (usually below 1e-6);
    - finite products above 1e36 may overflow where the direct sum would not;
    - NaN or infinity in one pixel makes NaN of every output in the 4x4 tiles that read it, not of nine pixels only.

    Raises:
        ValueError: `enabled` is not a bool.
    """
    from swiftbn import _native

    if not isinstance(enabled, bool):
        raise ValueError(f"Expected enabled to be True or False. Received: enabled={enabled!r}")
    _native.set_winograd(enabled)


def dtype_policy():
    """The dtype policy of layers that are made without a dtype."""
    from swiftbn import dtype_policies

    return dtype_policies.dtype_policy()


def set_dtype_policy(policy) -> None:
    """Sets the dtype policy of layers that are made without a dtype; see `dtype_policies.set_dtype_policy`."""
    from swiftbn import dtype_policies

    dtype_policies.set_dtype_policy(policy)


# In the package's namespace `config` is the function above; Keras' `config.floatx()` and its like are found on it.
for _setting in (
    *(floatx, set_floatx, epsilon, set_epsilon, image_data_format, set_image_data_format, get_winograd, set_winograd),
    *(max_epochs, set_max_epochs, max_steps_per_epoch, set_max_steps_per_epoch, dtype_policy, set_dtype_policy),
    *(messages.enable_interactive_logging, messages.disable_interactive_logging),
    *(messages.is_interactive_logging_enabled, _choices.backend, _choices.set_backend, _choices.is_nnx_enabled),
    *(_choices.enable_flash_attention, _choices.disable_flash_attention, _choices.is_flash_attention_enabled),
    *(_choices.enable_traceback_filtering, _choices.disable_traceback_filtering),
    *(_choices.is_traceback_filtering_enabled, _choices.enable_unsafe_deserialization),
    register_threadpoolctl,
):
    setattr(config, _setting.__name__, _setting)
