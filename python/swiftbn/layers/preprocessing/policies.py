"""Random changes of images, chosen at random."""

from __future__ import annotations

import numpy as np

from swiftbn import ops, random
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.layers.preprocessing._images import RandomImageLayer, bounds
from swiftbn.layers.preprocessing.colors import RandomBrightness, RandomContrast, value_range_of
from swiftbn.layers.preprocessing.geometry import RandomRotation, RandomTranslation
from swiftbn.layers.preprocessing.hues import RandomColorDegeneration
from swiftbn.layers.preprocessing.tones import (
    AutoContrast,
    Equalization,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from swiftbn.layers.preprocessing.warps import RandomShear

_SHAPES = ("random_shear", "random_translation", "random_rotation")
_TONES = ("random_posterization", "solarization", "auto_contrast", "equalization")
_COLORS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")


class _Policy(RandomImageLayer):
    """Layers that are attributes, `_names` of which images may go through.

    Inside a model all of them are described, and the one that is chosen is computed.
    """

    _names: tuple = ()

    def __init__(self, value_range, factor, interpolation, seed, data_format, **kwargs):
        kind = type(self).__name__
        value_range_of(kind, value_range)
        one_of(kind, "interpolation", interpolation, ("nearest", "bilinear"))
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = value_range
        self.factor = bounds(kind, "factor", factor, 0, 1, lowest=0)
        self.interpolation = interpolation

    def _add_layers(self) -> None:
        factor = self.factor
        plain = {"data_format": self.data_format, "dtype": self.dtype}
        seeded = {**plain, "seed": self.seed}
        moving = {**seeded, "interpolation": self.interpolation}
        valued = {**seeded, "value_range": self.value_range}
        tones = {**plain, "value_range": self.value_range}
        made = {
            "random_shear": lambda: RandomShear(factor, factor, **moving),
            "random_translation": lambda: RandomTranslation(factor, factor, **moving),
            "random_rotation": lambda: RandomRotation(factor, **moving),
            "random_brightness": lambda: RandomBrightness(factor, **valued),
            "random_color_degeneration": lambda: RandomColorDegeneration(factor, **valued),
            "random_contrast": lambda: RandomContrast(factor, **valued),
            "random_sharpness": lambda: RandomSharpness(factor, **valued),
            "random_posterization": lambda: RandomPosterization(max(1, int(8 * factor[1])), **valued),
            "solarization": lambda: Solarization(factor, factor, **valued),
            "auto_contrast": lambda: AutoContrast(**tones),
            "equalization": lambda: Equalization(**tones),
        }
        for name in self._names:
            setattr(self, name, made[name]())

    def _through(self, method: str, x, index, drawn: dict):
        """x through the layer of a number; through none for a number behind the last one."""
        if isinstance(index, (np.ndarray, np.generic)):
            names = [self._names[int(index)]] if int(index) < len(self._names) else []
            return getattr(getattr(self, names[0]), method)(x, drawn[names[0]]) if names else x
        # A program computes what is chosen only, when the choice is known before.
        chosen = [ops.equal(index, place) for place in range(len(self._names))]
        result = x
        for condition, name in zip(chosen, self._names, strict=True):
            changed = ops.cast(getattr(getattr(self, name), method)(x, drawn[name]), x.dtype)
            result = ops.where(condition, changed, result)
        return result

    def _drawn_by_layers(self, data, source) -> dict:
        return {name: getattr(self, name).get_random_transformation(data, seed=source) for name in self._names}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "factor": self.factor,
            "interpolation": self.interpolation,
        }


class RandAugment(_Policy):
    """In training a batch goes through `num_ops` of eleven random layers, one after another, chosen for each batch.

    They shear, move, turn and sharpen, change brightness, colours, contrast and bits, solarize, stretch and equalize.

    Args:
        value_range: the least and the largest value.
        num_ops: how many are chosen; one may be chosen again.
        factor: how strong they are: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Source: Cubuk et al., "RandAugment", 2019.
    """

    _names = (*_SHAPES, *_COLORS, *_TONES)

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = positive_integer("RandAugment", "num_ops", num_ops)
        self._add_layers()

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        source = self.generator if seed is None else seed
        return {
            "layer_idxes": random.randint((self.num_ops,), 0, len(self._names), seed=source),
            "transforms": self._drawn_by_layers(data, source),
        }

    def _transformed(self, method: str, x, transformation):
        for i in range(self.num_ops):
            x = self._through(method, x, transformation["layer_idxes"][i], transformation["transforms"])
        return x

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        return self._transformed("transform_images", images, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transformed("transform_segmentation_masks", segmentation_masks, transformation)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_ops": self.num_ops}


class AugMix(_Policy):
    """In training images are mixed with mixtures of several chains of random layers, which are chosen for each batch.

    The result is w·x + (1 - w)·Σ wₖ·chainₖ(x), cut to the value range: w has a beta distribution of both parameters
    alpha, the wₖ a Dirichlet distribution of equal ones. A chain has up to `chain_depth` layers, as each of its places
    may stay empty.

    Args:
        value_range: the least and the largest value.
        num_chains, chain_depth: numbers >= 1.
        factor: how strong layers are: (lower, upper), numbers in 0 … 1, or one for (0, upper).
        alpha: a number > 0.
        all_ops: whether brightness, colours, contrast and sharpness are among the layers.
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for one drawn from Python's `random`.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Source: Hendrycks et al., "AugMix", 2019.
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        kind = "AugMix"
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = positive_integer(kind, "num_chains", num_chains)
        self.chain_depth = positive_integer(kind, "chain_depth", chain_depth)
        self.alpha = number(kind, "alpha", alpha, lambda v: 0 < v < np.inf, "a number > 0")
        self.all_ops = bool(all_ops)
        self._names = (*_SHAPES, *_TONES, *(_COLORS if self.all_ops else ()))
        self._add_layers()

    def get_random_transformation(self, data, training=True, seed=None):
        if not training:
            return None
        source = self.generator if seed is None else seed
        alpha = float(self.alpha)
        weights = random.gamma((self.num_chains,), alpha, dtype=self.dtype, seed=source)
        places = (self.num_chains, self.chain_depth)
        return {
            "chain_mixing_weights": ops.divide(weights, ops.sum(weights)),
            "weight_sample": random.beta((), alpha, alpha, dtype=self.dtype, seed=source),
            "layer_idxes": random.randint(places, 0, len(self._names) + 1, seed=source),
            "chain_transforms": [
                [self._drawn_by_layers(data, source) for _ in range(self.chain_depth)] for _ in range(self.num_chains)
            ],
        }

    def _mixed(self, method: str, x, transformation):
        total = None
        for chain, layers in enumerate(transformation["chain_transforms"]):
            changed = x
            for depth, drawn in enumerate(layers):
                changed = self._through(method, changed, transformation["layer_idxes"][chain, depth], drawn)
            part = ops.multiply(ops.cast(changed, self.dtype), transformation["chain_mixing_weights"][chain])
            total = part if total is None else ops.add(total, part)
        weight = transformation["weight_sample"]
        return ops.add(ops.multiply(ops.cast(x, self.dtype), weight), ops.multiply(total, ops.subtract(1.0, weight)))

    def transform_images(self, images, transformation, training=True):
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        low, high = (float(border) for border in self.value_range)
        return ops.clip(self._mixed("transform_images", images, transformation), low, high)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._mixed("transform_segmentation_masks", segmentation_masks, transformation)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }
