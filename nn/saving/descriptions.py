"""Descriptions of models as plain values, for files and JSON: made of models, checked, and turned into models."""

from __future__ import annotations

import inspect
import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.files import SavedFileError, refused_as

from ..config.config import CustomObjectScope, Registered, class_called, custom_called, function_called, restore
from ..config.limits import parse, reading, room
from ..config.nesting import all_levels, with_room
from ..config.plain import check_plain, dicts_in
from ..module.layer_configs import layer_config
from ..module.module import Module
from ..module.symbols import Call, Spec, Symbol, replace_leaves
from ..module.tree import levels_of

MODEL_FORMAT = "model 2"


def describe(model: Module) -> dict[str, Any]:
    """Return a model's configuration, the arguments that built it, and the names of its frozen parts."""
    example = getattr(model, "_example", None)
    return {
        "model": layer_config(model),
        "example": None if example is None else _shape(example),
        "frozen": [name for name, module in model.named_modules() if not module.trainable],
    }


def remake(about: Mapping[str, Any]) -> Module:
    """Return a model from what `describe` returned, with new weights; it is built if the original was."""
    model = restore(about["model"])
    if not isinstance(model, Module):
        raise ValueError(f"expected a model; received {type(model).__name__}")
    if about.get("example") is not None:
        with ag.no_grad(), model.mode(training=False), np.errstate(all="ignore"):
            model(*_zeros(about["example"]))
    frozen = about.get("frozen") or ()
    for name, module in model.named_modules() if frozen else ():
        if name in frozen:
            module.trainable = False
    return model


def check_description(caller: str, path: Any, about: Mapping[str, Any] | None, compiled: bool) -> dict[str, Any]:
    """Return the description in a model's file, if this version can read it and may make all objects that it names.

    Args:
        caller: the call, for error messages.
        path: of the file.
        about: what the file holds in addition to its arrays.
        compiled: whether to keep what the model was compiled with.

    Raises:
        SavedFileError: if it is not the description of a model, or names a class or function that is not allowed.
    """
    kind, _, version = str((about or {}).get("format")).partition(" ")
    if about is None or kind != "model" or not version.isdecimal():
        raise SavedFileError(
            f"{caller}: expected a file that model.save() wrote; {os.fspath(path)} is not one. A file of weights is "
            "for model.load_weights()"
        )
    if int(version) > int(MODEL_FORMAT.partition(" ")[2]):
        raise SavedFileError(
            f"{caller}: expected a file of format {MODEL_FORMAT!r} or older; {os.fspath(path)} is of format "
            f"{about['format']!r:.80}. Update autograd-lite"
        )
    model = _qualify_names(about.get("model")) if version == "1" else about.get("model")
    how = about.get("compiled") if compiled else None
    allow(f"{caller}: the file", model)
    allow(f"{caller}: the file", how, ", or compile=False and compile the model again")
    return {**about, "model": model, "compiled": how}


def allow(caller: str, config: Any, way_out: str = "") -> None:
    """Raise unless every class and function that a configuration names is nn's, registered, or of a scope.

    Args:
        caller: where the names are, for the error message: "load_model: the file".
        config: lists and dicts of values.
        way_out: what else the caller can do.

    Raises:
        SavedFileError: for the first that is not.
    """
    for value in dicts_in(config):
        if value.get("class_name") == "function":
            _allow_name(caller, "function", value.get("config"), way_out)
        elif "class_name" in value:
            _allow_name(caller, "class", value["class_name"], way_out)


def _allow_name(caller: str, kind: str, name: Any, way_out: str) -> None:
    ours = isinstance(name, str) and "." in name and (class_called if kind == "class" else function_called)(name)
    theirs = custom_called(name) if isinstance(name, str) else None
    if not ours and (theirs is None or isinstance(theirs, type) != (kind == "class")):
        raise SavedFileError(
            f"{caller} names the {kind} {name!r:.80}, which is not one of nn's. If you trust it, pass "
            f"custom_objects={{'Name': {kind}}}, or register it with nn.saving.register_keras_serializable{way_out}"
        )


def _qualify_names(config: Any) -> Any:
    """Return a configuration of format 1, in which names of classes lack their modules, with full names."""
    if isinstance(config, list):
        return [_qualify_names(part) for part in config]
    if not isinstance(config, dict):
        return config
    config = {key: _qualify_names(part) for key, part in config.items()}
    name = config.get("class_name")
    if name == "IdentityInitializer":
        return config | {"class_name": "initializers.Identity"}
    modules = ("layers", "models", "initializers", "regularizers", "constraints")
    full = next((n for n in (f"{module}.{name}" for module in modules) if n in Registered._registry), None)
    return config if full is None else config | {"class_name": full}


# ---- JSON -----------------------------------------------------------------------------------------------------------


@with_room(levels_of)
def to_json(model: Module, **kwargs: Any) -> str:
    """Return a model's description as JSON; see `Model.to_json`."""
    about = {**describe(model), "compiled": _compile_config(model)}
    flat = {**about.pop("model"), **{key: part for key, part in about.items() if part}}
    check_plain("to_json", flat)
    return json.dumps(flat, **kwargs)


def named_function(value: Any) -> Any:
    """Return how a file names a function; who reads it passes the function under this name."""
    return {"class_name": "function", "config": value.__name__} if inspect.isfunction(value) else value


def _compile_config(model: Any) -> Any:
    """Return the arguments of `compile` as plain values; None without any, or, with a warning, if they have none."""
    try:
        config = model.get_compile_config() if hasattr(model, "get_compile_config") else None
        config = ag.tree.map(named_function, config)
        check_plain("to_json", config)
    except TypeError as error:
        warnings.warn(f"{error}. The text does not say how the model is compiled", stacklevel=5)
        return None
    return config


@with_room(all_levels)
def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model from the text of `to_json`, with new initial weights, compiled as the model was.

    Args:
        json_string: the text that a model's `to_json` returned.
        custom_objects: custom classes and functions that it names, by name; besides these, only registered ones and
            nn's are allowed.

    Raises:
        ValueError: if it is not the description of a model, or names a class or function that is not allowed.

    Example:
        >>> from nn import Input, Sequential, layers, models
        >>> model = Sequential([Input((3,)), layers.Dense(2, activation="tanh")])
        >>> models.model_from_json(model.to_json()).layers
        [Dense(3 -> 2, activation=tanh)]
    """
    caller = "model_from_json"
    try:
        flat = parse(json_string)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{caller}: expected JSON text, as model.to_json() returns it; received {json_string!r:.60} ({error})"
        ) from error
    if not (isinstance(flat, dict) and flat.keys() >= {"class_name", "config"}):
        raise ValueError(
            f"{caller}: expected the text of model.to_json(), with class_name and config; received {json_string!r:.80}"
        )
    with CustomObjectScope(custom_objects):
        compiled = flat.pop("compiled", None)
        allow(f"{caller}: the text", flat)
        with (
            refused_as(caller, lambda error: ValueError(f"{caller}: the text does not describe a model: {error}")),
            reading(flat),
        ):
            model = remake({**flat, "model": {key: flat[key] for key in ("class_name", "config")}})
            if compiled is not None:
                _compile(caller, model, compiled)
            return model


def _compile(caller: str, model: Any, config: Any) -> None:
    """Compile a model as a text says, or warn if it names an unknown object."""
    try:
        allow(f"{caller}: the text", config)
    except SavedFileError as error:
        warnings.warn(f"{error}. The model is not compiled", stacklevel=5)
        return
    model.compile_from_config(config)


# ---- the arguments that built a model -------------------------------------------------------------------------------


def _shape(example: Any) -> Any:
    """Return the arguments that built a model as plain values: shapes and dtypes for tensors."""
    return replace_leaves(Spec, lambda spec: {"shape": list(spec.shape), "dtype": spec.dtype}, list(example))


def _zeros(example: Any) -> Any:
    """Return arguments to build a model with: zeros for tensors, or symbols of strings and of unknown lengths."""
    if isinstance(example, list):
        return [_zeros(part) for part in example]
    if not isinstance(example, dict):
        return example
    if example.keys() != {"shape", "dtype"}:
        return {key: _zeros(part) for key, part in example.items()}
    if None in example["shape"] or example["dtype"] == "str":
        return Symbol((None, *example["shape"]), str(example["dtype"]), Call(None, (), {}), 0)
    shape = tuple(int(n) for n in example["shape"])
    room(shape)
    return ag.tensor(np.zeros((1, *shape), np.dtype(str(example["dtype"]))))
