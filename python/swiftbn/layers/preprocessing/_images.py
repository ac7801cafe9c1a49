"""What layers of images share: batches or single images, images with labels and masks, random factors."""

from __future__ import annotations

from swiftbn import ops, random
from swiftbn._checks import finite, one_of
from swiftbn.config import standardize_data_format
from swiftbn.layers._arguments import only
from swiftbn.layers.layer import Layer

FILL_MODES = ("reflect", "wrap", "constant", "nearest")


class ImageLayer(Layer):
    """A layer of images (N, H, W, C) or (H, W, C), or with channels first, or of a dict with them under "images".

    In a dict "labels" stay, and "segmentation_masks" are changed as the images, by the nearest pixel. Subclasses define
    `get_random_transformation`, what is drawn for a batch, and `transform_images`.
    """

    def __init__(self, bounding_box_format=None, data_format=None, **kwargs):
        only(type(self).__name__, bounding_box_format=(bounding_box_format, None))
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)

    def get_random_transformation(self, data, training=True, seed=None):
        return None

    def transform_images(self, images, transformation, training=True):
        raise NotImplementedError(f"{type(self).__name__} has to define transform_images()")

    def transform_labels(self, labels, transformation, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)

    def call(self, data, training=True):
        if not isinstance(data, dict):
            self._check_rank(data)
            transformation = self.get_random_transformation(data, training=training)
            return self._on_batch(self.transform_images, data, transformation, training)
        known = ("images", "labels", "segmentation_masks")
        if "images" not in data or set(data) - set(known):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected a dict with 'images', and possibly 'labels' and "
                f"'segmentation_masks'. Received: keys {sorted(data)}"
            )
        self._check_rank(data["images"])
        transformation = self.get_random_transformation(data, training=training)
        result = dict(data)
        result["images"] = self._on_batch(self.transform_images, data["images"], transformation, training)
        if "segmentation_masks" in data:
            function = self.transform_segmentation_masks
            result["segmentation_masks"] = self._on_batch(
                function, data["segmentation_masks"], transformation, training
            )
        if "labels" in data:
            result["labels"] = self.transform_labels(data["labels"], transformation, training=training)
        return result

    def _on_batch(self, function, images, transformation, training):
        self._check_rank(images)
        if len(images.shape) == 4:
            return function(images, transformation, training=training)
        return ops.squeeze(function(ops.expand_dims(images, 0), transformation, training=training), 0)

    def _check_rank(self, images) -> None:
        if not hasattr(images, "shape") or len(images.shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected images of rank 3 or 4. "
                f"Received: shape {tuple(getattr(images, 'shape', ()))}"
            )

    @property
    def _axes(self) -> tuple:
        """The axes of height and width, counted from the end."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    @property
    def _channel_axis(self) -> int:
        return -3 if self.data_format == "channels_first" else -1

    def _size(self, data) -> tuple:
        """(number of images, height, width); an image alone is one."""
        shape = (data["images"] if isinstance(data, dict) else data).shape
        return (shape[0] if len(shape) == 4 else 1, *(shape[axis] for axis in self._axes))

    def _sized_shape(self, input_shape, height: int, width: int) -> tuple:
        shape = list(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': expected a shape of rank 3 or 4. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        for axis, extent in zip(self._axes, (height, width), strict=True):
            shape[axis] = extent
        return tuple(shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "data_format": self.data_format}


class RandomImageLayer(ImageLayer):
    """An image layer that draws random numbers in training, for each image its own."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def _uniform(self, shape: tuple, low: float, high: float, seed=None):
        return random.uniform(shape, low, high, dtype=self.dtype, seed=self.generator if seed is None else seed)

    def compute_output_shape(self, input_shape):
        return {k: tuple(s) for k, s in input_shape.items()} if isinstance(input_shape, dict) else tuple(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}


def bounds(layer: str, name: str, value, low: float, high: float, lowest: float | None = None) -> tuple:
    """(lower, upper) from two numbers in low … high; one stands for its negative, at least `lowest`, and itself."""
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ValueError(f"{layer}: expected {name} to be a number or two. Received: {name}={value!r}")
        pair = sorted(finite(layer, name, item, low, high) for item in value)
        return tuple(pair)
    size = abs(finite(layer, name, value, low, high))
    return (-size if lowest is None else max(-size, lowest)), size


def checked_sampling(layer: str, fill_mode, interpolation, fill_value) -> None:
    one_of(layer, "fill_mode", fill_mode, FILL_MODES)
    one_of(layer, "interpolation", interpolation, ("nearest", "bilinear"))
    finite(layer, "fill_value", fill_value)
