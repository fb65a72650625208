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

from autograd_lite import set_seed as set_seed

from . import (
    activations as activations,
    callbacks as callbacks,
    constraints as constraints,
    data as data,
    datasets as datasets,
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
