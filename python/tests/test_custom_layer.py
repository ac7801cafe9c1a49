"""Layers that users write: state, training mode, gradients, losses, nesting, configuration."""

import numpy as np
import pytest
from checks import check_layer_gradients

from swiftbn import Input, Layer, Model, Sequential, Variable, layers, ops

RANDOM = np.random.default_rng(9)


class CustomNormalization(Layer):
    """The document's own batch normalization, with its mistakes put right."""

    def __init__(self, momentum=0.9, epsilon=1e-3, **kwargs):
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape):
        shape = (input_shape[-1],)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.moving_mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="moving_mean")
        self.moving_variance = self.add_weight(shape=shape, initializer="ones", trainable=False, name="moving_var")

    def call(self, inputs, training=None):
        if training:
            axes = list(range(len(inputs.shape) - 1))
            mean, variance = ops.moments(inputs, axes)
            keep = self.momentum
            self.moving_mean.assign(keep * self.moving_mean + (1 - keep) * mean)
            self.moving_variance.assign(keep * self.moving_variance + (1 - keep) * variance)
        else:
            mean, variance = self.moving_mean, self.moving_variance
        return self.gamma * (inputs - mean) / ops.sqrt(variance + self.epsilon) + self.beta


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 2, 4)])
def test_equals_the_built_in_layer(shape, training):
    x = RANDOM.normal(2, 3, size=shape)
    custom = CustomNormalization(dtype="float64")
    built_in = layers.BatchNormalization(momentum=0.9, dtype="float64")
    for _ in range(2):
        np.testing.assert_allclose(custom(x, training=training), built_in(x, training=training), rtol=1e-9)
    for a, b in zip(custom.weights, built_in.weights, strict=False):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)
    check_layer_gradients(custom, x, training=training)


def test_trains_inside_a_model_and_keeps_its_state():
    x = RANDOM.normal(5, 2, size=(64, 3)).astype("float32")
    y = x @ np.array([[1.0], [2.0], [-1.0]], "float32")
    layer = CustomNormalization(momentum=0.5)
    model = Sequential([Input((3,)), layer, layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    model.fit(x, y, epochs=3, batch_size=64, shuffle=False, verbose=0)
    np.testing.assert_allclose(layer.moving_mean.numpy(), x.mean(0) * (1 - 0.5**3), rtol=1e-4)
    assert not np.array_equal(layer.gamma.numpy(), np.ones(3))
    before = layer.moving_mean.numpy().copy()
    model.evaluate(x, y, verbose=0)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


def test_training_argument_is_inherited_and_false_by_default():
    seen = []

    class Probe(Layer):
        def call(self, inputs, training=None):
            seen.append(training)
            return inputs

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.probe = Probe()

        def call(self, inputs):
            return self.probe(inputs)

    outer = Outer()
    outer(np.ones((1, 2)), training=True)
    outer(np.ones((1, 2)))
    outer.probe(np.ones((1, 2)), training=True)
    assert seen == [True, False, True]


def test_training_by_position():
    class Scaled(Layer):
        def call(self, inputs, training=None, scale=1.0):
            return inputs * (scale if training else 1.0)

    layer, x = Scaled(), np.ones((2, 3), "float32")
    for args, expected in (((True, 3.0), 3), ((False, 3.0), 1), ((None, 3.0), 1), ((True,), 1)):
        np.testing.assert_array_equal(layer(x, *args), expected * x)
        inputs = Input((3,))
        np.testing.assert_array_equal(Model(inputs, layer(inputs, *args)).predict(x, verbose=0), expected * x)
    assert 0 in layers.Dropout(0.5, seed=1)(np.ones(100), True)
    with pytest.raises(TypeError, match=r"Layer 'scaled' \(Scaled\): multiple values for argument 'training'"):
        layer(x, True, training=False)
    with pytest.raises(TypeError, match=r"Layer 'plain' \(Dense\): too many positional arguments"):
        layers.Dense(2, name="plain")(x, True)
    with pytest.raises(TypeError, match="too many positional arguments"):
        layer(x, True, 3.0, 4)


def test_build_with_several_shapes():
    class Bilinear(Layer):
        def build(self, left_shape, right_shape):
            self.w = self.add_weight(shape=(left_shape[-1], right_shape[-1]))

        def call(self, left, right):
            return ops.sum((left @ self.w) * right, axis=-1)

    layer = Bilinear()
    left, right = np.ones((5, 2), "float32"), np.ones((5, 3), "float32")
    np.testing.assert_allclose(layer(left, right), np.full(5, layer.w.numpy().sum()), rtol=1e-5)
    assert layer.get_build_config()["shapes_dict"] == {"left_shape": (5, 2), "right_shape": (5, 3)}


def test_build_is_called_once_and_may_build_sub_layers():
    built = []

    class Block(Layer):
        def __init__(self):
            super().__init__(name="block")
            self.dense = layers.Dense(3, name="inside")

        def build(self, input_shape):
            built.append(input_shape)
            self.dense.build(input_shape)

        def call(self, inputs):
            return self.dense(inputs)

    block = Block()
    x = Input((4,))
    model = Model(x, block(x))
    model(np.ones((2, 4)))
    assert built == [(None, 4)]
    assert [w.path for w in block.weights] == ["block/inside/kernel", "block/inside/bias"]


def test_variables_and_layers_in_attributes_are_tracked():
    class Holder(Layer):
        def __init__(self):
            super().__init__()
            self.scale = Variable(np.ones(2, "float32"), name="scale")
            self.steps = Variable(0, dtype="int32", trainable=False, name="steps")
            self.many = [Variable(np.zeros(1, "float32")), {"x": Variable(np.zeros(2, "float32"))}]
            self.inner = [(layers.Dense(1),)]
            self.scale_again = self.scale

        def call(self, inputs):
            self.steps.assign_add(1)
            return self.inner[0][0](inputs * self.scale)

    holder = Holder()
    holder(np.ones((3, 2)))
    assert [w.name for w in holder.weights][:1] == ["scale"]
    assert len(holder.weights) == 6 and len(holder.trainable_weights) == 5
    assert int(holder.steps) == 1
    holder.inner = []
    assert len(holder.weights) == 4


def test_add_loss_and_regularizers_are_trained():
    class Penalty(Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(input_shape[-1],), initializer="ones", regularizer=lambda w: 3 * ops.sum(w))

        def call(self, inputs):
            self.add_loss(ops.mean(ops.square(inputs)))
            return inputs * self.w

    layer = Penalty()
    x = np.full((4, 2), 2.0, "float32")
    layer(x)
    assert [float(loss) for loss in layer.losses] == [4.0, 6.0]
    layer(x)
    assert len(layer.losses) == 2
    model = Sequential([Input((2,)), Penalty()])
    model.compile(optimizer="adam", loss="mse")
    assert model.evaluate(x, x, verbose=0) == pytest.approx(10.0)
    before = model.get_weights()[0].copy()
    model.fit(x, x, epochs=1, verbose=0)
    assert (model.get_weights()[0] < before).all()


def test_configuration_without_get_config():
    class Scale(Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, inputs):
            return inputs * self.factor

    copy = Scale.from_config(Scale(2.5, name="times").get_config())
    assert copy.factor == 2.5 and copy.name == "times"

    class Complicated(Scale):
        def __init__(self, function):
            super().__init__(1.0)

    with pytest.raises(NotImplementedError, match="get_config.*function"):
        Complicated(len).get_config()


def test_mistakes_are_explained():
    class Forgetful(Layer):
        def __init__(self):
            self.w = 1

    with pytest.raises(RuntimeError, match="super"):
        Forgetful()(np.ones((1, 1)))

    class Unfinished(Layer):
        pass

    with pytest.raises(NotImplementedError, match="Unfinished"):
        Unfinished()(np.ones((1, 1)))

    class Branching(Layer):
        def call(self, inputs):
            return inputs if ops.sum(inputs) > 0 else -inputs

    with pytest.raises(TypeError, match="symbolic"):
        Branching()(Input((3,)))

    class Freezing(Layer):
        def build(self, input_shape):
            self.w = self.add_weight(shape=(1,), initializer="ones")

        def call(self, inputs):
            return inputs * np.asarray(self.w)

    with pytest.raises(TypeError, match="freeze"):
        Freezing()(Input((3,)))

    with pytest.raises(TypeError, match="missing a required argument"):
        layers.Dense(1)()
    with pytest.raises(ValueError, match="shape='w'"):
        layers.Dense(1).add_weight("w", (3,))
