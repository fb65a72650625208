"""Layers around one layer: Wrapper, the base of custom ones, and SpectralNormalization."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.extend import assume, is_compiling

from ...config.arguments import positive
from ...config.fields import field, weight
from ...initializers import TruncatedNormal
from ...module.module import Module, Shape
from ...module.settings import cover
from ..arguments import as_layer
from ..layer import Layer


def take_dtype(wrapper: Layer, layer: Module) -> None:
    """Give a layer around another one the dtype that one was given, unless it was given its own."""
    if "_dtype" not in vars(wrapper) and "_dtype" in vars(layer):
        wrapper._dtype = layer.dtype


class Wrapper(Layer):
    """A layer around another one, `layer`; a subclass adds computations before or after it, or with its weights.

    Args:
        layer: any layer.
        dtype: by default the layer's.

    Example:
        >>> from nn.layers import Dense
        >>> class Doubled(Wrapper):
        ...     def call(self, x):
        ...         return 2 * self.layer(x)
        >>> Doubled(Dense(1, kernel_initializer="ones"))([[1.0, 2.0]]).tolist()
        [[6.0]]
    """

    layer: Any = field(as_layer)

    def __post_init__(self) -> None:
        take_dtype(self, self.layer)

    def build(self, input_shape: Shape) -> None:
        """Build the layer."""
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return what the layer returns."""
        training = self.training if training is None else training
        return self.layer(x, training=training) if type(self.layer)._takes_training else self.layer(x)

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """Return the layer's output shape."""
        return self.layer.compute_output_shape(input_shape)


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value, so that the layer's Lipschitz constant is bounded.

    With W the kernel as a matrix, of shape (everything else, last axis), a step takes `v = W u / |W u|` and then
    `u = W^T v / |W^T v|`, and s = v^T W u tends to the largest singular value. While training, `power_iterations` steps
    are taken in each call, the layer computes with W / s, whose gradient is that of all this by W, and then u and W / s
    are stored in the places of u and W, as Keras does. In evaluation the layer computes with the kernel as it is.

    Args:
        layer: a layer with a `kernel` or `embeddings`.
        power_iterations: how many steps to take before each call.

    Raises:
        TypeError: if the layer has neither when it is built.

    References:
        Miyato, Kataoka, Koyama, Yoshida: Spectral Normalization for Generative Adversarial Networks, 2018, algorithm 1.

    Example:
        >>> from nn.layers import Dense
        >>> layer = SpectralNormalization(Dense(2, use_bias=False), power_iterations=30)
        >>> y = layer(np.eye(3))
        >>> round(float(np.linalg.norm(y.data, 2)), 5)
        1.0
    """

    vector_u: Tensor = weight()

    power_iterations: int = field(positive, default=1)

    def build(self, input_shape: Shape) -> None:
        """Build the layer, and create u, shape (1, K) for a kernel whose last axis has length K."""
        super().build(input_shape)
        length = getattr(self.layer, self._weight_name()).shape[-1]
        self.vector_u = self.add_weight((1, length), TruncatedNormal(stddev=0.02), trainable=False)

    def _weight_name(self) -> str:
        for name in ("kernel", "embeddings"):
            if isinstance(vars(self.layer).get(name), Tensor):
                return name
        raise TypeError(
            f"{self.name} (SpectralNormalization): expected a layer with a kernel or embeddings; received "
            f"{self.layer!r}"
        )

    def _in_keras_order(self) -> list[tuple[str, Any]]:
        """Return the members behind the kernel, which Keras counts among the wrapper's own weights."""
        first = [("layer", vars(self.layer)[self._weight_name()])] if self.built else []
        return [*first, *super()._in_keras_order()]

    def call(self, x: Any, training: bool | None = None) -> Any:
        """Return the layer's result with the divided kernel; while training, move u."""
        training = self.training if training is None else training
        name = self._weight_name()
        twin: Any = copy.copy(self.layer)  # the layer itself may be running in another thread
        if training:
            vars(twin)[name] = self._divide(getattr(twin, name))
        with cover(twin) if is_compiling() else nullcontext():  # its state is that of the layer
            out = twin(x, training=training) if type(twin)._takes_training else twin(x)
        if (added := vars(twin).get("_added")) is not None:
            vars(self.layer).setdefault("_added", added)
        return out

    def _divide(self, weight: Tensor) -> Tensor:
        if is_compiling():
            assume(np.any, weight)
        elif not weight.data.any():
            return weight
        kernel: Any = weight.copy()  # copies, since what comes next is written into the weights
        u: Any = self.vector_u.copy()
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            v = _unit(u @ matrix.T)
            u = _unit(v @ matrix)
        divided: Tensor = kernel / np.sum((v @ matrix) * u)
        with ag.no_grad():
            self.vector_u.assign(ag.stop_gradient(u))
            weight.assign(ag.stop_gradient(divided))
        return divided


def _unit(x: Any) -> Any:
    return x / np.sqrt(np.maximum(np.sum(x * x), 1e-12))
