"""Training: compile, fit, evaluate, predict, and the steps and feeds under them."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .trainer import Trainer as Trainer
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
