"""Batch normalization folded into convolutions of every kind."""

import numpy as np
import pytest
from batch_norm_models import folded_equal, normalizations, randomize

import swiftbn
from swiftbn import Input, Sequential, layers

BN = layers.BatchNormalization


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("shift", [True, False])
def test_padding_behind(padding, strides, shift):
    convolution = layers.Conv2D(3, 3, strides=strides, padding=padding)
    model = randomize(Sequential([Input((9, 8, 2)), BN(center=shift, name="bn"), convolution, layers.ReLU()]))
    if not shift:
        model.layers[0].moving_mean[...] = 0
    folded = swiftbn.fold_batch_norm(model)
    assert bool(normalizations(folded)) == (padding == "same" and shift)
    x = np.random.default_rng(2).normal(size=(3, 9, 8, 2)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), atol=1e-5)
    if padding == "same" and shift:
        assert "pads with zeros" in folded.folding_report[0].result


def test_padding_before_and_of_one_pixel():
    folded_equal(Sequential([Input((6, 6, 2)), layers.Conv2D(3, 3, padding="same"), BN()]), negative=True)
    folded_equal(Sequential([Input((6, 6, 2)), BN(), layers.Conv2D(3, 1, padding="same", strides=2)]), negative=True)


CONVOLUTIONS = {
    "1 axis": ((9, 4), lambda: layers.Conv1D(6, 3, strides=2)),
    "1 axis, groups": ((9, 4), lambda: layers.Conv1D(6, 2, groups=2, use_bias=False)),
    "groups": ((6, 5, 6), lambda: layers.Conv2D(6, 3, groups=3)),
    "one channel per group": ((6, 5, 3), lambda: layers.Conv2D(6, 3, groups=3)),
    "volumes": ((4, 5, 4, 2), lambda: layers.Conv3D(4, (2, 3, 1))),
    "volumes, groups": ((4, 4, 4, 4), lambda: layers.Conv3D(4, 2, groups=2)),
    "depthwise, 1 axis": ((8, 3), lambda: layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "depthwise": ((6, 6, 3), lambda: layers.DepthwiseConv2D((3, 2), depth_multiplier=2)),
    "depthwise, no bias": ((6, 6, 5), lambda: layers.DepthwiseConv2D(3, strides=2, use_bias=False)),
    "separable, 1 axis": ((8, 3), lambda: layers.SeparableConv1D(4, 3)),
    "separable": ((6, 6, 3), lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2)),
    "separable, no bias": ((6, 6, 3), lambda: layers.SeparableConv2D(4, 3, use_bias=False)),
    "transposed, 1 axis": ((5, 3), lambda: layers.Conv1DTranspose(4, 3, strides=2)),
    "transposed": ((4, 5, 3), lambda: layers.Conv2DTranspose(4, 3, strides=2, padding="same")),
    "transposed volumes": ((2, 3, 3, 2), lambda: layers.Conv3DTranspose(3, 2, strides=2)),
}


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_every_convolution_before(case):
    shape, make = CONVOLUTIONS[case]
    folded = folded_equal(Sequential([Input(shape), make(), BN(), layers.ReLU()]), negative=True)
    assert len(folded.layers) == 2


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_every_convolution_behind(case):
    shape, make = CONVOLUTIONS[case]
    transposed = case.startswith("transposed")
    model = Sequential([Input(shape), layers.ReLU(), BN(name="bn"), make(), layers.ReLU()])
    folded = folded_equal(model, negative=True, kept=("bn",) if transposed else ())
    if transposed:
        assert "different numbers of pixels" in folded.folding_report[0].result
        # Without a shift there is nothing to count.
        model.get_layer("bn").beta[...] = model.get_layer("bn").moving_mean[...] = 0
        again = swiftbn.fold_batch_norm(model)
        assert not normalizations(again)
        x = np.random.default_rng(3).normal(size=(2, *shape)).astype("float32")
        np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)


def test_convolutions_channels_first_and_pools_of_all_ranks():
    rows = [
        layers.Conv1D(4, 3, groups=2, data_format="channels_first"),
        layers.AveragePooling1D(2, data_format="channels_first"),
        BN(axis=1),
        layers.ReLU(),
        BN(axis=1),
        layers.MaxPooling1D(2, data_format="channels_first"),
        layers.DepthwiseConv1D(2, data_format="channels_first"),
    ]
    folded = folded_equal(Sequential([Input((4, 16)), *rows]))
    assert len(folded.layers) == 5
    rows = [layers.DepthwiseConv2D(3), layers.Dropout(0.3), BN(), layers.ReLU(), layers.SeparableConv2D(4, 3), BN()]
    folded_equal(Sequential([Input((8, 8, 3)), *rows, layers.GlobalAveragePooling2D(), layers.Dense(2)]))
    volume = [BN(), layers.AveragePooling3D(2), layers.Conv3D(2, 2), BN(), layers.GlobalMaxPooling3D(), layers.Dense(1)]
    folded_equal(Sequential([Input((6, 6, 6, 2)), *volume]))


def test_causal_padding_takes_no_shift():
    model = Sequential([Input((9, 2)), BN(name="bn"), layers.Conv1D(3, 2, padding="causal"), layers.ReLU()])
    folded = folded_equal(model, kept=("bn",))
    assert "pads with zeros" in folded.folding_report[0].result
