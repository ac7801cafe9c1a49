"""Numbers and configurations compared with real Keras: losses, metrics, optimizers, schedules, activations, …"""

import os

import numpy as np
import pytest

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(21)
LOGITS = RANDOM.normal(0, 3, size=(7, 5)).astype("float32")
PROBABILITIES = RANDOM.dirichlet(np.ones(5), size=7).astype("float32")
LABELS = RANDOM.integers(0, 5, size=7)
ONE_HOT = np.eye(5, dtype="float32")[LABELS]
YES_NO = RANDOM.integers(0, 2, size=(7, 5)).astype("float32")
WEIGHTS = RANDOM.uniform(0, 2, size=7).astype("float32")
BOTH = (swiftbn, keras)
SERVICES = {"get", "serialize", "deserialize"}


def close(ours, theirs, rtol=2e-5, atol=2e-6):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


LOSSES = [
    ("CategoricalCrossentropy", {}, ONE_HOT, PROBABILITIES),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, ONE_HOT, LOGITS),
    ("SparseCategoricalCrossentropy", {}, LABELS, PROBABILITIES),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, LABELS[:, None], LOGITS),
    ("BinaryCrossentropy", {}, YES_NO, PROBABILITIES),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.2, "axis": 0}, YES_NO[:, :1], LOGITS[:, :1]),
    ("MeanSquaredError", {}, YES_NO, LOGITS),
    ("MeanSquaredError", {}, YES_NO[:, 0], LOGITS[:, :1]),
    ("MeanSquaredError", {"dtype": "float32"}, YES_NO.astype("int32"), LOGITS.astype("float64")),
]


@pytest.mark.parametrize("name, arguments, target, output", LOSSES)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", None])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(name, arguments, target, output, reduction, weighted):
    weights = WEIGHTS[:1] if arguments.get("axis") == 0 else WEIGHTS
    results = []
    for package in BOTH:
        loss = getattr(package.losses, name)(**arguments, reduction=reduction)
        results.append(loss(target, output, sample_weight=weights if weighted else None))
    close(*results)


@pytest.mark.parametrize("name, arguments, target, output", LOSSES)
def test_loss_functions(name, arguments, target, output):
    arguments = {key: value for key, value in arguments.items() if key != "dtype"}
    output = output.astype("float32")
    snake = keras.losses.serialize(getattr(keras.losses, name)())["config"]["name"]
    close(*(getattr(package.losses, snake)(target, output, **arguments) for package in BOTH))
    ours, theirs = (package.losses.get(snake) for package in BOTH)
    assert ours.__name__ == theirs.__name__


@pytest.mark.parametrize("name", sorted({case[0] for case in LOSSES}))
def test_loss_configurations(name):
    ours, theirs = (package.losses.serialize(getattr(package.losses, name)(name="n")) for package in BOTH)
    assert ours == theirs
    assert swiftbn.losses.deserialize(theirs).get_config() == theirs["config"]


def test_functions_in_configurations():
    ours, theirs = (package.losses.serialize(package.losses.binary_crossentropy) for package in BOTH)
    assert ours == theirs
    assert swiftbn.losses.deserialize(theirs) is swiftbn.losses.binary_crossentropy
    assert keras.losses.deserialize(ours) is keras.losses.binary_crossentropy
    configs = []
    for package in BOTH:
        metric = package.metrics.MeanMetricWrapper(package.losses.binary_crossentropy, name="b", from_logits=True)
        configs.append(package.metrics.serialize(metric))
    assert configs[0] == configs[1]
    results = [package.metrics.deserialize(configs[0])(YES_NO, LOGITS) for package in BOTH]
    close(*results)


METRICS = [
    ("Accuracy", {}, LABELS, (LABELS + WEIGHTS.astype(int)) % 5),
    ("BinaryAccuracy", {"threshold": 0.3}, YES_NO, PROBABILITIES),
    ("CategoricalAccuracy", {}, ONE_HOT, PROBABILITIES),
    ("SparseCategoricalAccuracy", {}, LABELS, PROBABILITIES),
    ("SparseCategoricalAccuracy", {}, LABELS[:, None], PROBABILITIES),
    ("TopKCategoricalAccuracy", {"k": 2}, ONE_HOT, PROBABILITIES),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, LABELS, PROBABILITIES),
    ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, LABELS, np.argsort(-PROBABILITIES)),
    ("MeanSquaredError", {}, YES_NO, LOGITS),
    ("MeanAbsoluteError", {}, YES_NO, LOGITS),
    ("RootMeanSquaredError", {}, YES_NO, LOGITS),
    ("BinaryCrossentropy", {"from_logits": True}, YES_NO, LOGITS),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, ONE_HOT, PROBABILITIES),
    ("SparseCategoricalCrossentropy", {}, LABELS, PROBABILITIES),
]


@pytest.mark.parametrize("name, arguments, target, output", METRICS)
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics(name, arguments, target, output, weighted):
    pair = [getattr(package.metrics, name)(**arguments) for package in BOTH]
    for part in (slice(0, 4), slice(4, 7), slice(0, 7)):
        for metric in pair:
            metric.update_state(target[part], output[part], sample_weight=WEIGHTS[part] if weighted else None)
        close(pair[0].result(), pair[1].result())
        assert [v.path for v in pair[0].variables] == [v.path for v in pair[1].variables]
        for ours, theirs in zip(*(metric.variables for metric in pair), strict=True):
            close(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("name, arguments", [case[:2] for case in METRICS] + [("Mean", {}), ("Sum", {})])
def test_metric_configurations(name, arguments):
    ours, theirs = (package.metrics.serialize(getattr(package.metrics, name)(**arguments)) for package in BOTH)
    assert ours == theirs
    assert swiftbn.metrics.deserialize(theirs).get_config() == theirs["config"]


@pytest.mark.parametrize("shape, weights", [((4, 3), (4,)), ((4, 3), (4, 1)), ((4, 3), (4, 3)), ((4,), (4,)), ((), ())])
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_weights_of_means_and_sums(name, shape, weights):
    values, weights = RANDOM.normal(size=shape), RANDOM.uniform(size=weights)
    pair = [getattr(package.metrics, name)() for package in BOTH]
    for metric in pair:
        metric.update_state(values)
        metric.update_state(values, sample_weight=weights)
    for ours, theirs in zip(*(metric.variables for metric in pair), strict=True):
        close(ours.numpy(), theirs.numpy())
    close(pair[0].result(), pair[1].result())


OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "weight_decay": 0.1, "clipnorm": 1.0}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "clipvalue": 0.5}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_2": 0.5, "weight_decay": 0.1, "global_clipnorm": 1.0}),
    ("AdamW", {}),
    ("AdamW", {"epsilon": 1e-2, "amsgrad": True, "clipnorm": 0.0}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3, "weight_decay": 0.1}),
]


@pytest.mark.parametrize("name, arguments", OPTIMIZERS)
def test_optimizers(name, arguments):
    starts = [RANDOM.normal(size=shape).astype("float32") for shape in ((3, 2), (4,))]
    pair = [getattr(package.optimizers, name)(0.05, **arguments) for package in BOTH]
    weights = [[package.Variable(start.copy(), name=f"w{i}") for i, start in enumerate(starts)] for package in BOTH]
    for step in range(6):
        grads = [RANDOM.normal(size=start.shape).astype("float32") for start in starts]
        for optimizer, variables in zip(pair, weights, strict=True):
            optimizer.apply(grads, variables)
            if step == 3:
                optimizer.learning_rate = 0.02
        for ours, theirs in zip(*weights, strict=True):
            close(ours.numpy(), theirs.numpy(), 1e-4, 1e-5)

    def slots(optimizer):
        """Everything but the number of steps, whose dtype depends on Keras' backend."""
        return {v.path.split("/", 1)[1]: v for v in optimizer.variables[1:]}

    ours, theirs = map(slots, pair)
    assert list(ours) == list(theirs)
    for path in ours:
        close(ours[path].numpy(), theirs[path].numpy(), 1e-4, 1e-6)
    assert int(pair[0].iterations.numpy()) == int(pair[1].iterations.numpy()) == 6


@pytest.mark.parametrize("name, arguments", OPTIMIZERS)
@pytest.mark.parametrize("scheduled", [False, True])
def test_optimizer_configurations(name, arguments, scheduled):
    configs = []
    for package in BOTH:
        rate = package.optimizers.schedules.CosineDecay(0.1, 10) if scheduled else 0.05
        configs.append(package.optimizers.serialize(getattr(package.optimizers, name)(rate, **arguments, name="named")))
    assert configs[0] == configs[1]
    assert swiftbn.optimizers.deserialize(configs[1]).get_config() == configs[1]["config"]


def test_first_names_of_optimizers():
    keras.utils.clear_session()
    swiftbn.naming.reset_uids()
    for name in ("SGD", "Adam", "AdamW", "RMSprop"):
        ours, theirs = (getattr(package.optimizers, name)().name for package in BOTH)
        assert ours == theirs


SCHEDULES = [
    ("ExponentialDecay", (0.5, 7, 0.8)),
    ("ExponentialDecay", (0.5, 7, 0.8, True)),
    ("InverseTimeDecay", (0.5, 7, 0.8)),
    ("InverseTimeDecay", (0.5, 7, 0.8, True)),
    ("PiecewiseConstantDecay", ([3, 8], [0.3, 0.2, 0.1])),
    ("PolynomialDecay", (0.5, 7, 0.1, 2.0)),
    ("PolynomialDecay", (0.5, 7, 0.1, 0.5, True)),
    ("CosineDecay", (0.5, 7, 0.1)),
    ("CosineDecay", (0.1, 7, 0.1, "c", 0.5, 3)),
]


@pytest.mark.parametrize("name, arguments", SCHEDULES)
def test_schedules(name, arguments):
    pair = [getattr(package.optimizers.schedules, name)(*arguments) for package in BOTH]
    for step in [*range(25), 100, 1000]:
        close(float(pair[0](step)), float(pair[1](step)), 1e-5, 1e-6)
    ours, theirs = (package.optimizers.schedules.serialize(s) for package, s in zip(BOTH, pair, strict=True))
    assert ours == theirs
    assert swiftbn.optimizers.schedules.deserialize(theirs).get_config() == theirs["config"]


ACTIVATIONS = sorted(set(swiftbn.activations._FUNCTIONS))
assert set(ACTIVATIONS) >= {n for n in vars(keras.activations) if n.islower() and n[0] != "_"} - SERVICES
EDGES = np.array([[-1e4, -50, -3.2, -1e-3, 0, 0.4, 2.9, 6.1, 88, 1e4]], "float32")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    ours, theirs = (package.activations.get(name) for package in BOTH)
    values = np.clip(EDGES, -50, 50) if name == "exponential" else EDGES
    arguments = {"threshold": 0.3, "default_value": -2.0} if name == "threshold" else {}
    # Keras' sparsemax is wrong where more than one element stays; `test_activations` has ours.
    for x in (values,) if name == "sparsemax" else (LOGITS[:, :4], values):
        # Keras' squareplus cancels far below zero.
        atol = 1e-3 if name == "squareplus" else 1e-6
        close(ours(x, **arguments), theirs(x, **arguments), 2e-5, atol)
    if name not in ("swish", "hard_swish"):
        assert swiftbn.activations.serialize(ours) == keras.activations.serialize(theirs)


INITIALIZERS = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 2.0}),
    ("Identity", {"gain": 2.0}),
    ("RandomNormal", {"mean": 1.0, "seed": 3}),
    ("RandomUniform", {"minval": 0.0, "seed": 3}),
    ("TruncatedNormal", {"stddev": 1.0}),
    ("GlorotNormal", {"seed": 3}),
    ("GlorotUniform", {}),
    ("HeNormal", {"seed": 3}),
    ("HeUniform", {}),
    ("LecunNormal", {"seed": 3}),
    ("LecunUniform", {}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "uniform"}),
    ("Orthogonal", {"gain": 2.0}),
]


@pytest.mark.parametrize("name, arguments", INITIALIZERS)
def test_initializers(name, arguments):
    """Configurations are equal; random numbers are not, but their scale is."""
    pair = [getattr(package.initializers, name)(**arguments) for package in BOTH]
    configs = [package.initializers.serialize(i) for package, i in zip(BOTH, pair, strict=True)]
    if name == "Identity":
        # Keras forgets the gain.
        assert configs[0]["config"] == arguments and configs[1]["config"] == {}
        configs[1]["config"] = arguments
    assert configs[0] == configs[1]
    assert swiftbn.initializers.deserialize(configs[1]).get_config() == configs[1]["config"]
    ours, theirs = (np.asarray(i((150, 150))) for i in pair)
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert abs(ours.mean() - theirs.mean()) < 0.02 and ours.std() == pytest.approx(theirs.std(), rel=0.03)


OTHERS = [
    # Keras rounds l1 to float32.
    ("regularizers", "L1", {"l1": 0.25}),
    ("regularizers", "L2", {"l2": 0.3}),
    ("regularizers", "L1L2", {"l1": 0.3, "l2": 0.1}),
    ("constraints", "MaxNorm", {"max_value": 1.5, "axis": 1}),
    ("constraints", "NonNeg", {}),
    ("constraints", "UnitNorm", {"axis": [0, 1]}),
    ("constraints", "MinMaxNorm", {"min_value": 2.0, "max_value": 3.0, "rate": 0.4}),
]


@pytest.mark.parametrize("module, name, arguments", OTHERS)
def test_regularizers_and_constraints(module, name, arguments):
    pair = [getattr(getattr(package, module), name)(**arguments) for package in BOTH]
    close(pair[0](LOGITS), pair[1](LOGITS))
    ours, theirs = (getattr(package, module).serialize(f) for package, f in zip(BOTH, pair, strict=True))
    assert ours == theirs
    assert getattr(swiftbn, module).deserialize(theirs).get_config() == theirs["config"]


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
def test_utils(order):
    # Keras cannot do other axes of NumPy arrays.
    close(*(package.utils.normalize(LOGITS, -1, order) for package in BOTH))
    close(*(package.utils.to_categorical(LABELS.reshape(7, 1), 6) for package in BOTH))
