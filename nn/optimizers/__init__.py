"""Optimizers change parameters by their gradients, with Keras 3's formulas, argument names and defaults.

In your own loop:

    >>> import autograd_lite as ag
    >>> from nn import optimizers
    >>> w = ag.tensor([3.0, -2.0], requires_grad=True, name="w")
    >>> optimizer = optimizers.Adam(learning_rate=0.1, parameters=[w])
    >>> for _ in range(200):
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> loss.item() < 1e-2
    True

`compile(optimizer=...)` takes the same objects, or their names. The file of an algorithm, such as `adam.py`, has its
formula, its rule and its class.

References:
    Keras 3, `keras.optimizers`, 2023.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from . import schedules as schedules
    from .adafactor import Adafactor as Adafactor
    from .adagrad import Adadelta as Adadelta, Adagrad as Adagrad
    from .adam import (
        Adam as Adam,
        Adamax as Adamax,
        AdamW as AdamW,
        Nadam as Nadam,
        ScheduleFreeAdamW as ScheduleFreeAdamW,
    )
    from .ftrl import Ftrl as Ftrl
    from .hyper import Number as Number, OptionalNumber as OptionalNumber, ScalarOrSchedule as ScalarOrSchedule
    from .lamb import Lamb as Lamb
    from .lbfgs import LBFGS as LBFGS
    from .lion import Lion as Lion
    from .loss_scale import LossScaleOptimizer as LossScaleOptimizer
    from .multi import MultiOptimizer as MultiOptimizer, OptimizerMap as OptimizerMap
    from .muon import Muon as Muon
    from .names import deserialize as deserialize, get as get, serialize as serialize
    from .optimizer import Optimizer as Optimizer
    from .rmsprop import RMSprop as RMSprop
    from .scipy_bridge import minimize as minimize
    from .sgd import SGD as SGD
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
