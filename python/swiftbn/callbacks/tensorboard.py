"""Logs for TensorBoard."""

from __future__ import annotations

import os
import time
import warnings

import numpy as np

from swiftbn._checks import integer, is_integer
from swiftbn.callbacks._event_file import EventFile, check_installed
from swiftbn.callbacks.base import Callback
from swiftbn.config import image_data_format


class TensorBoard(Callback):
    """Writes files that TensorBoard shows; `tensorboard --logdir=logs` starts it. Needs the package tensorboard.

    `train` in the directory has `epoch_<name>` of each of the logs and of the learning rate by epoch, and
    `batch_<name>` by batch; `validation` has `epoch_<name>` of validation, and `evaluation_<name>_vs_iterations` by the
    optimizer's count of steps, of `evaluate` too.

    Args:
        log_dir: directory of the files, which no other callback should write to.
        histogram_freq: every how many epochs histograms of all weights are written, 0 for never. Weights that are not
            finite do not count in them.
        write_graph: whether to write the layers of the model as a graph, when it is Sequential or functional.
        write_images: whether to write weights as images along with histograms. Needs Pillow.
        write_steps_per_second: whether to write the steps per second, of epochs and batches.
        update_freq: "epoch" for no logs of batches, "batch" for those of each, or every how many batches.
        profile_batch: only 0; `swiftbn.profile` measures the steps of a model.
        embeddings_freq: only 0; embeddings_metadata: only None.

    Raises:
        ImportError: tensorboard is not installed.
        ValueError: arguments out of range.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        for name, value, only in (
            ("profile_batch", profile_batch, 0),
            ("embeddings_freq", embeddings_freq, 0),
            ("embeddings_metadata", embeddings_metadata, None),
        ):
            if value != only:
                raise ValueError(f"TensorBoard: only {name}={only} is supported. Received: {name}={value!r}")
        update_freq = 1 if update_freq == "batch" else update_freq
        if update_freq != "epoch" and not is_integer(update_freq, 1):
            raise ValueError(
                "TensorBoard: expected update_freq to be 'epoch', 'batch' or an integer >= 1. "
                f"Received: update_freq={update_freq!r}"
            )
        self.histogram_freq = integer("TensorBoard", "histogram_freq", histogram_freq, 0)
        check_installed()
        self.log_dir = os.fspath(log_dir)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = update_freq
        self._train = EventFile(os.path.join(self.log_dir, "train"))
        self._validation = EventFile(os.path.join(self.log_dir, "validation"))
        self._is_training = False
        self._batches = 0

    def on_train_begin(self, logs=None):
        self._is_training = True
        self._batches = 0
        if self.write_graph:
            self._write_model()

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._steps_before = self._steps()
            self._epoch_begin = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        self._batches += 1
        self._batch_begin = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.update_freq == "epoch" or self._batches % self.update_freq:
            return
        logs = dict(logs or {})
        if self.write_steps_per_second:
            logs = {"steps_per_second": 1 / (time.perf_counter() - self._batch_begin), **logs}
        for name, value in logs.items():
            self._train.scalar(f"batch_{name}", value, self._batches)

    def on_epoch_end(self, epoch, logs=None):
        logs = dict(logs or {})
        own = {name: value for name, value in logs.items() if not name.startswith("val_")}
        own.update(self._learning_rates())
        if self.write_steps_per_second:
            own["steps_per_second"] = (self._steps() - self._steps_before) / (time.perf_counter() - self._epoch_begin)
        for name, value in own.items():
            self._train.scalar(f"epoch_{name}", value, epoch)
        for name in logs.keys() - own.keys():
            self._validation.scalar(f"epoch_{name.removeprefix('val_')}", logs[name], epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        self._train.flush()
        self._validation.flush()

    def on_test_end(self, logs=None):
        if getattr(self.model, "optimizer", None) is not None:
            for name, value in (logs or {}).items():
                self._validation.scalar(f"evaluation_{name}_vs_iterations", value, self._steps())
        if not self._is_training:
            self._close()

    def on_train_end(self, logs=None):
        self._close()

    def _on_error(self):
        self._close()

    def _close(self) -> None:
        self._is_training = False
        self._train.close()
        self._validation.close()

    def _steps(self) -> int:
        optimizer = self.model.optimizer
        return self._batches if optimizer is None else int(optimizer.iterations)

    def _learning_rates(self) -> dict:
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        if hasattr(optimizer, "optimizers"):
            return {f"learning_rate_{each.name}": float(each.learning_rate) for each in optimizer.optimizers}
        return {} if optimizer is None else {"learning_rate": float(optimizer.learning_rate)}

    def _write_model(self) -> None:
        from swiftbn.models import Sequential
        from swiftbn.models.functional import Functional

        if not isinstance(self.model, (Sequential, Functional)):
            return
        try:
            json = self.model.to_json()
        except (ValueError, TypeError, NotImplementedError) as error:
            warnings.warn(f"TensorBoard: the model is not written, as it has no configuration: {error}", stacklevel=2)
            return
        self._train.model("keras", json, step=0)

    def _write_weights(self, epoch: int) -> None:
        for layer in self.model.layers:
            for weight in layer.weights:
                name, values = weight.path.replace(":", "_"), weight.numpy()
                self._train.histogram(f"{name}/histogram", values, epoch)
                if self.write_images and (images := _as_images(values)) is not None:
                    self._train.images(f"{name}/image", images, epoch)


def _as_images(weight: np.ndarray) -> np.ndarray | None:
    """Images (N, H, W, C) of a weight: vectors are columns, matrices are wide, the last axis of three counts images."""
    values = weight.squeeze()
    if values.ndim == 1:
        values = values.reshape(1, -1, 1, 1)
    elif values.ndim == 2:
        values = (values.T if len(values) > len(values.T) else values)[None, :, :, None]
    elif values.ndim == 3:
        values = (values.transpose(2, 0, 1) if image_data_format() == "channels_last" else values)[..., None]
    return values if values.ndim == 4 and values.shape[-1] in (1, 3, 4) and values.size else None
