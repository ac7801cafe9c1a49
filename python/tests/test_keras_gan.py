"""The same adversarial train_step, word for word, on real Keras over TensorFlow and here."""

import os

import numpy as np
import pytest

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the tape is TensorFlow's"),
]
RANDOM = np.random.default_rng(4)
REAL = RANDOM.normal(1, 2, size=(40, 4)).astype("float32")
NOISE = RANDOM.normal(size=(40, 3)).astype("float32")


def make_gan(k, tape):
    class Gan(k.Model):
        def __init__(self):
            super().__init__()
            self.generator = k.Sequential(
                [k.Input((3,)), k.layers.Dense(6), k.layers.BatchNormalization(momentum=0.8), k.layers.Dense(4)]
            )
            self.discriminator = k.Sequential(
                [k.Input((4,)), k.layers.Dense(5, activation="tanh"), k.layers.BatchNormalization(), k.layers.Dense(1)]
            )
            self.d_loss, self.g_loss = k.metrics.Mean(name="d_loss"), k.metrics.Mean(name="g_loss")
            self.loss_fn = k.losses.BinaryCrossentropy(from_logits=True)

        def compile(self):
            super().compile()
            self.d_optimizer, self.g_optimizer = k.optimizers.SGD(0.1, momentum=0.5), k.optimizers.SGD(0.2)

        @property
        def metrics(self):
            return [self.d_loss, self.g_loss]

        def train_step(self, data):
            real, noise = data
            ones, zeros = k.ops.ones((10, 1)), k.ops.zeros((10, 1))
            fake = self.generator(noise, training=True)
            with tape() as t:
                guesses = self.discriminator(k.ops.concatenate([fake, real], axis=0), training=True)
                loss = self.loss_fn(k.ops.concatenate([ones, zeros], axis=0), guesses)
            weights = self.discriminator.trainable_weights
            self.d_optimizer.apply_gradients(zip(t.gradient(loss, weights), weights, strict=True))
            self.d_loss.update_state(loss)
            for sign in (1.0, -1.0):
                with tape() as outer:
                    with tape() as inner:
                        inner.watch(noise)
                        size = k.ops.sum(k.ops.square(self.generator(noise, training=True)))
                    # A penalty on a gradient, whose gradient is of second order.
                    penalty = k.ops.mean(k.ops.square(inner.gradient(size, noise)))
                    guesses = self.discriminator(self.generator(sign * noise, training=True), training=False)
                    loss = self.loss_fn(zeros, guesses) + 0.001 * penalty
                weights = self.generator.trainable_weights
                self.g_optimizer.apply_gradients(zip(outer.gradient(loss, weights), weights, strict=True))
                self.g_loss.update_state(loss)
            return {metric.name: metric.result() for metric in self.metrics}

    return Gan()


def test_gan():
    tensorflow = pytest.importorskip("tensorflow")
    theirs, ours = make_gan(keras, tensorflow.GradientTape), make_gan(swiftbn, swiftbn.GradientTape)
    for name in ("generator", "discriminator"):
        getattr(ours, name).set_weights(getattr(theirs, name).get_weights())
    histories = []
    for model in (theirs, ours):
        model.compile()
        histories.append(model.fit(REAL, NOISE, batch_size=10, epochs=3, shuffle=False, verbose=0).history)
    for name in ("d_loss", "g_loss"):
        np.testing.assert_allclose(histories[1][name], histories[0][name], rtol=1e-3)
    for name in ("generator", "discriminator"):
        pairs = zip(getattr(ours, name).get_weights(), getattr(theirs, name).get_weights(), strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=1e-4)
