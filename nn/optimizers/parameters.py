"""The parameters that an optimizer is given, and what error messages call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autograd_lite import GradError, Tensor

Parameters = Iterable[Tensor] | Iterable[tuple[str, Tensor]]


def check_parameters(owner: str, parameters: Parameters) -> tuple[list[Tensor], list[str]]:
    """Check that all parameters can be trained; return the tensors, and what to call each in an error message."""
    if isinstance(parameters, Tensor | Mapping) or not isinstance(parameters, Iterable):
        raise TypeError(
            f"{owner}: expected parameters to be a list of Tensors, such as model.parameters(); "
            f"received {type(parameters).__name__}"
        )
    tensors: list[Tensor] = []
    names: list[str] = []
    for i, item in enumerate(parameters):
        label: str | None
        p: object
        label, p = item if isinstance(item, tuple) and len(item) == 2 else (None, item)
        if not isinstance(p, Tensor):
            raise TypeError(f"{owner}: expected every parameter to be a Tensor; received {type(p).__name__} at {i}")
        name = describe(i, p, label)
        if not p.requires_grad or not p.is_leaf:
            description = "computed from other tensors" if not p.is_leaf else "one that requires no gradient"
            raise GradError(
                f"{owner}: expected parameters that are leaves and require a gradient; number {name} is {description}. "
                "Leave it out, or make it with tensor(a, requires_grad=True)"
            )
        tensors.append(p)
        names.append(name)
    if not tensors:
        raise ValueError(f"{owner}: expected at least one parameter; received none. Build the model first")
    if len({id(p) for p in tensors}) < len(tensors):
        twice = next(name for i, name in enumerate(names) if any(tensors[i] is p for p in tensors[:i]))
        raise ValueError(f"{owner}: expected every parameter once; number {twice} is there twice")
    return tensors, names


def describe(i: int, p: Tensor, label: str | None = None) -> str:
    """Return what error messages call the i-th parameter."""
    label = label or p.name
    return f"{i} ({label!r}, shape {p.shape})" if label else f"{i} (shape {p.shape})"
