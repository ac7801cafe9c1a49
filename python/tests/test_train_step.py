"""Steps of users' own: train_step, test_step, predict_step, compute_loss."""

import numpy as np
import pytest
from training_models import LABELS, RANDOM, X, classifier, crossentropy

import swiftbn
from swiftbn import GradientTape, Input, Model, Sequential, layers, losses, metrics, ops, optimizers, value_and_grad
from swiftbn.utils import unpack_x_y_sample_weight

WEIGHTS = RANDOM.uniform(0.5, 2, size=50).astype("float32")


def inputs_and_outputs():
    inputs = Input((4,))
    x = layers.BatchNormalization()(layers.Dense(8, activation="tanh")(inputs))
    return inputs, layers.Dense(3, activation="softmax")(layers.Dropout(0.2, seed=3)(x))


class WithTape(Model):
    def train_step(self, data):
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        with GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, sample_weight=float(x.shape[0]))
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class WithFunction(Model):
    def train_step(self, data):
        x, y, sample_weight = unpack_x_y_sample_weight(data)

        def loss_of(variables):
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred, sample_weight), y_pred

        variables = self.trainable_variables
        (loss, y_pred), gradients = value_and_grad(loss_of, has_aux=True)(variables)
        self.optimizer.apply(gradients, variables)
        self._loss_tracker.update_state(loss, sample_weight=float(x.shape[0]))
        return self.compute_metrics(x, y, y_pred, sample_weight)


class WithSuper(Model):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize("kind", [WithTape, WithFunction, WithSuper])
def test_steps_written_out_equal_the_default(kind):
    results = []
    for cls in (Model, kind):
        swiftbn.utils.set_random_seed(4)
        model = cls(*inputs_and_outputs())
        model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, LABELS, sample_weight=WEIGHTS, batch_size=16, epochs=3, verbose=0)
        results.append((history.history, model.get_weights(), model.evaluate(X, LABELS, verbose=0)))
    assert list(results[0][0]) == list(results[1][0]) == ["accuracy", "loss"]
    for name, values in results[0][0].items():
        np.testing.assert_allclose(results[1][0][name], values, rtol=1e-6)
    assert results[0][2] == pytest.approx(results[1][2])
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


class Gan(Model):
    """As in Keras' examples: no call, two models, two optimizers, metrics of its own."""

    def __init__(self, discriminator, generator):
        super().__init__()
        self.discriminator, self.generator = discriminator, generator
        self.noise = swiftbn.random.SeedGenerator(7)
        self.d_tracker, self.g_tracker = metrics.Mean(name="d_loss"), metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer, loss):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss

    @property
    def metrics(self):
        return [self.d_tracker, self.g_tracker]

    def train_step(self, data):
        count = data.shape[0]
        fake = self.generator(swiftbn.random.normal((count, 2), seed=self.noise), training=True)
        both = ops.concatenate([fake, data], axis=0)
        labels = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))], axis=0)
        with GradientTape() as tape:
            d_loss = self.loss_fn(labels, self.discriminator(both, training=True))
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply(tape.gradient(d_loss, variables), variables)
        noise = swiftbn.random.normal((count, 2), seed=self.noise)
        with GradientTape() as tape:
            guesses = self.discriminator(self.generator(noise, training=True), training=False)
            g_loss = self.loss_fn(ops.zeros((count, 1)), guesses)
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(g_loss, variables), variables)
        self.d_tracker.update_state(d_loss)
        self.g_tracker.update_state(g_loss)
        return {metric.name: metric.result() for metric in self.metrics}


def make_gan():
    discriminator = Sequential(
        [Input((4,)), layers.Dense(6, activation="tanh"), layers.BatchNormalization(), layers.Dense(1)]
    )
    generator = Sequential([Input((2,)), layers.Dense(5), layers.BatchNormalization(momentum=0.8), layers.Dense(4)])
    gan = Gan(discriminator, generator)
    gan.compile(optimizers.SGD(0.1), optimizers.Adam(0.05), losses.BinaryCrossentropy(from_logits=True))
    return gan


def test_gan():
    """One program does what the same updates do one after the other, each computed at the state it finds."""
    swiftbn.utils.set_random_seed(2)
    gan, twin = make_gan(), make_gan()
    twin.discriminator.set_weights(gan.discriminator.get_weights())
    twin.generator.set_weights(gan.generator.get_weights())
    history = gan.fit(X, batch_size=10, epochs=2, shuffle=False, verbose=0)
    assert set(history.history) == {"d_loss", "g_loss"}
    assert len([key for key in gan._programs if key[0] == "train"]) == 1

    bce = losses.BinaryCrossentropy(from_logits=True)
    labels = np.concatenate([np.ones((10, 1)), np.zeros((10, 1))]).astype("float32")
    means = []
    for _ in range(2):
        totals = []
        for begin in range(0, 50, 10):
            x, noise = X[begin : begin + 10], [swiftbn.random.normal((10, 2), seed=twin.noise) for _ in range(2)]
            # The generator's moving statistics follow as they do in the step, as value_and_grad keeps assignments.
            _, fake = swiftbn.jit(lambda z: (None, twin.generator(z, training=True)))(noise[0])

            def d_loss(_, fake=fake, x=x):
                both = ops.concatenate([fake, x], axis=0)
                return bce(labels, twin.discriminator(both, training=True))

            def g_loss(_, noise=noise):
                generated = twin.generator(noise[1], training=True)
                return bce(np.zeros((10, 1), "float32"), twin.discriminator(generated, training=False))

            values = []
            for function, part, optimizer in (
                (d_loss, twin.discriminator, twin.d_optimizer),
                (g_loss, twin.generator, twin.g_optimizer),
            ):
                value, gradients = value_and_grad(function)(part.trainable_variables)
                optimizer.apply(gradients, part.trainable_variables)
                values.append(value)
            totals.append(values)
        means.append(np.mean(totals, axis=0))
    np.testing.assert_allclose(history.history["d_loss"], [m[0] for m in means], rtol=1e-5)
    np.testing.assert_allclose(history.history["g_loss"], [m[1] for m in means], rtol=1e-5)
    pairs = zip(gan.get_weights(), twin.get_weights(), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_two_updates_in_one_step_are_two_steps():
    class Twice(Model):
        def train_step(self, data):
            super().train_step(data)
            return super().train_step(data)

    weights = []
    for cls, epochs in ((Twice, 2), (Model, 4)):
        swiftbn.utils.set_random_seed(6)
        model = cls(*inputs_and_outputs())
        model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        model.fit(X, LABELS, batch_size=50, epochs=epochs, shuffle=False, verbose=0)
        assert int(model.optimizer.iterations) == 4
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_frozen_parts_and_their_statistics():
    class Head(Model):
        """Trains a head on a body that is frozen, whose batch normalization uses its moving statistics then."""

        def __init__(self):
            super().__init__()
            self.body = Sequential([layers.Dense(5), layers.BatchNormalization()])
            self.head = layers.Dense(3, activation="softmax")
            self.body.trainable = False

        def call(self, inputs, training=None):
            return self.head(self.body(inputs, training=training))

        def train_step(self, data):
            x, y = data
            with GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            missing = tape.gradient(loss, self.body.layers[0].kernel)
            variables = self.trainable_variables
            self.optimizer.apply(tape.gradient(loss, variables), variables)
            return {"loss": loss, "norm": ops.sum(ops.square(missing))}

    model = Head()
    model.compile("adam", "sparse_categorical_crossentropy")
    logs = model.train_on_batch(X, LABELS, return_dict=True)
    assert logs["norm"] > 0 and [v.path.split("/")[-1] for v in model.trainable_variables] == ["kernel", "bias"]
    before = model.body.get_weights()
    head = model.head.get_weights()
    model.fit(X, LABELS, verbose=0)
    for a, b in zip(before, model.body.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert (head[0] != model.head.get_weights()[0]).any()


def test_random_numbers_differ_between_steps():
    class Noisy(Model):
        def __init__(self):
            super().__init__()
            self.generator = swiftbn.random.SeedGenerator(1)

        def train_step(self, data):
            return {"noise": ops.sum(swiftbn.random.normal((3,), seed=self.generator))}

    model = Noisy()
    model.compile()
    noise = [model.train_on_batch(X) for _ in range(3)]
    assert len(set(noise)) == 3
    generator = swiftbn.random.SeedGenerator(1)
    expected = [float(np.sum(swiftbn.random.normal((3,), seed=generator))) for _ in range(3)]
    np.testing.assert_allclose(noise, expected, rtol=1e-6)


def test_test_step_and_predict_step():
    class Own(Model):
        def test_step(self, data):
            x, y = data
            return {"share": ops.mean(ops.cast(ops.equal(ops.argmax(self(x), axis=-1), y), "float32"))}

        def predict_step(self, data):
            y = self(data, training=False)
            return {"classes": ops.argmax(y, axis=-1), "best": ops.max(y, axis=-1)}

    model = Own(*inputs_and_outputs())
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(X, LABELS, validation_data=(X, LABELS), batch_size=50, verbose=0)
    assert set(history.history) == {"loss", "val_share"}
    found = model.predict(X, batch_size=16, verbose=0)
    probabilities = np.asarray(model(X))
    np.testing.assert_array_equal(found["classes"], probabilities.argmax(-1))
    np.testing.assert_allclose(found["best"], probabilities.max(-1), rtol=1e-6)
    expected = (probabilities.argmax(-1) == LABELS).mean()
    assert model.evaluate(X, LABELS, batch_size=50, verbose=0) == pytest.approx(expected)
    assert model.test_on_batch(X, LABELS) == pytest.approx(expected)
    assert set(model.predict_on_batch(X)) == {"classes", "best"}


def test_compute_loss_may_be_overridden():
    class Margin(Model):
        def compute_loss(self, x, y, y_pred, sample_weight=None):
            return 2.0 * super().compute_loss(x, y, y_pred, sample_weight) + ops.mean(y_pred[:, 0])

    model = Margin(*inputs_and_outputs())
    model.compile("adam", "sparse_categorical_crossentropy")
    probabilities = np.asarray(model(X))
    expected = 2 * crossentropy(probabilities).mean() + probabilities[:, 0].mean()
    assert model.evaluate(X, LABELS, batch_size=50, verbose=0) == pytest.approx(expected, rel=1e-5)
    history = model.fit(X, LABELS, epochs=20, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_errors():
    class Bad(Model):
        result = 3.0

        def train_step(self, data):
            return self.result

    model = Bad(*inputs_and_outputs())
    model.compile("adam", "sparse_categorical_crossentropy")
    with pytest.raises(TypeError, match=r"Bad.train_step: expected a dict.*Received: 3\.0"):
        model.fit(X, LABELS, verbose=0)
    with pytest.raises(ValueError, match="accumulate=2"):
        model.fit(X, LABELS, accumulate=2, verbose=0)
    assert swiftbn.trace.current_trace() is None


def test_the_classifier_of_these_tests_is_not_custom():
    assert not any(classifier()._is_custom(kind) for kind in ("train", "test", "predict"))
