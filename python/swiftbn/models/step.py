"""The programs behind fit, evaluate and predict: one native call per batch.

A training step is traced once per batch shape: forward pass, losses, gradients, optimizer, constraints, moving
statistics and metrics become one program. It is given the batch and returns the metrics.
"""

from __future__ import annotations

from swiftbn import naming, tree
from swiftbn.config import floatx
from swiftbn.models.data import Data
from swiftbn.ops._dispatch import resolve
from swiftbn.tensor import Tensor
from swiftbn.trace import Trace


class Step:
    """A compiled program and the names or structure of what it returns."""

    def __init__(self, program, names, structure=None):
        self.program = program
        self.names = names
        self.structure = structure

    def logs(self, arrays: tuple, indices=None) -> dict:
        """Runs the program and names its results: numbers, and arrays of metrics with several values."""
        results = (value if value.ndim else float(value) for value in self.program.run(arrays, indices))
        return dict(zip(self.names, results, strict=False))


def make_step(model, kind: str, data: Data, batch: int) -> Step:
    """Traces a step of `kind` "train", "test" or "predict" for batches of `batch` samples shaped like the data."""
    with Trace() as trace:
        with naming.name_scope(model.name, caller=model):
            x, y, weights = _inputs(trace, model, data, batch)
            if kind == "predict":
                outputs = model(x, training=False)
                flat = [_tensor(trace, output) for output in tree.flatten(outputs)]
                return Step(trace.compile(flat), None, tree.map_structure(lambda _: None, outputs))
            training, sample_weight = kind == "train", _like(y, weights)
            outputs = model(x, training=training)
            _check_outputs(model, outputs, y)
            loss = model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=sample_weight, training=training)
        model._loss_tracker.update_state(loss, sample_weight=float(batch))
        if kind == "train":
            _optimize(trace, model, loss)
        results = model.compute_metrics(x, y, outputs, sample_weight=sample_weight)
        tensors = [_tensor(trace, value) for value in results.values()]
        return Step(trace.compile(tensors), list(results))


def _optimize(trace: Trace, model, loss) -> None:
    variables = model.trainable_variables
    if not variables:
        return
    if not isinstance(loss, Tensor):
        raise ValueError(f"Model '{model.name}': the loss does not depend on the model")
    gradients = trace.gradients([loss], [trace.initial(v) for v in variables])
    unused = [v.path for v, gradient in zip(variables, gradients, strict=False) if gradient is None]
    if len(unused) == len(variables):
        raise ValueError(f"Model '{model.name}': the loss depends on none of the weights {', '.join(unused)}")
    used = [(gradient, v) for gradient, v in zip(gradients, variables, strict=False) if gradient is not None]
    model.optimizer.apply([gradient for gradient, _ in used], [v for _, v in used])


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


def _like(y, weights: list | None):
    if weights is None or y is None:
        return None
    return tree.pack_as(y, weights) if tree.is_nested(y) else weights[0]


def _check_outputs(model, outputs, y) -> None:
    """The last layer's output and the targets must have the same number of parts."""
    if y is None:
        return
    got, expected = len(tree.flatten(outputs)), len(tree.flatten(y))
    if got != expected:
        raise ValueError(f"Model '{model.name}' has {got} output(s). Received: y with {expected} array(s)")
