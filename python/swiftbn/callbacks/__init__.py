"""Callbacks: what happens between batches and epochs."""

from swiftbn.callbacks.backup import BackupAndRestore
from swiftbn.callbacks.base import Callback, CallbackList, History, LambdaCallback, TerminateOnNaN
from swiftbn.callbacks.checkpoint import ModelCheckpoint
from swiftbn.callbacks.csv_logger import CSVLogger
from swiftbn.callbacks.early_stopping import EarlyStopping
from swiftbn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from swiftbn.callbacks.progress import ProgbarLogger

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
