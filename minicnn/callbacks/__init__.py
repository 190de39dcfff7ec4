"""Callbacks: what ``fit``, ``evaluate`` and ``predict`` call on the way, as in Keras."""

from minicnn.callbacks.backup import BackupAndRestore
from minicnn.callbacks.base import Callback, History, LambdaCallback, TerminateOnNaN
from minicnn.callbacks.callback_list import CallbackList
from minicnn.callbacks.checkpoint import ModelCheckpoint
from minicnn.callbacks.csv_logger import CSVLogger
from minicnn.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from minicnn.callbacks.monitor import EarlyStopping, MonitorCallback

__all__ = [
    "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History",
    "LambdaCallback", "LearningRateScheduler", "ModelCheckpoint", "MonitorCallback",
    "ReduceLROnPlateau", "TerminateOnNaN",
]  # fmt: skip
