"""The examples' studies, on the digits that the package carries: each shows the effect that it is about."""

import numpy as np
from example_scripts import example, is_picture, quick


def test_noise_falls_with_the_root_of_the_batch_size(tmp_path):
    results = example("batch_size_study").main(quick(tmp_path))
    sizes = np.array(list(results))
    noise = np.array([result["noise"] for result in results.values()])
    np.testing.assert_allclose(noise * np.sqrt(sizes), noise[0] * np.sqrt(sizes[0]), rtol=0.25)
    # At equal epochs, larger batches make fewer steps.
    accuracy = [results[size]["Training accuracy"] for size in (16, 128, 512)]
    assert accuracy == sorted(accuracy, reverse=True)
    # Few steps are too few for moving statistics.
    assert all(results[size]["Recalibrated"] > results[size]["Test accuracy"] + 0.1 for size in (16, 128, 512))
    assert is_picture(tmp_path / "batch_size_study.png")


def test_bn_needs_fewer_steps_takes_larger_rates_and_more_layers(tmp_path):
    result = example("with_and_without_bn").main(quick(tmp_path))
    by_seed = result["steps_by_seed"]
    for seed in (0, 1, 2):
        assert 2 * by_seed["with BN"][seed] < (by_seed["without BN"][seed] or np.inf)
    by_rate = result["steps_by_rate"]
    assert all(by_rate["with BN"].values()) and by_rate["without BN"][3.0] is None
    by_depth = result["accuracy_by_depth"]
    assert by_depth["with BN"][16] > 0.8 and by_depth["without BN"][16] < 0.5
    assert is_picture(tmp_path / "with_and_without_bn.png")


def test_recalibration_recovers_accuracy(tmp_path):
    results = example("distribution_shift").main(quick(tmp_path))
    for name in ("faint", "on grey", "noisy"):
        assert results[name]["before"] < 0.5 and results[name]["after"] > results[name]["before"] + 0.3
        assert results[name]["mean shift"] > 1 > results["none"]["mean shift"]
    assert results["faint"]["after"] > results["none"]["before"] - 0.1
    # Statistics cannot turn images back.
    assert results["turned by 30°"]["after"] < 0.7
    for name in ("distribution_shift", "distribution_shift_report"):
        assert is_picture(tmp_path / f"{name}.png")


def test_every_normalization_beats_none(tmp_path):
    results = example("normalizations").main(quick(tmp_path))
    for kind, by_size in results.items():
        if kind != "none":
            # Without any, two samples at a time end between 0.71 and 0.82, as rounding differs between levels.
            assert all(by_size[size] > results["none"][size] + 0.01 for size in by_size), kind
    assert results["batch"][32] > results["batch"][2]
    assert is_picture(tmp_path / "normalizations.png")
