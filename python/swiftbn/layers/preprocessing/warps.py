"""Images sheared, seen from elsewhere, bent and blurred at random."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn._checks import finite, is_integer, one_of
from swiftbn.layers.preprocessing._images import FILL_MODES, bounds
from swiftbn.layers.preprocessing.colors import RandomColor, per_image, value_range_of
from swiftbn.layers.preprocessing.geometry import RandomMove, side_by_side
from swiftbn.ops.image import sample
from swiftbn.ops.image_sampling import displacements


class RandomShear(RandomMove):
    """In training pixel (x, y) of each image is that at (x + s·y, t·x + y), with random s and t of one sign.

    Args:
        x_factor, y_factor: of s and of t: (lower, upper), numbers in -1 … 1, or one in 0 … 1 for both directions.
        interpolation, fill_mode, fill_value, data_format, seed: as of `RandomTranslation`.
    """

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        # Two numbers may also be those that stand for one, as configurations have them.
        pairs = (list, tuple)
        self.x_factor = bounds("RandomShear", "x_factor", x_factor, -isinstance(x_factor, pairs), 1)
        self.y_factor = bounds("RandomShear", "y_factor", y_factor, -isinstance(y_factor, pairs), 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        shape = (self._size(data)[0], 1)
        sign = ops.where(ops.greater(self._uniform(shape, 0.0, 1.0, seed), 0.5), -1.0, 1.0)
        down = self._uniform(shape, *self.y_factor, seed)
        right = self._uniform(shape, *self.x_factor, seed)
        return {"shear_factor": ops.multiply(ops.concatenate([right, down], axis=1), sign)}

    def _matrix(self, transformation, height, width):
        shears = transformation["shear_factor"]
        return side_by_side(1.0, shears[:, 0:1], 0.0, shears[:, 1:2], 1.0, 0.0, 0.0, 0.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "x_factor": self.x_factor, "y_factor": self.y_factor}


class _RandomWarp(RandomColor):
    """Images and masks moved with a probability that is drawn from `factor`."""

    def __init__(self, factor, interpolation, fill_value, value_range, seed, **kwargs):
        kind = type(self).__name__
        one_of(kind, "interpolation", interpolation, ("nearest", "bilinear"))
        finite(kind, "fill_value", fill_value)
        super().__init__(bounds(kind, "factor", factor, 0, 1, lowest=0), value_range, seed, **kwargs)
        self.interpolation = interpolation
        self.fill_value = fill_value

    def get_config(self) -> dict:
        return {**super().get_config(), "interpolation": self.interpolation, "fill_value": self.fill_value}


class RandomPerspective(_RandomWarp):
    """In training each image is seen from elsewhere, with a probability that is uniform in lower … upper.

    Its corners (x, y) come to (x + x·f, y + y·g), with f and g uniform in -scale/2 … scale/2 for each corner.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        scale: a number in 0 … 1.
        interpolation: "nearest" or "bilinear".
        fill_value: what comes in.
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(
        self, factor=1.0, scale=1.0, interpolation="bilinear", fill_value=0.0, seed=None, data_format=None, **kwargs
    ):
        super().__init__(factor, interpolation, fill_value, (0, 255), seed, data_format=data_format, **kwargs)
        self.scale = finite("RandomPerspective", "scale", scale, 0, 1)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        chosen = self._chosen(data, seed)
        factors = self._uniform((count, 4, 2), -0.5 * self.scale, 0.5 * self.scale, seed)
        corners = [[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]
        start = np.broadcast_to(np.array(corners, self.dtype), (count, 4, 2)).copy()
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": ops.add(start, ops.multiply(factors, start)),
        }

    def _moved(self, images, transformation, training, interpolation):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        moved = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(per_image(transformation["apply_perspective"]), moved, images)

    def transform_images(self, images, transformation, training=True):
        return self._moved(images, transformation, training, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self._moved(segmentation_masks, transformation, training, "nearest")

    def get_config(self) -> dict:
        config = super().get_config()
        del config["value_range"]
        return {**config, "scale": self.scale}


class RandomElasticTransform(_RandomWarp):
    """In training images are bent, each with a probability that is uniform in lower … upper, then cut to the range.

    As `ops.image.elastic_transform` with alpha = 0.1·f·max(H, W) and σ = 0.05·f·min(H, W), with one f for a batch,
    uniform in the range of `scale`. Masks are bent as the images are, which Keras 3.15 does not.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        scale: the same for f.
        interpolation: "nearest" or "bilinear".
        fill_mode, fill_value: what comes in, as of `ops.image.affine_transform`.
        value_range: the least and the largest value.
        seed, data_format: as of `RandomPerspective`.
    """

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        kind = "RandomElasticTransform"
        one_of(kind, "fill_mode", fill_mode, (*FILL_MODES, "mirror"))
        value_range_of(kind, value_range)
        super().__init__(factor, interpolation, fill_value, value_range, seed, data_format=data_format, **kwargs)
        self.scale = bounds(kind, "scale", scale, 0, 1, lowest=0)
        self.fill_mode = fill_mode

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        count, height, width = self._size(data)
        chosen = self._chosen(data, seed)
        strength = self._uniform((), *self.scale, seed)
        moves = displacements(
            (count, height, width),
            ops.multiply(strength, 0.1 * max(height, width)),
            ops.multiply(strength, 0.05 * min(height, width)),
            int(3 * 0.05 * min(height, width) * self.scale[1]),
            self.dtype,
            self.generator if seed is None else seed,
        )
        return {"apply_transform": chosen, "distortion_factor": strength, "displacements": moves}

    def _moved(self, images, transformation, interpolation):
        last = self.data_format == "channels_last"
        x = images if last else ops.transpose(images, (0, 2, 3, 1))
        moves = transformation["displacements"]
        rows = ops.add(np.arange(x.shape[1], dtype=self.dtype)[None, :, None], moves[..., 0])
        columns = ops.add(np.arange(x.shape[2], dtype=self.dtype)[None, None, :], moves[..., 1])
        y = sample(x, rows, columns, interpolation, self.fill_mode, self.fill_value)
        y = y if last else ops.transpose(y, (0, 3, 1, 2))
        return ops.where(per_image(transformation["apply_transform"]), y, images)

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        return self._clipped(self._moved(images, transformation, self.interpolation))

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        masks = ops.cast(segmentation_masks, self.dtype)
        return masks if not training or transformation is None else self._moved(masks, transformation, "nearest")

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "fill_mode": self.fill_mode}


class RandomGaussianBlur(RandomColor):
    """In training images are blurred, each with a probability that is uniform in lower … upper, then cut to the range.

    σ is drawn for each batch, one for each axis.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        kernel_size: an odd number of pixels, or two of them.
        sigma: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        value_range: the least and the largest value.
        data_format, seed: as of `RandomPerspective`.
    """

    def __init__(
        self, factor=1.0, kernel_size=3, sigma=1.0, value_range=(0, 255), data_format=None, seed=None, **kwargs
    ):
        kind = "RandomGaussianBlur"
        value_range_of(kind, value_range)
        sizes = tuple(kernel_size) if isinstance(kernel_size, (list, tuple)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or not all(is_integer(size, 1) and size % 2 for size in sizes):
            raise ValueError(
                f"{kind}: expected kernel_size to be an odd number >= 1 or two. Received: kernel_size={kernel_size!r}"
            )
        factor = bounds(kind, "factor", factor, 0, 1, lowest=0)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        self.kernel_size = sizes
        self.sigma = bounds(kind, "sigma", sigma, 0, 1, lowest=0)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        chosen = self._chosen(data, seed)
        return {"should_apply_blur": chosen, "blur_factor": ops.add(self._uniform((2,), *self.sigma, seed), 1e-6)}

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        blurred = ops.image.gaussian_blur(
            images, self.kernel_size, transformation["blur_factor"], data_format=self.data_format
        )
        return self._clipped(ops.where(per_image(transformation["should_apply_blur"]), blurred, images))

    def get_config(self) -> dict:
        return {**super().get_config(), "kernel_size": self.kernel_size, "sigma": self.sigma}
