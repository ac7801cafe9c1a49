# ruff: noqa: F401  (names are imported to be re-exported)
"""Layers, with the names, arguments and defaults of `keras.layers`."""

from swiftbn.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from swiftbn.layers.batch_normalization import BatchNormalization
from swiftbn.layers.conv import Conv1D, Conv2D, Conv3D
from swiftbn.layers.dense import Dense
from swiftbn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from swiftbn.layers.global_pooling import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalAveragePooling3D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalMaxPooling3D,
)
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.layers.layer_normalization import LayerNormalization
from swiftbn.layers.merging import (
    Add,
    Average,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    maximum,
    minimum,
    multiply,
    subtract,
)
from swiftbn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from swiftbn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from swiftbn.layers.wrapper import Wrapper

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

# Layers that few models need, by the modules that define them, which are loaded when a layer is first named.
_LAZY = {
    "activity_regularization": "ActivityRegularization",
    "attention": "AdditiveAttention Attention",
    "bidirectional": "Bidirectional",
    "conv_transpose": "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
    "depthwise_conv": "DepthwiseConv1D DepthwiseConv2D",
    "dot_product": "Dot dot",
    "einsum_dense": "EinsumDense",
    "embedding": "Embedding",
    "group_normalization": "GroupNormalization",
    "grouped_query_attention": "GroupQueryAttention GroupedQueryAttention",
    "gru": "GRU GRUCell",
    "identity": "Identity",
    "instance_normalization": "InstanceNormalization",
    "lambda_layer": "Lambda",
    "lstm": "LSTM LSTMCell",
    "masking": "Masking",
    "multi_head_attention": "MultiHeadAttention",
    "noise": "AlphaDropout GaussianDropout GaussianNoise",
    "padding": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "preprocessing.categories": "CategoryEncoding Discretization",
    "preprocessing.colors": "RandomBrightness RandomContrast",
    "preprocessing.geometry": "RandomFlip RandomRotation RandomTranslation RandomZoom",
    "preprocessing.normalization": "Normalization",
    "preprocessing.rescaling": "Rescaling",
    "preprocessing.sizes": "CenterCrop RandomCrop Resizing",
    "rms_normalization": "RMSNormalization",
    "rnn": "RNN",
    "separable_conv": "SeparableConv1D SeparableConv2D",
    "simple_rnn": "SimpleRNN SimpleRNNCell",
    "spectral_normalization": "SpectralNormalization",
    "stacked_rnn_cells": "StackedRNNCells",
    "time_distributed": "TimeDistributed",
    "unit_normalization": "UnitNormalization",
    "upsampling": "UpSampling1D UpSampling2D UpSampling3D",
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names.split()}
_ALIASES = {
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}


def __getattr__(name):
    target = _ALIASES.get(name, name)
    if target not in _MODULE_OF:
        raise AttributeError(f"module 'swiftbn.layers' has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"swiftbn.layers.{_MODULE_OF[target]}"), target)
    return value


def __dir__():
    return sorted({*globals(), *_MODULE_OF, *_ALIASES})
