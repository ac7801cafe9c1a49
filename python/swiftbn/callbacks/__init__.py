"""Callbacks: what happens between batches and epochs."""

from swiftbn import _lazy
from swiftbn.callbacks.base import Callback, CallbackList, History, LambdaCallback, TerminateOnNaN

__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "backup": "BackupAndRestore",
        "checkpoint": "ModelCheckpoint",
        "csv_logger": "CSVLogger",
        "early_stopping": "EarlyStopping",
        "learning_rate": "LearningRateScheduler ReduceLROnPlateau",
        "progress": "ProgbarLogger",
        "remote_monitor": "RemoteMonitor",
        "swap_ema_weights": "SwapEMAWeights",
        "tensorboard": "TensorBoard",
    },
)
