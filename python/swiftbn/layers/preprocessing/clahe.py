"""Contrast stretched in each part of an image."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn._checks import finite, integers
from swiftbn.layers.preprocessing.colors import in_range
from swiftbn.layers.preprocessing.tones import _Tones
from swiftbn.ops._dispatch import dtype_of

_BINS = 256


class ContrastLimitedAdaptiveHistogramEqualization(_Tones):
    """Each channel of each image equalized by the values around each pixel, and not by all of them.

    Images are cut into tiles, and each tile has a table of what its values, from 0 to 255, become:
    255·(c(b) - c(0))/(n - c(0)), for c(b) of its n pixels with values up to b. Before that the number of pixels with
    one value is cut to `clip_limit` times the mean number, and what is cut off is given to all values alike. A pixel
    becomes what the tables of the four tiles around it say, interpolated. Where tiles reach over the border the image
    is mirrored.

    Args:
        value_range: the least and the largest value, which become 0 and 255 meanwhile.
        clip_limit: a number; 0 or less for no limit.
        tile_grid_size: (rows, columns) of tiles.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Source: Zuiderveld, "Contrast limited adaptive histogram equalization", 1994.
    """

    def __init__(self, value_range=(0, 255), clip_limit=4.0, tile_grid_size=(8, 8), data_format=None, **kwargs):
        kind = "ContrastLimitedAdaptiveHistogramEqualization"
        super().__init__(value_range, data_format=data_format, **kwargs)
        self.clip_limit = finite(kind, "clip_limit", clip_limit)
        self.tile_grid_size = integers(kind, "tile_grid_size", tile_grid_size, 2)

    def transform_images(self, images, transformation=None, training=True):
        is_first = self.data_format == "channels_first"
        x = in_range(ops.cast(images, self.dtype), self.value_range, (0, 255))
        x = self._equalized(ops.transpose(x, (0, 2, 3, 1)) if is_first else x)
        x = ops.transpose(x, (0, 3, 1, 2)) if is_first else x
        return ops.cast(in_range(x, (0, 255), self.value_range), dtype_of(images))

    def _equalized(self, x):
        """Images (N, H, W, C) with values from 0 to 255."""
        count, height, width, channels = x.shape
        # Pixel by pixel the place of its value in the table of the first tile; NaN counts as 0.
        values = ops.clip(ops.cast(ops.clip(x, 0.0, 255.0), "int32"), 0, _BINS - 1)
        tiles = self.tile_grid_size
        extents = [-(-extent // number) for extent, number in zip((height, width), tiles, strict=True)]
        tables = ops.reshape(self._tables(values, extents), (-1,))

        # A table for each image, row and column of tiles, and channel.
        def place(rows, columns):
            number = (np.reshape(rows, (-1, 1, 1)) * tiles[1] + np.reshape(columns, (-1, 1))) * channels
            inside = ops.add(values, ((number + np.arange(channels)) * _BINS).astype("int32"))
            images = np.arange(count).reshape(-1, 1, 1, 1) * (tiles[0] * tiles[1] * channels * _BINS)
            return ops.add(inside, images.astype("int32"))

        (top, bottom, down), (left, right, across) = (
            _neighbours(size, extent, number)
            for size, extent, number in zip((height, width), extents, tiles, strict=True)
        )
        down = down.reshape(-1, 1, 1).astype(self.dtype)
        across = across.reshape(-1, 1).astype(self.dtype)

        def row(rows):
            first, second = (ops.take(tables, place(rows, columns)) for columns in (left, right))
            return ops.add(ops.multiply(first, 1 - across), ops.multiply(second, across))

        return ops.add(ops.multiply(row(top), 1 - down), ops.multiply(row(bottom), down))

    def _tables(self, values, extents: list):
        """What the values of each tile become, (N, rows, columns, C, 256)."""
        count, height, width, channels = values.shape
        rows, columns = self.tile_grid_size
        mirrored = [
            np.pad(np.arange(size), (0, number * extent - size), "symmetric").astype("int32")
            for size, extent, number in zip((height, width), extents, self.tile_grid_size, strict=True)
        ]
        for axis, places in enumerate(mirrored, start=1):
            if len(places) != values.shape[axis]:
                values = ops.take(values, places, axis=axis)
        tiled = ops.reshape(values, (count, rows, extents[0], columns, extents[1], channels))
        tiled = ops.reshape(ops.transpose(tiled, (0, 1, 3, 5, 2, 4)), (-1, extents[0] * extents[1]))
        first = (np.arange(tiled.shape[0]) * _BINS).astype("int32")[:, None]
        numbers = ops.segment_sum(
            ops.ones((tiled.shape[0] * tiled.shape[1],), self.dtype),
            ops.reshape(ops.add(tiled, first), (-1,)),
            num_segments=tiled.shape[0] * _BINS,
        )
        numbers = ops.reshape(numbers, (count, rows, columns, channels, _BINS))
        pixels = extents[0] * extents[1]
        if self.clip_limit > 0:
            kept = ops.minimum(numbers, self.clip_limit * pixels / _BINS)
            excess = ops.sum(ops.subtract(numbers, kept), axis=-1, keepdims=True)
            numbers = ops.add(kept, ops.divide(excess, float(_BINS)))
        below = ops.cumsum(numbers, axis=-1)
        first = below[..., :1]
        range_ = ops.subtract(float(pixels), first)
        range_ = ops.where(ops.equal(range_, 0.0), 1.0, range_)
        return ops.clip(ops.divide(ops.multiply(ops.subtract(below, first), 255.0), range_), 0.0, 255.0)

    def get_config(self) -> dict:
        return {**super().get_config(), "clip_limit": self.clip_limit, "tile_grid_size": self.tile_grid_size}


def _neighbours(size: int, extent: int, number: int) -> tuple:
    """For each pixel the tiles whose middles are before and behind it, and its distance from the first in tiles."""
    position = (np.arange(size) - extent / 2) / extent
    before = np.floor(position)
    tiles = [np.clip(before + i, 0, number - 1).astype(int) for i in (0, 1)]
    return (*tiles, position - before)
