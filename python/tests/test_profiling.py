"""Plans and times of a model's programs; what is fused in training and prediction."""

import numpy as np
import pytest

import swiftbn as keras
from swiftbn import layers
from swiftbn.profiling import plan_summary, profile

RNG = np.random.default_rng(5)
X = RNG.uniform(size=(6, 12, 12, 2)).astype("float32")
Y = RNG.integers(0, 3, 6)


def cnn(order="conv relu norm pool"):
    model = keras.Sequential([keras.Input((12, 12, 2))])
    parts = {
        "conv": lambda: layers.Conv2D(4, 3),
        "relu": lambda: layers.ReLU(),
        "norm": lambda: layers.BatchNormalization(),
        "pool": lambda: layers.MaxPooling2D(),
    }
    for name in order.split():
        model.add(parts[name]())
    model.add(layers.Flatten())
    model.add(layers.Dense(3, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def names(plan):
    return [step.name for step in plan.steps]


def test_a_profile_times_every_step_and_changes_nothing():
    model = cnn()
    model.train_on_batch(X, Y)
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    before = [np.array(v.numpy()) for v in variables]
    plan = profile(model, X, Y, runs=3, verbose=False)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert all(step.seconds > 0 for step in plan.steps) and plan.seconds == sum(s.seconds for s in plan.steps)
    assert plan.memory > 0
    conv = next(step for step in plan.steps if step.name == "conv2d+bias+relu")
    assert conv.outputs == ("float32(6, 10, 10, 4)",)
    assert conv.read == X.nbytes + 4 * (3 * 3 * 2 * 4 + 4) and conv.written == 6 * 10 * 10 * 4 * 4
    assert "adam(6 weights)" in names(plan)


def test_training_and_prediction_are_fused():
    train = names(plan_summary(cnn(), X, Y, print_fn=lambda text: None))
    assert "batch_norm+max_pool2d" in train
    assert "max_pool2d_gradient+batch_norm_gradient+relu_gradient+bias_gradient" in train
    predict = names(plan_summary(cnn(), X, print_fn=lambda text: None))
    assert predict == ["conv2d+bias+relu", "batch_norm_inference+max_pool2d", "matmul+bias", "softmax"]
    predict = names(plan_summary(cnn("conv norm relu"), X, print_fn=lambda text: None))
    assert predict == ["batch_norm_folding", "conv2d+bias+relu", "matmul+bias", "softmax"]


LARGE = RNG.uniform(size=(203, 28, 28, 2)).astype("float32")
LARGE_LABELS = RNG.integers(0, 3, 203)


def large_cnn(order, *, apart):
    """The same network; `apart` has layers between that compute nothing but keep steps from joining."""
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((28, 28, 2))])
    for name in order.split():
        if name == "conv":
            model.add(layers.Conv2D(6, 3, padding="same"))
            if apart:
                model.add(layers.Reshape((28, 28, 6)))
        elif name == "pool":
            model.add(layers.MaxPooling2D())
        else:
            model.add(layers.ReLU() if name == "relu" else layers.BatchNormalization())
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("order", ["conv relu norm pool", "conv norm relu conv norm relu pool", "conv norm relu pool"])
def test_training_by_blocks_of_samples_is_training(order):
    together, apart = large_cnn(order, apart=False), large_cnn(order, apart=True)
    steps = names(plan_summary(together, LARGE, LARGE_LABELS, print_fn=lambda text: None))
    # Statistics alone are not worth it: the normalization joins the next convolution.
    assert ("rows(conv2d+bias, batch_moments)" in steps) == (order.count("conv") == 2), steps
    assert any("gradient_map" in name and "conv2d_weight_gradient" in name for name in steps), steps
    for _ in range(3):
        losses = [model.train_on_batch(LARGE, LARGE_LABELS) for model in (together, apart)]
        np.testing.assert_allclose(*losses, rtol=1e-5)
    for ours, theirs in zip(together.variables, apart.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "order", ["conv norm relu pool", "conv relu norm pool", "conv norm", "norm relu pool", "conv norm pool"]
)
def test_fused_predictions_are_those_of_the_layers(order):
    model = cnn(order)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.gamma.assign(RNG.normal(size=shape))
            layer.beta.assign(RNG.normal(size=shape))
            layer.moving_mean.assign(RNG.normal(size=shape))
            layer.moving_variance.assign(RNG.uniform(0.2, 2, size=shape))
    expected = X
    for layer in model.layers:
        expected = layer(expected)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=2e-5, atol=1e-6)


def test_weights_that_change_count_in_the_next_prediction():
    model = cnn("conv norm relu")
    first = model.predict_on_batch(X)
    norm = model.layers[1]
    norm.moving_mean.assign(norm.moving_mean.numpy() + 1)
    second = model.predict_on_batch(X)
    assert not np.allclose(first, second)
    expected = X
    for layer in model.layers:
        expected = layer(expected)
    np.testing.assert_allclose(second, expected, rtol=2e-5, atol=1e-6)


def test_texts():
    texts = []
    model = cnn()
    plan = model.plan_summary(batch_size=4, print_fn=texts.append)
    assert "prediction of 4 samples" in texts[0] and "conv2d+bias+relu" in texts[0]
    assert f"{len(plan.steps)} steps" in texts[0] and "µs" not in texts[0]
    assert plan.seconds is None
    profile(model, X, runs=1, print_fn=texts.append)
    assert "µs" in texts[1] and "GB/s" in texts[1] and " ms" in texts[1]
    assert keras.profile is profile


def test_errors():
    model = cnn()
    for runs in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match=f"runs={runs}"):
            profile(model, X, runs=runs)
    with pytest.raises(ValueError, match="x=None"):
        plan_summary(model, y=Y)
    with pytest.raises(ValueError, match="shape of its inputs"):
        plan_summary(keras.Sequential([layers.Dense(2)]))
    with pytest.raises(ValueError):
        profile(model, X[:, :5], runs=1)
