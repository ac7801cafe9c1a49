"""Images of random contrast and brightness."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import finite
from swiftbn.layers.preprocessing._images import RandomImageLayer, bounds


def value_range_of(layer: str, value) -> list:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"{layer}: expected value_range to be two numbers. Received: value_range={value!r}")
    return [finite(layer, "value_range", item) for item in value]


class RandomColor(RandomImageLayer):
    """A random layer of the colours of images, which leaves masks as they are.

    Args:
        factor: what random numbers are drawn from, checked.
        value_range: the least and the largest value.
    """

    def __init__(self, factor, value_range, seed, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = factor
        self.value_range = value_range

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return segmentation_masks

    def _clipped(self, images):
        return ops.clip(images, float(min(self.value_range)), float(max(self.value_range)))

    def _drawn(self, data, low, high, seed=None):
        """A number for each image, (N,)."""
        return self._uniform((self._size(data)[0],), float(low), float(high), seed)

    def _chosen(self, data, seed=None):
        """Whether each image is changed, (N,), with a probability that is drawn from `factor` for each."""
        probability = self._drawn(data, *self.factor, seed)
        return ops.less(self._drawn(data, 0, 1, seed), probability)

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor, "value_range": self.value_range}


def per_image(x):
    """Numbers (N,) in a shape that broadcasts to images."""
    return ops.reshape(x, (-1, 1, 1, 1))


def in_range(images, old, new):
    """Images with values of another range; nothing is computed where the ranges are equal."""
    if tuple(old) == tuple(new):
        return images
    share = ops.divide(ops.subtract(images, float(old[0])), float(old[1]) - float(old[0]))
    return ops.add(ops.multiply(share, float(new[1]) - float(new[0])), float(new[0]))


class RandomContrast(RandomColor):
    """In training (x - mean)·c + mean, with c uniform in 1 - lower … 1 + upper for each image.

    The mean is that of each channel over height and width; results are cut to the value range.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        value_range: the least and the largest value.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        value_range_of("RandomContrast", value_range)
        super().__init__(bounds("RandomContrast", "factor", factor, 0, 1, lowest=0), value_range, seed, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1, 1, 1)
        return {"contrast_factor": self._uniform(shape, 1 - self.factor[0], 1 + self.factor[1], seed)}

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        mean = ops.mean(images, axis=self._axes, keepdims=True)
        return self._clipped(ops.add(ops.multiply(ops.subtract(images, mean), transformation["contrast_factor"]), mean))


class RandomBrightness(RandomColor):
    """In training x + b·(width of the value range), with b uniform in lower … upper for each image, cut to the range.

    Args:
        factor: (lower, upper), numbers in -1 … 1, or one for both directions.
        value_range: the least and the largest value.
        seed: an integer, or None for one drawn from Python's `random`.
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        value_range = sorted(value_range_of("RandomBrightness", value_range))
        super().__init__(bounds("RandomBrightness", "factor", factor, -1, 1), value_range, seed, **kwargs)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        width = float(self.value_range[1] - self.value_range[0])
        shift = self._uniform((self._size(data)[0], 1, 1, 1), self.factor[0], self.factor[1], seed)
        return {"rgb_delta": ops.multiply(shift, width)}

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        return self._clipped(ops.add(images, transformation["rgb_delta"]))
