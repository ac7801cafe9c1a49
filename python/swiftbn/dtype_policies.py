"""Dtype policies: which dtype a layer's weights have, and which goes in and comes out of it."""

from __future__ import annotations

from swiftbn.dtypes import FLOAT_DTYPES, HALF_DTYPES, is_float_dtype, standardize_dtype

_global: list[DTypePolicy] = []


class DTypePolicy:
    """The dtypes of a layer by the name of a policy.

    Args:
        name: a float dtype, "mixed_float16" or "mixed_bfloat16"; by default the global policy's name.

    Attributes:
        compute_dtype: what goes in and comes out. Between the two, 16-bit floats are computed with in float32.
        variable_dtype: that of the weights, never a 16-bit one: "float16" means the same as "mixed_float16".
        quantization_mode: None.

    Raises:
        TypeError: the name is no string.
        ValueError: it is no float dtype and no mixed policy.
    """

    quantization_mode = None

    def __init__(self, name=None):
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: expected name to be a string. Received: name={name!r}")
        self._name = name
        self._compute_dtype = _compute_dtype(name)

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        return "float32" if self._compute_dtype in HALF_DTYPES else self._compute_dtype

    def convert_input(self, x, autocast, dtype):
        """A float array or tensor in `dtype` when `autocast` is True; anything else as it is."""
        from swiftbn import ops
        from swiftbn.ops._dispatch import dtype_of

        dtype = standardize_dtype(dtype)
        if hasattr(x, "dtype") and autocast and is_float_dtype(dtype_of(x)) and dtype_of(x) != dtype:
            return ops.cast(x, dtype)
        return x

    def get_config(self) -> dict:
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)

    def __eq__(self, other) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'


class FloatDTypePolicy(DTypePolicy):
    """Another name of `DTypePolicy`."""


def _compute_dtype(name: str) -> str:
    if name.removeprefix("mixed_") in HALF_DTYPES:
        return name.removeprefix("mixed_")
    try:
        dtype = standardize_dtype(name)
    except ValueError:
        dtype = name
    if not is_float_dtype(dtype):
        expected = ", ".join((*FLOAT_DTYPES, *(f"mixed_{half}" for half in HALF_DTYPES)))
        raise ValueError(f"Expected dtype to be one of {expected}. Received: dtype={name!r}")
    return dtype


def dtype_policy() -> DTypePolicy:
    """The policy of layers made without a dtype: the one that was set, else `floatx()`."""
    from swiftbn.config import floatx

    return _global[0] if _global else DTypePolicy(floatx())


def set_dtype_policy(policy) -> None:
    """Sets the policy of layers that are made without a dtype from now on.

    Args:
        policy: a `DTypePolicy`, its name, its configuration, or a float dtype.

    Raises:
        ValueError: an unknown name, or something else.
    """
    if policy is None:
        raise ValueError("set_dtype_policy: expected a policy or its name. Received: policy=None")
    _global[:] = [get(policy)]


def reset() -> None:
    """The policy of layers made without a dtype is `floatx()` again."""
    _global.clear()


def get(identifier) -> DTypePolicy:
    """The policy of a name, configuration, dtype or object; the global one for None.

    Raises:
        ValueError: an unknown name, or something else.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return DTypePolicy(identifier if isinstance(identifier, str) else standardize_dtype(identifier))


def serialize(dtype_policy) -> dict:
    """The configuration of a policy."""
    from swiftbn.saving import serialize_keras_object

    return serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None) -> DTypePolicy:
    """The policy that `serialize`, or Keras, described; `custom_objects` maps names to classes.

    Raises:
        ValueError: it describes no policy that is supported.
    """
    from swiftbn.saving import deserialize_keras_object

    policy = deserialize_keras_object(config, custom_objects=custom_objects)
    if not isinstance(policy, DTypePolicy):
        raise ValueError(f"Expected the configuration of a DTypePolicy. Received: {config!r}")
    return policy


# At the end, as it is made of what stands above.
from swiftbn.dtype_policy_map import DTypePolicyMap  # noqa: E402, F401
