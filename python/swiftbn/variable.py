"""Variables: tensors that live on between calls, in memory of the native core that NumPy sees without copying."""

from __future__ import annotations

import numpy as np

from swiftbn import _native, naming
from swiftbn._checks import one_of
from swiftbn._operators import Operators, equality
from swiftbn.dtypes import computing_dtype, to_host_array
from swiftbn.stateless_scope import before_writing
from swiftbn.tensor import Tensor
from swiftbn.trace import current_trace, suspend_trace

AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")


@equality
class Variable(Operators):
    """A named tensor whose value can be assigned.

    `np.asarray(variable)` is a writable view of its memory, so `variable[...] = x` changes it in place.

    Args:
        initializer: an array, or a function or initializer (or its name) called with `shape` and `dtype`.
        shape: extents; only with an initializer that is called.
        dtype: element type; by default the array's, else `floatx()`.
        trainable: whether optimizers change it.
        autocast: accepted, and without effect: variables are always read in their own dtype.
        aggregation, synchronization: as in Keras, without effect, as there is one replica.
        name: without "/"; by default "variable", "variable_1", …
        layout: only None.

    Raises:
        ValueError: no or unknown extents, a name with "/", an unsupported dtype.
    """

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation="none",
        synchronization="auto",
        name: str | None = None,
        layout=None,
    ):
        one_of("Variable", "autocast", autocast, (True, False))
        one_of("Variable", "aggregation", aggregation, AGGREGATIONS)
        one_of("Variable", "synchronization", synchronization, (None, "none", "on_read", "on_write", "auto"))
        one_of("Variable", "layout", layout, (None,))
        name = naming.check_name(name or naming.auto_name(type(self).__name__))
        scope = naming.current_path()
        self.name = name
        self.path = f"{scope}/{name}" if scope else name
        self._trainable = bool(trainable)
        self.regularizer = None
        self.constraint = None
        # Whether optimizers assign the gradient instead of moving against it.
        self.overwrite_with_gradient = False
        with suspend_trace():
            value = self._initial_value(initializer, shape, dtype)
        self._native = _native.Variable(value.shape, value.dtype.name, self.path)
        self._view = np.asarray(self._native)
        self._view[...] = value
        self.shape = value.shape
        self.dtype = value.dtype.name

    def _initial_value(self, initializer, shape, dtype) -> np.ndarray:
        if isinstance(initializer, str):
            from swiftbn import initializers

            initializer = initializers.get(initializer)
        if not callable(initializer):
            value = to_host_array(initializer, None if dtype is None else computing_dtype(dtype))
            if shape is not None and _checked_shape(shape, self.path) != value.shape:
                raise ValueError(
                    f"Variable {self.path}: expected an initial value of shape {tuple(shape)}. "
                    f"Received: shape {value.shape}"
                )
            return value
        if shape is None:
            raise ValueError(f"Variable {self.path}: expected a shape with an initializer. Received: shape=None")
        shape, dtype = _checked_shape(shape, self.path), computing_dtype(dtype)
        value = to_host_array(initializer(shape, dtype=dtype), dtype)
        if value.shape != shape:
            raise ValueError(
                f"Variable {self.path}: expected its initializer to return shape {shape}. Received: shape {value.shape}"
            )
        return value

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool):
        self._trainable = bool(value)

    @property
    def value(self):
        """In a trace the tensor that the traced code has assigned last; elsewhere the writable NumPy view."""
        trace = current_trace()
        return self._view if trace is None else trace.variable(self)

    def numpy(self) -> np.ndarray:
        """The writable NumPy view of the variable's memory."""
        return self._host("numpy()")

    def _host(self, what: str) -> np.ndarray:
        if current_trace() is not None:
            raise TypeError(
                f"{what} of variable {self.path} inside fit, a layer's call or a differentiated function would freeze "
                "its present numbers; use swiftbn.ops on the variable itself"
            )
        return self._view

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        view = self._host("Conversion to a NumPy array")
        if dtype is not None and np.dtype(dtype) != view.dtype:
            if copy is False:
                raise ValueError(f"Variable {self.path} has dtype {self.dtype}; dtype {dtype} needs a copy")
            return view.astype(dtype)
        return view.copy() if copy else view

    def assign(self, value):
        """Takes a value of the same shape; in a trace when the program has run, elsewhere at once.

        Raises:
            ValueError: another shape.
        """
        from swiftbn import ops

        trace = current_trace()
        if trace is None and not isinstance(value, Tensor):
            value = to_host_array(value._view if isinstance(value, Variable) else value, self.dtype)
        else:
            value = ops.cast(ops.convert_to_tensor(value), self.dtype)
        if not _fits(value.shape, self.shape):
            raise ValueError(
                f"Variable {self.path}: expected a value of shape {self.shape}. Received: shape {tuple(value.shape)}"
            )
        before_writing((self,))
        if trace is None:
            np.copyto(self._view, value)
            return self._view
        if not isinstance(value, Tensor):
            value = trace.constant(value)
        trace.assign(self, value)
        return value

    def assign_add(self, value):
        """Takes the sum of its value and another."""
        return self.assign(self + value)

    def assign_sub(self, value):
        """Takes the difference of its value and another."""
        return self.assign(self - value)

    def __setitem__(self, key, value):
        before_writing((self,))
        self._host("Assignment to elements")[key] = value

    def __len__(self) -> int:
        return len(self._view)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __float__(self) -> float:
        return float(self._host("float()"))

    def __int__(self) -> int:
        return int(self._host("int()"))

    def __bool__(self) -> bool:
        return bool(self._host("bool()"))

    def __format__(self, spec: str) -> str:
        return format(self._view.item() if spec and not self.shape else str(self), spec)

    def __repr__(self) -> str:
        value = "" if current_trace() is not None else f", value={self._view}"
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}{value}>"

    def __reduce__(self):
        """For copies and pickles: the value as an array, in memory of its own."""
        state = {name: self.__dict__[name] for name in ("path", "regularizer", "constraint", "overwrite_with_gradient")}
        return _restore, (self._view.copy(), self._trainable, self.name, state)


def _restore(value: np.ndarray, trainable: bool, name: str, state: dict) -> Variable:
    variable = Variable(value, dtype=value.dtype.name, trainable=trainable, name=name)
    variable.__dict__.update(state)
    return variable


def _checked_shape(shape, path: str) -> tuple:
    shape = tuple(shape) if isinstance(shape, (list, tuple)) else (shape,)
    for extent in shape:
        if isinstance(extent, bool) or not isinstance(extent, (int, np.integer)) or extent < 0:
            raise ValueError(f"Variable {path}: expected a shape of integers >= 0. Received: shape={shape}")
    return tuple(int(extent) for extent in shape)


def _fits(shape, wanted) -> bool:
    return len(shape) == len(wanted) and all(s is None or s == w for s, w in zip(shape, wanted, strict=False))
