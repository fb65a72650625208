"""Callbacks: what `fit`, `evaluate` and `predict` call on the way.

`GradientHealth`, which records the gradients of every step, is `autograd_lite.graph.GradientHealth`.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from autograd_lite.graph import GradientHealth as GradientHealth

    from .averages import SwapEMAWeights as SwapEMAWeights
    from .base import Callback as Callback, LambdaCallback as LambdaCallback, Trained as Trained
    from .callback_list import CallbackList as CallbackList
    from .checkpoints import (
        BackupAndRestore as BackupAndRestore,
        InMemoryBackup as InMemoryBackup,
        ModelCheckpoint as ModelCheckpoint,
    )
    from .history import History as History
    from .loggers import CSVLogger as CSVLogger, TensorBoard as TensorBoard
    from .rates import LearningRateScheduler as LearningRateScheduler, ReduceLROnPlateau as ReduceLROnPlateau
    from .stopping import EarlyStopping as EarlyStopping, TerminateOnNaN as TerminateOnNaN
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
