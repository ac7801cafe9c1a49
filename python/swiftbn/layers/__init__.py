"""Layers, with the names, arguments and defaults of `keras.layers`."""

from swiftbn import _lazy
from swiftbn.layers.batch_normalization import BatchNormalization
from swiftbn.layers.conv import Conv1D, Conv2D, Conv3D
from swiftbn.layers.dense import Dense
from swiftbn.layers.input_layer import Input, InputLayer
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    AveragePooling3D,
    MaxPooling1D,
    MaxPooling2D,
    MaxPooling3D,
)
from swiftbn.layers.reshaping import Flatten, Permute, RepeatVector, Reshape

Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D

# The other layers, by the modules that define them.
__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "activation": "ELU Activation LeakyReLU PReLU ReLU Softmax",
        "activity_regularization": "ActivityRegularization",
        "adaptive_pooling": "AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D "
        "AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D",
        "attention": "AdditiveAttention Attention",
        "bidirectional": "Bidirectional",
        "conv_lstm": "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
        "conv_transpose": "Conv1DTranspose Conv2DTranspose Conv3DTranspose",
        "depthwise_conv": "DepthwiseConv1D DepthwiseConv2D",
        "dot_product": "Dot dot",
        "dropout": "Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D",
        "einsum_dense": "EinsumDense",
        "embedding": "Embedding",
        "global_pooling": "GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D "
        "GlobalMaxPooling2D GlobalMaxPooling3D",
        "group_normalization": "GroupNormalization",
        "grouped_query_attention": "GroupQueryAttention GroupedQueryAttention",
        "gru": "GRU GRUCell",
        "identity": "Identity",
        "instance_normalization": "InstanceNormalization",
        "lambda_layer": "Lambda",
        "layer_normalization": "LayerNormalization",
        "lstm": "LSTM LSTMCell",
        "masking": "Masking",
        "merging": "Add Average Concatenate Maximum Minimum Multiply Subtract add average concatenate maximum minimum "
        "multiply subtract",
        "multi_head_attention": "MultiHeadAttention",
        "noise": "AlphaDropout GaussianDropout GaussianNoise",
        "padding": "Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D",
        "pipeline": "Pipeline",
        "preprocessing.bounding_boxes": "MaxNumBoundingBoxes",
        "preprocessing.categories": "CategoryEncoding Discretization",
        "preprocessing.clahe": "ContrastLimitedAdaptiveHistogramEqualization",
        "preprocessing.colors": "RandomBrightness RandomContrast",
        "preprocessing.geometry": "RandomFlip RandomRotation RandomTranslation RandomZoom",
        "preprocessing.hashing": "HashedCrossing Hashing",
        "preprocessing.hues": "RandomColorDegeneration RandomColorJitter RandomGrayscale RandomHue RandomSaturation",
        "preprocessing.lookups": "IntegerLookup StringLookup",
        "preprocessing.mixing": "CutMix MixUp RandomErasing",
        "preprocessing.normalization": "Normalization",
        "preprocessing.policies": "AugMix RandAugment",
        "preprocessing.rescaling": "Rescaling",
        "preprocessing.spectrograms": "MelSpectrogram STFTSpectrogram",
        "preprocessing.sizes": "CenterCrop RandomCrop Resizing",
        "preprocessing.tones": "AutoContrast Equalization RandomInvert RandomPosterization RandomSharpness "
        "Solarization",
        "preprocessing.text": "TextVectorization",
        "preprocessing.warps": "RandomElasticTransform RandomGaussianBlur RandomPerspective RandomShear",
        "reversible_embedding": "ReversibleEmbedding",
        "rms_normalization": "RMSNormalization",
        "rnn": "RNN",
        "separable_conv": "SeparableConv1D SeparableConv2D",
        "serialization": "deserialize serialize",
        "simple_rnn": "SimpleRNN SimpleRNNCell",
        "spectral_normalization": "SpectralNormalization",
        "stacked_rnn_cells": "StackedRNNCells",
        "time_distributed": "TimeDistributed",
        "unit_normalization": "UnitNormalization",
        "upsampling": "UpSampling1D UpSampling2D UpSampling3D",
        "wrapper": "Wrapper",
    },
    aliases={
        "Convolution1DTranspose": "Conv1DTranspose",
        "Convolution2DTranspose": "Conv2DTranspose",
        "Convolution3DTranspose": "Conv3DTranspose",
        "GlobalAvgPool1D": "GlobalAveragePooling1D",
        "GlobalAvgPool2D": "GlobalAveragePooling2D",
        "GlobalAvgPool3D": "GlobalAveragePooling3D",
        "GlobalMaxPool1D": "GlobalMaxPooling1D",
        "GlobalMaxPool2D": "GlobalMaxPooling2D",
        "GlobalMaxPool3D": "GlobalMaxPooling3D",
        "SeparableConvolution1D": "SeparableConv1D",
        "SeparableConvolution2D": "SeparableConv2D",
    },
)
