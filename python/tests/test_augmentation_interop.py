"""Layers that change images against real Keras, with Keras' draws: outputs, configurations, files."""

import os

import numpy as np
import pytest
from keras_pairs import listed

import swiftbn

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(17)

# Name, arguments, what is drawn.
COUNT, HEIGHT, WIDTH = 6, 7, 5
MOVES = RANDOM.uniform(-2, 2, (COUNT, 2)).astype("float32")
ZOOMS = RANDOM.uniform(0.6, 1.6, (2, COUNT, 1)).astype("float32")
DRAWS = RANDOM.uniform(0.5, 1.5, (COUNT, 1, 1, 1)).astype("float32")
AUGMENTATIONS = [
    ("RandomFlip", {"mode": "horizontal", "seed": 3}, {"flips": DRAWS > 1}),
    ("RandomFlip", {}, {"flips": DRAWS > 1}),
    ("RandomContrast", {"factor": 0.5, "value_range": (0, 1)}, {"contrast_factor": DRAWS}),
    ("RandomBrightness", {"factor": (0.1, 0.5), "value_range": (0, 1)}, {"rgb_delta": DRAWS - 1}),
]
FLAT, CHOSEN, ALL = DRAWS.ravel() - 0.5, DRAWS.ravel() > 1, {"value_range": (0, 1), "seed": 3}
BITS = (FLAT * 8).astype("uint8")
POINTS = np.array([[[0, 0], [4, 0], [0, 6], [4, 6]]] * COUNT, "float32")
ENDS = POINTS * RANDOM.uniform(0.8, 1.2, POINTS.shape).astype("float32")
BOXES = RANDOM.uniform(size=(COUNT, HEIGHT, WIDTH, 3)) > 0.5
SIGMA = np.array([0.7, 1.0], "float32")
AUGMENTATIONS += [
    ("RandomGrayscale", {"factor": 0.3}, CHOSEN[:, None, None, None]),
    ("RandomHue", {"factor": 0.3, **ALL}, {"factor": FLAT - 0.5}),
    ("RandomSaturation", {"factor": (0.1, 0.3), **ALL}, {"factor": FLAT * 2}),
    ("RandomColorDegeneration", {"factor": 0.3, **ALL}, {"factor": DRAWS - 1}),
    ("RandomInvert", {"factor": 0.5, **ALL}, {"apply_inversion": CHOSEN}),
    ("RandomPosterization", {"factor": 4, **ALL}, {"shift_factor": BITS}),
    ("Solarization", {"addition_factor": 0.2, **ALL}, {"additions": DRAWS * 50, "thresholds": DRAWS * 90}),
    ("RandomSharpness", {"factor": 0.6, **ALL}, {"factor": FLAT}),
    ("AutoContrast", {"value_range": (0, 1)}, {}),
    ("Equalization", {"value_range": (0, 1)}, {}),
    ("Equalization", {"value_range": (0, 1), "bins": 16}, {}),
    ("RandomShear", {"x_factor": (0.1, 0.3), "fill_mode": "constant"}, {"shear_factor": MOVES / 8}),
    (
        "RandomPerspective",
        {"factor": 0.5, "scale": 0.3, "seed": 3},
        {"apply_perspective": CHOSEN, "start_points": POINTS, "end_points": ENDS},
    ),
    ("RandomGaussianBlur", {"factor": 0.5, **ALL}, {"should_apply_blur": CHOSEN, "blur_factor": SIGMA}),
    (
        "RandomErasing",
        {"factor": 0.5, **ALL},
        {"batch_masks": BOXES, "apply_erasing": CHOSEN, "fill_value": np.full(BOXES.shape, 0.25, "float32")},
    ),
    ("CutMix", {"factor": 0.5, "seed": 3}, {"batch_masks": BOXES, "permutation_order": np.arange(COUNT)[::-1].copy()}),
    ("MixUp", {"seed": 3}, {"mix_weight": FLAT, "permutation_order": np.arange(COUNT)[::-1].copy()}),
]
for mode in ("reflect", "wrap", "constant", "nearest"):
    options = {"fill_mode": mode, "fill_value": 0.5, "seed": 3}
    moved = {"height_factor": 0.3, "width_factor": (-0.2, 0.4), **options}
    AUGMENTATIONS.append(("RandomTranslation", moved, {"translations": MOVES}))
    AUGMENTATIONS.append(("RandomZoom", moved, {"height_zoom": ZOOMS[0], "width_zoom": ZOOMS[1]}))
    AUGMENTATIONS.append(("RandomRotation", {"factor": 0.2, **options}, None))


@pytest.mark.parametrize("name, options, drawn", AUGMENTATIONS, ids=[f"{n} {o}" for n, o, _ in AUGMENTATIONS])
def test_random_images(name, options, drawn, tmp_path):
    """What is done with given random numbers; these are different, as the generators are."""
    x = RANDOM.uniform(size=(COUNT, HEIGHT, WIDTH, 3)).astype("float32")
    ours, theirs = (getattr(k.layers, name)(**options, name="layer") for k in (swiftbn, keras))
    config = listed(ours.get_config())
    if name == "RandomGrayscale":
        # Keras forgets this one.
        assert config.pop("seed") is None
    assert config == listed(theirs.get_config())
    if drawn is None:
        theirs_drawn = theirs.get_random_transformation(x)
        ours_drawn = {"angle": np.asarray(theirs_drawn["angle"])}
    else:
        ours_drawn, theirs_drawn = drawn, {**drawn, "input_shape": x.shape} if isinstance(drawn, dict) else drawn
    found = ours.transform_images(x, ours_drawn, training=True)
    expected = np.asarray(theirs.transform_images(x, theirs_drawn, training=True))
    # TensorFlow's "wrap" takes the last pixel for the first one; JAX's is ours.
    if options.get("fill_mode") != "wrap" or keras.backend.backend() == "jax":
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # Keras' own models cannot have Equalization.
    if name != "Equalization":
        augmentation_files(name, options, x, tmp_path)


def augmentation_files(name, options, x, tmp_path):
    for k in (swiftbn, keras):
        model = k.Sequential([k.Input(x.shape[1:]), getattr(k.layers, name)(**options)])
        model.save(tmp_path / f"{k.__name__}.keras")
    for k, source in ((swiftbn, "keras"), (keras, "swiftbn"), (swiftbn, "swiftbn")):
        loaded = k.saving.load_model(tmp_path / f"{source}.keras")
        if name != "AutoContrast":
            np.testing.assert_array_equal(loaded.predict(x, verbose=0), x)


POLICIES = [
    ("RandomColorJitter", {"brightness_factor": 0.3, "hue_factor": (0.1, 0.2), **ALL}),
    ("RandomElasticTransform", {"factor": 0.5, "scale": (0.2, 0.4), **ALL}),
    ("RandAugment", {"num_ops": 3, "factor": 0.4, **ALL}),
    ("AugMix", {"num_chains": 2, "all_ops": False, **ALL}),
]


@pytest.mark.parametrize("name, options", POLICIES)
def test_policies(name, options, tmp_path):
    x = RANDOM.uniform(size=(COUNT, HEIGHT, WIDTH, 3)).astype("float32")
    ours, theirs = (getattr(k.layers, name)(**options, name="layer") for k in (swiftbn, keras))
    assert listed(ours.get_config()) == listed(theirs.get_config())
    augmentation_files(name, options, x, tmp_path)
