"""The documents' listings run, corrected where the documents err, and do what they say."""

import numpy as np
from example_scripts import example, is_picture, quick


def test_document_000_own_layer_trains_like_the_built_in(tmp_path):
    own, built_in = example("document_000").main(quick(tmp_path)).values()
    for name in ("loss", "accuracy"):
        np.testing.assert_allclose(own[name], built_in[name], rtol=0.1, atol=0.005)
    assert own["accuracy"][-1] > 0.98 and own["val_accuracy"][-1] > 0.9
    assert len(own["val_loss"]) == 5
    assert is_picture(tmp_path / "document_000.png")


def test_document_001_names_both_shapes_and_trains_repaired(tmp_path):
    result = example("document_001").main(quick(tmp_path))
    assert "(None, 26, 26, 32)" in result["error"] and "(None, 11, 11, 64)" in result["error"]
    assert result["accuracy"][-1] > 0.98 and result["val_accuracy"][-1] > 0.9
    assert is_picture(tmp_path / "document_001.png")


def test_document_002_normalizes_each_channel(tmp_path):
    result = example("document_002").main(quick(tmp_path))
    assert result["output_shape"] == (2, 64)
    np.testing.assert_allclose(result["mean"], 0, atol=1e-4)
    variance = result["given_std"] ** 2
    np.testing.assert_allclose(result["std"], np.sqrt(variance / (variance + 1e-3)), atol=1e-4)
    assert len(result["differences"]) == 5 and max(result["differences"].values()) < 1e-6
    assert is_picture(tmp_path / "document_002.png")


def test_document_003_is_the_formula_by_pytorchs_conventions(tmp_path):
    result = example("document_003").main(quick(tmp_path))
    assert result["outputs"].shape == (32, 10) and result["difference"] < 1e-6
    np.testing.assert_allclose(result["moving_mean"], 1, rtol=1e-5)
    np.testing.assert_allclose(result["moving_variance"], 1, rtol=1e-4)
    assert is_picture(tmp_path / "document_003.png")


def test_document_004_moving_statistics_do_not_train(tmp_path):
    result = example("document_004").main(quick(tmp_path))
    assert result.pop("difference") < 1e-6
    batch = [result[name] for name in result if name.startswith("batch")]
    moving = [result[name] for name in result if name.startswith("moving")]
    assert len(batch) == 4 and len(moving) == 2
    # The moving average has no part in training by the batch's statistics.
    assert all(kind["losses"] == batch[0]["losses"] for kind in batch)
    assert batch[0]["losses"][-1] < 0.7
    # Training by the moving ones loses its loss: it is NaN or large.
    assert all(not kind["losses"][-1] < 2 for kind in moving)
    # An average over 100 batches has not arrived after 40.
    slow, *settled = (kind["test_loss"] for kind in batch)
    assert max(settled) < slow
    assert is_picture(tmp_path / "document_004.png")
