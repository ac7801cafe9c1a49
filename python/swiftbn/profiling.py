"""What a model's compiled programs do: the steps of their plans, the memory they need, and the time that each takes."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np

from swiftbn import tree
from swiftbn.models._arguments import check_division


class PlanStep(NamedTuple):
    """One step of a plan.

    Attributes:
        name: the operation; fused operations are joined by "+".
        outputs: types of what it computes, as "float32(64, 10)".
        read, written: bytes of the tensors that it reads and writes.
        seconds: median time of a run, None where nothing was timed.
    """

    name: str
    outputs: tuple
    read: int
    written: int
    seconds: float | None = None


class Plan(NamedTuple):
    """How a program computes a batch: its steps in order, and the bytes of memory that they share."""

    steps: tuple
    memory: int

    @property
    def seconds(self) -> float | None:
        """The time of all steps."""
        return None if not self.steps or self.steps[0].seconds is None else sum(step.seconds for step in self.steps)

    def print(self, title: str = "Plan", print_fn=None) -> None:
        """Prints the plan as a table; `print_fn` gets the text instead of standard output."""
        from rich.console import Console
        from rich.table import Table

        total = self.seconds
        table = Table(title=title, title_justify="left")
        table.add_column("Step")
        table.add_column("Output")
        table.add_column("Moves", justify="right")
        if total is not None:
            table.add_column("Time", justify="right")
            table.add_column("Share", justify="right")
            table.add_column("GB/s", justify="right")
        for step in self.steps:
            moved = step.read + step.written
            cells = [step.name, step.outputs[0] if step.outputs else "", _size(moved)]
            if total is not None:
                rate = moved / step.seconds / 1e9 if step.seconds else 0.0
                cells += [f"{step.seconds * 1e6:,.1f} µs", f"{step.seconds / total if total else 0:.1%}", f"{rate:.1f}"]
            table.add_row(*cells)
        memory = io.StringIO()
        console = Console() if print_fn is None else Console(width=120, file=memory)
        console.print(table)
        moved = sum(step.read + step.written for step in self.steps)
        text = f" {len(self.steps)} steps, {_size(moved)} moved, {_size(self.memory)} of memory"
        console.print(text if total is None else f"{text}, {total * 1e3:.3f} ms", highlight=False)
        if print_fn is not None:
            print_fn(memory.getvalue().rstrip("\n"))


def profile(model, x, y=None, sample_weight=None, *, runs: int = 20, print_fn=None, verbose: bool = True) -> Plan:
    """Times every step of the program that trains the model on a batch, or without y predicts it.

    The program really runs, and all that it changes (weights, moving statistics, the optimizer's state, random seeds)
    is put back afterwards.

    Args:
        model: a model; compiled, if y is given.
        x, y, sample_weight: one batch, as `train_on_batch` and `predict_on_batch` take it.
        runs: number of runs of which the median is taken, after two that are not timed.
        print_fn: function that gets the table instead of standard output.
        verbose: whether the table is printed.

    Returns:
        A `Plan`, whose steps have times.

    Raises:
        ValueError: `runs` below 1, or data that does not fit the model.
    """
    if isinstance(runs, bool) or not isinstance(runs, (int, np.integer)) or runs < 1:
        raise ValueError(f"profile: expected runs to be an integer >= 1. Received: runs={runs!r}")
    kind = "predict" if y is None else "train"
    plan = _measure(model, kind, x, y, sample_weight, int(runs))
    if verbose:
        what = "training step" if kind == "train" else "prediction"
        plan.print(f'Model "{model.name}": {what} of {_samples(x)} samples', print_fn)
    return plan


def plan_summary(
    model,
    x=None,
    y=None,
    sample_weight=None,
    *,
    batch_size: int = 32,
    print_fn=None,
    accumulate: int = 1,
    accumulate_statistics: str = "each",
) -> Plan:
    """Prints the plan of the program that trains the model on a batch, or without y predicts it; see `profile`.

    Args:
        x: one batch; by default `batch_size` samples of the shapes that the model was made with.
        y, sample_weight: of the batch.
        batch_size: number of samples when x is None.
        print_fn: function that gets the table instead of standard output.
        accumulate, accumulate_statistics: of a training step, as `fit` takes them.

    Raises:
        ValueError: no x, and a model that does not know the shape of its inputs; micro-batches without y, or of a model
            with a train_step of its own.
    """
    division = check_division("plan_summary", model, accumulate, accumulate_statistics)
    if y is None and division[0] > 1:
        raise ValueError(f"plan_summary: expected y with micro-batches. Received: y=None, accumulate={accumulate}")
    if x is None:
        if y is not None:
            raise ValueError("plan_summary: expected x to be given with y. Received: x=None")
        x = _zeros(model, batch_size)
    kind = "predict" if y is None else "train"
    plan = _measure(model, kind, x, y, sample_weight, 0, division)
    what = "training step" if kind == "train" else "prediction"
    plan.print(f'Model "{model.name}": plan of a {what} of {_samples(x)} samples', print_fn)
    return plan


def _measure(model, kind: str, x, y, sample_weight, runs: int, division: tuple = ()) -> Plan:
    from swiftbn.models.data import make_data

    data = model._prepare(kind, make_data(x, y, sample_weight))
    step = model._step(kind, data, data.count, *division)
    kept = [(variable, np.array(variable.numpy())) for variable in step.assigned]
    try:
        times = np.array([step.program.profile(data.arrays) for _ in range(max(runs, 1) + 2)])[2:]
    finally:
        for variable, value in kept:
            variable.assign(value)
    given = tuple(f"{array.dtype.name}{_shape(array.shape)}" for array in data.arrays)
    for inputs, steps, memory in step.program.plans():
        if tuple(inputs) == given and len(steps) == times.shape[1]:
            medians = np.median(times, axis=0) if runs else [None] * len(steps)
            seconds = (None if value is None else float(value) for value in medians)
            return Plan(tuple(PlanStep(*one, time) for one, time in zip(steps, seconds, strict=True)), memory)
    raise RuntimeError("profile: the program has no plan for the batch")


def _shape(shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _zeros(model, batch_size: int):
    inputs = getattr(model, "inputs", None)
    if not inputs or any(None in x.shape[1:] for x in inputs):
        raise ValueError(
            f"plan_summary: expected a batch x, since model '{model.name}' does not know the shape of its inputs"
        )
    arrays = [np.zeros((batch_size, *x.shape[1:]), x.dtype) for x in inputs]
    return arrays[0] if len(arrays) == 1 else arrays


def _samples(x) -> int:
    return len(tree.flatten(x)[0])


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
