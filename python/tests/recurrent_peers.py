"""What comparisons of recurrent layers with real Keras have in common."""

import os

import numpy as np
import pytest

from swiftbn import tree

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")
RANDOM = np.random.default_rng(23)


def tensors(structure):
    return tree.map_structure(lambda x: keras.ops.convert_to_numpy(x), list(tree.flatten(structure)))


def same(ours, theirs, tolerance=2e-5):
    ours, theirs = tree.flatten(ours), tensors(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def randomize(ours, theirs):
    """The same weights, none of them zero, for both."""
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    weights = [RANDOM.normal(0, 0.6, tuple(w.shape)).astype("float32") for w in theirs.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
