"""Callbacks: what ``fit``, ``evaluate`` and ``predict`` call on the way, as in Keras."""

from minicnn import registry
from minicnn.callbacks.backup import BackupAndRestore
from minicnn.callbacks.base import (
    Callback,
    History,
    LambdaCallback,
    LearningRateScheduler,
    TerminateOnNaN,
)
from minicnn.callbacks.callback_list import CallbackList
from minicnn.callbacks.files import CSVLogger, ModelCheckpoint
from minicnn.callbacks.monitor import EarlyStopping, MonitorCallback, ReduceLROnPlateau

__all__ = registry.public_names(__name__)
