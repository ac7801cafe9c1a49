"""examples/adversarial.py in its reduced setting."""

import numpy as np
import pytest
from example_scripts import example, is_picture, quick

import swiftbn
from swiftbn import layers


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return example("adversarial").main(quick(tmp_path_factory.mktemp("pictures")))


def test_training_against_attacks_helps(results):
    accuracy = results["accuracy"]
    assert results["epsilons"][:2] == [0.0, 0.1]
    for name in ("plain", "robust"):
        for attack in ("FGSM", "PGD"):
            assert accuracy[name, attack][0] > 0.75
        # Several steps find more than one.
        assert accuracy[name, "PGD"][1] <= accuracy[name, "FGSM"][1]
    assert accuracy["plain", "PGD"][1] < 0.2
    assert accuracy["robust", "PGD"][1] > accuracy["plain", "PGD"][1] + 0.25
    assert is_picture(results["picture"])


def test_attacks_stay_within_epsilon(results):
    module = example("adversarial")
    x, y = (part[:20] for part in results["test"])
    model = results["models"]["plain"]
    before = model.get_weights()
    for attack in (module.fgsm, module.pgd):
        attacked = np.asarray(swiftbn.jit(lambda x, y, e, f=attack: f(model, x, y, e))(x, y, np.float32(0.1)))
        assert attacked.min() >= 0 and attacked.max() <= 1
        assert 0.05 < np.abs(attacked - x).max() <= 0.1 + 1e-6
        assert float(module.loss_at(model, attacked, y)) > float(module.loss_at(model, x, y)) + 0.5
    # Attacks read the moving statistics and change nothing.
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_fgsm_follows_the_gradient():
    """Against a difference quotient in float64, pixel by pixel."""
    module = example("adversarial")
    swiftbn.config.set_floatx("float64")
    try:
        model = swiftbn.Sequential([swiftbn.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)])
        x = np.random.default_rng(0).uniform(0.3, 0.7, (3, 4))
        y = np.array([0, 1, 1])
        attacked = np.asarray(module.fgsm(model, x, y, 0.05))
        for index in np.ndindex(x.shape):
            step = np.zeros_like(x)
            step[index] = 1e-5
            slope = float(module.loss_at(model, x + step, y)) - float(module.loss_at(model, x - step, y))
            assert attacked[index] - x[index] == pytest.approx(0.05 * np.sign(slope))
    finally:
        swiftbn.config.set_floatx("float32")


def test_the_robust_step_trains_on_attacked_batches(results):
    """One step of `Robust` is a plain step on images that were attacked beforehand."""
    module = example("adversarial")
    x, y = (part[:16] for part in results["test"])
    start = results["models"]["plain"].get_weights()
    ends = []
    for cls in (module.Robust, swiftbn.Model):
        model = module.make_model(cls)
        model.set_weights(start)
        model.compile(swiftbn.optimizers.SGD(0.1), swiftbn.losses.SparseCategoricalCrossentropy(from_logits=True))
        images = x
        if cls is swiftbn.Model:
            images = np.asarray(
                swiftbn.jit(lambda x, y: module.pgd(model, x, y, 0.2, 5))(x, y)  # noqa: B023
            )
        model.train_on_batch(images, y)
        ends.append(model.get_weights())
    assert any((a != b).any() for a, b in zip(start, ends[0], strict=True))
    for a, b in zip(*ends, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)
