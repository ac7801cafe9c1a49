"""How far a student is from its teacher."""

from __future__ import annotations

from swiftbn import losses, ops, tree
from swiftbn._checks import number
from swiftbn.saving.serialization import deserialize_keras_object, serialize_keras_object


class DistillationLoss:
    """A loss of what a teacher and a student return; a subclass defines `compute_loss`."""

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """A scalar from tensors, nested or not."""
        raise NotImplementedError(f"{type(self).__name__} has to define compute_loss()")

    def validate_outputs(self, teacher_outputs, student_outputs) -> None:
        """Raises ValueError for outputs that are not nested alike."""
        tree.assert_same_structure(teacher_outputs, student_outputs)

    def validate_model_compatibility(self, teacher, student) -> None:
        """Raises ValueError for models that do not fit the loss."""


class _ByOutput(DistillationLoss):
    """A loss for each output, nested as the outputs; None for outputs that do not count."""

    def __init__(self, loss):
        self.loss = tree.map_structure(_as_function, loss)
        if all(each is None for each in tree.flatten(self.loss)):
            raise ValueError(f"{type(self).__name__}: expected a loss, or several, not all None. Received: {loss!r}")

    def validate_outputs(self, teacher_outputs, student_outputs) -> None:
        super().validate_outputs(teacher_outputs, student_outputs)
        wanted, received = (tree.map_structure(lambda _: None, x) for x in (self.loss, teacher_outputs))
        if wanted != received:
            raise ValueError(f"{type(self).__name__}: expected outputs nested as loss, {wanted}. Received: {received}")

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        parts = [
            self._part(loss, *outputs)
            for loss, *outputs in zip(*map(tree.flatten, (self.loss, teacher_outputs, student_outputs)), strict=True)
            if loss is not None
        ]
        return ops.sum(ops.stack(parts))

    def _part(self, loss, teacher, student):
        return ops.mean(loss(teacher, student))

    def get_config(self) -> dict:
        return {"loss": serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


class FeatureDistillation(_ByOutput):
    """The mean loss between what a layer of the teacher and one of the student return.

    Args:
        loss: name, function or Loss; of layers with several outputs nested as they are, None for those that do not
            count.
        teacher_layer_name, student_layer_name: names of the layers; None for the outputs of the models.

    Raises:
        ValueError: no loss, or unknown layers.
    """

    def __init__(self, loss="mse", teacher_layer_name=None, student_layer_name=None):
        super().__init__(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher, student) -> None:
        names = {"teacher": self.teacher_layer_name, "student": self.student_layer_name}
        if not any(names.values()):
            return
        for (who, name), model in zip(names.items(), (teacher, student), strict=True):
            if getattr(model, "inputs", None) is None:
                raise ValueError(
                    f"FeatureDistillation: expected functional or Sequential models, as layers are named. "
                    f"Received: a {who} of class {type(model).__name__}"
                )
            if name is not None:
                try:
                    model.get_layer(name=name)
                except ValueError as error:
                    raise ValueError(f"In {who} model: {error}") from None

    def get_config(self) -> dict:
        names = {"teacher_layer_name": self.teacher_layer_name, "student_layer_name": self.student_layer_name}
        return {**super().get_config(), **names}


class LogitsDistillation(_ByOutput):
    """The mean loss between the logits of teacher and student, both divided by a temperature.

    Of the Kullback-Leibler divergence it is that of the probabilities, times the temperature squared, so that gradients
    do not become smaller with it.

    Args:
        temperature: a number > 0; the higher it is, the more of what the teacher finds unlikely counts.
        loss: name, function or Loss; of models with several outputs nested as they are, None for those that do not
            count.

    Raises:
        ValueError: no loss, or another temperature.

    Source: Hinton, Vinyals, Dean, "Distilling the knowledge in a neural network", 2015.
    """

    def __init__(self, temperature=3.0, loss="kl_divergence"):
        super().__init__(loss)
        number("LogitsDistillation", "temperature", temperature, lambda v: 0 < v < float("inf"), "a number > 0")
        self.temperature = temperature

    def _part(self, loss, teacher, student):
        teacher, student = (ops.divide(logits, float(self.temperature)) for logits in (teacher, student))
        if isinstance(loss, losses.KLDivergence) or loss is losses.kl_divergence:
            divergence = loss(ops.softmax(teacher, axis=-1), ops.softmax(student, axis=-1))
            return ops.multiply(ops.mean(divergence), float(self.temperature) ** 2)
        return super()._part(loss, teacher, student)

    def get_config(self) -> dict:
        return {"temperature": self.temperature, **super().get_config()}


def _as_function(loss):
    return losses.get(loss) if isinstance(loss, str) else loss
