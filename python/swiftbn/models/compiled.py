"""What `compile` is given: losses and metrics, matched with a model's outputs when the first batch is traced."""

from __future__ import annotations

from swiftbn import losses as losses_module
from swiftbn import metrics as metrics_module
from swiftbn import ops, tree
from swiftbn.models._per_output import metric_groups, per_output

_SPARSE = ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy")


class CompiledLoss:
    """One loss for each output, weighted and summed.

    Args:
        loss: name, function or Loss for every output, or nested as the outputs (None for outputs without a loss).
        loss_weights: numbers, nested as the losses.
    """

    def __init__(self, loss, loss_weights=None):
        self.user_loss = loss
        self.user_weights = loss_weights
        self.losses: list | None = None
        self.weights: list = []
        self.trackers: list = []

    def places(self, outputs, names: list) -> list[int]:
        """Positions of the outputs that have a loss."""
        losses = per_output("loss", self.user_loss, outputs, names, share=True)
        return [place for place, loss in enumerate(losses) if loss is not None]

    def build(self, targets: list, outputs, names: list) -> None:
        """Matches losses with outputs; `names` are the outputs' names, targets None where there is no loss."""
        losses = per_output("loss", self.user_loss, outputs, names, share=True)
        weights = per_output("loss_weights", self.user_weights, outputs, names, share=False)
        losses = [_make_loss(loss, *pair) for loss, *pair in zip(losses, targets, tree.flatten(outputs), strict=True)]
        if all(loss is None for loss in losses):
            raise ValueError("compile: expected a loss for at least one output. Received: None for all")
        for weight in weights:
            if weight is not None and (isinstance(weight, bool) or not isinstance(weight, (int, float))):
                raise ValueError(f"compile: expected loss_weights to be numbers. Received: {weight!r}")
        self.losses, self.weights = losses, weights
        if sum(loss is not None for loss in losses) > 1:
            self.trackers = [
                None if loss is None else _tracker(f"{name}_loss") for loss, name in zip(losses, names, strict=False)
            ]

    def is_sparse(self, index: int) -> bool:
        """Whether the targets of an output are class numbers."""
        loss = None if self.losses is None else self.losses[index]
        return loss is not None and _loss_name(loss) in _SPARSE

    def ignored_class(self, index: int) -> int | None:
        """The class number of an output's targets that its loss leaves out, None if there is none."""
        return getattr(self.losses[index], "_fn_kwargs", {}).get("ignore_class")

    def class_axis(self, index: int) -> int:
        """The axis of an output that has the classes."""
        return getattr(self.losses[index], "_fn_kwargs", {}).get("axis", -1)

    def __call__(self, targets: list, outputs: list, weights: list):
        total = None
        for index, loss in enumerate(self.losses):
            if loss is None:
                continue
            value = self._value(index, targets[index], outputs[index], weights[index])
            if self.trackers:
                self.trackers[index].update_state(value, sample_weight=float(outputs[index].shape[0]))
            if self.weights[index] is not None:
                value = ops.multiply(value, float(self.weights[index]))
            total = value if total is None else ops.add(total, value)
        return total

    def _value(self, index: int, target, output, weight):
        loss = self.losses[index]
        try:
            return loss(target, output, sample_weight=weight)
        except (ValueError, TypeError) as error:
            raise type(error)(
                f"loss {_loss_name(loss)} does not fit: y has shape {tuple(target.shape)}, the output has shape "
                f"{tuple(output.shape)}: {error}"
            ) from error

    @property
    def metrics(self) -> list:
        return [tracker for tracker in self.trackers if tracker is not None]


class CompiledMetrics:
    """Metrics of each output, with and without sample weights, that are updated and read as one metric.

    Args:
        metrics, weighted_metrics: a list for one output, or lists nested as the outputs, by position or name.
        match: function of targets, outputs and weights that returns lists of them, one for each output.
        output_names: function of outputs that returns their names.
    """

    name = "compile_metrics"

    def __init__(self, metrics, weighted_metrics, match, output_names):
        for argument, value in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if value is not None and not isinstance(value, (list, tuple, dict)):
                raise ValueError(
                    f"compile: expected {argument} to be a list, tuple or dict. Received: {argument}={value!r}"
                )
        self.user_metrics = metrics
        self.user_weighted = weighted_metrics
        self._match = match
        self._output_names = output_names
        self.built = False
        # (metric, index of its output, whether sample weights count)
        self.entries: list = []
        self._prefixes: list = []

    def build(self, targets: list, outputs, names: list) -> None:
        """Matches metrics with outputs and resolves names like "accuracy" by the shapes of targets and outputs."""
        self.entries, self._prefixes = [], []
        flat = tree.flatten(outputs)
        for user, is_weighted in ((self.user_metrics, False), (self.user_weighted, True)):
            for index, group in enumerate(metric_groups(user, outputs, names)):
                if group and targets[index] is None:
                    raise ValueError(
                        "compile: expected no metrics for outputs without targets. "
                        f"Received: metrics for {names[index]}"
                    )
                for identifier in group:
                    metric = _make_metric(identifier, targets[index], flat[index])
                    self.entries.append((metric, index, is_weighted))
                    self._prefixes.append(f"{names[index]}_" if len(names) > 1 else "")
        self.built = True

    def update_state(self, y_true, y_pred, sample_weight=None) -> None:
        targets, outputs, weights = self._match(y_true, y_pred, sample_weight)
        if not self.built:
            self.build(targets, y_pred, self._output_names(y_pred))
        for metric, index, is_weighted in self.entries:
            weight = weights[index] if is_weighted else None
            metric.update_state(targets[index], outputs[index], sample_weight=weight)

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()

    @property
    def variables(self) -> list:
        return [variable for metric in self.metrics for variable in metric.variables]

    def result(self) -> dict:
        """Results by name; of a weighted metric whose name is taken "weighted_" is part, other names are numbered."""
        found: dict = {}
        for (metric, _, is_weighted), prefix in zip(self.entries, self._prefixes, strict=True):
            result = metric.result()
            for key, value in result.items() if isinstance(result, dict) else [(metric.name, result)]:
                name = prefix + key
                if is_weighted and name in found:
                    name = f"{prefix}weighted_{key}"
                unique, number = name, 1
                while unique in found:
                    unique, number = f"{name}_{number}", number + 1
                found[unique] = value
        return found

    @property
    def metrics(self) -> list:
        return [metric for metric, _, _ in self.entries]


def _tracker(name: str):
    """A mean with a name that may hold a path, which names of variables may not."""
    tracker = metrics_module.Mean(name=name.replace("/", "_"))
    tracker.name = name
    return tracker


def _loss_name(loss) -> str:
    if type(loss) is losses_module.LossFunctionWrapper:
        return loss.name
    return type(loss).__name__


def _make_loss(identifier, target, output):
    if identifier is None:
        return None
    if isinstance(identifier, str) and identifier in ("crossentropy", "ce"):
        identifier = _by_shape(len(target.shape), None, output, "crossentropy")
    loss = losses_module.get(identifier)
    if isinstance(loss, losses_module.Loss):
        return loss
    return losses_module.LossFunctionWrapper(loss, name=getattr(loss, "__name__", type(loss).__name__))


def _make_metric(identifier, target, output):
    if isinstance(identifier, str):
        name = identifier
        kinds = {
            "accuracy": "accuracy",
            "acc": "accuracy",
            "crossentropy": "crossentropy",
            "ce": "crossentropy",
        }
        if identifier.lower() in kinds:
            found = _by_shape(len(target.shape), target, output, kinds[identifier.lower()])
            return _wrap_metric(metrics_module.get(found), name)
        return _wrap_metric(metrics_module.get(identifier), name)
    return _wrap_metric(metrics_module.get(identifier), None)


def _by_shape(target_rank: int, target, output, kind: str) -> str:
    """The variant of accuracy or cross-entropy for binary, class-number or one-hot targets."""
    classes = output.shape[-1] if output.shape else 1
    if classes == 1:
        return f"binary_{kind}"
    last = target.shape[-1] if target is not None and target.shape else None
    if target_rank < len(output.shape) or last == 1:
        return f"sparse_categorical_{kind}"
    return f"categorical_{kind}"


def _wrap_metric(metric, name: str | None):
    if isinstance(metric, metrics_module.Metric):
        if name is not None:
            metric.name = name
        return metric
    if not callable(metric):
        raise ValueError(f"compile: expected metrics to be names, functions or Metric objects. Received: {metric!r}")
    return metrics_module.MeanMetricWrapper(metric, name=name or getattr(metric, "__name__", "metric"))
