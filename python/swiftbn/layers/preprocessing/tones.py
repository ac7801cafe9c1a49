"""Images of other tones: inverted, of fewer levels, stretched, sharper."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import positive_integer
from swiftbn.layers.preprocessing._images import ImageLayer, RandomImageLayer, bounds
from swiftbn.layers.preprocessing.colors import RandomColor, in_range, per_image, value_range_of


class RandomInvert(RandomColor):
    """In training each image x becomes (largest value) - x with a probability that is uniform in lower … upper.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        value_range: the least and the largest value.
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        value_range_of("RandomInvert", value_range)
        factor = bounds("RandomInvert", "factor", factor, 0, 1, lowest=0)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"apply_inversion": self._chosen(data, seed)} if training else None

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        inverted = ops.subtract(float(self.value_range[1]), images)
        return ops.where(per_image(transformation["apply_inversion"]), inverted, images)


class RandomPosterization(RandomColor):
    """In training only the first b of 8 bits of each image's values stay, with b uniform in lower … upper - 1.

    Args:
        factor: (lower, upper), integers in 1 … 8, or one for (1, upper); equal ones stand for themselves.
        value_range: the least and the largest value, which become 0 and 255 meanwhile.
        data_format, seed: as of `RandomInvert`.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        value_range = sorted(value_range_of("RandomPosterization", value_range))
        factor = bounds("RandomPosterization", "factor", factor, 1, 8, lowest=1)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count = (self._size(data)[0],)
        low, high = (int(number) for number in self.factor)
        if low == high:
            return {"shift_factor": np.full(count, 8 - low, "uint8")}
        bits = random.randint(count, low, high, seed=self.generator if seed is None else seed)
        return {"shift_factor": ops.cast(ops.subtract(8, bits), "uint8")}

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        shift = per_image(transformation["shift_factor"])
        whole = ops.cast(ops.clip(in_range(images, self.value_range, (0, 255)), 0.0, 255.0), "uint8")
        kept = ops.bitwise_left_shift(ops.bitwise_right_shift(whole, shift), shift)
        return in_range(ops.cast(kept, self.dtype), (0, 255), self.value_range)


class Solarization(RandomImageLayer):
    """In training x + a, cut to 0 … 255, and 255 less that where it is not below t, with random a and t for each image.

    Args:
        addition_factor, threshold_factor: (lower, upper), numbers in 0 … 1, or one for (0, upper): a and t are uniform
            in lower … 255·upper, as in Keras.
        value_range: the least and the largest value, which become 0 and 255 meanwhile.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, addition_factor=0.0, threshold_factor=0.0, value_range=(0, 255), seed=None, **kwargs):
        kind = "Solarization"
        value_range = sorted(value_range_of(kind, value_range))
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = bounds(kind, "addition_factor", addition_factor, 0, 1, lowest=0)
        self.threshold_factor = bounds(kind, "threshold_factor", threshold_factor, 0, 1, lowest=0)
        self.value_range = value_range

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1, 1, 1)
        return {
            name: self._uniform(shape, float(factor[0]), max(float(factor[0]), factor[1] * 255.0), seed)
            for name, factor in (("additions", self.addition_factor), ("thresholds", self.threshold_factor))
        }

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        x = ops.add(in_range(images, self.value_range, (0, 255)), transformation["additions"])
        x = ops.clip(x, 0.0, 255.0)
        x = ops.where(ops.less(x, transformation["thresholds"]), x, ops.subtract(255.0, x))
        return in_range(x, (0, 255), self.value_range)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
        }


class _Tones(ImageLayer):
    """A layer of the values of images that is not random."""

    def __init__(self, value_range, **kwargs):
        value_range = sorted(value_range_of(type(self).__name__, value_range))
        super().__init__(**kwargs)
        self.value_range = value_range

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def compute_output_shape(self, input_shape):
        return {k: tuple(s) for k, s in input_shape.items()} if isinstance(input_shape, dict) else tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "value_range": self.value_range}


class AutoContrast(_Tones):
    """Each channel of each image stretched over the value range; channels of one value stay as they are.

    Args:
        value_range: the least and the largest value.
    """

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(value_range, **kwargs)

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        x = in_range(images, self.value_range, (0, 255))
        low = ops.min(x, axis=self._axes, keepdims=True)
        high = ops.max(x, axis=self._axes, keepdims=True)
        varies = ops.greater(high, low)
        scale = ops.divide(255.0, ops.where(varies, ops.subtract(high, low), 1.0))
        stretched = ops.clip(ops.add(ops.multiply(x, scale), ops.multiply(ops.negative(low), scale)), 0.0, 255.0)
        return ops.where(varies, in_range(stretched, (0, 255), self.value_range), images)


class Equalization(_Tones):
    """In training values of each channel are replaced such that they are spread evenly over all images of the batch.

    With c(b) how many values lie in bin b or below, a value of bin b becomes 255·(c(b) - c₀)/(c(last) - c₀), rounded,
    c₀ being the first c above 0.

    Args:
        value_range: the least and the largest value, which become 0 and 255 meanwhile.
        bins: how many there are.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(value_range, data_format=data_format, **kwargs)
        self.bins = positive_integer("Equalization", "bins", bins)

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training:
            return images
        x = in_range(images, self.value_range, (0, 255))
        axis = self._channel_axis
        channels = [self._equalized(channel) for channel in ops.split(x, x.shape[axis], axis=axis)]
        return in_range(ops.concatenate(channels, axis=axis), (0, 255), self.value_range)

    def _equalized(self, channel):
        flat = ops.reshape(channel, (-1,))
        scaled = ops.divide(ops.multiply(flat, float(self.bins - 1)), 255.0)
        places = ops.cast(ops.clip(scaled, 0.0, float(self.bins - 1)), "int32")
        counts = ops.segment_sum(ops.ones_like(flat, dtype="int32"), places, num_segments=self.bins)
        below = ops.cast(ops.cumsum(counts), "float64")
        total = ops.max(below)
        first = ops.min(ops.where(ops.greater(below, 0), below, total))
        width = ops.subtract(total, first)
        values = ops.divide(ops.multiply(ops.subtract(below, first), 255.0), ops.where(ops.equal(width, 0), 1.0, width))
        table = ops.cast(ops.clip(ops.round(values), 0.0, 255.0), self.dtype)
        place = ops.clip(ops.multiply(ops.divide(channel, 255.0), float(self.bins - 1)), 0.0, float(self.bins - 1))
        varies = ops.greater(ops.sum(ops.cast(ops.greater(counts, 0), "int32")), 1)
        return ops.where(varies, ops.take(table, ops.cast(place, "int32")), channel)

    def get_config(self) -> dict:
        return {**super().get_config(), "bins": self.bins}


class RandomSharpness(RandomColor):
    """In training x + (1 - 2f)·(smoothed - x), with f uniform in lower … upper for each image, cut to the value range.

    1/2 leaves images as they are, 0 smooths them by (x's 8 neighbours + 5·x)/13, zeros being around them, 1 makes them
    sharper.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        value_range: the least and the largest value.
        data_format, seed: as of `RandomInvert`.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        value_range = sorted(value_range_of("RandomSharpness", value_range))
        factor = bounds("RandomSharpness", "factor", factor, 0, 1, lowest=0)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"factor": self._drawn(data, *self.factor, seed)} if training else None

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        kernel = np.full((3, 3, images.shape[self._channel_axis], 1), 1 / 13, self.dtype)
        kernel[1, 1] *= 5
        smoothed = ops.depthwise_conv(images, kernel, padding="same", data_format=self.data_format)
        factor = per_image(ops.multiply(ops.cast(transformation["factor"], self.dtype), 2.0))
        change = ops.multiply(ops.subtract(1.0, factor), ops.subtract(smoothed, images))
        return self._clipped(ops.add(images, change))
