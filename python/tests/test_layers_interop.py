"""Layers against real Keras: configurations, shapes, weights, outputs, gradients, and files both ways."""

import os

import numpy as np
import pytest
from keras_pairs import listed, model_of, without_unset

import swiftbn
from swiftbn import ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(17)
ROWS, STEPS, IMAGE, VOLUME = (4, 6), (3, 5, 4), (2, 6, 5, 4), (2, 4, 5, 4, 3)

# Name, arguments, shape (or list of shapes) of the inputs.
CASES = [
    ("ZeroPadding1D", {"padding": (1, 2)}, STEPS),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, IMAGE),
    ("ZeroPadding2D", {"padding": 2, "data_format": "channels_first"}, IMAGE),
    ("ZeroPadding3D", {}, VOLUME),
    ("Cropping1D", {}, STEPS),
    ("Cropping2D", {"cropping": (1, 2)}, IMAGE),
    ("Cropping2D", {"cropping": ((1, 0), (2, 0)), "data_format": "channels_first"}, IMAGE),
    ("Cropping3D", {"cropping": ((0, 1), (2, 1), (0, 0))}, VOLUME),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {"size": (1, 3)}, IMAGE),
    ("UpSampling2D", {"interpolation": "bilinear"}, IMAGE),
    # TensorFlow's "bicubic" takes its weights from a coarse table.
    ("UpSampling2D", {"size": 3, "interpolation": "lanczos3", "data_format": "channels_first"}, IMAGE),
    ("UpSampling3D", {}, VOLUME),
    ("Permute", {"dims": (3, 1, 2)}, IMAGE),
    ("RepeatVector", {"n": 3}, ROWS),
    ("Reshape", {"target_shape": (2, -1)}, STEPS),
    ("Flatten", {"data_format": "channels_first"}, IMAGE),
    ("Identity", {}, STEPS),
    ("Activation", {"activation": "soft_shrink"}, STEPS),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.2, "threshold": 0.3}, STEPS),
    ("LeakyReLU", {"negative_slope": 0.1}, STEPS),
    ("ELU", {"alpha": 0.5}, STEPS),
    ("PReLU", {}, STEPS),
    ("PReLU", {"shared_axes": [1, 2], "alpha_initializer": "ones"}, IMAGE),
    ("Softmax", {"axis": 1}, STEPS),
    ("Softmax", {"axis": (1, 2)}, STEPS),
    ("Dropout", {"rate": 0.3, "noise_shape": (None, 1, 4), "seed": 3}, STEPS),
    ("SpatialDropout1D", {"rate": 0.3}, STEPS),
    ("SpatialDropout2D", {"rate": 0.3, "data_format": "channels_first", "seed": 3}, IMAGE),
    ("SpatialDropout3D", {"rate": 0.3}, VOLUME),
    ("GaussianNoise", {"stddev": 0.5, "seed": 3}, STEPS),
    ("GaussianDropout", {"rate": 0.5}, STEPS),
    ("AlphaDropout", {"rate": 0.5, "seed": 3}, STEPS),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, STEPS),
    ("Rescaling", {"scale": 0.5, "offset": [1.0, 2.0, 3.0, 4.0]}, STEPS),
    ("Normalization", {"axis": 1}, STEPS),
    ("Normalization", {"axis": (1, 2), "invert": True}, STEPS),
    ("Normalization", {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 4.0, 0.5, 2.0]}, STEPS),
    ("CenterCrop", {"height": 3, "width": 2}, IMAGE),
    ("CenterCrop", {"height": 8, "width": 9}, IMAGE),
    ("Resizing", {"height": 4, "width": 9}, IMAGE),
    ("Resizing", {"height": 4, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 2.0}, IMAGE),
    ("Resizing", {"height": 3, "width": 3, "crop_to_aspect_ratio": True, "interpolation": "nearest"}, IMAGE),
    ("AdaptiveAveragePooling1D", {"output_size": 3}, STEPS),
    ("AdaptiveAveragePooling2D", {"output_size": (3, 4)}, IMAGE),
    ("AdaptiveMaxPooling2D", {"output_size": 3, "data_format": "channels_first"}, IMAGE),
    ("AdaptiveAveragePooling3D", {"output_size": (3, 2, 4)}, VOLUME),
    ("AdaptiveMaxPooling3D", {"output_size": 2}, VOLUME),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (5, 4, 2), "bias_axes": "e"}, STEPS),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 3, "activation": "tanh", "bias_axes": "y"}, STEPS),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 3, "bias_axes": "c"}, IMAGE),
    ("Attention", {}, [STEPS, (3, 2, 4)]),
    ("Attention", {"use_scale": True, "score_mode": "concat", "dropout": 0.1, "seed": 3}, [STEPS, STEPS, STEPS]),
    ("AdditiveAttention", {}, [STEPS, (3, 2, 4)]),
    ("Add", {}, [STEPS, STEPS, STEPS]),
    ("Add", {}, [STEPS, (3, 4)]),
    ("Subtract", {}, [STEPS, (3, 1, 4)]),
    ("Multiply", {}, [STEPS, STEPS]),
    ("Average", {}, [STEPS, STEPS, STEPS]),
    ("Maximum", {}, [STEPS, STEPS]),
    ("Minimum", {}, [STEPS, STEPS]),
    ("Concatenate", {"axis": 1}, [STEPS, (3, 2, 4)]),
    ("Dot", {"axes": 1}, [ROWS, ROWS]),
    ("Dot", {"axes": (1, 2), "normalize": True}, [STEPS, (3, 4, 5)]),
]


def label(case):
    return f"{case[0]} {case[1]} {case[2]}"


def inputs_of(shape):
    shapes = shape if isinstance(shape, list) else [shape]
    arrays = [RANDOM.normal(size=s).astype("float32") for s in shapes]
    return arrays if isinstance(shape, list) else arrays[0]


def pair(name, options, x):
    """Our layer and that of Keras, built, with the same weights."""
    ours, theirs = (getattr(k.layers, name)(**options, name="layer") for k in (swiftbn, keras))
    assert listed(ours.get_config()) == without_unset(listed(theirs.get_config()))
    ours(x), theirs(x)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.trainable for w in ours.weights] == [w.trainable for w in theirs.weights]
    # Positive, as some are variances.
    weights = [RANDOM.uniform(0.5, 2, w.shape).astype(w.dtype) for w in theirs.weights]
    for layer in (ours, theirs):
        layer.set_weights(weights)
    if name == "Normalization":
        # Keras keeps a copy of its weights.
        theirs.finalize_state()
    return ours, theirs


def shapes_of(x):
    return [v.shape for v in x] if isinstance(x, list) else x.shape


@pytest.mark.parametrize("name, options, shape", CASES, ids=map(label, CASES))
def test_layers(name, options, shape):
    x = inputs_of(shape)
    ours, theirs = pair(name, options, x)
    expected = np.asarray(keras.ops.convert_to_numpy(theirs(x)))
    y = ours(x)
    assert y.dtype == expected.dtype and y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    known = ours.compute_output_shape(shapes_of(x))
    assert tuple(known) == tuple(theirs.compute_output_shape(shapes_of(x))) == expected.shape
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    dy = RANDOM.normal(size=expected.shape).astype("float32")
    arrays = x if isinstance(x, list) else [x]
    tensors = [tf.constant(v) for v in arrays]
    with tf.GradientTape() as tape:
        for tensor in tensors:
            tape.watch(tensor)
        loss = tf.reduce_sum(theirs(tensors if isinstance(x, list) else tensors[0]) * dy)
    wanted = tape.gradient(loss, [*tensors, *[w.value for w in theirs.trainable_weights]])

    def scalar(values, _):
        return ops.sum(ours(values if isinstance(x, list) else values[0]) * dy)

    dx, dw = swiftbn.grad(scalar, argnums=(0, 1))(arrays, ours.trainable_variables)
    for a, b in zip((*dx, *dw), wanted, strict=True):
        np.testing.assert_allclose(a, tf.convert_to_tensor(b), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name, options, shape", CASES, ids=map(label, CASES))
def test_files_go_both_ways(name, options, shape, tmp_path):
    x = inputs_of(shape)
    frameworks = [swiftbn, keras]
    for source, target in (frameworks, frameworks[::-1]):
        model = model_of(source, name, options, shape)
        path = str(tmp_path / f"{source.__name__}.keras")
        model.save(path)
        loaded = target.saving.load_model(path)
        for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
        again = saving.load_model(path) if source is swiftbn else None
        assert again is None or again.get_config() == model.get_config()


def test_categories():
    tokens = RANDOM.integers(0, 5, size=(4, 3)).astype("int32")
    numbers = RANDOM.normal(size=(4, 3)).astype("float32")
    for mode in ("one_hot", "multi_hot", "count"):
        pairs = [
            ("CategoryEncoding", {"num_tokens": 5, "output_mode": mode}, tokens),
            ("Discretization", {"bin_boundaries": [-1.0, 0.0, 0.5], "output_mode": mode}, numbers),
        ]
        for name, options, x in pairs:
            ours, theirs = (getattr(k.layers, name)(**options, name="layer") for k in (swiftbn, keras))
            assert listed(ours.get_config()) == listed(theirs.get_config())
            found, expected = ours(x), np.asarray(theirs(x))
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_adapted_layers():
    data = RANDOM.normal(100, 5, size=(500, 3)).astype("float32")
    pair = [k.layers.Normalization(name="n") for k in (swiftbn, keras)]
    bins = [k.layers.Discretization(num_bins=7, name="d") for k in (swiftbn, keras)]
    for layer in (*pair, *bins):
        layer.adapt(data)
    np.testing.assert_allclose(pair[0](data), np.asarray(pair[1](data)), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(bins[0].bin_boundaries, bins[1].bin_boundaries, rtol=1e-6)
    np.testing.assert_array_equal(bins[0](data), np.asarray(bins[1](data)))
    assert listed(bins[0].get_config()) == listed(bins[1].get_config())


def test_spectral_normalization(tmp_path):
    def model_of(k):
        inputs = k.Input((4,))
        x = k.layers.SpectralNormalization(k.layers.Dense(3, name="inner"), power_iterations=2, name="outer")(inputs)
        return k.Model(inputs, x, name="model")

    ours, theirs = model_of(swiftbn), model_of(keras)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    weights = [RANDOM.normal(size=w.shape).astype("float32") for w in theirs.weights]
    x = RANDOM.normal(size=(5, 4)).astype("float32")
    for model in (ours, theirs):
        model.set_weights(weights)
    np.testing.assert_allclose(ours(x, training=True), np.asarray(theirs(x, training=True)), rtol=1e-4, atol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    for source, target in ((ours, keras), (theirs, swiftbn)):
        source.save(tmp_path / "m.keras")
        loaded = target.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(loaded.predict(x, verbose=0), source.predict(x, verbose=0), rtol=1e-4, atol=1e-5)


def test_image_ops_in_models(tmp_path):
    x = RANDOM.uniform(size=(2, 6, 5, 3)).astype("float32")
    moves = np.array([[0.9, 0.1, 0.4, -0.1, 1.1, -0.6, 0, 0]] * 2, "float32")
    frameworks = [swiftbn, keras]
    for source, target in (frameworks, frameworks[::-1]):
        inputs = [source.Input((6, 5, 3)), source.Input((8,))]
        outputs = source.ops.image.affine_transform(inputs[0], inputs[1], fill_mode="reflect")
        model = source.Model(inputs, source.ops.image.resize(outputs, (4, 7), interpolation="lanczos3"))
        model.save(tmp_path / "m.keras")
        loaded = target.saving.load_model(tmp_path / "m.keras")
        results = [m.predict([x, moves], verbose=0) for m in (model, loaded)]
        np.testing.assert_allclose(*results, rtol=1e-3, atol=1e-4)
