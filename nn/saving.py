"""Saving: weights, whole models and checkpoints, all of them safetensors files; nothing is ever unpickled.

- *Weights*, `save_weights` and `load_weights`: every parameter and buffer under its path, `dense.kernel`. Any program
  that reads safetensors can read them. `to_torch_state_dict` gives them PyTorch's names and layouts.
- *Whole models*, `save_model` and `load_model`: the same file with the model's configuration as JSON in its metadata.
  Loading makes objects of nn's own classes, and of those that the caller passes, by calling their constructors with the
  values in the file; no code comes from the file.
- *Checkpoints*, `save_checkpoint` and `load_checkpoint`: model, optimizer, random streams and position in the data. A
  run that is killed and started again from one goes on bit for bit.

Files are written beside the old one, flushed, and renamed: at every moment there is a whole file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import autograd_lite as ag
from autograd_lite import Generator, Tensor

from ._build import at_most
from ._config import Configurable, restored
from ._files import SavedFileError, read_file, write_file
from ._model_config import layer_config
from ._symbolic import Spec, map_leaves
from ._torch import from_torch_state_dict, to_torch_state_dict
from .module import Module

__all__ = [
    "SavedFileError",
    "from_torch_state_dict",
    "load_checkpoint",
    "load_model",
    "load_weights",
    "save_checkpoint",
    "save_model",
    "save_weights",
    "to_torch_state_dict",
]

_MODEL, _CHECKPOINT = "model 1", "checkpoint 1"


class Resumable(Protocol):
    """What a checkpoint can hold: an optimizer, a data loader."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""


# ---- weights --------------------------------------------------------------------------------------------------------


def save_weights(model: Module, path: str | os.PathLike[str]) -> None:
    """Write all parameters and buffers of a module to a safetensors file, under their paths.

    Args:
        model: any module that is built.
        path: of the file, such as "weights.safetensors"; an old file there is replaced at once.

    Raises:
        ValueError: if the model is not built.
    """
    write_file("save_weights", path, model.state_dict())


def load_weights(model: Module, path: str | os.PathLike[str]) -> None:
    """Assign all parameters and buffers of a module from a safetensors file, or none of them.

    Args:
        model: built, with the architecture of the one that was saved.
        path: of a file of `save_weights` or `save_model`, or one by another program with the same names.

    Raises:
        SavedFileError: if the file is damaged.
        ValueError: if names, shapes or dtypes do not fit; the message lists them all.
    """
    model.load_state_dict(read_file("load_weights", path)[0])


# ---- whole models ---------------------------------------------------------------------------------------------------


def save_model(model: Module, path: str | os.PathLike[str]) -> None:
    """Write a model's configuration and weights to one file, from which `load_model` makes it again.

    Args:
        model: built; a functional model, a Sequential, or a subclass of Model or Layer whose constructor's arguments
            are plain values or objects of nn.
        path: of the file, such as "digits.nn"; it is a safetensors file.

    Raises:
        TypeError: if something in the configuration has no plain form, such as a function of your own.
        ValueError: if the model is not built.

    Example:
        >>> import os, tempfile
        >>> from nn import layers, models
        >>> model = models.Sequential([layers.Dense(2, input_shape=(3,))])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "m.nn"))
        ...     again = models.load_model(os.path.join(folder, "m.nn"))
        >>> bool((again.layers[0].kernel.data == model.layers[0].kernel.data).all())
        True
    """
    state = model.state_dict()
    _refuse_shared(model)
    example = getattr(model, "_example", None)
    frozen = [name for name, module in model.named_modules() if not module.trainable]
    about = {
        "format": _MODEL,
        "model": layer_config(model),
        "example": None if example is None else map_leaves(Spec, lambda s: _spec(s), list(example)),
        "frozen": frozen,
        "state": _generators(model),
    }
    write_file("save_model", path, state, about)


def _refuse_shared(model: Module) -> None:
    """Raise if a layer is a part of two models: each model makes its own layers when it is loaded."""
    parents: dict[int, tuple[str, bool]] = {}
    for path, parent in model.named_modules():
        listed = hasattr(type(parent), "output_of")  # a model, whose configuration lists its layers
        for part in {id(m): m for _, m in parent._members() if isinstance(m, Module)}.values():
            other, also = parents.setdefault(id(part), (path, listed))
            if other != path and (listed or also) and any(True for _ in part._tensors()):
                raise ValueError(
                    f"save_model: expected every layer in one model only; {part.name!r} is in {other or model.name!r} "
                    f"and in {path or model.name!r}. Save the weights, or build one model without the other inside"
                )


def load_model(path: str | os.PathLike[str], custom_objects: Mapping[str, type[Any]] | None = None) -> Any:
    """Return the model that `save_model` wrote; it is not compiled.

    Args:
        path: of the file.
        custom_objects: classes of your own that the model may contain, by name; others than these and nn's are refused.

    Raises:
        SavedFileError: if the file is damaged, is not a model, or names a class that is not allowed.
    """
    what = "load_model"
    arrays, about = read_file(what, path)
    if about is None or about.get("format") != _MODEL:
        raise SavedFileError(
            f"{what}: expected a file that model.save() wrote; {os.fspath(path)} is not one. A file of weights is for "
            "model.load_weights()"
        )
    _allow(what, about.get("model"), custom_objects or {})
    stream = ag.random.default_generator.state
    try:
        with at_most(sum(a.size for a in arrays.values())):
            model = _remade(about)
        for name, module in model.named_modules():
            if name in about["frozen"]:
                module.trainable = False
        model.load_state_dict(arrays)
        _set_generators(model, about["state"])
    except (SavedFileError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise SavedFileError(f"{what}: {os.fspath(path)} does not describe a model: {error}") from error
    finally:
        ag.random.default_generator.state = stream
    return model


def _allow(what: str, config: Any, custom: Mapping[str, Any]) -> None:
    """Raise unless every class that a configuration names is nn's or the caller's."""
    for name, kind in custom.items():
        if not (isinstance(kind, type) and issubclass(kind, Configurable)):
            raise TypeError(
                f"{what}: expected custom_objects to be classes derived from nn's; received {name!r}: {kind!r}"
            )
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
            if "class_name" in value:
                name = value["class_name"]
                known = Configurable.known.get(name) if isinstance(name, str) else None
                ours = known is not None and known.__module__.split(".")[0] == "nn"
                if not ours and not (isinstance(name, str) and custom.get(name) is known and known is not None):
                    raise SavedFileError(
                        f"{what}: the file names the class {name!r:.80}, which is not one of nn's. If you trust it, "
                        "pass custom_objects={'Name': Class}"
                    )


def _remade(about: Mapping[str, Any]) -> Module:
    """Return the model that a file describes, built, with initial values."""
    model = restored(about["model"])
    if not isinstance(model, Module):
        raise ValueError(f"expected a model; received {type(model).__name__}")
    if about["example"] is not None:
        example = map_leaves(_Shown, _zeros, _shown(about["example"]))
        with ag.no_grad(), model.mode(training=False), np.errstate(all="ignore"):
            model(*example)
    model._ready("load_model")
    return model


def _spec(spec: Spec) -> dict[str, Any]:
    return {"shape": list(spec.shape), "dtype": spec.dtype}


class _Shown(Spec):
    """A Spec read from a file."""


def _shown(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"shape", "dtype"}:
        return _Shown(tuple(int(n) for n in value["shape"]), str(value["dtype"]))
    if isinstance(value, dict):
        return {key: _shown(part) for key, part in value.items()}
    return [_shown(part) for part in value] if isinstance(value, list) else value


def _zeros(spec: Spec) -> Tensor:
    return ag.tensor(np.zeros((1, *spec.shape), np.dtype(spec.dtype)))


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def save_checkpoint(
    path: str | os.PathLike[str],
    model: Module,
    optimizer: Resumable | None = None,
    loader: Resumable | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write all that a run needs to go on: weights, optimizer, random streams, position in the data.

    Args:
        path: of the file; the old one stays whole until the new one is.
        model: built.
        optimizer: by default the one that the model was compiled with, if it was.
        loader: whatever has `state_dict` and `load_state_dict`, such as `nn.data.DataLoader`.
        extra: values of your own, such as {"epoch": 3}: numbers, strings, lists, dicts and arrays.

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
    optimizer = _optimizer(model) if optimizer is None else optimizer
    arrays: dict[str, Any] = {f"model/{name}": a for name, a in model.state_dict().items()}
    about = {
        "format": _CHECKPOINT,
        "optimizer": None if optimizer is None else _packed("optimizer", optimizer.state_dict(), arrays),
        "loader": None if loader is None else _packed("loader", loader.state_dict(), arrays),
        "extra": _packed("extra", dict(extra or {}), arrays),
        "random": _packed("random", ag.random.default_generator.state, arrays),
        "generators": _generators(model),
    }
    write_file("save_checkpoint", path, arrays, about)


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
        SavedFileError: if the file is damaged, is no checkpoint, or has no optimizer or loader where one is asked for.
        ValueError: if it is for another model. In each case model and optimizer are as they were.
    """
    what = "load_checkpoint"
    arrays, about = read_file(what, path)
    if about is None or about.get("format") != _CHECKPOINT:
        raise SavedFileError(f"{what}: expected a file that save_checkpoint wrote; {os.fspath(path)} is not one")
    optimizer = _optimizer(model) if optimizer is None else optimizer
    parts: list[tuple[Resumable, Any]] = []
    for name, part in (("optimizer", optimizer), ("loader", loader)):
        if part is not None:
            if about.get(name) is None:
                raise SavedFileError(f"{what}: expected a checkpoint with the state of the {name}; the file has none")
            parts.append((part, _unpacked(what, about[name], arrays)))
    bind = getattr(optimizer, "bind", None)
    if bind is not None and not getattr(optimizer, "parameters", True):
        bind(model.parameters())
    weights = {name.removeprefix("model/"): a for name, a in arrays.items() if name.startswith("model/")}
    before: list[tuple[Any, Any]] = []
    stream, generators = ag.random.default_generator.state, _generators(model)
    try:
        for part, state in [(model, weights), *parts]:
            old = part.state_dict()
            part.load_state_dict(state)
            before.append((part, old))
        extra = _unpacked(what, about.get("extra"), arrays)
        _set_generators(model, about.get("generators"))
        ag.random.default_generator.state = _unpacked(what, about.get("random"), arrays)
    except BaseException as error:
        for part, old in reversed(before):
            part.load_state_dict(old)
        _set_generators(model, generators)
        ag.random.default_generator.state = stream
        if isinstance(error, (KeyError, TypeError, AttributeError)):
            raise SavedFileError(f"{what}: {os.fspath(path)} is not a whole checkpoint: {error!r}") from error
        raise
    return dict(extra)


def _optimizer(model: Any) -> Any:
    compiled = getattr(model, "_compiled", None)
    return None if compiled is None else compiled.optimizer


def _packed(prefix: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return plain values; the arrays among them go into `arrays`, and their names into their places."""
    if isinstance(value, Mapping):
        return {"dict": [[key, _packed(f"{prefix}/{key}", part, arrays)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        parts = [_packed(f"{prefix}/{i}", part, arrays) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"tuple": parts}
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.ndarray):
        name = next(n for n in (f"{prefix}{'+' * i}" for i in range(len(arrays) + 1)) if n not in arrays)
        arrays[name] = value
        return {"array": name}
    return value.item() if isinstance(value, np.generic) else value


def _unpacked(what: str, value: Any, arrays: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_unpacked(what, part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    try:
        if "dict" in value:
            return {key: _unpacked(what, part, arrays) for key, part in value["dict"]}
        if "tuple" in value:
            return tuple(_unpacked(what, part, arrays) for part in value["tuple"])
        return arrays[value["array"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SavedFileError(f"{what}: the file is not a whole checkpoint: {error!r}") from error


def _generators(model: Module) -> dict[str, Any]:
    """Return the states of the random streams that layers own, by path."""
    return {
        f"{path}.{name}" if path else name: value.state
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, Generator)
    }


def _set_generators(model: Module, states: Any) -> None:
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            key = f"{path}.{name}" if path else name
            if isinstance(value, Generator) and key in states:
                value.state = states[key]
