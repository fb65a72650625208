"""Saving: weights, whole models and checkpoints, by default as safetensors files; nothing is ever unpickled.

- *Weights*, `save_weights` and `load_weights`: every parameter and buffer under its path, `dense.kernel`. Any program
  that reads safetensors can read them. `to_torch_state_dict` gives them PyTorch's names and layouts.
- *Whole models*, `save_model` and `load_model`: the same file with the model's configuration as JSON in its metadata,
  and how it is trained: loss, metrics, and the optimizer with its state. Loading makes objects of nn's own classes, and
  of classes that the caller passes, by calling their constructors with the values in the file; no code comes from the
  file.
- *Checkpoints*, `save_checkpoint` and `load_checkpoint`: model, optimizer, random streams and position in the data. A
  run that is killed and restarted from one continues bit for bit.

A path that ends in `.keras` or `.weights.h5` becomes a file of Keras; see `nn.saving.keras`. Reading goes by the first
bytes of a file, whatever its name.

A file is written next to the old one, flushed, and renamed, so that there is a whole file at every moment. Those of
models and checkpoints have a checksum, so that a changed byte is noticed.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import autograd_lite as ag
from autograd_lite import tree
from autograd_lite.files import SavedFileError, refused_as

from ..config.arguments import checked
from ..config.config import CustomObjectScope, check_custom
from ..config.limits import at_most, reading
from ..config.nesting import all_levels, with_room
from ..config.plain import check_plain, dicts_in
from ..module.modes import rest_in_inference
from ..module.module import Module
from ..module.state import generators, set_generators
from ..module.tree import levels_of
from . import keras
from .descriptions import MODEL_FORMAT, check_description, describe, named_function, remake
from .files import keras_file, pack, read_file, unpack, write_file

# ---- weights --------------------------------------------------------------------------------------------------------


@with_room(levels_of)
@checked
def save_weights(model: Module, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write all parameters and buffers of a module to a safetensors file, under their paths.

    Args:
        model: any module that is built.
        path: of the file, such as "weights.safetensors"; an old file there is replaced at once. One that ends in
            ".weights.h5" becomes a file of Keras, which needs the package h5py.
        overwrite: whether to replace an old file there.

    Raises:
        ValueError: if the model is not built.
        FileExistsError: if there is a file, and it is not to be replaced.
        ModuleNotFoundError: if a file of Keras is asked for, and h5py is not installed.

    Example:
        >>> import nn
        >>> import os
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.safetensors")
        >>> save_weights(model, path)
        >>> os.path.exists(path)
        True
    """
    caller = "save_weights"
    _may_write(caller, path, overwrite)
    if _ends(path, ".weights.h5"):
        keras.files.save_weights(caller, model, path)
    else:
        write_file(caller, path, model.state_dict())


@with_room(levels_of)
@checked
def load_weights(model: Module, path: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
    """Assign all parameters and buffers of a module from a file, or none of them.

    Args:
        model: built, with the architecture of the one that was saved.
        path: of a file of `save_weights` or `save_model`, of Keras's, or of another program that uses the same names.
        skip_mismatch: whether to assign those that fit, and leave the others as they are, with a warning.

    Raises:
        SavedFileError: if the file is damaged.
        ValueError: if names, shapes or dtypes do not fit; the message lists them all.
        ModuleNotFoundError: if it is a file of Keras, and h5py is not installed.

    Example:
        >>> import nn
        >>> import os
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.weights.safetensors")
        >>> save_weights(model, path)
        >>> load_weights(model, path)
    """
    caller = "load_weights"
    if (data := keras_file(caller, path)) is not None:
        keras.files.load_weights(caller, model, path, data, skip_mismatch)
        return
    weights = _weights(*read_file(caller, path))
    if skip_mismatch:
        current = model.state_dict()
        fits = {name: a for name, a in weights.items() if name in current and current[name].shape == a.shape}
        if left := sorted((current.keys() | weights.keys()) - fits.keys()):
            warnings.warn(f"{caller}: left out of {os.fspath(path)}: {', '.join(left)}", stacklevel=3)
        weights = {**current, **fits}
    model.load_state_dict(weights)


# ---- whole models ---------------------------------------------------------------------------------------------------


@with_room(levels_of)
@checked
def save_model(
    model: Module, path: str | os.PathLike[str], include_optimizer: bool = True, *, overwrite: bool = True
) -> None:
    """Write a model's configuration and weights, and how it is trained, to one file; see `load_model`.

    Args:
        model: built; a functional model, a Sequential, or a subclass of Model or Layer whose constructor's arguments
            are plain values or objects of nn.
        path: of the file, such as "digits.nn"; it is a safetensors file. One that ends in ".keras" becomes a file of
            Keras, which needs the package h5py. It has no random streams: training goes on with the state of the
            optimizer, but with other draws.
        include_optimizer: whether to write what the model was compiled with, and the state of its optimizer, so that
            training continues bit for bit. Of custom losses and metrics that are functions, the file has only the
            names; see `load_model`.
        overwrite: whether to replace an old file there.

    Raises:
        TypeError: if something in the configuration has no plain form, such as a custom function that is not
            registered; see `register_keras_serializable`.
        ValueError: if the model is not built; in a file of Keras, as there, it is then saved without weights.
        FileExistsError: if there is a file, and it is not to be replaced.
        ModuleNotFoundError: if a file of Keras is asked for, and h5py is not installed.

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
    _may_write("save_model", path, overwrite)
    if _ends(path, ".keras"):
        keras.files.save_model("save_model", model, path, include_optimizer)
        return
    arrays: dict[str, Any] = dict(model.state_dict())
    _refuse_shared(model)
    about = {
        "format": MODEL_FORMAT,
        **describe(model),
        "state": generators(model),
        "compiled": _compile_config(model, arrays) if include_optimizer else None,
    }
    check_plain("save_model", about["model"])
    write_file("save_model", path, arrays, about)


def _refuse_shared(model: Module) -> None:
    """Raise if a layer is part of two models, because each makes its own layers when it is loaded."""
    parents: dict[int, tuple[str, bool]] = {}
    for path, parent in model.named_modules():
        listed = hasattr(type(parent), "output_names")  # a model, whose configuration lists its layers
        for part in {id(m): m for _, m in parent._members() if isinstance(m, Module)}.values():
            other, also = parents.setdefault(id(part), (path, listed))
            if other != path and (listed or also) and any(True for _ in part._tensors()):
                raise ValueError(
                    f"save_model: expected every layer in one model only; {part.name!r} is in {other or model.name!r} "
                    f"and in {path or model.name!r}. Save the weights, or build one model without the other inside"
                )


def _compile_config(model: Any, arrays: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of `compile` as plain values; the optimizer's arrays go into `arrays`."""
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
    config = tree.map(named_function, config)
    check_plain("save_model", config, ". Or give include_optimizer=False")
    return {
        "config": config,
        "parameters": [names[id(p)] for p in optimizer.parameters],
        "state": pack("optimizer", state, arrays),
    }


@with_room(all_levels)
@checked
def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Return the model that `save_model` wrote, or Keras's, compiled as it was.

    Calls without `training=` compute in inference mode, as in Keras; `train()` undoes it.

    Args:
        path: of the file: ours, a `.keras` file, or an HDF5 file with a whole model of Keras.
        custom_objects: custom classes and functions that the file names, by name; besides these, only registered ones
            and nn's are allowed.
        compile: whether to compile it as the file says, so that `fit` continues where it stopped.
        safe_mode: accepted for Keras's programs; it changes nothing, since code in a file is never run.

    Raises:
        SavedFileError: if the file is damaged, is not a model, or names a class or function that is not allowed.
        ModuleNotFoundError: if it is a file of Keras, and h5py is not installed.

    Example:
        >>> import nn
        >>> import os
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(2, input_shape=(3,))])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_model(model, path)
        >>> load_model(path).count_params()
        8
    """
    caller = "load_model"
    check_custom(caller, custom_objects or {})
    stream = ag.random.default_generator.state
    data = keras_file(caller, path)
    try:
        with CustomObjectScope(custom_objects):
            model = (
                _load(caller, path, compile) if data is None else keras.files.load_model(caller, path, data, compile)
            )
    finally:
        ag.random.default_generator.state = stream
    rest_in_inference(model)
    return model


def _load(caller: str, path: Any, compile: bool) -> Any:
    """Return the model in a file of ours."""
    arrays, description = read_file(caller, path)
    with refused_as(
        caller,
        lambda error: SavedFileError(f"{caller}: {os.fspath(path)} does not describe a model: {error}"),
        SavedFileError,
    ):
        about = check_description(caller, path, description, compile)
        weights = _weights(arrays, description)
        with at_most(sum(a.size for a in weights.values()), "layers with the weights that the file has"):
            model = remake(about)
            model._ready(caller)
        model.load_state_dict(weights)
        set_generators(model, about["state"])
        if about["compiled"] is not None:
            _compile(caller, model, about["compiled"], arrays)
    return model


def _ends(path: Any, ending: str) -> bool:
    return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).endswith(ending)


def _may_write(caller: str, path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"{caller}: expected a new path with overwrite=False; {os.fspath(path)} exists")


def _weights(arrays: Mapping[str, Any], about: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the arrays of a file without those of the optimizer's state."""
    others = {str(d["array"]) for d in dicts_in((about or {}).get("compiled")) if "array" in d}
    return {name: a for name, a in arrays.items() if name not in others}


def _compile(caller: str, model: Any, compiled: Mapping[str, Any], arrays: dict[str, Any]) -> None:
    """Compile a model like the one that was saved, and give its optimizer the saved state."""
    with refused_as(
        caller,
        lambda error: SavedFileError(
            f"{caller}: the file does not say how the model was compiled ({error}). Pass compile=False, and compile "
            "the model again"
        ),
    ):
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
            model.optimizer.load_state_dict(unpack(caller, compiled["state"], arrays))
