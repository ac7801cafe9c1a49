"""Images cut and resized."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import one_of, positive_integer
from swiftbn.layers.preprocessing._images import ImageLayer, RandomImageLayer
from swiftbn.ops.image import INTERPOLATIONS, centre


class CenterCrop(ImageLayer):
    """The middle of images: (N, H, W, C) → (N, height, width, C), or with channels first, or without N.

    Images that are too small are cut to the aspect ratio and resized, bilinearly.

    Args:
        height, width: numbers >= 1.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_integer("CenterCrop", "height", height)
        self.width = positive_integer("CenterCrop", "width", width)

    def transform_images(self, images, transformation=None, training=True):
        return _cut_or_resized(ops.cast(images, self.dtype), self)

    def compute_output_shape(self, input_shape):
        return self._sized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width}


def _cut_or_resized(images, layer):
    axes = tuple(axis % len(images.shape) for axis in layer._axes)
    size = (layer.height, layer.width)
    if None in (images.shape[axis] for axis in axes):
        raise ValueError(
            f"{type(layer).__name__} '{layer.name}': expected a known height and width. "
            f"Received: shape {tuple(images.shape)}"
        )
    if all(images.shape[axis] >= extent for axis, extent in zip(axes, size, strict=True)):
        return centre(images, axes, size)
    return ops.image.resize(images, size, crop_to_aspect_ratio=True, data_format=layer.data_format)


class Resizing(ImageLayer):
    """Images of another size: (N, H, W, C) → (N, height, width, C), or with channels first, or without N.

    Integers stay integers.

    Args:
        height, width: numbers >= 1.
        interpolation … fill_value, antialias: as of `ops.image.resize`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_integer("Resizing", "height", height)
        self.width = positive_integer("Resizing", "width", width)
        one_of("Resizing", "interpolation", interpolation, INTERPOLATIONS)
        one_of("Resizing", "fill_mode", fill_mode, ("constant",))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError("Resizing: expected one of crop_to_aspect_ratio and pad_to_aspect_ratio. Received: both")
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def _transform(self, images, interpolation):
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_images(self, images, transformation=None, training=True):
        return self._transform(images, self.interpolation)

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._transform(segmentation_masks, "nearest")

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def compute_output_shape(self, input_shape):
        return self._sized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "height": self.height,
            "width": self.width,
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }


class RandomCrop(RandomImageLayer):
    """In training a random place of images, one for each batch: (N, H, W, C) → (N, height, width, C).

    Otherwise, and for images that are too small, what `CenterCrop` returns (Keras 3.15 returns whole images in
    inference, against its documentation).

    Args:
        height, width: numbers >= 1.
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        seed = random.make_default_seed() if seed is None else seed
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self.height = positive_integer("RandomCrop", "height", height)
        self.width = positive_integer("RandomCrop", "width", width)

    def get_random_transformation(self, data, training=True, seed=None):
        """The first row and column, as float scalars; None where nothing is random."""
        _, height, width = self._size(data)
        if not training or None in (height, width) or height < self.height or width < self.width:
            return None
        return tuple(
            ops.floor(self._uniform((), 0.0, extent - size + 1.0, seed))
            for extent, size in ((height, self.height), (width, self.width))
        )

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return _cut_or_resized(images, self)
        for axis, start, size in zip(self._axes, transformation, (self.height, self.width), strict=True):
            places = ops.add(np.arange(size, dtype="int32"), ops.cast(start, "int32"))
            images = ops.take(images, ops.minimum(places, images.shape[axis] - 1), axis=axis)
        return images

    def compute_output_shape(self, input_shape, *args, **kwargs):
        return self._sized_shape(input_shape, self.height, self.width)

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width}
