"""MultiOptimizer and OptimizerMap."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Sequential, layers, ops, optimizers
from swiftbn.optimizers import SGD, Adam, MultiOptimizer, OptimizerMap

X = np.random.default_rng(2).normal(size=(8, 3)).astype("float32")
Y = X.sum(1, keepdims=True)
SELECTED = {"a": None, "b": None}


def make_model(optimizer) -> Sequential:
    model = Sequential(
        [
            Input((3,)),
            layers.Dense(4, "tanh", kernel_initializer=swiftbn.initializers.GlorotUniform(seed=1), name="a"),
            layers.Dense(1, kernel_initializer=swiftbn.initializers.GlorotUniform(seed=2), name="b"),
        ],
        name="model",
    )
    model.compile(optimizer, "mse")
    return model


def test_map():
    default, adam, sgd = SGD(), Adam(), SGD(0.5)
    found = OptimizerMap(default, {"encoder/dense/kernel": adam})
    found["encoder/.*"] = sgd
    assert found["encoder/dense/kernel"] is adam and found["encoder/dense/bias"] is sgd
    assert found["decoder"] is default is found.default_optimizer and found["encoder"] is default
    assert list(found) == ["encoder/dense/kernel", "encoder/.*"] and len(found) == 2
    found[".*/bias"] = adam
    with pytest.raises(ValueError, match=r"one key to match encoder/dense/bias. Received: encoder/\.\*, \.\*/bias"):
        found["encoder/dense/bias"]
    del found[".*/bias"]
    assert found["encoder/dense/bias"] is sgd
    for key, value, text in (
        (3, adam, "strings. Received: 3"),
        ("encoder/.*", adam, "new key"),
        ("x", "adam", "for 'x'. Received: 'adam'"),
        ("x", optimizers.LossScaleOptimizer(SGD()), "neither"),
        ("x", MultiOptimizer(found), "neither"),
    ):
        with pytest.raises(ValueError, match=text):
            found[key] = value
    with pytest.raises(TypeError, match="default_optimizer='sgd'"):
        OptimizerMap("sgd")
    with pytest.raises(TypeError, match=r"optimizer_map=\[\]"):
        OptimizerMap(default, [])


def test_each_variable_follows_its_own_optimizer():
    """The same as each optimizer alone on its part, while the other part stands still."""
    model = make_model(MultiOptimizer(OptimizerMap(SGD(0.1, momentum=0.9), {"model/a/.*": Adam(0.05)})))
    reference = make_model("sgd")
    reference.set_weights(model.get_weights())
    adam, sgd = Adam(0.05), SGD(0.1, momentum=0.9)

    @swiftbn.jit
    def step(x, y):
        with swiftbn.GradientTape() as tape:
            loss = ops.mean(ops.square(reference(x, training=True) - y))
        gradients = tape.gradient(loss, reference.trainable_variables)
        adam.apply(gradients[:2], reference.trainable_variables[:2])
        sgd.apply(gradients[2:], reference.trainable_variables[2:])
        return loss

    for _ in range(5):
        assert model.train_on_batch(X, Y) == pytest.approx(float(step(X, Y)), rel=1e-5)
    for ours, wanted in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-7)
    multi = model.optimizer
    assert [type(o) for o in multi.optimizers] == [Adam, SGD]
    assert [int(o.iterations.numpy()) for o in (multi, *multi.optimizers)] == [5, 5, 5]
    assert [v.path.split("/")[1] for v in multi.variables[:4]] == ["iteration", "learning_rate"] * 2


def test_a_function_chooses():
    chosen = {"a": SGD(0.0), "b": SGD(0.1)}
    model = make_model(MultiOptimizer(lambda variable: chosen[variable.path.split("/")[1]]))
    assert model.optimizer.optimizers == []
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    after = model.get_weights()
    assert [np.array_equal(p, q) for p, q in zip(before, after, strict=True)] == [True, True, False, False]
    assert model.optimizer.optimizers == [chosen["a"], chosen["b"]]
    with pytest.raises(ValueError, match="for variable model/a/kernel. Received: None"):
        make_model(MultiOptimizer(lambda variable: None)).fit(X, Y, verbose=0)


def test_options_of_the_parts():
    """Moving averages, accumulated gradients and scaled losses are the affair of each."""
    first = SGD(0.1, use_ema=True, ema_momentum=0.5)
    model = make_model(
        MultiOptimizer(OptimizerMap(first, {"model/b/.*": SGD(0.1, gradient_accumulation_steps=2)}), 8.0)
    )
    plain = make_model(SGD(0.1))
    plain.set_weights(model.get_weights())
    assert first.loss_scale_factor == 8.0 == model.optimizer.loss_scale_factor
    before = model.get_weights()
    assert model.train_on_batch(X, Y) == pytest.approx(plain.train_on_batch(X, Y), rel=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], plain.get_weights()[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    model.train_on_batch(X, Y)
    assert not np.array_equal(model.get_weights()[2], before[2])
    average = [np.array(v.numpy()) for v in first._averages]
    assert not np.array_equal(average[0], model.get_weights()[0])
    model.optimizer.finalize_variable_values(model.trainable_variables)
    np.testing.assert_array_equal(average[0], model.get_weights()[0])
    model.optimizer.loss_scale_factor = None
    assert first.loss_scale_factor is None


def test_gradients_that_are_missing_or_do_not_fit():
    model = make_model(MultiOptimizer(OptimizerMap(SGD(1.0), {"model/a/.*": SGD(2.0)})))
    optimizer, variables = model.optimizer, model.trainable_variables
    optimizer.build(variables)
    ones = [np.ones(v.shape, "float32") for v in variables]
    before = model.get_weights()
    with pytest.warns(UserWarning, match="no gradients for model/a/kernel, model/a/bias"):
        optimizer.apply([None, None, *ones[2:]], variables)
    np.testing.assert_allclose(model.get_weights()[3], before[3] - 1)
    optimizer.apply(ones[1:2], variables[1:2])
    np.testing.assert_allclose(model.get_weights()[1], before[1] - 2)
    with pytest.raises(ValueError, match="4 gradients"):
        optimizer.apply(ones[:3])
    with pytest.raises(ValueError, match="other variables"):
        optimizer.apply(ones[:1], [swiftbn.Variable(ones[0])])
    optimizer.apply([])
    assert int(optimizer.iterations.numpy()) == 2


def test_there_is_no_learning_rate():
    model = make_model(MultiOptimizer(OptimizerMap(SGD())))
    with pytest.raises(AttributeError, match="no learning rate"):
        model.optimizer.learning_rate  # noqa: B018
    with pytest.raises(AttributeError, match="no learning rate"):
        model.optimizer.learning_rate = 0.1
    with pytest.raises(ValueError, match="no learning rate"):
        model.fit(X, Y, verbose=0, callbacks=[swiftbn.callbacks.LearningRateScheduler(lambda epoch: 0.1)])
    with pytest.raises(ValueError, match="optimizer_map='sgd'"):
        MultiOptimizer("sgd")


@swiftbn.saving.register_keras_serializable(package="test_multi_optimizer")
def choose(variable):
    return SELECTED["a"] if "/a/" in variable.path else SELECTED["b"]


@pytest.mark.parametrize("kind", ["map", "function"])
def test_saving_goes_on_bit_by_bit(tmp_path, kind):
    SELECTED.update(a=Adam(0.02), b=SGD(0.1, momentum=0.5))
    chosen = choose if kind == "function" else OptimizerMap(SELECTED["b"], {"model/a/.*": SELECTED["a"]})
    model = make_model(MultiOptimizer(chosen, name="both"))
    model.fit(X, Y, verbose=0, epochs=2)
    model.save(tmp_path / "model.keras")
    SELECTED.update(a=Adam(0.02), b=SGD(0.1, momentum=0.5))
    again = swiftbn.saving.load_model(tmp_path / "model.keras")
    assert again.optimizer.name == "both" and again.optimizer is not model.optimizer
    for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert model.train_on_batch(X, Y) == again.train_on_batch(X, Y)
    assert model.train_on_batch(X, Y) == again.train_on_batch(X, Y)


@pytest.mark.interop
def test_keras_trains_and_saves_the_same(tmp_path):
    keras = pytest.importorskip("keras")
    results, files = [], []
    for package in (swiftbn, keras):
        o = package.optimizers
        model = package.Sequential(
            [package.Input((3,)), package.layers.Dense(4, "tanh", name="a"), package.layers.Dense(1, name="b")],
            name="model",
        )
        model.set_weights([np.full((3, 4), 0.1), np.zeros(4), np.linspace(-1, 1, 4).reshape(4, 1), np.zeros(1)])
        # In a model that Keras has loaded the path is "a/kernel".
        chosen = o.OptimizerMap(o.SGD(0.1, momentum=0.9, name="sgd"), {"(model/)?a/.*": o.Adam(0.05, name="adam")})
        model.compile(o.MultiOptimizer(chosen, loss_scale_factor=4.0, name="multi"), "mse")
        model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)
        results.append(model.get_weights() + [np.array(v) for v in model.optimizer.variables])
        files.append((model, tmp_path / f"{package.__name__}.keras"))
        model.save(files[-1][1])
        paths = [v.path for v in model.optimizer.variables]
        results.append(paths)
    assert results[1] == results[3]
    for ours, theirs in zip(results[0], results[2], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    for (model, _), (_, path), package in zip(files, files[::-1], (swiftbn, keras), strict=True):
        again = package.saving.load_model(path)
        for ours, theirs in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
            np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=1e-4, atol=1e-5)
