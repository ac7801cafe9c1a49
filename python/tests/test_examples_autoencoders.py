"""examples/vae.py and examples/denoising_autoencoder.py in their reduced settings."""

import numpy as np
import pytest
from example_scripts import example, is_picture, quick

import swiftbn
from swiftbn import layers, ops


def test_vae(tmp_path):
    results = example("vae").main(quick(tmp_path))
    assert results["losses"][-1] < 0.75 * results["losses"][0]
    assert results["val_losses"][-1] < 0.6 * results["untrained"]
    # The latent numbers say something about the images, and what is decoded differs over the plane.
    assert results["divergence"] > 0.3
    plane = results["plane"]
    assert plane.shape == (256, 28, 28, 1) and plane.min() >= 0 and plane.max() <= 1
    assert np.abs(plane[0] - plane[-1]).mean() > 0.02 and plane.std(axis=0).max() > 0.15
    assert is_picture(results["picture"])


def test_sampling_draws_and_adds_the_divergence():
    sampling = example("vae").Sampling(weight=0.5)
    mean, log_variance = np.full((4000, 2), 3.0, "float32"), np.full((4000, 2), np.log(4.0), "float32")
    z = np.asarray(sampling([mean, log_variance], training=True))
    assert np.abs(z.mean(axis=0) - 3).max() < 0.2 and np.abs(z.std(axis=0) - 2).max() < 0.15
    # KL(N(3, 4) ‖ N(0, 1)) = (4 + 9 - 1 - ln 4) / 2 for each of two numbers.
    (loss,) = sampling.losses
    assert float(loss) == pytest.approx(0.5 * (12 - np.log(4)), rel=1e-5)
    assert (np.asarray(sampling([mean, log_variance], training=True)) != z).any()
    np.testing.assert_array_equal(sampling([mean, log_variance], training=False), mean)
    (loss,) = sampling.losses
    assert float(loss) == pytest.approx(0.5 * (12 - np.log(4)), rel=1e-5)


def test_sampling_lets_gradients_through():
    sampling = example("vae").Sampling(weight=1.0)
    mean, log_variance = np.array([[0.5, -1.0]]), np.array([[0.2, 0.4]])

    def value(mean, log_variance):
        total = ops.sum(sampling([mean, log_variance], training=True))
        return total + sum(sampling.losses)

    _, (by_mean, by_log_variance) = swiftbn.value_and_grad(value, argnums=(0, 1))(mean, log_variance)
    # z = μ + exp(v / 2) ε and KL = (exp v + μ² - 1 - v) / 2.
    np.testing.assert_allclose(by_mean, 1 + mean, rtol=1e-6)
    noise = 2 * (by_log_variance - (np.exp(log_variance) - 1) / 2) / np.exp(log_variance / 2)
    assert np.isfinite(noise).all() and (np.abs(noise) < 5).all() and noise[0, 0] != noise[0, 1]


def test_the_vae_is_saved_with_its_sampling(tmp_path):
    vae = example("vae")
    _, _, model = vae.make_models()
    model.compile("adam", "binary_crossentropy")
    x = np.random.default_rng(0).random((8, 28, 28, 1), dtype="float32")
    model.fit(x, x, verbose=0)
    model.save(tmp_path / "vae.keras")
    restored = swiftbn.models.load_model(tmp_path / "vae.keras", custom_objects={"Sampling": vae.Sampling})
    np.testing.assert_array_equal(restored.predict(x, verbose=0), model.predict(x, verbose=0))
    assert restored.evaluate(x, x, verbose=0) == pytest.approx(model.evaluate(x, x, verbose=0))


def test_denoising(tmp_path):
    module = example("denoising_autoencoder")
    results = module.main(quick(tmp_path))
    assert results["after"] < 0.5 * results["before"]
    assert results["before"] == pytest.approx(module.NOISE, rel=0.05)
    assert is_picture(results["picture"])
    model = results["model"]
    x = np.random.default_rng(0).random((4, 28, 28, 1), dtype="float32")
    # The noise is there in training and only then.
    noise = next(layer for layer in model.layers if isinstance(layer, layers.GaussianNoise))
    assert np.std(np.asarray(noise(x, training=True)) - x) == pytest.approx(module.NOISE, rel=0.1)
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))
