"""Every picture of `nn.plots`, drawn once and quickly: rows for the laws that all of them keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import nn
from nn import layers, models, plots
from nn.datasets.shapes import sphere_in_sphere

LOSSES = {"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.7, 0.6, 0.8]}


def bowl(w: Any) -> Any:
    return w[0] ** 2 + 4 * w[1] ** 2


@cache
def trained(units: int = 3, dim: int = 2, last: int = 2) -> tuple[plots.ActivationRecorder, Any, Any]:
    """Return what was recorded of a short training, the classes of the samples, and the model."""
    x, y = sphere_in_sphere(40, dim=dim, seed=0)
    nn.set_seed(0)
    end = layers.Dense(last, "softmax") if last > 1 else layers.Dense(1, "sigmoid")
    model = models.Sequential([layers.Dense(units, "tanh", input_shape=(dim,)), end])
    loss = "sparse_categorical_crossentropy" if last > 1 else "binary_crossentropy"
    model.compile(nn.optimizers.Adam(0.05), loss, metrics=["accuracy"])
    seen = plots.ActivationRecorder(x)
    model.fit(x, y, epochs=4, verbose=0, callbacks=[seen])
    return seen, y, model


# Those of one set of axes, as functions of it.
ON_AXES: dict[str, Callable[..., Any]] = {
    "gradient_descent": lambda ax=None: plots.gradient_descent(lambda x: x * x, 2.0, steps=3, ax=ax),
    "loss_surface": lambda ax=None: plots.loss_surface(bowl, [2.0, 1.0], steps=3, resolution=9, ax=ax),
    "matrix_product": lambda ax=None: plots.matrix_product(np.eye(2, dtype=int), (2, 3), row=1, ax=ax),
    "overfitting": lambda ax=None: plots.overfitting(LOSSES, ax=ax),
    "confusion": lambda ax=None: plots.confusion([0, 0, 1, 2], [0, 1, 1, 2], ax=ax),
}

# Those that move, with few frames.
MOVIES: dict[str, Callable[[], plots.Movie]] = {
    "gradient_descent_movie": lambda: plots.gradient_descent_movie(lambda x: x * x, 2.0, steps=3),
    "loss_surface_movie": lambda: plots.loss_surface_movie(bowl, [2.0, 1.0], steps=3, resolution=9),
    "unfolding_movie": lambda: plots.unfolding_movie(*trained()[:2]),
}

PICTURES: dict[str, Callable[[], Any]] = {
    **ON_AXES,
    "learning_rates": lambda: plots.learning_rates({0.1: [1.0, 0.2], 9.0: [1.0, np.inf]}),
    "tensor_shapes": lambda: plots.tensor_shapes(3, np.arange(4), (2, 3, 20)),
    "broadcasting": lambda: plots.broadcasting(np.arange(3)[:, None], np.arange(4)),
    "weights": lambda: plots.weights(np.eye(4) - 0.5),
    "unfolding": lambda: plots.unfolding(*trained()[:2]),
}
