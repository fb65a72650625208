"""Descriptions of models as plain values, which files and JSON hold: making them, checking them, and models of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.config import CustomObjectScope, class_called, custom_called, function_called, restored
from ..config.limits import parsed, reading, room
from ..module.described import layer_config
from ..module.module import Module
from ..module.symbols import Spec, map_leaves
from .safetensors import SavedFileError


def described(model: Module) -> dict[str, Any]:
    """Return what a model can be made from again: its configuration, what built it, and which parts are frozen."""
    example = getattr(model, "_example", None)
    return {
        "model": layer_config(model),
        "example": None if example is None else map_leaves(Spec, lambda s: _spec(s), list(example)),
        "frozen": [name for name, module in model.named_modules() if not module.trainable],
    }


def remade(about: Mapping[str, Any]) -> Module:
    """Return the model that `described` tells of, with initial values; built if the one that was described was."""
    model = restored(about["model"])
    if not isinstance(model, Module):
        raise ValueError(f"expected a model; received {type(model).__name__}")
    if about.get("example") is not None:
        example = map_leaves(_Shown, _zeros, _shown(about["example"]))
        with ag.no_grad(), model.mode(training=False), np.errstate(all="ignore"):
            model(*example)
    frozen = about.get("frozen") or ()
    for name, module in model.named_modules() if frozen else ():
        if name in frozen:
            module.trainable = False
    return model


def check_plain(what: str, config: Any) -> None:
    """Raise if something in a configuration is no plain value, such as a function that has no name in files.

    Args:
        what: the call, for the error message.
        config: lists and dicts of values.

    Raises:
        TypeError: the message says what it is an argument of, and how to give a function a name.
    """
    pending: list[tuple[Any, str]] = [(config, "an argument")]
    while pending:
        value, where = pending.pop()
        if isinstance(value, (list, tuple)):
            pending.extend((part, where) for part in value)
        elif isinstance(value, Mapping):
            of = f" of {_called(value)}" if "class_name" in value else where[where.find(" of ") :]
            pending.extend((part, f"{key!r}{of}") for key, part in value.items())
        elif not (value is None or isinstance(value, (bool, int, float, str))):
            kind = "class" if isinstance(value, type) else "function" if callable(value) else "object"
            register = "@nn.saving.register_keras_serializable()"
            fix = f"Let files name it: decorate the {kind} with {register}, or take one of nn's"
            if kind == "object":
                fix = f"Give its class get_config, and decorate that with {register}"
            raise TypeError(
                f"{what}: expected a configuration of numbers, strings, lists and dicts; {where} is the {kind} "
                f"{getattr(value, '__qualname__', repr(value)):.80}. {fix}"
            )


def _called(config: Mapping[str, Any]) -> str:
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return str(config["class_name"]) + ("" if name is None else f" {name!r}")


def allow(what: str, config: Any, way_out: str = "") -> None:
    """Raise unless every class and function that a configuration names is nn's, registered, or of a scope.

    Args:
        what: what names them, for the error message: "load_model: the file".
        config: lists and dicts of values.
        way_out: what else the user may do.

    Raises:
        SavedFileError: for the first that is not.
    """
    for value in dicts_in(config):
        if value.get("class_name") == "function":
            _allow_name(what, "function", value.get("config"), way_out)
        elif "class_name" in value:
            _allow_name(what, "class", value["class_name"], way_out)


def dicts_in(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every dict in lists and dicts of values, those around others first."""
    pending = [config]
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            yield value
            pending.extend(value.values())


def _allow_name(what: str, kind: str, name: Any, way_out: str) -> None:
    ours = isinstance(name, str) and "." in name and (class_called if kind == "class" else function_called)(name)
    theirs = custom_called(name) if isinstance(name, str) else None
    if not ours and (theirs is None or isinstance(theirs, type) != (kind == "class")):
        raise SavedFileError(
            f"{what} names the {kind} {name!r:.80}, which is not one of nn's. If you trust it, pass "
            f"custom_objects={{'Name': {kind}}}, or register it with nn.saving.register_keras_serializable{way_out}"
        )


# ---- JSON -----------------------------------------------------------------------------------------------------------


def to_json(model: Module, **kwargs: Any) -> str:
    """Return a model's description as JSON; see `Model.to_json`."""
    about = described(model)
    flat = {**about.pop("model"), **{key: part for key, part in about.items() if part}}
    check_plain("to_json", flat)
    return json.dumps(flat, **kwargs)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new model like the one whose `to_json` this is, with initial weights of its own.

    Args:
        json_string: what `to_json` returned.
        custom_objects: classes and functions of your own that it names, by name; others than these, registered ones and
            nn's are refused.

    Raises:
        ValueError: if it is not the description of a model, or names a class or function that is not allowed.

    Example:
        >>> from nn import Input, Sequential, layers, models
        >>> model = Sequential([Input((3,)), layers.Dense(2, activation="tanh")])
        >>> models.model_from_json(model.to_json()).layers
        [Dense(3 -> 2, activation=tanh)]
    """
    what = "model_from_json"
    try:
        flat = parsed(json_string)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what}: expected JSON text, as model.to_json() returns it; received {json_string!r:.60} ({error})"
        ) from error
    if not (isinstance(flat, dict) and flat.keys() >= {"class_name", "config"}):
        raise ValueError(
            f"{what}: expected the text of model.to_json(), with class_name and config; received {json_string!r:.80}"
        )
    with CustomObjectScope(custom_objects):
        allow(f"{what}: the text", flat)
        try:
            with reading(flat):
                return remade({**flat, "model": {key: flat[key] for key in ("class_name", "config")}})
        except Exception as error:
            raise ValueError(f"{what}: the text does not describe a model: {error}") from error


# ---- what a model was built with ------------------------------------------------------------------------------------


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
    room(spec.shape)
    return ag.tensor(np.zeros((1, *spec.shape), np.dtype(spec.dtype)))
