"""Students that learn from teachers: losses, training, files, as in Keras."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, losses, ops, optimizers
from swiftbn.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation

RNG = np.random.default_rng(1)
X = RNG.normal(size=(32, 3)).astype("float32")
Y = np.argmax(X, axis=1)
T, S = RNG.normal(size=(5, 4)).astype("float32"), RNG.normal(size=(5, 4)).astype("float32")


def softmax(x):
    e = np.exp(x.astype(float))
    return e / e.sum(-1, keepdims=True)


def make(units, name, outputs=3):
    inputs = Input((3,), name=f"{name}_in")
    hidden = layers.Dense(units, "relu", name="hidden")(inputs)
    return Model(inputs, layers.Dense(outputs, name="out")(hidden), name=name)


def sparse():
    return losses.SparseCategoricalCrossentropy(from_logits=True)


def test_logits():
    p, q = softmax(T / 3), softmax(S / 3)
    divergence = 9 * (p * np.log(p / q)).sum(-1).mean()
    for loss in ("kl_divergence", losses.KLDivergence(), losses.kl_divergence):
        np.testing.assert_allclose(LogitsDistillation(loss=loss).compute_loss(T, S), divergence, rtol=1e-5)
    found = LogitsDistillation(temperature=2.0, loss="mse").compute_loss(T, S)
    np.testing.assert_allclose(found, ((T / 2 - S / 2) ** 2).mean(), rtol=1e-6)


def test_features_and_several_outputs():
    np.testing.assert_allclose(FeatureDistillation().compute_loss(T, S), ((T - S) ** 2).mean(), rtol=1e-6)
    several = FeatureDistillation({"a": "mse", "b": None, "c": [losses.MeanAbsoluteError()]})
    given, found = ({"a": x, "b": 2 * x, "c": [3 * x]} for x in (T, S))
    several.validate_outputs(given, found)
    expected = ((T - S) ** 2).mean() + 3 * np.abs(T - S).mean()
    np.testing.assert_allclose(several.compute_loss(given, found), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="expected outputs nested as loss"):
        several.validate_outputs([T, S], [T, S])
    with pytest.raises(ValueError):
        several.validate_outputs(given, [S])


def weights(model):
    return [w.copy() for w in model.get_weights()]


def test_training():
    teacher, student = make(16, "teacher"), make(4, "student")
    teacher.compile(optimizers.Adam(0.05), sparse())
    teacher.fit(X, Y, epochs=30, verbose=0)
    before = weights(teacher)
    distiller = Distiller(teacher, student, LogitsDistillation(2.0), student_loss_weight=0.3)
    distiller.compile(optimizers.Adam(0.05), sparse(), metrics=["accuracy"])
    history = distiller.fit(X, Y, epochs=30, batch_size=8, validation_data=(X, Y), verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 2 and history["val_accuracy"][-1] > 0.8
    names = {"loss", "accuracy", "student_loss", "distillation_loss", "total_loss"}
    assert set(history) == names | {f"val_{name}" for name in names}
    for a, b in zip(before, teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not teacher.trainable and len(distiller.trainable_weights) == 4
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))
    logs = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    t, s = teacher.predict(X, verbose=0), student.predict(X, verbose=0)
    np.testing.assert_allclose(logs["distillation_loss"], LogitsDistillation(2.0).compute_loss(t, s), rtol=1e-4)
    np.testing.assert_allclose(logs["student_loss"], sparse()(Y, s), rtol=1e-4)
    total = 0.3 * logs["student_loss"] + 0.7 * logs["distillation_loss"]
    np.testing.assert_allclose([logs["total_loss"], logs["loss"]], total, rtol=1e-4)


def test_features_of_layers_in_one_pass():
    class Counting(layers.Layer):
        def __init__(self):
            super().__init__(name="middle")
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x, training=None):
            if training:
                self.count.assign(self.count + 1)
            return x * 2

    teacher = make(4, "teacher")
    student = Sequential([Input((3,)), layers.Dense(4, name="first"), Counting(), layers.Dense(3)], name="student")
    several = [FeatureDistillation("mse", "hidden", "middle"), LogitsDistillation(), FeatureDistillation("mae")]
    distiller = Distiller(teacher, student, several, [1.0, 0.5, 2.0], student_loss_weight=0.0)
    distiller.compile(optimizers.SGD(0.0), sparse())
    logs = distiller.fit(X, Y, batch_size=16, verbose=0).history
    assert float(student.get_layer("middle").count) == 2
    distiller.evaluate(X, Y, verbose=0)
    assert float(student.get_layer("middle").count) == 2
    hidden = Model(teacher.inputs, teacher.get_layer("hidden").output).predict(X, verbose=0)
    middle = 2 * student.get_layer("first")(X)
    t, s = teacher.predict(X, verbose=0), student.predict(X, verbose=0)
    expected = ((hidden - middle) ** 2).mean() + 0.5 * several[1].compute_loss(t, s) + 2 * np.abs(t - s).mean()
    np.testing.assert_allclose(logs["distillation_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(logs["loss"], expected, rtol=1e-4)
    assert logs["student_loss"] == [0.0]


def test_by_targets_alone():
    teacher, student = make(4, "teacher"), make(4, "student")
    distiller = Distiller(teacher, student, LogitsDistillation(), student_loss_weight=1.0)
    distiller.compile(optimizers.SGD(0.0), sparse())
    logs = distiller.evaluate(X, Y, verbose=0, return_dict=True)
    assert logs["distillation_loss"] == 0
    np.testing.assert_allclose(logs["loss"], sparse()(Y, student.predict(X, verbose=0)), rtol=1e-5)


def test_a_loss_of_ones_own_and_a_loss_outside_of_training():
    class Largest(DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return ops.max(ops.abs(teacher_outputs - student_outputs))

    teacher, student = make(4, "teacher"), make(4, "student")
    distiller = Distiller(teacher, student, [Largest()], student_loss_weight=0)
    distiller.compile("sgd", "mse")
    found = distiller.compute_loss(X, None, None, training=False)
    difference = teacher.predict(X, verbose=0) - student.predict(X, verbose=0)
    np.testing.assert_allclose(found, np.abs(difference).max(), rtol=1e-5)


def test_files(tmp_path):
    teacher, student = make(4, "teacher"), make(2, "student")
    several = [LogitsDistillation(5.0, "mse"), FeatureDistillation("mae", "out", "out")]
    distiller = Distiller(teacher, student, several, [0.5, 2], 0.25, name="both")
    distiller.compile("adam", sparse(), metrics=["accuracy"])
    distiller.fit(X, Y, verbose=0)
    distiller.save(tmp_path / "d.keras")
    loaded = swiftbn.saving.load_model(tmp_path / "d.keras")
    assert loaded.name == "both" and loaded.distillation_loss_weights == [0.5, 2]
    assert loaded.distillation_losses[0].temperature == 5.0
    assert loaded.distillation_losses[1].teacher_layer_name == "out"
    first, second = (d.evaluate(X, Y, verbose=0, return_dict=True) for d in (distiller, loaded))
    assert first.keys() == second.keys()
    np.testing.assert_allclose(list(first.values()), list(second.values()), rtol=1e-6)


class Subclassed(Model):
    def call(self, x):
        return x


class Vector(DistillationLoss):
    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        return ops.sum(teacher_outputs, axis=-1)


def made(*arguments, **options):
    return lambda: Distiller(make(4, "t"), make(4, "s"), *arguments, **options)


def trained(loss="mse", fit=None, distillation=None, **options):
    def function():
        distiller = made(distillation or LogitsDistillation())()
        distiller.compile("sgd", loss, **options)
        distiller.fit(X, Y[:, None].astype("float32"), verbose=0, **(fit or {}))

    return function


@pytest.mark.parametrize(
    "function, text",
    [
        (lambda: LogitsDistillation(0), "temperature to be a number > 0. Received: temperature=0"),
        (lambda: LogitsDistillation("3"), "temperature to be a number > 0"),
        (lambda: LogitsDistillation(loss=None), "LogitsDistillation: expected a loss, or several, not all None"),
        (lambda: FeatureDistillation(loss=[None, None]), "not all None"),
        (lambda: FeatureDistillation(loss="nothing"), "nothing"),
        (
            lambda: Distiller(3, make(2, "s"), LogitsDistillation()),
            "expected teacher to be a Model. Received: teacher=3",
        ),
        (lambda: Distiller(make(2, "t"), None, LogitsDistillation()), "expected student to be a Model"),
        (lambda: Distiller(make(2, "t"), make(2, "s", 4), LogitsDistillation()), "with outputs of the same shapes"),
        (made(None), "distillation_losses to be a distillation loss or a list"),
        (made([]), "distillation_losses to be a distillation loss or a list"),
        (made([LogitsDistillation()], [1.0, 2.0]), r"to be a list of 1 numbers. Received: .*\[1.0, 2.0\]"),
        (made(LogitsDistillation(), student_loss_weight=1.5), "student_loss_weight to be a finite number"),
        (made(LogitsDistillation(), student_loss_weight="a"), "student_loss_weight to be a finite number"),
        (made(FeatureDistillation("mse", "none", "out")), "In teacher model: .*none"),
        (made(FeatureDistillation("mse", "out", "none")), "In student model: .*none"),
        (
            lambda: Distiller(make(2, "t"), Subclassed(), FeatureDistillation("mse", "out", "out")),
            "expected functional or Sequential models, as layers are named. Received: a student of class Subclassed",
        ),
        (trained(loss=None), "expected a loss of the student. Received: loss=None"),
        (trained(metrics="accuracy"), "expected metrics to be a list. Received: metrics='accuracy'"),
        (trained(loss=["mse", "mse"]), "Received: 2 losses and 1 targets for 1 outputs"),
        (trained(fit={"sample_weight": np.ones(32)}), "no sample weights"),
        (trained(distillation=Vector()), r"a scalar from Vector.compute_loss. Received: shape \(32,\)"),
    ],
)
def test_errors(function, text):
    with pytest.raises(ValueError, match=text):
        function()
    with pytest.raises(NotImplementedError):
        DistillationLoss().compute_loss(T, S)


@pytest.mark.interop
def test_same_as_keras():
    keras = pytest.importorskip("keras")

    def run(package, teacher, student):
        kinds = package.distillation
        several = [
            kinds.LogitsDistillation(2.0, package.losses.KLDivergence()),
            kinds.FeatureDistillation("mse", "hidden", "hidden"),
        ]
        distiller = kinds.Distiller(teacher, student, several, [1.0, 0.1], student_loss_weight=0.4)
        loss = package.losses.SparseCategoricalCrossentropy(from_logits=True)
        distiller.compile(package.optimizers.SGD(0.1), loss)
        history = distiller.fit(X, Y, epochs=3, batch_size=16, shuffle=False, verbose=0).history
        return history, student.get_weights()

    ours = make(4, "teacher"), make(4, "student")
    theirs = [keras.models.model_from_json(model.to_json()) for model in ours]
    for mine, other in zip(ours, theirs, strict=True):
        other.set_weights(mine.get_weights())
    first, second = run(swiftbn, *ours), run(keras, *theirs)
    for name in ("student_loss", "distillation_loss", "total_loss"):
        np.testing.assert_allclose(first[0][name], second[0][name], rtol=1e-4)
    for a, b in zip(first[1], second[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
