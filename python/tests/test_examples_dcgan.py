"""examples/dcgan.py: both ways of training update what they should, and leave alone what they should."""

import numpy as np
import pytest
from example_scripts import example, is_picture, quick

import swiftbn
from swiftbn import layers

RANDOM = np.random.default_rng(0)
REAL = RANDOM.random((8, 28, 28, 1), dtype="float32")


def networks(module):
    return module.make_generator(4), module.make_discriminator(4)


def changed(before, after) -> list[bool]:
    return [bool((a != b).any()) for a, b in zip(before, after, strict=True)]


def test_samples_begin_to_look_like_digits(tmp_path):
    results = example("dcgan").main(quick(tmp_path))
    assert results["untrained"] < 1.2 and results["real"] > 5
    assert results["score"] > 1.8
    samples, images = results["samples"], results["images"]
    # Ink is where digits have it, and no two samples are the same.
    means = samples.mean(axis=0).ravel(), images.mean(axis=0).ravel()
    assert np.corrcoef(*means)[0, 1] > 0.8
    assert np.abs(samples[:50] - samples[50:100]).mean(axis=(1, 2, 3)).min() > 0.02
    assert len(results["history"]["d_loss"]) == 5 and np.isfinite(list(results["history"].values())).all()
    assert is_picture(results["picture"])


def test_the_frozen_discriminator_stays_as_it_is():
    module = example("dcgan")
    generator, discriminator = networks(module)
    combined = swiftbn.Sequential([generator, discriminator])
    combined.compile(module.adam(1e-2), module.logistic())
    discriminator.trainable = False
    before = discriminator.get_weights(), generator.get_weights()
    # No training mode for its batch normalization: the loss is that by its moving statistics.
    noise = RANDOM.standard_normal((8, module.NOISE), dtype="float32")
    fake = swiftbn.jit(lambda z: generator(z, training=True))(noise)
    generator.set_weights(before[1])
    logits = np.asarray(discriminator(fake, training=False), "float64")
    loss = combined.train_on_batch(noise, np.ones((8, 1), "float32"))
    assert loss == pytest.approx(np.log1p(np.exp(-logits)).mean(), rel=1e-5)
    for _ in range(3):
        combined.train_on_batch(noise, np.ones((8, 1), "float32"))
    assert not any(changed(before[0], discriminator.get_weights()))
    # All weights and statistics of the generator move.
    assert all(changed(before[1], generator.get_weights()))


def test_combined_step_trains_each_by_its_own_loss():
    module = example("dcgan")
    generator, discriminator = networks(module)
    combined = swiftbn.Sequential([generator, discriminator])
    discriminator.compile(module.adam(1e-2), module.logistic())
    combined.compile(module.adam(1e-2), module.logistic())
    # The second call uses the programs of the first, frozen and not; the third needs others.
    for count in (8, 8, 5):
        before = discriminator.get_weights(), generator.get_weights()
        losses = module.combined_step(generator, discriminator, combined, REAL[:count], RANDOM)
        assert np.isfinite(losses).all()
        assert all(changed(before[0], discriminator.get_weights()))
        assert all(changed(before[1], generator.get_weights()))
    batch_norm = next(layer for layer in discriminator.layers if isinstance(layer, layers.BatchNormalization))
    assert int(discriminator.optimizer.iterations) == 6 and int(combined.optimizer.iterations) == 3
    assert not batch_norm.trainable


def test_train_step_equals_updates_one_after_the_other():
    module = example("dcgan")
    generator, discriminator = networks(module)
    gan = module.Dcgan(generator, discriminator)
    gan.compile(swiftbn.optimizers.SGD(0.1), swiftbn.optimizers.SGD(0.2))
    twins = networks(module)
    for twin, network in zip(twins, (generator, discriminator), strict=True):
        twin.set_weights(network.get_weights())
    state = gan.seed_generator.state.numpy().copy()
    logs = gan.train_on_batch(REAL, return_dict=True)

    g, d = twins
    source = swiftbn.random.SeedGenerator(1)
    source.state.assign(state)
    noise = [swiftbn.random.normal((8, module.NOISE), seed=source) for _ in range(2)]
    ones, zeros, loss_fn = np.ones((8, 1), "float32"), np.zeros((8, 1), "float32"), module.logistic()
    # jit keeps what batch normalization assigns to its moving statistics.
    fake = np.asarray(swiftbn.jit(lambda z: g(z, training=True))(noise[0]))
    d_loss, gradients = swiftbn.value_and_grad(
        lambda _: loss_fn(ones, d(REAL, training=True)) + loss_fn(zeros, d(fake, training=True))
    )(d.trainable_variables)
    swiftbn.optimizers.SGD(0.1).apply(gradients, d.trainable_variables)
    g_loss, gradients = swiftbn.value_and_grad(lambda _: loss_fn(ones, d(g(noise[1], training=True), training=False)))(
        g.trainable_variables
    )
    swiftbn.optimizers.SGD(0.2).apply(gradients, g.trainable_variables)

    assert logs["d_loss"] == pytest.approx(float(d_loss), rel=1e-5)
    assert logs["g_loss"] == pytest.approx(float(g_loss), rel=1e-5)
    for twin, network in zip(twins, (generator, discriminator), strict=True):
        for a, b in zip(twin.get_weights(), network.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_combined_way_learns_too():
    """The generator finds out where ink is."""
    module = example("dcgan")
    images = example("_digits").load("digits", train=640)[0][0]
    noise = RANDOM.standard_normal((64, module.NOISE), dtype="float32")
    generator, discriminator = module.make_generator(8), module.make_discriminator(8)
    history = module.train_combined(generator, discriminator, images, epochs=5, batch=16)
    assert [len(history[name]) for name in ("d_loss", "g_loss")] == [5, 5]
    means = generator.predict(noise, verbose=0).mean(axis=0).ravel(), images.mean(axis=0).ravel()
    assert np.corrcoef(*means)[0, 1] > 0.6
