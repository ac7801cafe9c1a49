# ruff: noqa: F401  (names are imported to be re-exported)
"""Layers, with the names, arguments and defaults of `keras.layers`."""

from swiftbn.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from swiftbn.layers.batch_normalization import BatchNormalization
from swiftbn.layers.bidirectional import Bidirectional
from swiftbn.layers.conv2d import Conv2D
from swiftbn.layers.dense import Dense
from swiftbn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from swiftbn.layers.embedding import Embedding
from swiftbn.layers.group_normalization import GroupNormalization
from swiftbn.layers.gru import GRU, GRUCell
from swiftbn.layers.identity import Identity
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.instance_normalization import InstanceNormalization
from swiftbn.layers.layer import Layer
from swiftbn.layers.layer_normalization import LayerNormalization
from swiftbn.layers.lstm import LSTM, LSTMCell
from swiftbn.layers.masking import Masking
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
from swiftbn.layers.pooling import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from swiftbn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from swiftbn.layers.rms_normalization import RMSNormalization
from swiftbn.layers.rnn import RNN
from swiftbn.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from swiftbn.layers.stacked_rnn_cells import StackedRNNCells
from swiftbn.layers.time_distributed import TimeDistributed
from swiftbn.layers.unit_normalization import UnitNormalization
from swiftbn.layers.wrapper import Wrapper

Convolution2D = Conv2D
MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D

# Layers that few models need, by the modules that define them, which are loaded when a layer is first named.
_LAZY = {
    "activity_regularization": "ActivityRegularization",
    "attention": "AdditiveAttention Attention",
    "dot_product": "Dot dot",
    "einsum_dense": "EinsumDense",
    "grouped_query_attention": "GroupQueryAttention GroupedQueryAttention",
    "lambda_layer": "Lambda",
    "multi_head_attention": "MultiHeadAttention",
    "noise": "AlphaDropout GaussianDropout GaussianNoise",
    "padding": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
    "preprocessing.categories": "CategoryEncoding Discretization",
    "preprocessing.colors": "RandomBrightness RandomContrast",
    "preprocessing.geometry": "RandomFlip RandomRotation RandomTranslation RandomZoom",
    "preprocessing.normalization": "Normalization",
    "preprocessing.rescaling": "Rescaling",
    "preprocessing.sizes": "CenterCrop RandomCrop Resizing",
    "spectral_normalization": "SpectralNormalization",
    "upsampling": "UpSampling1D UpSampling2D UpSampling3D",
}
_MODULE_OF = {name: module for module, names in _LAZY.items() for name in names.split()}


def __getattr__(name):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'swiftbn.layers' has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"swiftbn.layers.{_MODULE_OF[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *_MODULE_OF})
