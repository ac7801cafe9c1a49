"""Configurations of functional models go to real Keras and come back."""

import json
import os

import numpy as np
import pytest
from test_models import branches, nested, small_sequential, with_functions_of_several, with_many_functions

from swiftbn import saving

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop


@pytest.mark.parametrize(
    "make",
    [small_sequential, branches, nested, with_many_functions, with_functions_of_several],
    ids=lambda function: function.__name__,
)
def test_to_keras_and_back(make):
    ours = make()
    config = json.loads(json.dumps(saving.serialize_keras_object(ours)))
    theirs = keras.saving.deserialize_keras_object(config)
    assert [w.shape for w in theirs.weights] == [w.shape for w in ours.weights]
    theirs.set_weights(ours.get_weights())
    back = saving.deserialize_keras_object(json.loads(json.dumps(keras.saving.serialize_keras_object(theirs))))
    back.set_weights(theirs.get_weights())
    x = [np.random.default_rng(1).normal(size=(3, *t.shape[1:])).astype("float32") for t in ours.inputs]
    x = x[0] if len(x) == 1 else x
    expected = keras.tree.flatten(theirs(x))
    for model in (ours, back):
        found = model.predict(x, verbose=0)
        for a, b in zip(found if isinstance(found, list) else [found], expected, strict=True):
            np.testing.assert_allclose(a, np.asarray(b), rtol=1e-4, atol=1e-5)
