"""How much of `fit` is spent inside the compiled step, which gathers shuffled rows from the user's arrays itself."""

import time

from _cnn import batch, keras_model
from _interleave import from_rounds
from _rows import Row

TITLE = "fit on shuffled uint8 images: time inside the compiled step, of all"
# What fit is measured against.
PEERS = ("the step alone",)

SAMPLES, BATCH, ROUNDS = 8_192, 64, 7


def rows(setting):
    for scales in (False, True):
        name = "fit of the documents' CNN" + (" behind Rescaling, on uint8 images" if scales else ", float32 images")
        yield Row(name, wanted=0.97, measure=lambda scales=scales: _fit(scales, setting))


def _fit(scales: bool, setting):
    import numpy as np

    import swiftbn
    from swiftbn.models.step import Step

    x, y = batch(128 if setting.quick else SAMPLES)
    model = keras_model(swiftbn)
    if scales:
        x = (x * 255).astype(np.uint8)
        model = swiftbn.Sequential([swiftbn.Input((28, 28, 1)), swiftbn.layers.Rescaling(1 / 255), *model.layers])
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    run, inside = Step.run, 0.0

    def timed(step, *arguments):
        nonlocal inside
        start = time.perf_counter()
        result = run(step, *arguments)
        inside += time.perf_counter() - start
        return result

    wholes, steps = [], []
    Step.run = timed
    try:
        # The first epoch compiles.
        for index in range(-1, 1 if setting.quick else ROUNDS):
            inside = 0.0
            start = time.perf_counter()
            model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)
            if index >= 0:
                wholes.append(time.perf_counter() - start)
                steps.append(inside)
    finally:
        Step.run = run
    return from_rounds(wholes, steps if setting.against else [])
