"""Checkpoints: all that a run needs to continue, bit for bit, after it was killed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import autograd_lite as ag
from autograd_lite.files import SavedFileError

from ..config.arguments import checked
from ..config.limits import check_depth
from ..config.nesting import all_levels, with_room
from ..module.module import Module
from ..module.state import generators, set_generators
from .files import pack, read_file, unpack, write_file

_FORMAT = "checkpoint 1"


class Resumable(Protocol):
    """What a checkpoint can hold: an optimizer, a data loader."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to continue."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Continue from there."""


@with_room(all_levels)
@checked
def save_checkpoint(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: Resumable | None = None,
    loader: Resumable | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write all that a run needs to continue: weights, optimizer, random streams, position in the data.

    Args:
        path: of the file; the old one stays whole until the new one is.
        model: built.
        optimizer: by default the one that the model was compiled with, if any.
        loader: anything with `state_dict` and `load_state_dict`, such as `nn.data.DataLoader`.
        extra: your own values, such as {"epoch": 3}: numbers, strings, lists, dicts and arrays.

    Example:
        >>> import os, tempfile
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(2,))])
        >>> optimizer = nn.optimizers.Adam(parameters=model.parameters())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "run.safetensors")
        ...     save_checkpoint(path, model, optimizer, extra={"epoch": 3})
        ...     load_checkpoint(path, model, optimizer)
        {'epoch': 3}
    """
    check_depth(extra)
    write_file("save_checkpoint", path, *_take(model, optimizer, loader, extra))


def _take(
    model: Module, optimizer: Resumable | None, loader: Resumable | None, extra: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays of a checkpoint by name, and all else that it has."""
    optimizer = _optimizer(model) if optimizer is None else optimizer
    arrays: dict[str, Any] = {f"model/{name}": a for name, a in model.state_dict().items()}
    return arrays, {
        "format": _FORMAT,
        "optimizer": None if optimizer is None else pack("optimizer", optimizer.state_dict(), arrays),
        "parameters": _paths(model, optimizer),
        "loader": None if loader is None else pack("loader", loader.state_dict(), arrays),
        "extra": pack("extra", dict(extra or {}), arrays),
        "random": pack("random", ag.random.default_generator.state, arrays),
        "generators": generators(model),
    }


@with_room(all_levels)
@checked
def load_checkpoint(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: Resumable | None = None,
    loader: Resumable | None = None,
) -> dict[str, Any]:
    """Put model, optimizer, loader and random streams where `save_checkpoint` found them, and return `extra`.

    Args:
        path: of the file.
        model: built, with the same architecture.
        optimizer: of the same class and options; by default the one that the model was compiled with. One that has no
            parameters yet gets the model's.
        loader: over the same data.

    Raises:
        SavedFileError: if the file is damaged, is not a checkpoint, or lacks the optimizer or loader that is asked for.
        ValueError: if it is for another model. In each case model and optimizer are unchanged.

    Example:
        >>> import nn
        >>> import os
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> path = os.path.join(tempfile.mkdtemp(), "run.safetensors")
        >>> save_checkpoint(path, model, extra={"epoch": 3})
        >>> load_checkpoint(path, model)
        {'epoch': 3}
    """
    caller = "load_checkpoint"
    arrays, about = read_file(caller, path)
    if about is None or about.get("format") != _FORMAT:
        raise SavedFileError(f"{caller}: expected a file that save_checkpoint wrote; {os.fspath(path)} is not one")
    return _restore(caller, os.fspath(path), (arrays, about), model, optimizer, loader)


def _restore(
    caller: str,
    where: str,
    taken: tuple[dict[str, Any], Mapping[str, Any]],
    model: Module,
    optimizer: Resumable | None,
    loader: Resumable | None,
) -> dict[str, Any]:
    """Put all where `_take` found it, or nothing, and return `extra`."""
    arrays, about = taken
    optimizer = _optimizer(model) if optimizer is None else optimizer
    parts: list[tuple[Resumable, Any]] = []
    for name, part in (("optimizer", optimizer), ("loader", loader)):
        if part is not None:
            if about.get(name) is None:
                raise SavedFileError(f"{caller}: expected a checkpoint with the state of the {name}; the file has none")
            parts.append((part, unpack(caller, about[name], arrays)))
    bind = getattr(optimizer, "bind", None)
    if bind is not None and not getattr(optimizer, "parameters", True):
        bind(model.parameters())
    _put_in_order(caller, model, optimizer, about.get("parameters"))
    weights = {name.removeprefix("model/"): a for name, a in arrays.items() if name.startswith("model/")}
    before: list[tuple[Any, Any]] = []
    stream, streams = ag.random.default_generator.state, generators(model)
    try:
        for part, state in [(model, weights), *parts]:
            old = part.state_dict()
            part.load_state_dict(state)
            before.append((part, old))
        extra = unpack(caller, about.get("extra"), arrays)
        if not isinstance(extra, dict):
            raise SavedFileError(f"{caller}: expected your own values by name; received {extra!r:.80} in {where}")
        set_generators(model, about.get("generators"))
        ag.random.default_generator.state = unpack(caller, about.get("random"), arrays)
    except BaseException as error:
        for part, old in reversed(before):
            part.load_state_dict(old)
        set_generators(model, streams)
        ag.random.default_generator.state = stream
        if isinstance(error, (LookupError, TypeError, AttributeError, OverflowError)):
            raise SavedFileError(f"{caller}: {where} is not a whole checkpoint: {error!r}") from error
        raise
    return extra


def _optimizer(model: Any) -> Any:
    compiled = getattr(model, "_compiled", None)
    return None if compiled is None else compiled.optimizer


def _paths(model: Module, optimizer: Any) -> list[str] | None:
    """Return the paths of an optimizer's parameters, if all are the model's: its state counts them."""
    paths = {id(t): path for path, t in model._tensors()}
    paths_of = [paths.get(id(p)) for p in getattr(optimizer, "parameters", None) or ()]
    return [path for path in paths_of if path is not None] if paths_of and None not in paths_of else None


def _put_in_order(caller: str, model: Module, optimizer: Any, paths: Any) -> None:
    """Bind an optimizer to its parameters in the order in which the file counts them.

    Raises:
        ValueError: if they cannot be put in this order, because the optimizer has taken steps already.
    """
    bound = list(getattr(optimizer, "parameters", None) or ())
    if not bound:
        return
    tensors = dict(model._tensors())
    if isinstance(paths, list):
        ordered = [tensors[path] for path in paths if isinstance(path, str) and path in tensors]
    elif _same(bound, model.trainable_weights):
        ordered = model.parameters()  # a file without paths is older than Keras's order of weights
    else:
        return
    if _same(bound, ordered) or {id(p) for p in bound} != {id(p) for p in ordered}:
        return
    if not hasattr(optimizer, "bind"):
        raise ValueError(
            f"{caller}: expected an optimizer of the model's parameters in the file's order, {paths or 'parameters()'};"
            f" received a {type(optimizer).__name__} of the same in another order. Make one with that order"
        )
    optimizer.bind(ordered)


def _same(tensors: list[Any], others: list[Any]) -> bool:
    return [id(t) for t in tensors] == [id(t) for t in others]


class InMemoryCheckpoint:
    """What `save_checkpoint` writes, in memory: for a training run that starts again within the same process.

    Args:
        model: built.
        optimizer: by default the one that the model was compiled with, if any.
        loader: anything with `state_dict` and `load_state_dict`, such as `nn.data.DataLoader`.
        extra: your own values: numbers, strings, lists, dicts and arrays.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> kept = InMemoryCheckpoint(model, extra={"epoch": 3})
        >>> model.set_weights([[[5.0]], [7.0]])
        >>> kept.restore(), model.get_weights()[1].tolist()
        ({'epoch': 3}, [0.0])
    """

    def __init__(
        self,
        model: Module,
        optimizer: Resumable | None = None,
        loader: Resumable | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        check_depth(extra)
        self._parts = model, optimizer, loader
        arrays, about = _take(model, optimizer, loader, extra)
        self._taken = {name: np.array(a) for name, a in arrays.items()}, about

    def restore(self) -> dict[str, Any]:
        """Put model, optimizer, loader and random streams where they were, and return `extra`."""
        return _restore("InMemoryCheckpoint.restore", "the checkpoint", self._taken, *self._parts)
