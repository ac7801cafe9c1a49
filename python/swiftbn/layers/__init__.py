# ruff: noqa: F401  (names are imported to be re-exported)
"""Layers, with the names, arguments and defaults of `keras.layers`."""

from swiftbn.layers.activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from swiftbn.layers.activity_regularization import ActivityRegularization
from swiftbn.layers.attention import AdditiveAttention, Attention
from swiftbn.layers.batch_normalization import BatchNormalization
from swiftbn.layers.bidirectional import Bidirectional
from swiftbn.layers.conv2d import Conv2D
from swiftbn.layers.dense import Dense
from swiftbn.layers.dot import Dot, dot
from swiftbn.layers.dropout import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from swiftbn.layers.einsum_dense import EinsumDense
from swiftbn.layers.embedding import Embedding
from swiftbn.layers.group_normalization import GroupNormalization
from swiftbn.layers.grouped_query_attention import GroupedQueryAttention
from swiftbn.layers.gru import GRU, GRUCell
from swiftbn.layers.identity import Identity
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.instance_normalization import InstanceNormalization
from swiftbn.layers.lambda_layer import Lambda
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
from swiftbn.layers.multi_head_attention import MultiHeadAttention
from swiftbn.layers.noise import AlphaDropout, GaussianDropout, GaussianNoise
from swiftbn.layers.padding import Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D
from swiftbn.layers.pooling import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D
from swiftbn.layers.preprocessing.categories import CategoryEncoding, Discretization
from swiftbn.layers.preprocessing.colors import RandomBrightness, RandomContrast
from swiftbn.layers.preprocessing.geometry import RandomFlip, RandomRotation, RandomTranslation, RandomZoom
from swiftbn.layers.preprocessing.normalization import Normalization
from swiftbn.layers.preprocessing.rescaling import Rescaling
from swiftbn.layers.preprocessing.sizes import CenterCrop, RandomCrop, Resizing
from swiftbn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from swiftbn.layers.rms_normalization import RMSNormalization
from swiftbn.layers.rnn import RNN
from swiftbn.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from swiftbn.layers.spectral_normalization import SpectralNormalization
from swiftbn.layers.stacked_rnn_cells import StackedRNNCells
from swiftbn.layers.time_distributed import TimeDistributed
from swiftbn.layers.unit_normalization import UnitNormalization
from swiftbn.layers.upsampling import UpSampling1D, UpSampling2D, UpSampling3D
from swiftbn.layers.wrapper import Wrapper

GroupQueryAttention = GroupedQueryAttention
Convolution2D = Conv2D
MaxPool2D = MaxPooling2D
AvgPool2D = AveragePooling2D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalMaxPool2D = GlobalMaxPooling2D
