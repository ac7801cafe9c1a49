"""Recurrent layers of sequences, images and volumes."""

from __future__ import annotations

from swiftbn.layers._conv_lstm import ConvLSTM


class ConvLSTM1D(ConvLSTM):
    """`ConvLSTM2D` of sequences: x (N, T, L, C), states (N, L', filters), y (N, L', filters)."""

    _rank = 1


class ConvLSTM2D(ConvLSTM):
    """[i, f, g, o] = x ∗ kernel + h ∗ recurrent_kernel + bias; c ← σ(f)·c + σ(i)·φ(g); h ← σ(o)·φ(c), step by step.

    ∗ is a convolution, with strides 1 and padding "same" for h; σ is `recurrent_activation`, φ is `activation`. The
    steps are written out one after another when a plan is made, so that their number should be moderate.

    Shapes: x (N, T, H, W, C), h and c (N, H', W', filters), kernel (KH, KW, C, 4·filters), recurrent_kernel
    (KH, KW, filters, 4·filters), bias (4·filters,); y (N, H', W', filters), with `return_sequences`
    (N, T, H', W', filters). With channels first x is (N, T, C, H, W).

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate: as of `Conv2D`.
        The others are those of `LSTM`.

    Call: as for `RNN`.

    Source: Shi et al., "Convolutional LSTM network", 2015, equation 3, without the products with c.
    """

    _rank = 2


class ConvLSTM3D(ConvLSTM):
    """`ConvLSTM2D` of volumes: x (N, T, D, H, W, C), states and y (N, D', H', W', filters)."""

    _rank = 3
