"""Images of other colours at random."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.config import epsilon
from swiftbn.layers.preprocessing._images import RandomImageLayer, bounds
from swiftbn.layers.preprocessing.colors import (
    RandomBrightness,
    RandomColor,
    RandomContrast,
    in_range,
    per_image,
    value_range_of,
)


class RandomGrayscale(RandomImageLayer):
    """In training each image becomes gray with probability `factor`; its three channels are equal then.

    Args:
        factor: a number in 0 … 1.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = finite("RandomGrayscale", "factor", factor, 0, 1)

    def get_random_transformation(self, images, training=True, seed=None):
        """Whether each image becomes gray, (N, 1, 1, 1)."""
        if not training:
            return None
        return per_image(ops.less(self._uniform((self._size(images)[0],), 0.0, 1.0, seed), float(self.factor)))

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, gray, images)

    def transform_segmentation_masks(self, segmentation_masks, transformations=None, **kwargs):
        return segmentation_masks

    def transform_labels(self, labels, transformations=None, **kwargs):
        return labels

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


class RandomHue(RandomColor):
    """In training ±f/2 is added to the hue of each image, modulo 1, with f uniform in lower … upper.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        value_range: the least and the largest value.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        value_range_of("RandomHue", value_range)
        factor = bounds("RandomHue", "factor", factor, 0, 1, lowest=0)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        sign = ops.where(ops.greater(self._drawn(data, 0, 1, seed), 0.5), -0.5, 0.5)
        return {"factor": ops.multiply(sign, self._drawn(data, *self.factor, seed))}

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        hsv = ops.image.rgb_to_hsv(in_range(images, self.value_range, (0, 1)), data_format=self.data_format)
        axis = self._channel_axis
        hue, saturation, value = ops.split(hsv, 3, axis=axis)
        hue = ops.add(hue, per_image(ops.cast(transformation["factor"], self.dtype)))
        hue = ops.where(ops.greater(hue, 1.0), ops.subtract(hue, 1.0), hue)
        hue = ops.where(ops.less(hue, 0.0), ops.add(hue, 1.0), hue)
        rgb = ops.image.hsv_to_rgb(ops.concatenate([hue, saturation, value], axis=axis), data_format=self.data_format)
        return in_range(ops.clip(rgb, 0.0, 1.0), (0, 1), self.value_range)


class RandomSaturation(RandomColor):
    """In training the saturation of each image is multiplied by f/(1 - f + ε), with f uniform in lower … upper.

    1/2 leaves images as they are, 0 makes them gray.

    Args:
        factor: (lower, upper), numbers in -1 … 1, or one for both directions, as in Keras.
        value_range, data_format, seed: as of `RandomHue`.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        value_range = sorted(value_range_of("RandomSaturation", value_range))
        factor = bounds("RandomSaturation", "factor", factor, -1, 1)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        drawn = self._drawn(data, *self.factor, seed)
        return {"factor": ops.divide(drawn, ops.add(ops.subtract(1.0, drawn), epsilon()))}

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        axis = self._channel_axis
        hue, saturation, value = ops.split(ops.image.rgb_to_hsv(images, data_format=self.data_format), 3, axis=axis)
        saturation = self._clipped(ops.multiply(saturation, per_image(ops.cast(transformation["factor"], self.dtype))))
        hsv = ops.concatenate([hue, saturation, value], axis=axis)
        return ops.image.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomColorDegeneration(RandomColor):
    """In training x + f·(gray - x), with f uniform in lower … upper for each image, cut to the value range.

    Args:
        factor: (lower, upper), numbers in -1 … 1, or one for both directions, as in Keras.
        value_range, data_format, seed: as of `RandomHue`.
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        value_range = sorted(value_range_of("RandomColorDegeneration", value_range))
        factor = bounds("RandomColorDegeneration", "factor", factor, -1, 1)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        return {"factor": per_image(self._drawn(data, *self.factor, seed))} if training else None

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        gray = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        change = ops.multiply(ops.cast(transformation["factor"], self.dtype), ops.subtract(gray, images))
        return self._clipped(ops.add(images, change))


class RandomColorJitter(RandomImageLayer):
    """In training random brightness, contrast, saturation and hue, in this order, those whose factors are given.

    Args:
        value_range: the least and the largest value.
        brightness_factor, contrast_factor, saturation_factor, hue_factor: as of `RandomBrightness`, `RandomContrast`,
            `RandomSaturation`, `RandomHue`; None for no change.
        seed, data_format: as of `RandomHue`.
    """

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        value_range_of("RandomColorJitter", value_range)
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        options = {"value_range": value_range, "seed": seed, "dtype": self.dtype, "data_format": self.data_format}

        def layer(kind, factor):
            return None if factor is None else kind(factor, **options)

        self.random_brightness = layer(RandomBrightness, brightness_factor)
        self.random_contrast = layer(RandomContrast, contrast_factor)
        self.random_saturation = layer(RandomSaturation, saturation_factor)
        self.random_hue = layer(RandomHue, hue_factor)

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training:
            return images
        for layer in (self.random_brightness, self.random_contrast, self.random_saturation, self.random_hue):
            if layer is not None:
                drawn = layer.get_random_transformation(images, seed=self.generator)
                images = layer.transform_images(images, drawn)
        return images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
        }
