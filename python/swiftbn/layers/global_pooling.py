"""Pooling over all of a sequence, an image or a volume."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.config import standardize_data_format
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer


class _GlobalPooling(Layer):
    """Applies `_reduce`, a function of `swiftbn.ops`, over the `_rank` axes that are neither batch nor channels."""

    _rank = 0
    _reduce = None

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = bool(keepdims)
        self.input_spec = InputSpec(ndim=self._rank + 2)

    @property
    def _axes(self) -> tuple:
        first = 1 if self.data_format == "channels_last" else 2
        return tuple(range(first, first + self._rank))

    def call(self, inputs):
        return self._reduce(inputs, axis=self._axes, keepdims=self.keepdims)

    def get_config(self) -> dict:
        return {**super().get_config(), "data_format": self.data_format, "keepdims": self.keepdims}


class GlobalMaxPooling1D(_GlobalPooling):
    """The largest value of each channel over the steps: (N, L, C) → (N, C), as `GlobalMaxPooling2D`."""

    _rank = 1
    _reduce = staticmethod(ops.max)


class GlobalMaxPooling2D(_GlobalPooling):
    """The largest value of each channel over height and width: (N, H, W, C) → (N, C).

    Arguments are those of `GlobalAveragePooling2D`.
    """

    _rank = 2
    _reduce = staticmethod(ops.max)


class GlobalMaxPooling3D(_GlobalPooling):
    """The largest value of each channel of a volume: (N, D, H, W, C) → (N, C), as `GlobalMaxPooling2D`."""

    _rank = 3
    _reduce = staticmethod(ops.max)


class GlobalAveragePooling1D(_GlobalPooling):
    """The mean of each channel over the steps: (N, L, C) → (N, C).

    With a mask (N, L) only the steps count where it is true; where it is so nowhere, the mean is NaN, as in Keras.
    Arguments are those of `GlobalAveragePooling2D`.
    """

    _rank = 1
    _reduce = staticmethod(ops.mean)

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def compute_mask(self, inputs, mask=None):
        """None: what comes out has no steps."""

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        mask = ops.cast(ops.expand_dims(mask, -1 if self.data_format == "channels_last" else 1), "bool")
        total = ops.sum(ops.where(mask, inputs, 0), axis=self._axes, keepdims=self.keepdims)
        return ops.divide(total, ops.sum(ops.cast(mask, total.dtype), axis=self._axes, keepdims=self.keepdims))


class GlobalAveragePooling2D(_GlobalPooling):
    """The mean of each channel over height and width: (N, H, W, C) → (N, C).

    Args:
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        keepdims: whether height and width stay, with extent 1.
    """

    _rank = 2
    _reduce = staticmethod(ops.mean)


class GlobalAveragePooling3D(_GlobalPooling):
    """The mean of each channel of a volume: (N, D, H, W, C) → (N, C), as `GlobalAveragePooling2D`."""

    _rank = 3
    _reduce = staticmethod(ops.mean)
