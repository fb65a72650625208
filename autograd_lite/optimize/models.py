"""Models as parameters to start from: any object with `named_parameters()`, pairs of a path and a Tensor."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..tensors.tensor import Tensor, tensor
from .evaluation import of_function


def parameters_of(x0: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return a model's parameters as a dict by path, and what makes a function of them of one of the model.

    The function is called with a copy of the model that has the parameters, so that the model itself never changes.
    Anything but a model is returned as it is.
    """
    if not callable(getattr(x0, "named_parameters", None)):
        return x0, lambda f: f
    places = {path: id(t) for path, t in x0.named_parameters()}

    def of_parameters(f: Any, parameters: Any, *args: Any) -> Any:
        tensors = {path: a if isinstance(a, Tensor) else tensor(a) for path, a in parameters.items()}
        memo = {place: tensors[path] for path, place in places.items()}
        return f(copy.deepcopy(x0, memo), *args)

    parameters = {path: t.detach() for path, t in x0.named_parameters()}
    return parameters, lambda f: of_function(of_parameters, f) if callable(f) else f
