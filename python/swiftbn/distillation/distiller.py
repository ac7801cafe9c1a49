"""The model that trains a student."""

from __future__ import annotations

from swiftbn import losses, metrics, ops, tree
from swiftbn._checks import finite, is_number
from swiftbn.layers._config import base_config
from swiftbn.models.model import Model
from swiftbn.models.sequential import Sequential

_FINAL = "final_output"


class Distiller(Model):
    """Trains a student by targets and by what a teacher, which stays as it is, says about the same data.

    The loss is w·(student's loss) + (1 - w)·Σ vᵢ·(distillation loss i); each has a metric, too. Calls are those of the
    student.

    Args:
        teacher, student: models with inputs and outputs of the same shapes and dtypes.
        distillation_losses: a `DistillationLoss`, or a list of them.
        distillation_loss_weights: the vᵢ, all 1 by default.
        student_loss_weight: w, a number in 0 … 1.

    Raises:
        ValueError: models or losses that do not fit, weights of another number or range.

    Example:
        >>> distiller = Distiller(teacher, student, LogitsDistillation(temperature=3.0))
        >>> distiller.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> distiller.fit(x, y, epochs=10)
    """

    _untracked = Model._untracked | {"_features"}

    def __init__(
        self,
        teacher,
        student,
        distillation_losses,
        distillation_loss_weights=None,
        student_loss_weight=0.5,
        name="distiller",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        _check_models(teacher, student)
        self.teacher = teacher
        self.student = student
        self.student_loss_weight = finite("Distiller", "student_loss_weight", student_loss_weight, 0, 1)
        self.distillation_losses = _listed(distillation_losses)
        self.distillation_loss_weights = _weights(distillation_loss_weights, len(self.distillation_losses))
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self._teacher_features = _extractor(teacher, self._layer_names("teacher_layer_name"))
        self._student_features = _extractor(student, self._layer_names("student_layer_name"))
        teacher.trainable = False
        self.student_loss_tracker = metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = metrics.Mean(name="total_loss")
        self._student_loss = None
        self._features = None

    def _layer_names(self, attribute: str) -> list:
        names = [getattr(loss, attribute, None) for loss in self.distillation_losses]
        return list(dict.fromkeys(name for name in names if name is not None))

    def compile(self, optimizer="adam", loss=None, metrics=None, **kwargs):
        """As of other models; `loss` is the student's, nested as its outputs.

        Raises:
            ValueError: no loss, or metrics that are no list.
        """
        if loss is None:
            raise ValueError("Distiller.compile: expected a loss of the student. Received: loss=None")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"Distiller.compile: expected metrics to be a list. Received: metrics={metrics!r}")
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)
        self._student_loss = tree.map_structure(losses.get, loss)
        self._compile_config["loss"] = loss

    def call(self, inputs, training=None, **kwargs):
        if self._student_features is None or kwargs:
            return self.student(inputs, training=training, **kwargs)
        # The loss takes the features of this call, so that the student computes once.
        self._features = self._student_features(inputs, training=training)
        return self._features[_FINAL]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss; sample weights are errors."""
        if sample_weight is not None:
            raise ValueError("Distiller: expected no sample weights, which its losses do not take")
        if y_pred is None:
            y_pred = self(x, training=training)
        student_loss = distillation_loss = ops.zeros(())
        if self.student_loss_weight > 0 and y is not None:
            student_loss = self._supervised_loss(y, y_pred)
        if self.student_loss_weight < 1:
            distillation_loss = self._distillation_loss(x, y_pred, training)
        total = ops.add(
            ops.multiply(float(self.student_loss_weight), student_loss),
            ops.multiply(1.0 - self.student_loss_weight, distillation_loss),
        )
        self.student_loss_tracker.update_state(student_loss)
        self.distillation_loss_tracker.update_state(distillation_loss)
        self.total_loss_tracker.update_state(total)
        return total

    def _supervised_loss(self, y, y_pred):
        flat = [tree.flatten(structure) for structure in (self._student_loss, y, y_pred)]
        if len(set(map(len, flat))) > 1:
            raise ValueError(
                "Distiller: expected a loss and targets for each output of the student. "
                f"Received: {len(flat[0])} losses and {len(flat[1])} targets for {len(flat[2])} outputs"
            )
        return ops.sum(ops.stack([ops.mean(loss(target, output)) for loss, target, output in zip(*flat, strict=True)]))

    def _distillation_loss(self, x, y_pred, training):
        if self._teacher_features is None:
            teacher = {_FINAL: self.teacher(x, training=False)}
        else:
            teacher = self._teacher_features(x, training=False)
        student, self._features = self._features, None
        if self._student_features is None:
            student = {_FINAL: y_pred}
        elif student is None or student[_FINAL] is not y_pred:
            student = self._student_features(x, training=training)
        total = None
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            given = teacher[getattr(loss, "teacher_layer_name", None) or _FINAL]
            found = student[getattr(loss, "student_layer_name", None) or _FINAL]
            loss.validate_outputs(given, found)
            part = loss.compute_loss(given, found)
            if len(part.shape):
                raise ValueError(
                    f"Distiller: expected a scalar from {type(loss).__name__}.compute_loss. "
                    f"Received: shape {tuple(part.shape)}"
                )
            part = ops.multiply(float(weight), part)
            total = part if total is None else ops.add(total, part)
        return total

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        return {
            **base_config(self),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: dict):
        from swiftbn.saving import deserialize_keras_object

        names = ("teacher", "student", "distillation_losses")
        return cls(**{**config, **{name: deserialize_keras_object(config[name]) for name in names}})


def _listed(distillation_losses) -> list:
    several = isinstance(distillation_losses, (list, tuple))
    found = list(distillation_losses) if several else [distillation_losses]
    if not found or not all(hasattr(loss, "compute_loss") for loss in found):
        raise ValueError(
            "Distiller: expected distillation_losses to be a distillation loss or a list of them. "
            f"Received: distillation_losses={distillation_losses!r}"
        )
    return found


def _weights(weights, count: int) -> list:
    if weights is None:
        return [1.0] * count
    if not isinstance(weights, (list, tuple)) or len(weights) != count or not all(map(is_number, weights)):
        raise ValueError(
            f"Distiller: expected distillation_loss_weights to be a list of {count} numbers. "
            f"Received: distillation_loss_weights={weights!r}"
        )
    return list(weights)


def _check_models(teacher, student) -> None:
    for name, model in (("teacher", teacher), ("student", student)):
        if not isinstance(model, Model):
            raise ValueError(f"Distiller: expected {name} to be a Model. Received: {name}={model!r}")
    for what in ("inputs", "outputs"):
        ours, theirs = (getattr(model, what, None) for model in (teacher, student))
        if ours is None or theirs is None:
            continue
        described = [[(tuple(x.shape), x.dtype) for x in tensors] for tensors in (ours, theirs)]
        if len(ours) != len(theirs) or not all(map(_fit, ours, theirs)):
            raise ValueError(
                f"Distiller: expected teacher and student with {what} of the same shapes and dtypes. "
                f"Received: {described[0]} and {described[1]}"
            )


def _fit(a, b) -> bool:
    return (
        a.dtype == b.dtype
        and len(a.shape) == len(b.shape)
        and all(m == n or None in (m, n) for m, n in zip(a.shape, b.shape, strict=True))
    )


def _extractor(model, names: list):
    """A model of the outputs, and those of some layers, by name; None without layers."""
    if not names:
        return None
    final = model.outputs[0] if isinstance(model, Sequential) else model.output
    outputs = {_FINAL: final, **{name: model.get_layer(name=name).output for name in names}}
    return Model(model.inputs, outputs, name=f"{model.name}_features")
