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

from typing import TYPE_CHECKING

if __name__ == "nn":  # asked for by its short name, in a checkout
    from autograd_lite.extend import alias as _alias

    _alias("nn", "autograd_lite.nn")
else:
    from autograd_lite import __version__ as __version__
    from autograd_lite.extend import ATTACHED as _ATTACHED, attach as _attach, load as _load

    from .config.hooks import HOOKS as _HOOKS
    from .module.elsewhere import IN_NN as _IN_NN

    def version() -> str:
        """Return the version, `__version__`.

        Example:
            >>> version() == __version__
            True
        """
        return __version__

    if TYPE_CHECKING:
        from autograd_lite import set_seed as set_seed

        from . import (
            activations as activations,
            backend as backend,
            callbacks as callbacks,
            config as config,
            constraints as constraints,
            data as data,
            datasets as datasets,
            generation as generation,
            initializers as initializers,
            layers as layers,
            losses as losses,
            metrics as metrics,
            mixed_precision as mixed_precision,
            models as models,
            ops as ops,
            optimizers as optimizers,
            plots as plots,
            preprocessing as preprocessing,
            random as random,
            regularizers as regularizers,
            saving as saving,
            tree as tree,
            utils as utils,
        )
        from .config.settings import DTypePolicy as DTypePolicy
        from .initializers import Initializer as Initializer
        from .layers.input_spec import InputSpec as InputSpec
        from .layers.layer import Layer as Layer
        from .layers.variable import Variable as Variable
        from .losses import Loss as Loss
        from .metrics import Metric as Metric
        from .models import Input as Input, Model as Model, Sequential as Sequential
        from .module.module import Module as Module, Parameter as Parameter
        from .module.symbols import KerasTensor as KerasTensor
        from .optimizers import Optimizer as Optimizer
        from .regularizers import Regularizer as Regularizer
    else:
        __getattr__, __dir__, __all__ = _attach(__name__, lambda name: _place_of(name) | _IN_NN)

    def _place_of(name: str) -> dict[str, str]:
        """Return, for a name that one of the modules has, the words that say so."""
        for room in ("layers", "losses", "metrics", "optimizers", "callbacks", "utils"):
            if not name.startswith("_") and name in _load(f".{room}", __name__).__all__:
                return {name: f"Write nn.{room}.{name}"}
        return {}

    # The modules that have what configurations name, as "layers.Dense".
    _ROOMS = "activations constraints distributed initializers layers losses metrics models optimizers regularizers"

    def _load_room(name: str | None) -> None:
        """Load what configurations call by a name, or all that they name."""
        first, _, last = (name or "").partition(".")
        for room in _ROOMS.split():
            if name is not None and room != first:
                continue
            package = _load(f".{room}", __name__)
            late = _ATTACHED.get(package.__name__, {})
            for attribute in [last] if last in late else late:
                getattr(package, attribute)

    _HOOKS.load_room = _load_room
    _HOOKS.operate = lambda *call: _load(".layers.operation", __name__).operate(*call)
    _HOOKS.symbols_of = lambda module, which: _load(".models.places", __name__).symbols_of(module, which)
