"""Images flipped and moved at random."""

from __future__ import annotations

import math

import numpy as np

from swiftbn import ops
from swiftbn._checks import one_of
from swiftbn.layers.preprocessing._images import RandomImageLayer, bounds, checked_sampling


class RandomFlip(RandomImageLayer):
    """In training each image is flipped with probability 1/2; with both directions it is then flipped in both.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical".
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        one_of("RandomFlip", "mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = mode

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1, 1, 1)
        return {"flips": ops.less_equal(self._uniform(shape, 0.0, 1.0, seed), 0.5)}

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        vertical, horizontal = (axis % 4 for axis in self._axes)
        axes = [axis for axis, name in ((vertical, "vertical"), (horizontal, "horizontal")) if name in self.mode]
        return ops.where(transformation["flips"], ops.flip(images, axes), images)

    def get_config(self) -> dict:
        return {**super().get_config(), "mode": self.mode}


class RandomMove(RandomImageLayer):
    """Images sampled at an affine function of their pixels' places, the rows [a0, a1, a2, b0, b1, b2, c0, c1]."""

    def __init__(self, fill_mode, interpolation, seed, fill_value, data_format, **kwargs):
        checked_sampling(type(self).__name__, fill_mode, interpolation, fill_value)
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = fill_value

    def _matrix(self, transformation, height: int, width: int):
        """The rows, (N, 8)."""
        raise NotImplementedError(f"{type(self).__name__} has to define _matrix()")

    def _moved(self, images, transformation, training, interpolation):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        return ops.image.affine_transform(
            images,
            self._matrix(transformation, *self._size(images)[1:]),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_images(self, images, transformation, training=True):
        return self._moved(images, transformation, training, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._moved(segmentation_masks, transformation, training, "nearest")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "fill_mode": self.fill_mode,
            "interpolation": self.interpolation,
            "fill_value": self.fill_value,
        }


def side_by_side(*columns):
    """Columns (N, 1), or numbers, side by side."""
    like = next(c for c in columns if hasattr(c, "shape"))
    return ops.concatenate([c if hasattr(c, "shape") else ops.full_like(like, c) for c in columns], axis=1)


class RandomTranslation(RandomMove):
    """In training each image is moved by random parts of its height and width.

    Args:
        height_factor, width_factor: numbers in -1 … 1, (lower, upper), or one for both directions; positive is down
            and to the right.
        fill_mode: what comes in: "reflect", "wrap", "constant" (`fill_value`) or "nearest", see
            `ops.image.affine_transform`.
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        kind = "RandomTranslation"
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = bounds(kind, "height_factor", height_factor, -1, 1)
        self.width_lower, self.width_upper = bounds(kind, "width_factor", width_factor, -1, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        down = ops.multiply(self._uniform((count, 1), self.height_lower, self.height_upper, seed), float(height))
        right = ops.multiply(self._uniform((count, 1), self.width_lower, self.width_upper, seed), float(width))
        return {"translations": ops.concatenate([right, down], axis=1)}

    def _matrix(self, transformation, height, width):
        moves = ops.negative(transformation["translations"])
        return side_by_side(1.0, 0.0, moves[:, 0:1], 0.0, 1.0, moves[:, 1:2], 0.0, 0.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}


class RandomRotation(RandomMove):
    """In training each image is turned about its middle by a random angle.

    Args:
        factor: numbers in -1 … 1, parts of a full turn, (lower, upper), or one for both directions.
        fill_mode, interpolation, seed, fill_value, data_format: as of `RandomTranslation`.
    """

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.factor = bounds("RandomRotation", "factor", factor, -1, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        return {"angle": self._uniform((self._size(data)[0],), self.factor[0] * 360, self.factor[1] * 360, seed)}

    def _matrix(self, transformation, height, width):
        angle = ops.expand_dims(ops.multiply(transformation["angle"], math.pi / 180), 1)
        cosine, sine = ops.cos(angle), ops.sin(angle)
        x, y = (width - 1) / 2, (height - 1) / 2
        a2 = ops.add(ops.subtract(x, ops.multiply(cosine, x)), ops.multiply(sine, y))
        b2 = ops.subtract(ops.subtract(y, ops.multiply(cosine, y)), ops.multiply(sine, x))
        return side_by_side(cosine, ops.negative(sine), a2, sine, cosine, b2, 0.0, 0.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


class RandomZoom(RandomMove):
    """In training each image is made smaller or larger about its middle, to 1/(1 + z) of its height and width.

    Args:
        height_factor: numbers z in -1 < z ≤ 1, (lower, upper), or one for both directions.
        width_factor: the same for the width; None to take the height's z.
        fill_mode, interpolation, seed, fill_value, data_format: as of `RandomTranslation`.
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        lowest = float(np.nextafter(-1, 0))
        self.height_factor, self.width_factor = height_factor, width_factor
        self.height_lower, self.height_upper = bounds("RandomZoom", "height_factor", height_factor, lowest, 1)
        if width_factor is not None:
            self.width_lower, self.width_upper = bounds("RandomZoom", "width_factor", width_factor, lowest, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1)
        height = width = self._uniform(shape, 1 + self.height_lower, 1 + self.height_upper, seed)
        if self.width_factor is not None:
            width = self._uniform(shape, 1 + self.width_lower, 1 + self.width_upper, seed)
        return {"height_zoom": height, "width_zoom": width}

    def _matrix(self, transformation, height, width):
        x, y = transformation["width_zoom"], transformation["height_zoom"]
        a2 = ops.multiply(ops.subtract(1.0, x), (width - 1) / 2)
        b2 = ops.multiply(ops.subtract(1.0, y), (height - 1) / 2)
        return side_by_side(x, 0.0, a2, 0.0, y, b2, 0.0, 0.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "height_factor": self.height_factor, "width_factor": self.width_factor}
