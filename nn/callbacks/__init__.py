"""Callbacks: what `fit`, `evaluate` and `predict` call on the way.

`GradientHealth`, which records the gradients of every step, is `autograd_lite.graph.GradientHealth`.
"""

from typing import Any

import autograd_lite as ag

from .averages import SwapEMAWeights
from .base import Callback, LambdaCallback, Trained
from .callback_list import CallbackList
from .checkpoints import BackupAndRestore, KeepInMemory, ModelCheckpoint
from .history import History
from .loggers import CSVLogger, TensorBoard
from .rates import LearningRateScheduler, ReduceLROnPlateau
from .stopping import EarlyStopping, TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "GradientHealth",
    "History",
    "KeepInMemory",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
    "Trained",
]


def __getattr__(name: str) -> Any:
    if name == "GradientHealth":  # loaded on demand: importing the graph takes time
        return ag.graph.GradientHealth
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
