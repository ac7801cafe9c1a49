"""What users of Keras choose between and this package offers one of: backends, devices, ways to run and to load."""

from __future__ import annotations

import contextlib

from swiftbn._version import __version__


def version() -> str:
    """The version of swiftbn."""
    return __version__


def backend() -> str:
    """The name of what computes: "swiftbn"."""
    return "swiftbn"


def set_backend(backend: str) -> None:
    """Accepts "swiftbn".

    Raises:
        ValueError: another backend.
    """
    _only("set_backend", "backend", backend, "swiftbn")


def device(device_name: str):
    """A context for code on a device: "cpu", or "cpu:0".

    Raises:
        ValueError: another device.
    """
    name = device_name.lower().removeprefix("/").removeprefix("device:") if isinstance(device_name, str) else None
    if name not in ("cpu", "cpu:0"):
        raise ValueError(f"device: only 'cpu' and 'cpu:0' are supported. Received: device_name={device_name!r}")
    return contextlib.nullcontext()


def is_flash_attention_enabled() -> bool:
    """False: attention is computed in one way."""
    return False


def disable_flash_attention() -> None:
    """Nothing to do: there is no flash attention."""


def enable_flash_attention() -> None:
    """Raises ValueError: there is no flash attention."""
    raise ValueError("enable_flash_attention: flash attention is not supported; attention is computed in one way")


def is_nnx_enabled() -> bool:
    """False: there is no Flax."""
    return False


def is_traceback_filtering_enabled() -> bool:
    """False: tracebacks show all frames."""
    return False


def disable_traceback_filtering() -> None:
    """Nothing to do: tracebacks show all frames."""


def enable_traceback_filtering() -> None:
    """Raises ValueError: tracebacks show all frames; notes say in which layer an error was raised."""
    raise ValueError("enable_traceback_filtering: filtering is not supported; tracebacks show all frames")


def enable_unsafe_deserialization() -> None:
    """Raises ValueError: code in files is never run."""
    raise ValueError("enable_unsafe_deserialization: not supported; code in files is never run")


def _only(owner: str, name: str, value, supported) -> None:
    if value != supported:
        raise ValueError(f"{owner}: only {name}={supported!r} is supported. Received: {name}={value!r}")
