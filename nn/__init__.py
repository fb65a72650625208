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

from autograd_lite import __version__ as __version__, set_seed as set_seed
from autograd_lite.arguments import missing_name as _missing

from . import (
    activations as activations,
    callbacks as callbacks,
    config as config,
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
from .config.settings import DTypePolicy as DTypePolicy
from .layers.input_spec import InputSpec as InputSpec
from .layers.layer import Layer as Layer
from .models import Input as Input, Model as Model, Sequential as Sequential
from .module.elsewhere import IN_NN as _IN_NN
from .module.module import Module as Module, Parameter as Parameter
from .module.symbols import Symbol as _Symbol
from .module.variable import Variable as Variable

KerasTensor = _Symbol  # Keras's name


def version() -> str:
    """Return the version, `__version__`.

    Example:
        >>> version()
        '0.1.0'
    """
    return __version__


# What few programs use is loaded when it is asked for; downloads need a tenth of all the modules that nn would load.
_LATE = ("backend", "datasets", "mixed_precision", "ops", "plots", "preprocessing", "random", "tree")

if TYPE_CHECKING:
    from . import (
        backend as backend,
        datasets as datasets,
        mixed_precision as mixed_precision,
        ops as ops,
        plots as plots,
        preprocessing as preprocessing,
        random as random,
        tree as tree,
    )
else:

    def __getattr__(name: str) -> object:
        if name in _LATE:
            return _import_module(f".{name}", __name__)
        raise _missing(__name__, name, _IN_NN, __dir__())

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATE})
