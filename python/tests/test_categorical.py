"""random.categorical draws classes with the probabilities of its logits."""

import numpy as np
import pytest
from checks import traced

from swiftbn import random

LOGITS = np.log(np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 1e-30]]))


def test_frequencies():
    drawn = random.categorical(LOGITS, 20_000, seed=3)
    assert drawn.shape == (2, 20_000) and drawn.dtype == "int32"
    for row, probabilities in zip(drawn, [[0.1, 0.2, 0.7], [0.5, 0.5, 0]], strict=True):
        frequencies = np.bincount(row, minlength=3) / len(row)
        # Five standard deviations.
        np.testing.assert_allclose(frequencies, probabilities, atol=5 * 0.5 / np.sqrt(len(row)))


def test_the_same_state_draws_the_same_and_impossible_classes_never_come():
    logits = np.array([[-np.inf, 1.0, -np.inf]], "float32")
    assert (random.categorical(logits, 1_000, seed=1) == 1).all()
    first = random.categorical(LOGITS, 50, dtype="int64", seed=random.SeedGenerator(5))
    again = traced(lambda x: random.categorical(x, 50, dtype="int64", seed=random.SeedGenerator(5)), LOGITS)
    np.testing.assert_array_equal(first, again)
    assert first.dtype == "int64" and random.categorical(LOGITS, 0).shape == (2, 0)


@pytest.mark.parametrize("arguments, text", [
    ((LOGITS[0], 3), r"logits of shape \(n, classes\).*shape \(3,\)"),
    ((LOGITS, -1), "num_samples=-1"),
    ((LOGITS, 2.5), "num_samples=2.5"),
    ((LOGITS, 3, "float32"), "dtype='float32'"),
])  # fmt: skip
def test_errors(arguments, text):
    with pytest.raises(ValueError, match=text):
        random.categorical(*arguments)
