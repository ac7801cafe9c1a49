"""Boxes around what is seen in images."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import one_of, positive_integer
from swiftbn.layers.preprocessing._images import ImageLayer
from swiftbn.ops._dispatch import dtype_of

_FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


class MaxNumBoundingBoxes(ImageLayer):
    """The same number of boxes for all images: more are cut off, missing ones are filled in.

    Called on a dict with "images" and "bounding_boxes", a dict of "boxes" (N, B, 4) and "labels" (N, B), or of an image
    alone without N. They become (N, max_number, 4) and (N, max_number); all else stays as it is.

    Args:
        max_number: how many boxes there are to be.
        fill_value: integer of which missing boxes, and their labels, are made.
        bounding_box_format: such as "xyxy"; needed to give boxes, which are not looked at.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.

    Raises:
        ValueError: boxes without a format, or of another shape.
    """

    def __init__(self, max_number, fill_value=-1, **kwargs):
        bounding_box_format = kwargs.pop("bounding_box_format", None)
        one_of("MaxNumBoundingBoxes", "bounding_box_format", bounding_box_format, (None, *_FORMATS))
        super().__init__(**kwargs)
        self.max_number = positive_integer("MaxNumBoundingBoxes", "max_number", max_number)
        self.fill_value = int(fill_value)
        self.bounding_box_format = bounding_box_format

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """The same for a dict of boxes and labels of a batch."""
        boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
        return {**bounding_boxes, "boxes": self._filled(ops.cast(boxes, "float32")), "labels": self._filled(labels)}

    def call(self, data, training=True):
        if not isinstance(data, dict) or "bounding_boxes" not in data:
            return super().call(data, training=training)
        boxes = data["bounding_boxes"]
        rest = super().call({name: value for name, value in data.items() if name != "bounding_boxes"}, training)
        self._check(boxes, len(data["images"].shape) == 4)
        if len(data["images"].shape) == 4:
            return {**rest, "bounding_boxes": self.transform_bounding_boxes(boxes, None, training)}
        batch = {name: ops.expand_dims(value, 0) for name, value in boxes.items()}
        changed = self.transform_bounding_boxes(batch, None, training)
        return {**rest, "bounding_boxes": {name: ops.squeeze(value, 0) for name, value in changed.items()}}

    def _check(self, bounding_boxes, is_batch: bool) -> None:
        name = f"MaxNumBoundingBoxes '{self.name}'"
        if self.bounding_box_format is None:
            raise ValueError(f"{name}: expected bounding_box_format, such as 'xyxy', with boxes. Received: None")
        if not isinstance(bounding_boxes, dict) or set(bounding_boxes) != {"boxes", "labels"}:
            raise ValueError(
                f"{name}: expected bounding_boxes to be a dict of 'boxes' and 'labels'. Received: {bounding_boxes!r}"
            )
        shapes = [tuple(getattr(bounding_boxes[key], "shape", ())) for key in ("boxes", "labels")]
        if len(shapes[0]) != 2 + is_batch or shapes[0][-1] != 4 or shapes[1] != shapes[0][:-1]:
            expected = "(N, B, 4) and (N, B)" if is_batch else "(B, 4) and (B,)"
            raise ValueError(f"{name}: expected boxes and labels of shapes {expected}. Received: {shapes}")

    def _filled(self, x):
        x = x[:, : self.max_number]
        missing = self.max_number - x.shape[1]
        if missing <= 0:
            return x
        filling = ops.full((x.shape[0], missing, *x.shape[2:]), self.fill_value, dtype_of(x))
        return ops.concatenate([x, filling], axis=1)

    def compute_output_shape(self, input_shape):
        if not isinstance(input_shape, dict):
            return tuple(input_shape)
        shapes = dict(input_shape)
        if "bounding_boxes" in shapes:
            own = {name: tuple(shape) for name, shape in shapes["bounding_boxes"].items()}
            place = len(own["labels"]) - 1
            shapes["bounding_boxes"] = {
                name: (*shape[:place], self.max_number, *shape[place + 1 :]) for name, shape in own.items()
            }
        return shapes

    def get_config(self) -> dict:
        config = {**super().get_config(), "max_number": self.max_number, "fill_value": self.fill_value}
        return {**config, "bounding_box_format": self.bounding_box_format}
