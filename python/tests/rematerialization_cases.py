"""Training with values computed again, and comparisons of it."""

import numpy as np
from training_models import RANDOM

import swiftbn
from swiftbn import optimizers

WIDE = RANDOM.normal(size=(256, 48)).astype("float32")


def trained(make, scope=None, x=WIDE, y=None, loss="mse", epochs=2):
    """A model made in the scope, trained from the same seed."""
    swiftbn.utils.set_random_seed(11)
    if scope is None:
        model = make()
    else:
        with scope:
            model = make()
    model.compile(optimizers.SGD(0.05, momentum=0.9), loss)
    y = x[:, :1] if y is None else y
    history = model.fit(x, y, batch_size=len(x), epochs=epochs, shuffle=False, verbose=0)
    return model, history.history


def assert_same(a, b):
    assert a[1] == b[1]
    for v, w in zip(a[0].variables, b[0].variables, strict=True):
        np.testing.assert_array_equal(v.numpy(), w.numpy(), err_msg=v.path)
