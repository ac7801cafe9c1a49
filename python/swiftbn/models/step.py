"""The programs behind fit, evaluate and predict: one native call per batch.

A training step is traced once per batch shape: forward pass, losses, gradients, optimizer, constraints, moving
statistics and metrics become one program. It is given the batch and returns the metrics.
"""

from __future__ import annotations

from swiftbn import tree
from swiftbn.config import floatx
from swiftbn.models.data import Data
from swiftbn.models.steps import pack
from swiftbn.ops._dispatch import resolve
from swiftbn.stateless_scope import before_writing
from swiftbn.tensor import Tensor
from swiftbn.trace import Trace


class Step:
    """A compiled program, the names or structure of what it returns, and the variables that it writes."""

    def __init__(self, program, names, structure=None, assigned=()):
        self.program = program
        self.names = names
        self.structure = structure
        self.assigned = assigned
        # What `train_on_batch` resets, and in which order it returns logs, once it has found out.
        self.metrics = None
        self.order = None

    def run(self, arrays: tuple, indices=None) -> tuple:
        """Runs the program."""
        before_writing(self.assigned)
        return self.program.run(arrays, indices)

    def logs(self, arrays: tuple, indices=None) -> dict:
        """Runs the program and names its results, numbers as floats."""
        return dict(zip(self.names, map(_number, self.run(arrays, indices)), strict=True))


def make_step(model, kind: str, data: Data, batch: int, parts: int = 1, statistics: str = "each") -> Step:
    """Traces a step of `kind` "train", "test" or "predict" for batches of `batch` samples shaped like the data."""
    with Trace() as trace:
        # What a step that was traced before has left behind.
        model._clear_losses()
        packed = pack(*_inputs(trace, model, data, batch))
        if kind == "predict":
            outputs = model.predict_step(packed)
            flat = [_tensor(trace, output) for output in tree.flatten(outputs)]
            structure = tree.map_structure(lambda _: None, outputs)
            step = Step(trace.compile(flat), None, structure, trace.assigned_variables)
        else:
            if parts > 1:
                step = model._union_train_step if statistics == "union" else model._accumulated_train_step
                logs = step(packed, parts)
            else:
                logs = model.train_step(packed) if kind == "train" else model.test_step(packed)
            logs = _flat_logs(model, f"{kind}_step", logs)
            program = trace.compile([_tensor(trace, value) for value in logs.values()])
            step = Step(program, list(logs), assigned=trace.assigned_variables)
        model._clear_losses()
    return step


def _flat_logs(model, name: str, logs) -> dict:
    """Logs by name; a dict among them stands for what it holds, as metrics with several results return it."""
    if not isinstance(logs, dict):
        raise TypeError(
            f"{type(model).__name__}.{name}: expected a dict of numbers by name to be returned. Received: {logs!r}"
        )
    flat: dict = {}
    for key, value in logs.items():
        flat.update(value if isinstance(value, dict) else {key: value})
    return flat


def _number(value):
    return float(value) if value.ndim == 0 else value


def _inputs(trace: Trace, model, data: Data, batch: int):
    def declare(name, array, dtype):
        return trace.input(name, (batch, *array.shape[1:]), dtype)

    wanted = iter(model._input_dtypes(len(tree.flatten(data.x))))
    count = iter(range(1 << 30))
    x = tree.map_structure(lambda a: declare(f"x{next(count)}", a, _input_dtype(next(wanted), a)), data.x)
    y = None
    if data.y is not None:
        index = iter(range(1 << 30))

        def declare_target(array):
            i = next(index)
            return declare(f"y{i}", array, _target_dtype(model, i, array))

        y = tree.map_structure(declare_target, data.y)
    weights = None
    if data.weights is not None:
        weights = [None if w is None else declare(f"sample_weight{i}", w, floatx()) for i, w in enumerate(data.weights)]
    return x, y, weights


def _input_dtype(wanted: str | None, array) -> str:
    if wanted is not None:
        return wanted
    return floatx() if array.dtype.kind == "f" else array.dtype.name


def _target_dtype(model, index: int, array) -> str:
    """Class numbers are converted to int64, which fails for fractions and NaN before anything is computed."""
    if model._has_class_targets(index):
        return "int64"
    if array.dtype.kind == "f":
        return floatx()
    return "int32" if array.dtype.kind == "b" or array.dtype.name == "uint8" else array.dtype.name


def _tensor(trace: Trace, value) -> Tensor:
    value = resolve(value)
    return value if isinstance(value, Tensor) else trace.constant(value)
