"""examples/mobile_nets.py and examples/multi_task.py in their reduced settings."""

import numpy as np
import pytest
from example_scripts import example, is_picture, quick

import swiftbn
from swiftbn import layers


def test_mobile_nets(tmp_path):
    results = example("mobile_nets").main(quick(tmp_path))
    for kind in ("mobile", "efficient", "plain"):
        assert results[kind]["accuracy"] > 0.8
        # Folded, it has fewer weights and gives the same.
        assert results[kind]["folded"] < results[kind]["weights"]
        assert results[kind]["difference"] < 1e-4
    assert results["mobile"]["weights"] < results["plain"]["weights"] / 5
    assert is_picture(results["picture"])


def test_squeeze_excite_scales_channels():
    module = example("mobile_nets")
    images = swiftbn.Input((5, 4, 6))
    model = swiftbn.Model(images, module.squeeze_excite(images, reduced=3))
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 6)).astype("float32")
    y = model.predict(x, verbose=0)
    w1, b1, w2, b2 = (w.astype("float64").reshape(w.shape[-2:]) if w.ndim > 1 else w for w in model.get_weights())
    s = x.mean(axis=(1, 2)) @ w1 + b1
    s = 1 / (1 + np.exp(-((s / (1 + np.exp(-s))) @ w2 + b2)))
    np.testing.assert_allclose(y, x * s[:, None, None], rtol=1e-4, atol=1e-6)


def test_residuals_are_where_shapes_agree():
    module = example("mobile_nets")
    adds = [layer for layer in module.make_model("efficient").layers if isinstance(layer, layers.Add)]
    assert [layer.output.shape for layer in adds] == [(None, 7, 7, 64)]


def test_multi_task(tmp_path):
    results = example("multi_task").main(quick(tmp_path))
    assert results["exact"] > 0.5 and results["history"]["val_present_f1_score"][-1] > 0.75
    assert results["error"] < 0.6 * results["baseline"]
    assert is_picture(results["picture"])
    # The loss is the weighted sum of both; the metrics are those of their outputs.
    x, y = results["test"]
    logs = results["model"].evaluate(x, y, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(logs["present_loss"] + 0.02 * logs["sum_loss"], rel=1e-4)
    guesses = results["model"].predict(x, verbose=0)
    p = np.clip(guesses["present"].astype("float64"), 1e-7, 1 - 1e-7)
    crossentropy = -np.mean(y["present"] * np.log(p) + (1 - y["present"]) * np.log(1 - p))
    assert logs["present_loss"] == pytest.approx(crossentropy, rel=1e-3)
    assert logs["sum_mae"] == pytest.approx(results["error"], rel=1e-4)


def test_pictures_and_their_labels():
    module = example("multi_task")
    images = np.zeros((10, 28, 28, 1), "float32")
    images[np.arange(10), 0, 0] = np.arange(1, 11)[:, None]
    pictures, truth = module.compose(images, np.arange(10), 50, seed=0)
    for picture, present, total in zip(pictures, truth["present"], truth["sum"], strict=True):
        shown = [int(value) - 1 for value in picture[0, :, 0] if value]
        assert set(shown) == set(np.flatnonzero(present)) and sum(shown) == total and 1 <= len(shown) <= 2
