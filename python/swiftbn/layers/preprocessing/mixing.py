"""Images with boxes erased or from other images, and mixtures of images, with their labels."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import finite, is_number, number
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers.preprocessing._images import RandomImageLayer, bounds
from swiftbn.layers.preprocessing.colors import RandomColor, per_image, value_range_of
from swiftbn.ops._dispatch import dtype_of


def random_spans(layer, data, extent: int, shares, seed):
    """(first, end) of spans that are the given shares (N,) of an extent long."""
    lengths = ops.multiply(shares, float(extent))
    first = ops.multiply(layer._uniform((layer._size(data)[0],), 0.0, 1.0, seed), ops.subtract(float(extent), lengths))
    return first, ops.add(first, lengths)


def boxes(layer, height: int, width: int, rows: tuple, columns: tuple):
    """Which pixels lie in a box for each image, of a shape that broadcasts to images."""

    def within(extent, span, shape):
        places = np.arange(extent, dtype=layer.dtype).reshape(shape)
        first, end = (per_image(border) for border in span)
        return ops.logical_and(ops.greater_equal(places, first), ops.less(places, end))

    last = layer.data_format == "channels_last"
    return ops.logical_and(
        within(height, rows, (1, -1, 1, 1) if last else (1, 1, -1, 1)),
        within(width, columns, (1, 1, -1, 1) if last else (1, 1, 1, -1)),
    )


class RandomErasing(RandomColor):
    """In training a box of each image is filled, with a probability that is uniform in lower … upper.

    Each side of the box is √s of the image's, with s uniform in the range of `scale`.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        scale: the same for s.
        fill_value: a number, or three for the channels; None for normal noise times the largest value.
        value_range: the least and the largest value, to which what fills is cut.
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Source: Zhong et al., "Random erasing data augmentation", 2017.
    """

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        kind = "RandomErasing"
        value_range_of(kind, value_range)
        several = list(fill_value) if isinstance(fill_value, (list, tuple)) else [fill_value] * (fill_value is not None)
        if not all(map(is_number, several)) or (isinstance(fill_value, (list, tuple)) and len(several) != 3):
            raise ValueError(
                f"{kind}: expected fill_value to be None, a number or three. Received: fill_value={fill_value!r}"
            )
        factor = bounds(kind, "factor", factor, 0, 1, lowest=0)
        super().__init__(factor, value_range, seed, data_format=data_format, **kwargs)
        self.scale = bounds(kind, "scale", scale, 0, 1, lowest=0)
        self.fill_value = fill_value

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        count, height, width = self._size(data)
        sides = ops.sqrt(self._uniform((count, 2), *self.scale, seed))
        columns = random_spans(self, data, width, sides[:, 0], seed)
        rows = random_spans(self, data, height, sides[:, 1], seed)
        return {
            "batch_masks": boxes(self, height, width, rows, columns),
            "apply_erasing": self._chosen(data, seed),
            "fill_value": self._filling(data, seed),
        }

    def _filling(self, data, seed):
        if self.fill_value is None:
            images = data["images"] if isinstance(data, dict) else data
            shape = tuple(images.shape) if len(images.shape) == 4 else (1, *images.shape)
            noise = random.normal(shape, dtype=self.dtype, seed=self.generator if seed is None else seed)
            return self._clipped(ops.multiply(noise, float(self.value_range[1])))
        values = np.asarray(self.fill_value, self.dtype)
        if values.ndim and self.data_format == "channels_first":
            values = values[:, None, None]
        return self._clipped(values)

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        erased = ops.where(transformation["batch_masks"], transformation["fill_value"], images)
        return ops.where(per_image(transformation["apply_erasing"]), erased, images)

    def get_config(self) -> dict:
        return {**super().get_config(), "scale": self.scale, "fill_value": self.fill_value}


class _Mixing(RandomImageLayer):
    """Each image, and its label, mixed with one of the batch. An image alone stays as it is."""

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        if not is_float_dtype(dtype_of(labels)):
            labels = ops.cast(labels, self.dtype)
        return self._mixed(labels, transformation)

    def _mixed(self, x, transformation):
        weights = ops.cast(transformation["mix_weight"], dtype_of(x))
        weights = ops.reshape(weights, (-1, *(1,) * (len(x.shape) - 1)))
        others = ops.take(x, transformation["permutation_order"], axis=0)
        return ops.add(ops.multiply(weights, x), ops.multiply(ops.subtract(1.0, weights), others))

    def _order(self, count: int, seed):
        return random.shuffle(np.arange(count, dtype="int32"), seed=self.generator if seed is None else seed)

    @staticmethod
    def _is_single(data) -> bool:
        return len((data["images"] if isinstance(data, dict) else data).shape) == 3


class CutMix(_Mixing):
    """In training a box of each image, and of its mask, comes from another image of the batch.

    Labels y, one-hot vectors, become w·y + (1 - w)·(the other's), w being the part of the image outside the box. It is
    drawn from a beta distribution of both parameters a, and a, for each batch, uniformly in lower … upper.

    Args:
        factor: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Source: Yun et al., "CutMix", 2019.
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = bounds("CutMix", "factor", factor, 0, 1, lowest=0)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self._is_single(data):
            return None
        count, height, width = self._size(data)
        source = self.generator if seed is None else seed
        alpha = ops.add(self._uniform((), *self.factor, seed), 1e-6)
        weight = random.beta((count,), alpha, alpha, dtype=self.dtype, seed=source)
        sides = ops.sqrt(ops.subtract(1.0, weight))
        columns = random_spans(self, data, width, sides, seed)
        rows = random_spans(self, data, height, sides, seed)
        area = ops.multiply(ops.subtract(columns[1], columns[0]), ops.subtract(rows[1], rows[0]))
        return {
            "permutation_order": self._order(count, seed),
            "batch_masks": boxes(self, height, width, rows, columns),
            "mix_weight": per_image(ops.subtract(1.0, ops.divide(area, float(width * height)))),
        }

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        return self.transform_segmentation_masks(images, transformation, training)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        others = ops.take(segmentation_masks, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, segmentation_masks)

    def get_config(self) -> dict:
        return {**super().get_config(), "factor": self.factor}


class MixUp(_Mixing):
    """In training each image x, its label and its mask become w·x + (1 - w)·(those of another image of the batch).

    w has a beta distribution of both parameters alpha.

    Args:
        alpha: a number > 0.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
        seed: an integer, or None for one drawn from Python's `random`.

    Source: Zhang et al., "mixup: beyond empirical risk minimization", 2017.
    """

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        number("MixUp", "alpha", alpha, lambda v: v > 0, "a number > 0")
        self.alpha = finite("MixUp", "alpha", alpha)

    def get_random_transformation(self, data, training=True, seed=None):
        if not training or self._is_single(data):
            return None
        count = self._size(data)[0]
        source = self.generator if seed is None else seed
        order = self._order(count, seed)
        weight = random.beta((count,), float(self.alpha), float(self.alpha), dtype=self.dtype, seed=source)
        return {"mix_weight": weight, "permutation_order": order}

    def transform_images(self, images, transformation=None, training=True):
        images = ops.cast(images, self.dtype)
        return images if not training or transformation is None else self._mixed(images, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._mixed(ops.cast(segmentation_masks, self.dtype), transformation)

    def get_config(self) -> dict:
        return {**super().get_config(), "alpha": self.alpha}
