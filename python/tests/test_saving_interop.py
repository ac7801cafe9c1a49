"""Files go to real Keras and come back: equal predictions, and training goes on with the same step."""

import os

import numpy as np
import pytest
from saving_checks import assert_same

import swiftbn
from swiftbn import saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("eager_keras")]
RANDOM = np.random.default_rng(12)
IMAGES = RANDOM.uniform(size=(24, 14, 14, 1)).astype("float32")
LABELS = RANDOM.integers(0, 10, size=24)


def cnn(k):
    return k.Sequential(
        [
            k.Input((14, 14, 1)),
            k.layers.Conv2D(8, 3, activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.MaxPooling2D(),
            k.layers.Conv2D(12, 3, activation="relu"),
            k.layers.BatchNormalization(momentum=0.9),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(16, activation="relu"),
            k.layers.BatchNormalization(scale=False),
            k.layers.Dense(10, activation="softmax"),
        ]
    )


def branches(k):
    inputs = k.Input((14, 14, 1), name="picture")
    trunk = k.layers.Conv2D(6, 3, padding="same", use_bias=False, kernel_regularizer="l2", name="trunk")
    norm = k.layers.BatchNormalization(name="norm")
    left = norm(trunk(inputs))
    right = norm(k.layers.ReLU(name="relu")(trunk(inputs)))
    both = k.layers.Concatenate(name="both")([k.layers.Add(name="sum")([left, right]), left])
    pooled = k.layers.GlobalAveragePooling2D(name="mean")(both)
    inner = k.Sequential([k.Input((12,)), k.layers.Dense(8, activation="tanh"), k.layers.Dropout(0.0)], name="inner")
    return k.Model(inputs, k.layers.Dense(10, activation="softmax", name="kind")(inner(pooled)), name="branched")


OPTIMIZERS = {
    "adam": lambda k: k.optimizers.Adam(0.003, beta_1=0.8, clipnorm=1.0),
    "momentum": lambda k: k.optimizers.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "schedule": lambda k: k.optimizers.Adam(k.optimizers.schedules.ExponentialDecay(0.01, 3, 0.7)),
    "rmsprop": lambda k: k.optimizers.RMSprop(0.002, momentum=0.5),
    "adagrad": lambda k: k.optimizers.Adagrad(0.01),
    "adadelta": lambda k: k.optimizers.Adadelta(0.5),
    "adamax": lambda k: k.optimizers.Adamax(0.01),
    "nadam": lambda k: k.optimizers.Nadam(0.003),
    "ftrl": lambda k: k.optimizers.Ftrl(0.02, beta=0.1),
    "lion": lambda k: k.optimizers.Lion(0.001),
    "lamb": lambda k: k.optimizers.Lamb(0.01),
    "adafactor": lambda k: k.optimizers.Adafactor(0.02),
    "muon": lambda k: k.optimizers.Muon(0.005, exclude_layers=["kind"]),
    "schedule free": lambda k: k.optimizers.ScheduleFreeAdamW(0.003, warmup_steps=3),
    "averages": lambda k: k.optimizers.Adam(0.003, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=2),
    "accumulation": lambda k: k.optimizers.Nadam(0.003, gradient_accumulation_steps=2, use_ema=True),
    "factor": lambda k: k.optimizers.SGD(0.02, loss_scale_factor=8.0, clipvalue=0.1),
    "dynamic": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.02, momentum=0.5), 64.0, 4),
    "restarts": lambda k: k.optimizers.SGD(k.optimizers.schedules.CosineDecayRestarts(0.02, 2, 1.5, 0.9, 0.1)),
}
CASES = [(cnn, "adam"), (branches, "adam"), (cnn, "momentum"), (branches, "schedule"), (cnn, "rmsprop")]
MORE_OPTIMIZERS = list(OPTIMIZERS)[list(OPTIMIZERS).index("adagrad") :]
FRAMEWORKS = {"swiftbn": swiftbn, "keras": keras}
DIRECTIONS = [("swiftbn", "keras"), ("keras", "swiftbn")]


def trained(k, make, optimizer, epochs=2):
    model = make(k)
    model.compile(OPTIMIZERS[optimizer](k), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(IMAGES, LABELS, batch_size=8, epochs=epochs, shuffle=False, verbose=0)
    return model


def values(variables):
    """Arrays; integers as int64, for Keras counts steps with 32 bits on JAX."""
    arrays = [np.array(v.numpy()) for v in variables]
    return [a.astype("int64") if a.dtype.kind == "i" else a for a in arrays]


def assert_goes_on(source, target):
    """Equal weights and optimizer states, equal predictions, and after the same batches still so."""
    assert_same(values(source.weights), values(target.weights))
    assert_same(values(source.optimizer.variables), values(target.optimizer.variables))
    # Keras counts the updates of the optimizer that does them.
    counted = getattr(target.optimizer, "inner_optimizer", target.optimizer)
    steps = counted.gradient_accumulation_steps or 1
    assert int(np.asarray(counted.iterations)) == 6 // steps
    predictions = [m.predict(IMAGES, verbose=0) for m in (source, target)]
    np.testing.assert_allclose(*predictions, rtol=1e-5, atol=1e-5)
    results = [m.evaluate(IMAGES, LABELS, verbose=0) for m in (source, target)]
    np.testing.assert_allclose(*results, rtol=1e-5)
    before = source.get_weights()
    for m in (source, target):
        m.fit(IMAGES[:8], LABELS[:8], batch_size=8, epochs=1, shuffle=False, verbose=0)
    for a, b, old in zip(source.get_weights(), target.get_weights(), before, strict=True):
        # The steps, not only the weights, are equal.
        np.testing.assert_allclose(a - old, b - old, rtol=2e-2, atol=2e-5)
    for a, b in zip(values(source.optimizer.variables), values(target.optimizer.variables), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("origin, destination", DIRECTIONS)
@pytest.mark.parametrize("make, optimizer", CASES)
def test_keras_files(make, optimizer, origin, destination, tmp_path):
    source = trained(FRAMEWORKS[origin], make, optimizer)
    source.save(tmp_path / "m.keras")
    target = FRAMEWORKS[destination].saving.load_model(tmp_path / "m.keras")
    assert type(target).__module__.startswith(destination) and type(target).__name__ == type(source).__name__
    assert [layer.name for layer in target.layers if "Input" not in type(layer).__name__] == [
        layer.name for layer in source.layers if "Input" not in type(layer).__name__
    ]
    assert_goes_on(source, target)


@pytest.mark.parametrize("origin, destination", DIRECTIONS)
@pytest.mark.parametrize("optimizer", MORE_OPTIMIZERS)
def test_optimizers_in_files(optimizer, origin, destination, tmp_path):
    """The state has Keras' order, and training goes on with the same step."""
    source = trained(FRAMEWORKS[origin], branches, optimizer)
    source.save(tmp_path / "m.keras")
    target = FRAMEWORKS[destination].saving.load_model(tmp_path / "m.keras")
    kinds = [[v.dtype.rstrip("3264") for v in m.optimizer.variables] for m in (source, target)]
    assert kinds[0] == kinds[1]
    # Keras' TensorFlow backend reads the momentum after it has changed it; its JAX backend steps as the paper does.
    goes_on = optimizer != "schedule free"
    if keras.backend.backend() == "jax" and origin == "keras" and source.optimizer.use_ema:
        goes_on = False  # Keras on JAX cannot call `fit` twice with averages
    if not goes_on:
        assert_same(values(source.optimizer.variables), values(target.optimizer.variables))
    else:
        assert_goes_on(source, target)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_paths_of_the_state(optimizer):
    """Automatic names count on, so the optimizer's own is left out."""
    if optimizer in ("adafactor", "dynamic") and keras.backend.backend() != "tensorflow":
        pytest.skip("Keras' paths depend on the backend")

    def paths(k):
        model = k.Sequential(
            [k.Input((3,)), k.layers.Dense(2, name="hidden"), k.layers.Dense(1, name="kind")], name="net"
        )
        model.compile(OPTIMIZERS[optimizer](k), "mse")
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
        return [v.path.split("/", 1)[1] for v in model.optimizer.variables if not v.name.startswith("variable")]

    assert paths(swiftbn) == paths(keras)


@pytest.mark.parametrize("origin, destination", DIRECTIONS)
@pytest.mark.parametrize("make, optimizer", CASES[:3])
def test_weights_files(make, optimizer, origin, destination, tmp_path):
    source = trained(FRAMEWORKS[origin], make, optimizer)
    target = trained(FRAMEWORKS[destination], make, optimizer, epochs=1)
    source.save_weights(tmp_path / "m.weights.h5")
    target.load_weights(tmp_path / "m.weights.h5")
    assert_goes_on(source, target)


def test_there_and_back_changes_nothing(tmp_path):
    first = trained(swiftbn, branches, "adam")
    first.save(tmp_path / "a.keras")
    keras.saving.load_model(tmp_path / "a.keras").save(tmp_path / "b.keras")
    second = saving.load_model(tmp_path / "b.keras")
    assert_same([first.predict(IMAGES, verbose=0)], [second.predict(IMAGES, verbose=0)])
    assert_same(values(first.optimizer.variables), values(second.optimizer.variables))


def test_models_that_are_not_compiled(tmp_path):
    for origin, destination in DIRECTIONS:
        source = branches(FRAMEWORKS[origin])
        source.save(tmp_path / "m.keras")
        target = FRAMEWORKS[destination].saving.load_model(tmp_path / "m.keras")
        predictions = [m.predict(IMAGES, verbose=0) for m in (source, target)]
        np.testing.assert_allclose(*predictions, rtol=1e-5, atol=1e-5)


def test_every_layer_of_ours_is_read_by_keras_and_written_by_it(tmp_path):
    def every(k):
        inputs = k.Input((8, 8, 2))
        x = k.layers.Conv2D(4, (3, 2), strides=(1, 2), padding="same", dilation_rate=1, use_bias=False)(inputs)
        x = k.layers.BatchNormalization(center=False, epsilon=0.01)(x)
        x = k.layers.LeakyReLU(negative_slope=0.2)(x)
        x = k.layers.AveragePooling2D((2, 1), strides=1, padding="same")(x)
        x = k.layers.Dropout(0.4, seed=3)(x)
        x = k.layers.Activation("tanh")(x)
        y = k.layers.GlobalMaxPooling2D(keepdims=True)(x)
        z = k.layers.Reshape((1, 1, -1))(k.layers.Flatten()(x))
        out = k.layers.Concatenate()([y, z])
        return k.Model(inputs, k.layers.Softmax()(k.layers.Dense(3, kernel_constraint="max_norm")(out)))

    x = RANDOM.normal(size=(5, 8, 8, 2)).astype("float32")
    for origin, destination in DIRECTIONS:
        source = every(FRAMEWORKS[origin])
        source.save(tmp_path / "m.keras")
        target = FRAMEWORKS[destination].saving.load_model(tmp_path / "m.keras")
        assert_same(values(source.weights), values(target.weights))
        np.testing.assert_allclose(source.predict(x, verbose=0), target.predict(x, verbose=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_goes_both_ways(tmp_path, policy):
    def make(k):
        return k.Sequential(
            [
                k.Input((6,)),
                k.layers.Dense(8, activation="relu", dtype=policy),
                k.layers.BatchNormalization(dtype=policy),
                k.layers.Dense(3, dtype=policy),
            ]
        )

    x = RANDOM.normal(size=(20, 6)).astype("float32")
    ours, theirs = make(swiftbn), make(keras)
    ours.save(tmp_path / "ours.keras")
    theirs.save(tmp_path / "theirs.keras")
    there = keras.saving.load_model(tmp_path / "ours.keras")
    here = saving.load_model(tmp_path / "theirs.keras")
    assert [layer.compute_dtype for layer in here.layers] == [layer.compute_dtype for layer in theirs.layers]
    for mine, other in ((ours, there), (here, theirs)):
        a, b = mine.predict(x, verbose=0), np.asarray(other.predict(x, verbose=0))
        assert str(a.dtype) == str(b.dtype) == policy.removeprefix("mixed_")
        # They compute in 16 bits, we in 32.
        np.testing.assert_allclose(a.astype("float32"), b.astype("float32"), atol=0.05)
