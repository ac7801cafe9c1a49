"""Dtype policies by the paths of layers."""

from __future__ import annotations

import re
from collections.abc import MutableMapping

from swiftbn.dtype_policies import DTypePolicy, get


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """A policy for layers whose paths are known when they are built: by path, or by regular expressions that match it.

    A layer that is given it takes `map[layer.path]` when it is built or first called, and hands the map to layers in
    it that are made with `dtype=self.dtype_policy`. Until then, and for all else, the map stands for its default.

    Args:
        default_policy: policy, or its name, of paths that nothing matches; None for the global one.
        policy_map: dict from paths or patterns to policies or their names.

    Raises:
        TypeError: `policy_map` is no dict.
        ValueError: unknown policies, a default that is a map; in look-ups, a path that several patterns match.
    """

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: expected default_policy to be no map. Received: a DTypePolicyMap")
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(f"DTypePolicyMap: expected policy_map to be a dict. Received: policy_map={policy_map!r}")
        self._default_argument = default_policy
        self._default = get(default_policy)
        self._policies = {key: _policy(policy) for key, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that nothing matches."""
        return self._default

    @property
    def name(self) -> str:
        return f"map_{self._default.name}"

    @property
    def compute_dtype(self) -> str:
        return self._default.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._default.variable_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        """The policy of a path: its own, that of the one pattern that matches all of it, or the default."""
        if key in self._policies:
            return self._policies[key]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(f"DTypePolicyMap: expected one pattern at most to match {key!r}. Received: {matching}")
        return self._policies[matching[0]] if matching else self._default

    def __setitem__(self, key: str, policy) -> None:
        if key in self._policies:
            raise ValueError(f"DTypePolicyMap: {key!r} is there already, with {self._policies[key]!r}")
        self._policies[key] = _policy(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self):
        return iter(self._policies)

    def __eq__(self, other) -> bool:
        if not isinstance(other, DTypePolicyMap):
            return NotImplemented
        return self._default == other._default and self._policies == other._policies

    __hash__ = object.__hash__

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        default = self._default_argument
        return {
            "default_policy": serialize_keras_object(default) if isinstance(default, DTypePolicy) else default,
            "policy_map": serialize_keras_object(self._policies),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        from swiftbn.saving import deserialize_keras_object

        names = ("default_policy", "policy_map")
        return cls(*(deserialize_keras_object(config[name], custom_objects) for name in names))

    def __repr__(self) -> str:
        names = {key: policy.name for key, policy in self._policies.items()}
        return f"<DTypePolicyMap default_policy={self._default.name}, mapping={names}>"


def _policy(policy) -> DTypePolicy:
    try:
        found = get(policy)
    except (TypeError, ValueError) as error:
        raise ValueError(f"DTypePolicyMap: expected dtype policies. Received: {policy!r} ({error})") from None
    if isinstance(found, DTypePolicyMap) or policy is None:
        raise ValueError(f"DTypePolicyMap: expected dtype policies, and no maps. Received: {policy!r}")
    return found
