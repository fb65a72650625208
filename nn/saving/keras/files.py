"""Keras's files: `.keras` and `.weights.h5`, both ways, and whole models in HDF5, which are only read."""

from __future__ import annotations

import datetime
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite.extend import write_file
from autograd_lite.files import SavedFileError, refused_as

from ...config.config import restore
from ...config.limits import at_most, parse, reading
from ...config.plain import check_plain
from ...module.module import Module
from .archive import archive_bytes, read_archive
from .hdf5 import hdf5_bytes, library, read_hdf5
from .reading import ours
from .weights import Array, load_custom, load_optimizer, match_weights, optimizer_arrays, owners, weight_groups
from .writing import describe, theirs

_VERSION = "3.15.0"  # of Keras, whose files these are like
_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"

# ---- writing --------------------------------------------------------------------------------------------------------


def save_weights(caller: str, model: Module, path: Any) -> None:
    """Write the weights of a model as Keras does, to a `.weights.h5` file."""
    model._ready(caller)
    write_file(path, hdf5_bytes(caller, weight_groups(model)), caller=caller)


def save_model(caller: str, model: Any, path: Any, include_optimizer: bool) -> None:
    """Write a model as Keras does, to a `.keras` file; one that is not built without weights, with a warning.

    Raises:
        TypeError: if something in the configuration has no plain form.
    """
    library(caller)
    if model._needs_build() or model._has_unbuilt_parts():
        warnings.warn(
            f"{caller}: the model is not built, so that its file has no weights. Call it on a batch before",
            stacklevel=5,
        )
    about, groups = describe(model), weight_groups(model)
    check_plain(caller, about)
    compiled = model.get_compile_config() if include_optimizer and hasattr(model, "get_compile_config") else None
    if compiled is not None:
        about["compile_config"] = theirs(_named_functions(compiled))
        check_plain(caller, about["compile_config"], ". Or give include_optimizer=False")
        if arrays := optimizer_arrays(model, model.optimizer):
            groups["optimizer"] = (model.optimizer.name, {str(i): a for i, a in enumerate(arrays)})
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    files = {
        _METADATA: json.dumps({"keras_version": _VERSION, "date_saved": now, "written_by": "autograd_lite"}).encode(),
        _CONFIG: json.dumps(about).encode(),
        _WEIGHTS: hdf5_bytes(caller, groups),
    }
    write_file(path, archive_bytes(files | _assets(model)), caller=caller)


def _assets(model: Module) -> dict[str, bytes]:
    """Return the files that custom classes write next to the weights, by their names in the archive."""
    assets: dict[str, bytes] = {}
    for path, module, _ in owners(model):
        if hasattr(module, "save_assets"):
            with TemporaryDirectory() as folder:
                module.save_assets(folder)
                inside = sorted(file for file in Path(folder).rglob("*") if file.is_file())
                assets |= {f"assets/{path}/{file.relative_to(folder).as_posix()}": file.read_bytes() for file in inside}
    return assets


def _named_functions(value: Any) -> Any:
    """Return a configuration in which a function that is not registered has its name; the reader passes it by that."""
    if isinstance(value, dict):
        return {key: _named_functions(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_named_functions(part) for part in value]
    named = callable(value) and not isinstance(value, type) and hasattr(value, "__name__")
    return {"class_name": "function", "config": value.__name__} if named else value


# ---- reading --------------------------------------------------------------------------------------------------------


def load_weights(caller: str, model: Module, path: Any, data: bytes, skip_mismatch: bool) -> None:
    """Assign the weights in a `.weights.h5` or `.keras` file, or, if they do not fit, none of them.

    Raises:
        SavedFileError: if the file is damaged.
        ValueError: if the weights do not fit, and `skip_mismatch` is False.
    """
    where = os.fspath(path)
    if data.startswith(b"PK"):
        data = _file(caller, where, read_archive(caller, where, data), _WEIGHTS)
    arrays, old = read_hdf5(caller, where, data)
    weights, problems = _legacy(model, arrays, old) if _is_legacy(old) else match_weights(model, arrays)
    if problems and not skip_mismatch:
        raise ValueError(
            f"{caller}: the weights in {where} do not fit this model, and nothing was assigned:\n"
            + "\n".join(problems[:20])
            + "\nBuild the model that was saved, or give skip_mismatch=True for the weights that fit"
        )
    if problems:
        warnings.warn(f"{caller}: left out of {where}:\n" + "\n".join(problems[:20]), stacklevel=4)
    before = model.state_dict()
    model.load_state_dict({**before, **weights})
    try:
        load_custom(model, arrays)
    except BaseException:
        model.load_state_dict(before)
        raise


def load_model(caller: str, path: Any, data: bytes, compile: bool) -> Any:
    """Return the model in a `.keras` file, or in the HDF5 file of a whole model; inside a scope of custom objects.

    Raises:
        SavedFileError: if the file is damaged, or describes an unknown object.
    """
    where = os.fspath(path)
    old: Mapping[str, Any]
    files: dict[str, bytes] = {}
    with refused_as(
        caller,
        lambda error: SavedFileError(f"{caller}: {where} holds no model of Keras that nn can make: {error}"),
        SavedFileError,
        ModuleNotFoundError,
    ):
        if data.startswith(b"PK"):
            files = read_archive(caller, where, data)
            about, arrays, old = _unpack(caller, where, files)
        else:
            arrays, old = read_hdf5(caller, where, data)
            if "@model_config" not in old:
                raise ValueError("it has the weights of a model alone. Build the model, and call load_weights")
            about = dict(parse(_text(old["@model_config"])))
        model = _make_model(about, arrays)
        weights, problems = _legacy(model, arrays, old) if _is_legacy(old) else match_weights(model, arrays)
        if problems:
            raise ValueError("its weights are those of another model:\n" + "\n".join(problems[:20]))
        if weights:
            model.load_state_dict({**model.state_dict(), **weights})
        load_custom(model, arrays)
        _load_assets(model, files)
    if compile and isinstance(about.get("compile_config"), dict) and about["compile_config"]:
        _compile(caller, model, about["compile_config"], arrays)
    return model


def _load_assets(model: Module, files: Mapping[str, bytes]) -> None:
    """Give layers the vocabularies that they had learned, and custom classes the files that they have written."""
    for path, module, _ in owners(model):
        start = f"assets/{path}/"
        if hasattr(module, "load_assets"):
            with TemporaryDirectory() as folder:
                for name in [name for name in files if name.startswith(start) and not name.endswith("/")]:
                    file = Path(folder, name.removeprefix(start))
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(files[name])
                module.load_assets(folder)
            files = {name: data for name, data in files.items() if not name.startswith(start)}
    layers = {f"assets/{path}/vocabulary.txt": module for path, module, _ in owners(model)}
    for name, text in files.items():
        if not name.startswith("assets/") or name.endswith("/"):
            continue
        layer: Any = layers.get(name.replace("/_lookup_layer/", "/"))
        if not hasattr(layer, "set_vocabulary"):
            raise ValueError(f"it has a file {name!r:.80}, which no layer here reads")
        words = text.decode().rstrip("\n").splitlines()
        layer.set_vocabulary([int(w) for w in words] if type(layer).__name__ == "IntegerLookup" else words)


def _unpack(
    caller: str, where: str, files: Mapping[str, bytes]
) -> tuple[dict[str, Any], dict[str, Array], dict[str, Any]]:
    metadata = parse(files.get(_METADATA, b"{}"))
    if str(metadata.get("keras_version") if isinstance(metadata, dict) else "").startswith("2."):
        raise ValueError("Keras 2 wrote it. Load it in Keras 3, and save it again")
    if "model.weights.json" in files:
        raise ValueError("its weights are in several files. Save it without max_shard_size")
    about = parse(_file(caller, where, files, _CONFIG))
    if not isinstance(about, dict):
        raise ValueError(f"expected a description; received {about!r:.80}")
    arrays, old = read_hdf5(caller, where, _file(caller, where, files, _WEIGHTS))
    return about, arrays, dict(old)


def _file(caller: str, where: str, files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise SavedFileError(
            f"{caller}: expected a model of Keras, with a file {name}; {where} has {sorted(files)!r:.200}"
        )
    return files[name]


def _make_model(about: dict[str, Any], arrays: Mapping[str, Array]) -> Module:
    """Return the model that a description of Keras describes, built, with new weights."""
    most = sum(array.size for array in arrays.values())
    shape = (about.get("build_config") or {}).get("input_shape")
    with reading(about), at_most(most, "layers with the weights that the file has"):
        model = restore(ours({key: part for key, part in about.items() if key in _MADE_OF}))
        if not isinstance(model, Module):
            raise ValueError(f"expected a model; received {about.get('class_name')!r:.80}")
        if shape is not None and (model._needs_build() or model._has_unbuilt_parts()):
            with ag.no_grad(), model.mode(training=False), np.errstate(all="ignore"):
                model(_zeros(shape))
        if any(not path.startswith("optimizer/") for path in arrays):  # else it was saved before it was built
            model._ready("load_model")
    return model


_MADE_OF = ("module", "class_name", "config", "registered_name")


def _zeros(shape: Any) -> Any:
    """Return zeros of Keras's shape, None an axis of length 1; shapes may be in lists and dicts."""
    if isinstance(shape, dict):
        return {key: _zeros(part) for key, part in shape.items()}
    if any(isinstance(part, (list, dict)) for part in shape):
        return [_zeros(part) for part in shape]
    return np.zeros((1, *(1 if n is None else int(n) for n in shape[1:])), np.float32)


def _compile(caller: str, model: Any, config: dict[str, Any], arrays: Mapping[str, Array]) -> None:
    with refused_as(
        caller,
        lambda error: SavedFileError(
            f"{caller}: the file does not say how the model was compiled ({error}). Pass compile=False, and compile "
            "the model again"
        ),
    ):
        with reading(config):
            arguments = ours({key: part for key, part in config.items() if key not in _OF_KERAS})
            model.compile_from_config(arguments)
        state = [arrays[key] for i in range(len(arrays)) if (key := f"optimizer/vars/{i}") in arrays]
        begun = len(state) > 2 or any(state[:1])  # one that was compiled and never used has two numbers
        if begun and not load_optimizer(model, model.optimizer, state):
            warnings.warn(
                f"{caller}: the state of the optimizer in the file is not one of {type(model.optimizer).__name__}; it "
                "starts anew",
                stacklevel=5,
            )


_OF_KERAS = ("steps_per_execution", "jit_compile", "auto_scale_loss")

# ---- HDF5 files of whole models, and of weights by the names of layers ----------------------------------------------


def _is_legacy(old: Mapping[str, Any]) -> bool:
    return "@layer_names" in old or "model_weights@layer_names" in old


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _legacy(model: Any, arrays: Mapping[str, Array], old: Mapping[str, Any]) -> tuple[dict[str, Array], list[str]]:
    """Return the weights of the layers, which such a file has in the order of `layers` and `weights`."""
    paths = {id(tensor): path for path, tensor in model._tensors()}
    start = "" if "@layer_names" in old else "model_weights"
    theirs: list[tuple[str, Array]] = []
    for name in old[f"{start}@layer_names"]:
        group = f"{start}/{_text(name)}".lstrip("/")
        keys = [f"{group}/{_text(part)}" for part in old.get(f"{group}@weight_names", ())]
        theirs += [(key, arrays[key]) for key in keys]
    ours = [(paths[id(t)], t) for layer in model.layers for t in layer.weights]
    if len(ours) != len(theirs):
        return {}, [f"  expected {len(ours)} arrays; the file has {len(theirs)}"]
    weights: dict[str, Array] = {}
    problems = []
    for (path, tensor), (key, array) in zip(ours, theirs, strict=True):
        if array.shape == tensor.shape:
            weights[path] = array.astype(tensor.dtype)
        else:
            problems.append(f"  {key}: expected {path} {tensor.shape}; the file has {array.shape}")
    return weights, problems
