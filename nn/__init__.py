"""nn: neural networks on autograd_lite, with Keras's names.

Example:
    >>> import numpy as np
    >>> import nn
    >>> from nn import layers, models
    >>> nn.set_seed(0)
    >>> model = models.Sequential([layers.Dense(8, activation="tanh", input_shape=(2,)), layers.Dense(1)])
    >>> model.compile(optimizer="rmsprop", loss="mse")
    >>> x = np.random.default_rng(0).normal(size=(64, 2))
    >>> history = model.fit(x, x[:, :1] * x[:, 1:], epochs=3, verbose=0)
    >>> len(history.history["loss"])
    3
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from autograd_lite import set_seed as set_seed

from . import (
    activations as activations,
    callbacks as callbacks,
    constraints as constraints,
    data as data,
    generation as generation,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    models as models,
    optimizers as optimizers,
    regularizers as regularizers,
    saving as saving,
    utils as utils,
)
from .models import Input as Input, Model as Model, Sequential as Sequential
from .module.module import Module as Module, Parameter as Parameter

# Downloads need a tenth of all the modules that nn would load, and few programs call Keras's operations by name: both
# load when they are asked for.
if TYPE_CHECKING:
    from . import datasets as datasets, ops as ops
else:

    def __getattr__(name: str) -> object:
        if name in ("datasets", "ops"):
            return _import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), "datasets", "ops"})
