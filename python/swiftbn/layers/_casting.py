"""What goes in and comes out of layers, in the dtypes that they compute with and hand on."""

from __future__ import annotations

from swiftbn import dtype_policies, tree
from swiftbn.dtypes import HALF_DTYPES, is_float_dtype, to_host_array
from swiftbn.masking import get_keras_mask, with_mask
from swiftbn.ops._dispatch import dtype_of, to_dtype
from swiftbn.tensor import Tensor
from swiftbn.variable import Variable


class Casting:
    """The part of a layer that takes tensors to its dtypes."""

    @property
    def dtype(self) -> str:
        """The dtype of the weights: never a 16-bit one."""
        return "float32" if self._compute_dtype in HALF_DTYPES else self._compute_dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of what goes in and comes out. Between the two, 16-bit floats are computed with in float32."""
        return self._compute_dtype

    input_dtype = compute_dtype

    def _set_policy(self, policy) -> None:
        """Takes the dtypes of a policy; of a map those of its default, until the layer's path is known."""
        is_map = isinstance(policy, dtype_policies.DTypePolicyMap)
        self._policy_map = policy if is_map else None
        policy = policy.default_policy if is_map else policy
        self._dtype_policy, self._compute_dtype = policy.name, policy.compute_dtype

    def _settle_policy(self, path: str) -> None:
        """Takes the dtypes that a map has for the layer's path."""
        if self._policy_map is not None and self._path is None:
            policy = self._policy_map[path]
            self._dtype_policy, self._compute_dtype = policy.name, policy.compute_dtype

    @property
    def dtype_policy(self):
        """The `DTypePolicy` behind these dtypes, or the `DTypePolicyMap` that has it. One may be assigned, to a layer
        with weights only one that keeps their dtype; what is assigned to a layer with a map and a path goes there."""
        return dtype_policies.DTypePolicy(self._dtype_policy) if self._policy_map is None else self._policy_map

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy = dtype_policies.get(value)
        if policy.variable_dtype != self.dtype and self.weights:
            raise ValueError(
                f"Layer '{self.name}' has weights of dtype {self.dtype}; expected a dtype_policy that keeps it. "
                f"Received: dtype_policy={policy.name!r}"
            )
        known = self._policy_map
        self._set_policy(policy)
        if known is not None and self._path and self._policy_map is None:
            if self._path in known:
                del known[self._path]
            known[self._path] = policy
            self._policy_map = known

    def _converted(self, arguments: dict) -> dict:
        """The arguments of a call as `call` is given them."""
        return {name: self._convert(value) for name, value in arguments.items()}

    def _convert(self, value):
        """Float tensors in the layer's dtype; arrays and lists of numbers as arrays."""
        if isinstance(value, (Tensor, Variable)) or hasattr(value, "__array__"):
            if not is_float_dtype(dtype_of(value)):
                return value
            return with_mask(to_dtype(self._rounded(value), self.dtype), get_keras_mask(value))
        if tree.is_nested(value):
            leaves = tree.flatten(value)
            if any(hasattr(leaf, "shape") for leaf in leaves):
                return tree.map_structure(self._convert, value)
            if leaves and isinstance(value, list) and all(isinstance(leaf, (int, float)) for leaf in leaves):
                return to_host_array(value, self.dtype)
        return value

    def _rounded(self, value):
        """A float tensor in the dtype in which tensors go in and out."""
        is_float = hasattr(value, "dtype") and is_float_dtype(dtype_of(value))
        return to_dtype(value, self._compute_dtype) if is_float else value
