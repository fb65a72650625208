"""Saving: weights, whole models and checkpoints, all of them safetensors files; nothing is ever unpickled.

- *Weights*, `save_weights` and `load_weights`: every parameter and buffer under its path, `dense.kernel`. Any program
  that reads safetensors can read them. `to_torch_state_dict` gives them PyTorch's names and layouts.
- *Whole models*, `save_model` and `load_model`: the same file with the model's configuration as JSON in its metadata,
  and how it is trained: loss, metrics, and the optimizer with its state. Loading makes objects of nn's own classes, and
  of those that the caller passes, by calling their constructors with the values in the file; no code comes from the
  file.
- *Checkpoints*, `save_checkpoint` and `load_checkpoint`: model, optimizer, random streams and position in the data. A
  run that is killed and started again from one goes on bit for bit.

Files are written beside the old one, flushed, and renamed: at every moment there is a whole file. Those of models and
checkpoints have a checksum, so that a changed byte is noticed.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

import autograd_lite as ag
from autograd_lite import Generator, Tensor, tree

from .._codec import check_plain, decoded, dicts_in, encoded
from ..config.arguments import checked
from ..config.config import (
    CustomObjectScope as CustomObjectScope,
    Registered,
    check_custom,
    custom_called,
    get_custom_objects as get_custom_objects,
    name_in_configurations,
    plain,
    reference,
    register_keras_serializable as register_keras_serializable,
    restored,
)
from ..config.limits import at_most, check_depth, element_limit as element_limit, reading
from ..module.module import Module
from .describing import allow, described, remade
from .safetensors import SavedFileError, read_file, write_file
from .torch import from_torch_state_dict, to_torch_state_dict

__all__ = [
    "CustomObjectScope",
    "SavedFileError",
    "custom_object_scope",
    "deserialize_keras_object",
    "element_limit",
    "from_torch_state_dict",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_checkpoint",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_checkpoint",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "to_torch_state_dict",
]

_MODEL, _CHECKPOINT = "model 2", "checkpoint 1"


class Resumable(Protocol):
    """What a checkpoint can hold: an optimizer, a data loader."""

    def state_dict(self) -> dict[str, Any]:
        """Return all that is needed to go on."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Go on from there."""


# ---- weights --------------------------------------------------------------------------------------------------------


@checked
def save_weights(model: Module, path: str | os.PathLike[str]) -> None:
    """Write all parameters and buffers of a module to a safetensors file, under their paths.

    Args:
        model: any module that is built.
        path: of the file, such as "weights.safetensors"; an old file there is replaced at once.

    Raises:
        ValueError: if the model is not built.
    """
    write_file("save_weights", path, model.state_dict())


@checked
def load_weights(model: Module, path: str | os.PathLike[str]) -> None:
    """Assign all parameters and buffers of a module from a safetensors file, or none of them.

    Args:
        model: built, with the architecture of the one that was saved.
        path: of a file of `save_weights` or `save_model`, or one by another program with the same names.

    Raises:
        SavedFileError: if the file is damaged.
        ValueError: if names, shapes or dtypes do not fit; the message lists them all.
    """
    model.load_state_dict(_weights(*read_file("load_weights", path)))


# ---- whole models ---------------------------------------------------------------------------------------------------


@checked
def save_model(model: Module, path: str | os.PathLike[str], include_optimizer: bool = True) -> None:
    """Write a model's configuration and weights, and how it is trained, to one file; `load_model` makes it again.

    Args:
        model: built; a functional model, a Sequential, or a subclass of Model or Layer whose constructor's arguments
            are plain values or objects of nn.
        path: of the file, such as "digits.nn"; it is a safetensors file.
        include_optimizer: whether to write what the model was compiled with, and the state of its optimizer too, so
            that training goes on bit for bit. Of losses and metrics that are functions of your own the file has only
            the names; see `load_model`.

    Raises:
        TypeError: if something in the configuration has no plain form, such as a function of your own that is not
            registered; see `register_keras_serializable`.
        ValueError: if the model is not built.

    Example:
        >>> import os, tempfile
        >>> from nn import layers, models
        >>> model = models.Sequential([layers.Dense(2, input_shape=(3,))])
        >>> model.compile("adam", "mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(os.path.join(folder, "m.nn"))
        ...     again = models.load_model(os.path.join(folder, "m.nn"))
        >>> bool((again.layers[0].kernel.data == model.layers[0].kernel.data).all()), again.optimizer.learning_rate
        (True, 0.001)
    """
    arrays: dict[str, Any] = dict(model.state_dict())
    _refuse_shared(model)
    about = {
        "format": _MODEL,
        **described(model),
        "state": _generators(model),
        "compiled": _compiled(model, arrays) if include_optimizer else None,
    }
    check_plain("save_model", about["model"])
    write_file("save_model", path, arrays, about)


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


def _compiled(model: Any, arrays: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a model was compiled with, as plain values; the optimizer's arrays go into `arrays`."""
    config = model.get_compile_config() if hasattr(model, "get_compile_config") else None
    if config is None:
        return None
    optimizer, names = model.optimizer, {id(t): name for name, t in model._tensors()}
    if missing := [p.shape for p in optimizer.parameters if id(p) not in names]:
        raise ValueError(
            f"save_model: expected an optimizer of the model's own parameters; it has {len(missing)} others, the first "
            f"of shape {missing[0]}. Give include_optimizer=False"
        )
    state = optimizer.state_dict() if optimizer.parameters else {}
    config = tree.map(_named, config)
    check_plain("save_model", config, ". Or give include_optimizer=False")
    return {
        "config": config,
        "parameters": [names[id(p)] for p in optimizer.parameters],
        "state": _packed("optimizer", state, arrays),
    }


def _named(value: Any) -> Any:
    """Return the name that a file has for a function, which the caller of `load_model` may give by this name."""
    return {"class_name": "function", "config": value.__name__} if inspect.isfunction(value) else value


@checked
def load_model(
    path: str | os.PathLike[str], custom_objects: Mapping[str, Any] | None = None, compile: bool = True
) -> Any:
    """Return the model that `save_model` wrote, compiled as it was.

    Args:
        path: of the file.
        custom_objects: classes and functions of your own that the file names, by name; others than these, registered
            ones and nn's are refused.
        compile: whether to compile it with what the file says, so that `fit` goes on where it stopped.

    Raises:
        SavedFileError: if the file is damaged, is not a model, or names a class or function that is not allowed.
    """
    what, own = "load_model", custom_objects or {}
    arrays, about = read_file(what, path)
    about = _about_model(what, path, about)
    check_custom(what, own)
    compiled = about.get("compiled") if compile else None
    weights = _weights(arrays, about)
    stream = ag.random.default_generator.state
    try:
        with CustomObjectScope(own):
            allow(f"{what}: the file", about.get("model"))
            allow(f"{what}: the file", compiled, ", or compile=False and compile the model again")
            with at_most(sum(a.size for a in weights.values()), "layers with the weights that the file has"):
                model = remade(about)
                model._ready(what)
            model.load_state_dict(weights)
            _set_generators(model, about["state"])
            if compiled is not None:
                _compile(what, model, compiled, arrays)
    except (SavedFileError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise SavedFileError(f"{what}: {os.fspath(path)} does not describe a model: {error}") from error
    finally:
        ag.random.default_generator.state = stream
    return model


def _about_model(what: str, path: Any, about: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the description in a model's file, with the names that this version gives to classes."""
    kind, _, version = str((about or {}).get("format")).partition(" ")
    if about is None or kind != "model" or not version.isdecimal():
        raise SavedFileError(
            f"{what}: expected a file that model.save() wrote; {os.fspath(path)} is not one. A file of weights is for "
            "model.load_weights()"
        )
    if int(version) > int(_MODEL.partition(" ")[2]):
        raise SavedFileError(
            f"{what}: expected a file of format {_MODEL!r} or older; {os.fspath(path)} is of format "
            f"{about['format']!r:.80}. Update autograd-lite"
        )
    return {**about, "model": _qualified(about.get("model"))} if version == "1" else dict(about)


def _qualified(config: Any) -> Any:
    """Return a configuration of format 1, whose names of classes lack their modules, with them."""
    if isinstance(config, list):
        return [_qualified(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {key: _qualified(part) for key, part in config.items()}
    name = config.get("class_name")
    if name == "IdentityInitializer":
        return config | {"class_name": "initializers.Identity"}
    modules = ("layers", "models", "initializers", "regularizers", "constraints")
    known = next((n for n in (f"{module}.{name}" for module in modules) if n in Registered.known), None)
    return config if known is None else config | {"class_name": known}


def _weights(arrays: Mapping[str, Any], about: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arrays of a file without those of the optimizer's state."""
    others = {str(d["array"]) for d in dicts_in((about or {}).get("compiled")) if d.keys() == {"array"}}
    return {name: a for name, a in arrays.items() if name not in others}


def _compile(what: str, model: Any, compiled: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Compile a model as the one that was saved, and give its optimizer the state."""
    try:
        with reading(compiled["config"]):
            model.compile_from_config(compiled["config"])
        tensors = dict(model._tensors())
        parameters = [tensors[name] for name in compiled["parameters"]]
        if parameters:
            frozen = [p for p in parameters if not p.requires_grad]
            for p in frozen:  # frozen after the model was compiled, which `bind` would refuse
                p.requires_grad = True
            model.optimizer.bind(parameters)
            for p in frozen:
                p.requires_grad = False
            model.optimizer.load_state_dict(_unpacked(what, compiled["state"], arrays))
    except Exception as error:
        raise SavedFileError(
            f"{what}: the file does not say how the model was compiled ({error}). Pass compile=False, and compile the "
            "model again"
        ) from error


# ---- classes and functions of your own ------------------------------------------------------------------------------

custom_object_scope = CustomObjectScope


@checked
def get_registered_name(obj: Any) -> str:
    """Return what configurations and files call a class or function: its registered name, if it has one."""
    return name_in_configurations(obj)


@checked
def get_registered_object(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the class or function of your own that is registered, or in a scope, under a name, or None.

    Args:
        name: as `get_registered_name` returns it.
        custom_objects: others by name, which go first.
    """
    return (custom_objects or {}).get(name, custom_called(name))


@checked
def serialize_keras_object(obj: Any) -> Any:
    """Return an object as plain values, from which `deserialize_keras_object` makes it again.

    Args:
        obj: a layer, loss, optimizer, …, a function of nn, a registered object or function, or numbers, strings and
            None; nested in lists and dicts. Tuples and arrays become lists.

    Raises:
        TypeError: for something that has no plain form.

    Example:
        >>> import nn
        >>> serialize_keras_object({"layer": nn.layers.Flatten(), "function": nn.activations.relu})["function"]
        {'class_name': 'function', 'config': 'activations.relu'}
    """
    config = _serialized(obj)
    check_plain("serialize_keras_object", config)
    return config


def _serialized(obj: Any) -> Any:
    if isinstance(obj, (list, tuple)):
        return [_serialized(part) for part in obj]
    if isinstance(obj, Mapping):
        return {key: _serialized(part) for key, part in obj.items()}
    return reference(plain(obj) if isinstance(obj, Registered) else obj)


@checked
def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the objects that plain values stand for, new, with initial values of their own.

    Args:
        config: as `serialize_keras_object` returns it.
        custom_objects: classes and functions of your own that it names, by name; others than these, registered ones
            and nn's are refused.

    Raises:
        ValueError: if it names one that is not known.

    Example:
        >>> import nn
        >>> deserialize_keras_object(serialize_keras_object([nn.layers.Dense(2), nn.activations.relu, 3]))[::2]
        [Dense(units=2), 3]
    """
    with CustomObjectScope(custom_objects), reading(config):
        allow("deserialize_keras_object: the configuration", config)
        return restored(config)


# ---- checkpoints ----------------------------------------------------------------------------------------------------


@checked
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
    check_depth(extra)
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
        if not isinstance(extra, dict):
            raise SavedFileError(f"{what}: expected values of your own by name; {os.fspath(path)} has {extra!r:.80}")
        _set_generators(model, about.get("generators"))
        ag.random.default_generator.state = _unpacked(what, about.get("random"), arrays)
    except BaseException as error:
        for part, old in reversed(before):
            part.load_state_dict(old)
        _set_generators(model, generators)
        ag.random.default_generator.state = stream
        if isinstance(error, (LookupError, TypeError, AttributeError, OverflowError)):
            raise SavedFileError(f"{what}: {os.fspath(path)} is not a whole checkpoint: {error!r}") from error
        raise
    return extra


def _optimizer(model: Any) -> Any:
    compiled = getattr(model, "_compiled", None)
    return None if compiled is None else compiled.optimizer


def _packed(prefix: str, value: Any, arrays: dict[str, Any]) -> Any:
    """Return plain values; the arrays among them go into `arrays`, and their names into their places."""

    def named(part: Any, path: str) -> Any:
        if not isinstance(part, (Tensor, np.ndarray)):
            return part  # which writing the file will refuse
        name = next(n for n in (f"{path}{'+' * i}" for i in range(len(arrays) + 1)) if n not in arrays)
        arrays[name] = part.data if isinstance(part, Tensor) else part
        return {"array": name}

    return encoded(value, named, prefix)


def _unpacked(what: str, value: Any, arrays: Mapping[str, Any]) -> Any:
    try:
        return decoded(value, lambda tagged: arrays[tagged["array"]])
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
