"""Functions of state: StatelessScope, stateless_call, stateless_apply, stateless_compute_loss."""

import numpy as np
import pytest
from stateless_models import X, Y, make_model, unchanged, values

import swiftbn
from swiftbn import StatelessScope, Variable, layers


def test_scope_gives_values_and_takes_them_back():
    a, b, c = (Variable(np.full(2, value, "float32")) for value in (1.0, 2.0, 3.0))
    with StatelessScope([(a, np.array([5, 6]))]) as scope:
        np.testing.assert_array_equal(a.value, [5, 6])
        b.assign_add(a)
        a[0] = 7.0
        assert scope.get_current_value(c) is None
        np.testing.assert_array_equal(scope.get_current_value(b), [7, 8])
        with StatelessScope([(b, a), (a, b)]) as inner:
            np.testing.assert_array_equal([*a.value, *b.value], [7, 8, 7, 6])
            c.assign([0, 0])
        np.testing.assert_array_equal(inner.get_current_value(c), [0, 0])
        assert scope.get_current_value(c) is None
        np.testing.assert_array_equal([*a.value, *b.value], [7, 6, 7, 8])
    for variable, value in ((a, 1), (b, 2), (c, 3)):
        np.testing.assert_array_equal(variable.numpy(), [value, value])
    after = scope.get_current_value(a)
    np.testing.assert_array_equal(after, [7, 6])
    a.assign([9, 9])
    np.testing.assert_array_equal(scope.get_current_value(a), [7, 6])
    assert scope.get_current_value(a).dtype == "float32"


def test_scope_ends_well_after_an_error():
    a = Variable(np.ones(2))
    with pytest.raises(ZeroDivisionError), StatelessScope([(a, np.zeros(2))]):
        a.assign([3, 3])
        1 / 0  # noqa: B018
    np.testing.assert_array_equal(a.numpy(), [1, 1])
    a.assign([2, 2])
    np.testing.assert_array_equal(a.numpy(), [2, 2])


def test_scope_around_compiled_functions():
    a = Variable(np.array(1.0, "float32"))

    @swiftbn.jit
    def step(x):
        a.assign_add(x)
        return a * 2.0

    assert step(1.0) == 4.0
    with StatelessScope() as scope:
        assert step(1.0) == 6.0 and step(1.0) == 8.0
        value, gradient = swiftbn.value_and_grad(lambda x: a.assign_add(x) * x)(2.0)
        assert value == 12.0 and gradient == 8.0
    assert float(a) == 2.0 and scope.get_current_value(a) == 6.0
    assert step(1.0) == 6.0


def test_scope_in_traced_code():
    a = Variable(np.array(1.0, "float32"))
    b = Variable(np.array(2.0, "float32"))

    @swiftbn.jit
    def function(x):
        b.assign_add(1.0)
        with StatelessScope([(a, x)]) as scope:
            a.assign(a * 3.0)
            b.assign(a + b)
            result = scope.get_current_value(a)
        assert scope.get_current_value(a) is result
        return result, a + 0.0, b + 0.0, scope.get_current_value(b)

    np.testing.assert_array_equal(function(5.0), [15, 1, 3, 18])
    assert float(a) == 1.0 and float(b) == 3.0


def test_scope_around_fit():
    model = make_model()
    before = values(model.variables)
    with StatelessScope() as scope:
        model.fit(X, Y, epochs=2, verbose=0)
        assert not np.array_equal(model.get_layer("first").kernel.numpy(), before[0])
    unchanged(model.variables, before)
    assert scope.get_current_value(model.optimizer._iterations) == 2
    assert int(model.optimizer.iterations.numpy()) == 0


def test_scope_collects_losses():
    layer = layers.ActivityRegularization(l1=1.0)
    with StatelessScope(collect_losses=True) as scope:
        layer(X)
    assert len(scope.losses) == 1
    with StatelessScope() as scope:
        layer(X)
    assert scope.losses == []


def test_scope_checks_what_it_is_given():
    a = Variable(np.ones(2))
    with pytest.raises(ValueError, match=r"shape \(2,\) for .*\(3,\)"):
        StatelessScope([(a, np.ones(3))])
    with pytest.raises(ValueError, match="pairs of a Variable"):
        StatelessScope([(np.ones(2), np.ones(2))])
    with pytest.raises(ValueError, match="initialize_variables=False"):
        StatelessScope(initialize_variables=False)


@pytest.mark.parametrize("traced", [False, True])
def test_stateless_call(traced):
    model = make_model()
    before = values(model.variables)
    trainable = [value + 0.5 for value in values(model.trainable_variables)]
    others = values(model.non_trainable_variables)

    def function(trainable, others, x):
        return model.stateless_call(trainable, others, x, training=True, return_losses=True)

    outputs, new, losses = (swiftbn.jit(function) if traced else function)(trainable, others, X)
    unchanged(model.variables, before)
    for variable, value in zip(model.trainable_variables, trainable, strict=True):
        variable.assign(value)
    np.testing.assert_allclose(model(X, training=True), outputs, rtol=1e-5)
    for variable, value in zip(model.non_trainable_variables, new, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5)
    # The moving statistics and the generator's state have moved on.
    assert not any(np.array_equal(a, b) for a, b in zip(others, new, strict=True))
    np.testing.assert_allclose(losses, [0.01 * np.sum(np.square(trainable[0]))], rtol=1e-5)


def test_training_with_functions_of_state_alone():
    """The same as `fit`, in the way of JAX."""
    model, reference = make_model(), make_model()
    reference.set_weights(model.get_weights())
    optimizer = model.optimizer
    optimizer.build(model.trainable_variables)

    def loss(trainable, others, metrics, x, y):
        outputs, others = model.stateless_call(trainable, others, x, training=True)
        value, (_, others, metrics) = model.stateless_compute_loss(trainable, others, metrics, x, y, outputs)
        return value, (others, metrics)

    @swiftbn.jit
    def step(trainable, others, slots, metrics, x, y):
        (value, (others, metrics)), gradients = swiftbn.value_and_grad(loss, has_aux=True)(
            trainable, others, metrics, x, y
        )
        trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
        return value, trainable, others, slots, metrics

    before = values([*model.variables, *optimizer.variables])
    state = [values(v) for v in (model.trainable_variables, model.non_trainable_variables, optimizer.variables)]
    state.append(values(model.metrics_variables))
    for _ in range(3):
        value, *state = step(*state, X, Y)
        assert value == pytest.approx(reference.train_on_batch(X, Y)[0], rel=1e-5)
    unchanged([*model.variables, *optimizer.variables], before)
    kinds = (reference.trainable_variables, reference.non_trainable_variables, reference.optimizer.variables)
    for variables, new in zip(kinds, state, strict=False):
        for variable, array in zip(variables, new, strict=True):
            np.testing.assert_allclose(variable.numpy(), array, rtol=1e-4, atol=1e-5)


def test_numbers_and_shapes_of_values_are_checked():
    model = make_model()
    trainable, others = values(model.trainable_variables), values(model.non_trainable_variables)
    with pytest.raises(ValueError, match="trainable_variables to be 6 tensors.*Received: 5"):
        model.stateless_call(trainable[1:], others, X)
    with pytest.raises(ValueError, match="shape"):
        model.stateless_call(trainable, others[::-1], X)
    with pytest.raises(ValueError, match="built"):
        layers.Dense(2).stateless_call([], [], X)
    with pytest.raises(ValueError, match="metrics_variables to be"):
        model.stateless_compute_loss(trainable, others, [], X, Y, Y)
    optimizer = swiftbn.optimizers.SGD()
    with pytest.raises(ValueError, match="build"):
        optimizer.stateless_apply([], [], [])
    optimizer.build(model.trainable_variables)
    with pytest.raises(ValueError, match="optimizer_variables to be 2 tensors.*Received: 0"):
        optimizer.stateless_apply([], trainable, trainable)
    unchanged(model.trainable_variables, trainable)


@pytest.mark.interop
def test_keras_names_and_computes_the_same():
    keras = pytest.importorskip("keras")
    found = []
    for package in (swiftbn, keras):
        model = package.Sequential(
            [
                package.Input((4,)),
                package.layers.Dense(3, use_bias=False, kernel_regularizer="l2", name="first"),
                package.layers.BatchNormalization(name="bn"),
                package.layers.Dense(2, name="last"),
            ],
            name="model",
        )
        model.compile(package.optimizers.Adam(0.1, name="adam"), "mse", metrics=["mae"])
        weights = [np.linspace(-1, 1, w.shape[0] * (w.shape[1] if len(w.shape) > 1 else 1)) for w in model.weights]
        model.set_weights([v.reshape(w.shape) ** 2 for v, w in zip(weights, model.weights, strict=True)])
        model.train_on_batch(X, Y)
        state = model.get_state_tree("numpy_array")
        trainable = [np.array(v) for v in model.trainable_variables]
        others = [np.array(v) for v in model.non_trainable_variables]
        outputs, after, losses = model.stateless_call(trainable, others, X, training=True, return_losses=True)
        slots = [np.array(v) for v in model.optimizer.variables]
        ones = [np.ones_like(v) for v in trainable]
        if package is swiftbn:
            applied = model.optimizer.stateless_apply(slots, ones, trainable)
        else:
            # Keras cannot do that on TensorFlow.
            model.optimizer.apply([package.ops.convert_to_tensor(g) for g in ones], model.trainable_variables)
            applied = [np.array(v) for v in model.trainable_variables], [np.array(v) for v in model.optimizer.variables]
        flat = swiftbn.tree.flatten_with_path(state)
        numbers = [outputs, *after, *losses, *applied[0], *applied[1], *(leaf for _, leaf in flat)]
        paths = [path for path, _ in flat], [layer.path for layer in model.layers], model.path
        found.append((paths, [np.asarray(number) for number in numbers]))
    assert found[0][0] == found[1][0]
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)
