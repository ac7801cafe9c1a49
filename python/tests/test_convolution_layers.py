"""Convolution layers over one to three axes against NumPy, their gradients against central differences."""

import numpy as np
import pytest
from convolution_cases import EXTENTS, FORMATS, RANDOM, check, data, to_format
from convolution_references import (
    reference_convolution,
    reference_depthwise,
    reference_transpose,
)

import swiftbn
from swiftbn import Input, Sequential, layers, ops


def built(layer, x, data_format="channels_last"):
    layer.build(to_format(x, data_format).shape)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    return [w.numpy() for w in layer.weights]


CONVOLUTIONS = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}
TRANSPOSED = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}
DEPTHWISE = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}
SEPARABLE = {1: layers.SeparableConv1D, 2: layers.SeparableConv2D}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "size, strides, dilation, padding, groups",
    [(3, 1, 1, "valid", 1), (3, 2, 1, "same", 1), (2, 1, 2, "same", 2), (2, 1, 1, "same", 4), (1, 1, 1, "valid", 2)],
)
def test_convolution(rank, data_format, size, strides, dilation, padding, groups):
    x = data(rank)
    layer = CONVOLUTIONS[rank](
        4, size, strides, padding, data_format, dilation, groups, dtype="float64", activation="tanh"
    )
    kernel, bias = built(layer, x, data_format)
    assert kernel.shape == (*(size,) * rank, 4 // groups, 4) and bias.shape == (4,)
    expected = np.tanh(reference_convolution(x, kernel, strides, padding, dilation, groups) + bias)
    check(layer, x, expected, data_format)


@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize("size, strides, dilation", [(3, 1, 1), (2, 1, 3), (4, 2, 1), (12, 1, 1)])
def test_causal_convolution(size, strides, dilation, data_format):
    x = data(1)
    layer = layers.Conv1D(3, size, strides, "causal", data_format, dilation, dtype="float64")
    kernel, bias = built(layer, x, data_format)
    expected = reference_convolution(x, kernel, strides, "causal", dilation) + bias
    check(layer, x, expected, data_format)
    # What comes later is not seen.
    later = to_format(x.copy(), data_format)
    np.moveaxis(later, 1 if data_format == "channels_last" else 2, 0)[5:] = np.nan
    y = layer(later)
    steps = y if data_format == "channels_last" else np.moveaxis(y, 1, -1)
    assert np.isfinite(steps[:, : -(-5 // strides)]).all() and np.isnan(steps[:, -1]).all()


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "size, strides, dilation, padding, extra",
    [
        (3, 1, 1, "valid", None), (3, 2, 1, "same", None), (2, 3, 1, "valid", None), (4, 2, 1, "same", 1),
        (3, 2, 1, "same", 0), (3, 2, 1, "valid", 1), (2, 1, 2, "same", None), (5, 3, 1, "same", 2),
    ],
)  # fmt: skip
def test_transposed_convolution(rank, data_format, size, strides, dilation, padding, extra):
    if rank == 3 and size > 3:
        pytest.skip("slow in NumPy")
    x = data(rank, 2)[:, :4]
    layer = TRANSPOSED[rank](
        3, size, strides, padding, output_padding=extra, data_format=data_format, dilation_rate=dilation,
        dtype="float64",
    )  # fmt: skip
    kernel, bias = built(layer, x, data_format)
    assert kernel.shape == (*(size,) * rank, 3, 2) and bias.shape == (3,)
    expected = reference_transpose(x, kernel, strides, padding, extra, dilation) + bias
    check(layer, x, expected, data_format)


def test_transposed_convolution_is_the_transpose():
    """<conv(y), x> = <y, conv_transpose(x)>."""
    x, y = RANDOM.normal(size=(2, 4, 5, 3)), RANDOM.normal(size=(2, 8, 10, 2))
    kernel = RANDOM.normal(size=(3, 3, 2, 3))
    forward = ops.conv(y, kernel, strides=2, padding="same")
    backward = ops.conv_transpose(x, kernel, strides=2, padding="same")
    assert forward.shape == x.shape and backward.shape == y.shape
    np.testing.assert_allclose(np.vdot(forward, x), np.vdot(y, backward), rtol=1e-12)


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("data_format", FORMATS)
@pytest.mark.parametrize(
    "size, strides, dilation, padding, multiplier",
    [(3, 1, 1, "same", 1), (3, 2, 1, "same", 2), (2, 1, 2, "valid", 3), (3, 2, 2, "same", 1), (1, 1, 1, "valid", 1)],
)
def test_depthwise_and_separable_convolution(rank, data_format, size, strides, dilation, padding, multiplier):
    x = data(rank)
    layer = DEPTHWISE[rank](size, strides, padding, multiplier, data_format, dilation, dtype="float64")
    kernel, bias = built(layer, x, data_format)
    assert kernel.shape == (*(size,) * rank, 4, multiplier) and bias.shape == (4 * multiplier,)
    mixed = reference_depthwise(x, kernel, strides, padding, dilation)
    check(layer, x, mixed + bias, data_format)

    layer = SEPARABLE[rank](3, size, strides, padding, data_format, dilation, multiplier, dtype="float64")
    depthwise, pointwise, bias = built(layer, x, data_format)
    assert [w.name for w in layer.weights] == ["depthwise_kernel", "pointwise_kernel", "bias"]
    mixed = reference_depthwise(x, depthwise, strides, padding, dilation)
    check(layer, x, mixed @ pointwise.reshape(4 * multiplier, 3) + bias, data_format)


@pytest.mark.parametrize("channels, multiplier", [(1, 1), (3, 1), (16, 1), (17, 1), (5, 4), (32, 2)])
def test_depthwise_convolution_in_float32(channels, multiplier):
    x = RANDOM.normal(size=(3, 8, 9, channels)).astype("float32")
    kernel = RANDOM.normal(size=(3, 3, channels, multiplier)).astype("float32")
    y = ops.depthwise_conv(x, kernel, padding="same")
    assert y.dtype == "float32"
    np.testing.assert_allclose(y, reference_depthwise(x, kernel, padding="same"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "make, shape, reference",
    [
        (lambda: layers.Conv2D(6, 3, groups=3, activation="relu"), (7, 6, 6), "groups"),
        (lambda: layers.Conv2D(48, 3, groups=3, activation="relu"), (7, 6, 48), "groups"),
        (lambda: layers.Conv2D(80, 1, groups=2, activation="relu"), (7, 6, 66), "groups"),
        (lambda: layers.Conv3D(80, 1, groups=2, activation="relu"), (2, 3, 5, 64), "groups"),
        (lambda: layers.Conv3D(4, 2, groups=2, activation="relu"), (4, 3, 4, 2), "groups"),
        (lambda: layers.Conv3D(4, (2, 1, 2), activation="relu"), (4, 3, 4, 2), "groups"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"), (7, 6, 5), "depthwise"),
        (lambda: layers.DepthwiseConv2D(3, activation="relu"), (9, 6, 19), "depthwise"),
        (lambda: layers.DepthwiseConv2D((3, 2), activation="relu"), (9, 6, 32), "depthwise"),
    ],
)
def test_bias_and_relu_in_one_step(make, shape, reference):
    model = Sequential([Input(shape), make()])
    layer = model.layers[0]
    kernel, bias = (RANDOM.normal(size=w.shape).astype("float32") for w in layer.weights)
    layer.set_weights([kernel, bias])
    x = RANDOM.normal(size=(3, *shape)).astype("float32")
    if reference == "groups":
        expected = reference_convolution(x, kernel, groups=layer.groups) + bias
    else:
        expected = reference_depthwise(x, kernel) + bias
    np.testing.assert_allclose(model.predict(x, verbose=0), np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size, channels", [(3, 16), (1, 80)])
def test_gradients_by_groups_are_those_of_each_group(size, channels):
    x = RANDOM.normal(size=(2, 5, 6, 3 * channels)).astype("float32")
    kernel = RANDOM.normal(size=(size, size, channels, 3 * channels)).astype("float32")
    seed = RANDOM.normal(size=x.shape).astype("float32")

    def gradients(x, kernel, seed):
        return swiftbn.value_and_grad(lambda x, w: ops.sum(ops.conv(x, w, padding="same") * seed), (0, 1))(x, kernel)[1]

    found = gradients(x, kernel, seed)
    for group in range(3):
        columns = slice(group * channels, (group + 1) * channels)
        parts = (np.ascontiguousarray(array[..., columns]).astype("float64") for array in (x, kernel, seed))
        for gradient, alone in zip(found, gradients(*parts), strict=True):
            np.testing.assert_allclose(gradient[..., columns], alone, rtol=1e-4, atol=1e-4)


def test_depthwise_convolution_equals_a_convolution_of_single_channels():
    x, kernel = RANDOM.normal(size=(2, 7, 8, 5)), RANDOM.normal(size=(3, 2, 5, 2))
    y = ops.depthwise_conv(x, kernel, dilation_rate=2)
    for c in range(5):
        alone = ops.conv(x[..., c : c + 1].copy(), kernel[:, :, c : c + 1].copy(), dilation_rate=2)
        np.testing.assert_allclose(y[..., 2 * c : 2 * c + 2], alone, rtol=1e-12, atol=1e-12)


def test_unknown_extents():
    for x, layer in [
        (Input((None, 4)), layers.Conv1D(3, 2, padding="causal")), (Input((None, 4)), layers.MaxPooling1D()),
        (Input((None, None, 4)), layers.DepthwiseConv2D(3, padding="same")),
        (Input((None, None, 4)), layers.Conv2DTranspose(3, 2, strides=2)),
        (Input((None, None, None, 4)), layers.Conv3D(4, 2, groups=2)),
        (Input((None, None, None, 4)), layers.AveragePooling3D(2, padding="same")),
    ]:  # fmt: skip
        assert layer(x).shape[1:-1] == x.shape[1:-1]
        model = swiftbn.Model(x, layer(x))
        array = RANDOM.normal(size=(2, *(6,) * (len(x.shape) - 2), 4)).astype("float32")
        np.testing.assert_allclose(model(array), layer(array), rtol=1e-6)


def test_empty_batches():
    for layer, shape in [
        (layers.Conv1D(3, 2), (0, 5, 2)), (layers.Conv3D(3, 2), (0, 5, 4, 3, 2)),
        (layers.Conv2D(4, 2, groups=2), (0, 5, 5, 2)),
        (layers.DepthwiseConv2D(3), (0, 5, 5, 2)), (layers.Conv2DTranspose(3, 2), (0, 5, 5, 2)),
        (layers.MaxPooling3D(), (0, 4, 4, 4, 2)), (layers.AveragePooling1D(2), (0, 4, 2)),
    ]:  # fmt: skip
        y = layer(np.zeros(shape, "float32"))
        assert y.shape == (0, *layer.compute_output_shape(shape)[1:])


def test_aliases():
    for alias, name in [
        ("Convolution1D", "Conv1D"), ("Convolution3DTranspose", "Conv3DTranspose"),
        ("SeparableConvolution2D", "SeparableConv2D"),
        ("MaxPool1D", "MaxPooling1D"), ("AvgPool3D", "AveragePooling3D"), ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
        ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ]:  # fmt: skip
        assert getattr(layers, alias) is getattr(layers, name)


X = {rank: np.zeros((2, *EXTENTS[rank], 4), "float32") for rank in EXTENTS}
BAD = {
    "groups and filters": (lambda: layers.Conv1D(4, 3, groups=3), "filters=4, groups=3"),
    "groups": (lambda: layers.Conv3D(4, 3, groups=0), "groups=0"),
    "groups and channels": (lambda: layers.Conv2D(6, 3, groups=3)(X[2]), "multiple of groups=3. Received: 4 channels"),
    "causal": (lambda: layers.Conv3D(4, 3, padding="causal"), "padding='causal'"),
    "padding": (lambda: layers.Conv1D(4, 3, padding="full"), "'valid', 'same' or 'causal'. Received: padding='full'"),
    "sizes": (lambda: layers.Conv3D(4, (3, 3)), "one or three integers >= 1. Received: kernel_size=(3, 3)"),
    "strides": (lambda: layers.SeparableConv1D(4, 3, strides=0), "strides=0"),
    "stretched": (lambda: layers.Conv2DTranspose(4, 3, strides=2, dilation_rate=2), "strides=(2, 2), dilation"),
    "output padding": (lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2), "output_padding=2"),
    "its kind": (lambda: layers.Conv1DTranspose(4, 3, strides=2, output_padding="same"), "output_padding='same'"),
    "multiplier": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "depth_multiplier=0"),
    "rank": (lambda: layers.Conv1D(4, 3)(X[2]), "expected rank 3. Received: shape (2, 6, 7, 4)"),
    "too small": (lambda: layers.Conv3D(4, 7)(X[3]), "smaller than the window"),
    "pool": (lambda: layers.MaxPooling1D((2, 2)), "pool_size=(2, 2)"),
    "lora": (lambda: layers.Conv1D(4, 3, lora_rank=2), "lora_rank=2"),
    "no output": (
        lambda: ops.conv_transpose(np.ones((1, 1, 1)), np.ones((2, 1, 1)), padding="same", output_padding=0),
        "an output of extent 0",
    ),
    "rank of an op": (lambda: ops.conv(np.ones((2, 2)), np.ones((2, 2))), "shape (2, 2)"),
    "kernel of an op": (lambda: ops.conv(X[1], np.ones((2, 2, 4, 2), "float32")), "kernel of shape (2, 2, 4, 2)"),
    "channels of an op": (lambda: ops.conv(X[2], np.ones((2, 2, 3, 2), "float32")), "expected C_in = 3"),
    "channels by itself": (lambda: ops.depthwise_conv(X[2], np.ones((2, 2, 2, 2), "float32")), "Received: 4 channels"),
    "channels transposed": (lambda: ops.conv_transpose(X[2], np.ones((2, 2, 3, 2), "float32")), "expected C_in = 2"),
    "uneven groups": (lambda: ops.conv(X[2], np.ones((2, 2, 2, 3), "float32")), "multiple of groups = 2"),
    "pixel": (
        lambda: ops.separable_conv(X[2], np.ones((2, 2, 4, 1), "float32"), np.ones((2, 1, 4, 2), "float32")),
        "of one pixel. Received: shape (2, 1, 4, 2)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_named(case):
    make, text = BAD[case]
    with pytest.raises(ValueError) as error:
        make()
    assert text in str(error.value)


def test_a_model_of_all_of_them_trains():
    model = Sequential(
        [
            Input((8, 8, 4)),
            layers.SeparableConv2D(8, 3, padding="same", activation="relu"),
            layers.DepthwiseConv2D(3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(8, 3, padding="same", groups=4),
            layers.BatchNormalization(),
            layers.Conv2DTranspose(4, 2, strides=2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    x = RANDOM.normal(size=(32, 8, 8, 4)).astype("float32")
    labels = (x.mean((1, 2))[:, :3]).argmax(1)
    model.compile(swiftbn.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    history = model.fit(x, labels, epochs=15, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]
