"""State dicts checked against the tensors they are for; what layers carry from batch to batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Generator, Tensor
from autograd_lite.arrays import to_numpy

from ..config.arguments import place_here
from .tree import Tree

Carried = list[tuple[Tree[Any], str, list[Tensor] | None]]


class IncompatibleKeys(NamedTuple):
    """Paths missing from the state, and paths in it that the module does not have."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def check_state(
    caller: str, tensors: Mapping[str, Tensor], state: Mapping[str, npt.ArrayLike | Tensor], strict: bool
) -> tuple[dict[str, npt.NDArray[Any]], IncompatibleKeys]:
    """Return the arrays of the state to assign, if they fit, and the paths that do not.

    Args:
        caller: for the error message.
        tensors: to assign to, by path.
        state: the new values, by path.
        strict: whether a path that is missing or unexpected is an error.

    Raises:
        ValueError: if shapes or dtypes differ, or paths if strict; the message lists them all.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"{caller}: expected a dict of arrays by path; received {type(state).__name__}")
    arrays = {path: to_numpy(a.data if isinstance(a, Tensor) else a) for path, a in state.items()}
    others = IncompatibleKeys([p for p in tensors if p not in arrays], [p for p in arrays if p not in tensors])
    problems = []
    if strict:
        problems += [f"  missing: {path} {tensors[path].shape} {tensors[path].dtype}" for path in others.missing_keys]
        problems += [
            f"  unexpected: {path} {arrays[path].shape} {arrays[path].dtype}" for path in others.unexpected_keys
        ]
    for path, t in tensors.items():
        a = arrays.get(path, t.data)
        if a.shape != t.shape or not np.can_cast(a.dtype, t.dtype, "same_kind"):
            problems.append(f"  mismatch: {path} expected {t.shape} {t.dtype}; received {a.shape} {a.dtype}")
    if problems:
        lines = "\n".join(problems)
        fix = "Load it into the architecture that it was saved from, or rename its entries"
        if any(path.endswith((".weight", ".running_mean")) for path in others.unexpected_keys):
            fix = "If the names are PyTorch's: nn.saving.from_torch_state_dict(model, state)"
        raise ValueError(
            f"{caller}: expected the names and shapes of this module; received others, and nothing was assigned:\n"
            f"{lines}\n{fix}"
        )
    return {path: a for path, a in arrays.items() if path in tensors}, others


def carried_in(module: Tree[Any], state: Any, strict: bool) -> tuple[dict[str, Tensor], Carried]:
    """Return the tensors of a module that a state is for, and the new states that layers carry from batch to batch.

    Before its first batch a stateful layer holds nothing, then tensors for the number of samples in the batch. So the
    tensors of the state, or their absence, replace those of the layer. The shapes of samples must agree.

    Args:
        module: the root of the tree.
        state: the new values, by path.
        strict: whether a layer without an entry in the state becomes empty; else it keeps its tensors.

    Returns:
        The tensors by path, and (layer, attribute, its new value) for each attribute that must be set.
    """
    tensors, changes = dict(module._tensors()), []
    for path, part in module._walk() if isinstance(state, Mapping) else ():
        for name in part._carries():
            prefix = f"{path}.{name}." if path else f"{name}."
            paths = itertools.takewhile(lambda p: p in state, (f"{prefix}{i}" for i in itertools.count()))
            values = {p: to_numpy(a.data if isinstance(a := state[p], Tensor) else a) for p in paths}
            new = {p: ag.tensor(part._to_device(a)) for p, a in values.items()}
            if not new and not strict:
                continue
            old: Any = vars(part).get(name) or []
            if new and old and [t.shape[1:] for t in old] != [t.shape[1:] for t in new.values()]:
                continue  # `check_state` reports it
            tensors = {p: t for p, t in tensors.items() if not p.startswith(prefix)} | new
            changes.append((part, name, list(new.values()) or None))
    return tensors, changes


def _own_buffers(part: Tree[Any]) -> list[Tensor]:
    """Return the buffers that a custom class may change in a call."""
    if place_here(type(part)) is not None:
        return []
    return [t for _, t in part._members() if isinstance(t, Tensor) and t.is_leaf and not t.requires_grad]


@contextmanager
def preserve_state(module: Tree[Any]) -> Iterator[None]:
    """Let a module run inside without changing the states that its layers carry from batch to batch.

    Nor does it change the buffers of classes that are not of nn, which may assign to them in any call.
    """
    before = {id(part): (part, {name: vars(part).get(name) for name in part._carries()}) for _, part in module._walk()}
    buffers = [(tensor, tensor.numpy()) for part, _ in before.values() for tensor in _own_buffers(part)]
    for part, held in before.values():
        vars(part).update(dict.fromkeys(held))
    try:
        yield
    finally:
        for tensor, values in buffers:
            tensor.assign(values)
        for _, part in module._walk():
            _, held = before.get(id(part), (part, dict.fromkeys(part._carries())))
            vars(part).update(held)


def generators(module: Tree[Any]) -> dict[str, Any]:
    """Return the states of the random streams that layers own, by path."""
    return {
        f"{path}.{name}" if path else name: value.state
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if isinstance(value, Generator)
    }


def set_generators(module: Tree[Any], states: Any) -> None:
    """Put the random streams that layers own where `generators` found them."""
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            key = f"{path}.{name}" if path else name
            if isinstance(value, Generator) and key in states:
                value.state = states[key]
