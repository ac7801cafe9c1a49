"""Going on with training that was interrupted."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from swiftbn.callbacks.base import Callback


class BackupAndRestore(Callback):
    """Saves weights, optimizer and the number of the epoch while training, so that `fit` goes on after an interruption.

    When the same program runs again, `fit` takes the state from the directory and begins with the epoch behind the
    saved one. With `utils.set_random_seed` before `fit` the result is that of training without a break, bit by bit, if
    what is random in the model belongs to its layers and `save_freq` is "epoch"; from a backup in the middle of an
    epoch this epoch begins again. The directory is of this callback alone.

    Args:
        backup_dir: directory, made when it does not exist.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: whether the backup before is kept, for the case that writing one is interrupted.
        delete_checkpoint: whether the directory is deleted when training has ended.

    Raises:
        ValueError: no directory, another `save_freq`, or (in `fit`) a model that is not built.
    """

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(f"BackupAndRestore: expected a directory. Received: backup_dir={backup_dir!r}")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f"BackupAndRestore: expected save_freq 'epoch' or an integer >= 1. Received: save_freq={save_freq!r}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._weights = os.path.join(self.backup_dir, "latest.weights.h5")
        self._metadata = os.path.join(self.backup_dir, "training_metadata.json")
        self._epoch = 0
        self._batches = 0

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                f"BackupAndRestore: expected a model that is built. Received: model '{self.model.name}', which is not"
            )
        try:
            self._restore(self._weights, self._metadata)
        except (OSError, ValueError):
            if not os.path.exists(self._weights + ".bkp"):
                raise
            # Writing the last backup was interrupted; the one before is whole.
            for path in (self._weights, self._metadata):
                shutil.copy(path + ".bkp", path)
            self._restore(self._weights, self._metadata)

    def _restore(self, weights: str, metadata: str) -> None:
        if not (os.path.exists(weights) and os.path.exists(metadata)):
            return
        with open(metadata, encoding="utf-8") as file:
            epoch = json.load(file)["epoch"]
        if self.model.optimizer is not None:
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(weights)
        self.model._initial_epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self._epoch = epoch + 1
        if self.save_freq == "epoch":
            self._save(0)

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % self.save_freq == 0:
            self._save(batch)

    def _save(self, batch: int) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint:
            for path in (self._weights, self._metadata):
                if os.path.exists(path):
                    shutil.copy(path, path + ".bkp")
        from swiftbn.saving.files import replacing

        self.model.save_weights(self._weights, overwrite=True)
        with replacing(Path(self._metadata)) as name, open(name, "w", encoding="utf-8") as file:
            json.dump({"epoch": self._epoch, "batch": batch}, file)

    def on_train_end(self, logs=None):
        if self.delete_checkpoint and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)
