"""Files that TensorBoard reads, written with the formats of its package."""

from __future__ import annotations

import io
import itertools
import os
import socket
import time

import numpy as np

# Files of one process that are begun in the same second have different names.
_numbers = itertools.count()
_BUCKETS = 30
_IMAGES = 3


def check_installed() -> None:
    """Raises ImportError without the package tensorboard."""
    try:
        import tensorboard.summary.writer.record_writer  # noqa: F401
    except ImportError as error:
        raise ImportError(
            "TensorBoard: expected tensorboard to be installed; pip install 'swiftbn[tensorboard]'"
        ) from error


class EventFile:
    """Scalars, histograms, images and models by tag and step.

    Its file is made when the first is written. TensorFlow, which TensorBoard's own writer loads when it is installed,
    is not needed.
    """

    def __init__(self, directory: str):
        self._directory = directory
        self._records = None

    def scalar(self, tag: str, value, step: int) -> None:
        """A number; each of several numbers has a tag of its own."""
        from tensorboard.plugins.scalar.metadata import create_summary_metadata

        values = np.asarray(value, "float32")
        metadata = create_summary_metadata(display_name=None, description=None)
        for index in np.ndindex(values.shape):
            self._write("_".join([tag, *map(str, index)]), values[index], step, metadata)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """How many values lie in each of 30 equal parts of their range; those that are not finite are left out."""
        from tensorboard.plugins.histogram.metadata import create_summary_metadata

        metadata = create_summary_metadata(display_name=None, description=None)
        self._write(tag, _buckets(values), step, metadata)

    def images(self, tag: str, images: np.ndarray, step: int) -> None:
        """The first three of images (N, H, W, 1 or 3 or 4); numbers outside of 0 … 1 are clipped.

        Raises:
            ImportError: Pillow is not installed.
        """
        from tensorboard.plugins.image.metadata import create_summary_metadata

        size = [str(extent).encode() for extent in (images.shape[2], images.shape[1])]
        pictures = [_png(image) for image in images[:_IMAGES]]
        metadata = create_summary_metadata(display_name=None, description=None)
        self._write(tag, np.array(size + pictures, object), step, metadata)

    def model(self, tag: str, json: str, step: int) -> None:
        """A model's configuration, which TensorBoard draws as a graph."""
        from tensorboard.compat.proto.summary_pb2 import SummaryMetadata

        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        self._write(tag, np.array(json.encode(), object), step, SummaryMetadata(plugin_data=plugin))

    def _write(self, tag: str, value, step: int, metadata) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.util.tensor_util import make_tensor_proto

        value = Summary.Value(tag=tag, tensor=make_tensor_proto(value), metadata=metadata)
        self._add(step=step, summary=Summary(value=[value]))

    def _add(self, **content) -> None:
        from tensorboard.compat.proto.event_pb2 import Event

        if self._records is None:
            self._open()
            self._add(file_version="brain.Event:2")
        self._records.write(Event(wall_time=time.time(), **content).SerializeToString())

    def _open(self) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        os.makedirs(self._directory, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}.v2"
        self._records = RecordWriter(open(os.path.join(self._directory, name), "wb"))

    def flush(self) -> None:
        """Makes what has been written visible to readers."""
        if self._records is not None:
            self._records.flush()

    def close(self) -> None:
        if self._records is not None:
            self._records.close()
        self._records = None


def _buckets(values: np.ndarray) -> np.ndarray:
    """Rows (left edge, right edge, count); equal values are all in the last one, without a width."""
    values = np.asarray(values, "float64")
    values = values[np.isfinite(values)]
    if not values.size:
        return np.zeros((_BUCKETS, 3))
    low, high = values.min(), values.max()
    if low == high:
        counts = np.zeros(_BUCKETS)
        counts[-1] = values.size
        return np.stack([np.full(_BUCKETS, low), np.full(_BUCKETS, low), counts], axis=1)
    counts, edges = np.histogram(values, _BUCKETS, (low, high))
    return np.stack([edges[:-1], edges[1:], counts], axis=1)


def _png(image: np.ndarray) -> bytes:
    from swiftbn.utils.images import pillow

    # As TensorFlow makes bytes of fractions: each stands for an equal part of 0 … 1. NaN is black.
    pixels = np.clip(np.nan_to_num(image) * 255.5, 0, 255).astype("uint8")
    memory = io.BytesIO()
    pillow("TensorBoard").fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(memory, "PNG")
    return memory.getvalue()
