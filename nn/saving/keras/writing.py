"""From our configurations to Keras's, and from the plan of a functional model to its graph of calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...config.config import (
    Registered,
    argument_names,
    custom_called,
    function_called,
    name_in_configurations,
    plain,
    restore,
)
from ...layers.operation import Operation, operation_of_keras
from ...module.layer_configs import layer_config
from ...module.module import Module
from ...module.symbols import Spec
from .tables import ARRAYS, CLASSES, COMMON, OPERATIONS, OURS_ALONE, RENAMED

Config = dict[str, Any]


def describe(layer: Module, name: str | None = None) -> Config:
    """Return Keras's description of a layer or model.

    Args:
        layer: any that has a configuration.
        name: its name there; by default its own name.
    """
    kind = name_in_configurations(type(layer))
    head = {"name": name or layer.name, **({} if layer.trainable else {"trainable": False})}
    policy = _entry("keras", "DTypePolicy", {"name": layer.dtype.name})
    if kind == "models.Sequential":
        config = {**head, "dtype": policy, **_sequential(layer)}
    elif kind == "models.Model" and getattr(layer, "_plan", None) is not None:
        config = {**head, **_functional(layer)}
    elif kind == "layers.InputLayer":
        config = _input(name or layer.name, vars(layer)["sample_shape"], vars(layer)["sample_dtype"].name)
    else:
        config = theirs(layer_config(layer))["config"]
        takes = COMMON if _is_ours(kind) else set(argument_names(type(layer)))
        takes = takes.difference(name for name, renamed in RENAMED.get(kind, {}).items() if renamed is None)
        config |= {key: value for key, value in {**head, "dtype": policy}.items() if key in takes}
    description: Config = _entry_of(kind, config, type(layer))
    example: Any = layer._example or ()
    shape = example[0].shape if len(example) == 1 and isinstance(example[0], Spec) else layer._sample_shape
    if hasattr(layer, "get_build_config"):
        description["build_config"] = theirs(plain(layer.get_build_config()))
    elif shape is not None:
        description["build_config"] = {"input_shape": [None, *shape]}
    return description


def _is_ours(kind: str) -> bool:
    cls = Registered._registry.get(kind)
    return cls is not None and cls.__module__.startswith("autograd_lite.nn.")


def _entry_of(kind: str, config: Any, of: type | None = None) -> Config:
    module, _, name = kind.rpartition(".")
    registered = None
    if kind in CLASSES:
        module, name = CLASSES[kind]
    elif _is_ours(kind):
        schedule = ".schedules" * Registered._registry[kind].__module__.endswith(".schedules")
        module = f"{'nn' if kind in OURS_ALONE else 'keras'}.{module}{schedule}"
    else:
        module = getattr(of or custom_called(kind) or Registered._registry.get(kind), "__module__", "builtins")
        name, registered = kind.rpartition(">")[2], kind
    return _entry(module, name, config, registered)


def _entry(module: str, name: str, config: Any, registered: str | None = None) -> Config:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}


def theirs(value: Any) -> Any:
    """Return Keras's plain values for ours."""
    if isinstance(value, (list, tuple)):
        return [theirs(part) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {"class_name", "config"}:
        return {key: theirs(part) for key, part in value.items()}
    kind, config = value["class_name"], value["config"]
    if kind == "function":
        is_ours = function_called(config) is not None and custom_called(config) is None
        module, _, name = str(config).rpartition(".") if is_ours else ("", "", config)
        where = f"keras.{module}" if is_ours else "builtins"
        return _entry(where, "function", name, name)
    if kind in ("models.Sequential", "models.Model"):
        return describe(restore(value))
    if kind == "metrics.AutoAccuracy":
        return "acc" if config.get("name") == "acc" else "accuracy"  # as Keras: which one it is, the outputs tell
    if kind == "losses.FunctionLoss":
        return theirs(config["function"])
    if kind == "metrics.MeanMetricWrapper" and config.keys() <= {"fn", "name"} and config.get("name") is None:
        return theirs(config["fn"])
    if _is_ours(kind):
        names: dict[str, str | None] = {"input_shape": None, "input_dim": None, **RENAMED.get(kind, {})}
        if not config.get("use_ema"):
            names["ema_momentum"] = None
        config = {names.get(key, key): part for key, part in config.items() if names.get(key, key) is not None}
    return _entry_of(kind, theirs(config))


# ---- models ---------------------------------------------------------------------------------------------------------


def _input(name: str, shape: Any, dtype: str) -> Config:
    kind = _dtype(dtype)
    return {"batch_shape": [None, *shape], "dtype": kind, "sparse": False, "ragged": False, "name": name}


def _dtype(name: str) -> str:
    """Return Keras's name of a dtype."""
    return "string" if name == "str" else name


def _sequential(model: Any) -> Config:
    layers = [describe(layer, name) for name, layer in model._layers.items()]
    sample, kind = model._sample, model._sample_dtype or model.dtype.name
    if sample is None:
        return {"layers": layers}
    name = next(n for n in (f"input_layer{'_' * i}" for i in range(len(layers) + 1)) if n not in model._layers)
    return {
        "layers": [_entry_of("layers.InputLayer", _input(name, sample, kind)), *layers],
        "build_input_shape": [None, *sample],
    }


def _functional(model: Any) -> Config:
    plan, names = model._plan, {id(layer): name for name, layer in model._functional.items()}
    histories: list[Any] = [None] * len(plan.specs)
    tensors: list[Any] = [None] * len(plan.specs)
    entries: dict[int, Config] = {}

    def note(slot: int, name: str, node: int, index: int) -> None:
        shape, dtype = plan.specs[slot]
        first = getattr(model._functional.get(name), "_plan", None) is not None  # whose own graph Keras counts
        histories[slot] = [name, node + first, index]
        config = {"shape": list(shape), "dtype": _dtype(dtype), "keras_history": [name, node, index]}
        tensors[slot] = {"class_name": "__keras_tensor__", "config": config}

    for i, slot in enumerate(plan.input_slots):
        source = plan.sources.get(slot)
        name = f"input_{i}" if source is None else names[id(source)]
        shape, dtype = plan.specs[slot]
        entry = {**_entry_of("layers.InputLayer", _input(name, shape[1:], dtype)), "name": name, "inbound_nodes": []}
        entries[-1 - i if source is None else id(source)] = entry
        note(slot, name, 0, 0)
    for step in plan.steps:
        name = names[id(step.module)]
        description, args, kwargs = _call(name, step)
        entry = entries.setdefault(id(step.module), {**description, "name": name, "inbound_nodes": []})
        for index, slot in enumerate(step.outs):
            note(slot, name, len(entry["inbound_nodes"]), index)
        args, kwargs = _arguments(plan.fill(args, tensors)), _arguments(plan.fill(kwargs, tensors))
        entry["inbound_nodes"].append({"args": args, "kwargs": kwargs})
    deepest = {id(layer): i for i, layer in enumerate(plan.by_depth)}
    return {
        "layers": [entries[key] for key in sorted(entries, key=lambda key: deepest.get(key, -1))],
        "input_layers": plan.fill(plan.inputs, histories),
        "output_layers": plan.fill(plan.outputs, histories),
    }


def _call(name: str, step: Any) -> tuple[Config, list[Any], dict[str, Any]]:
    """Return Keras's description of the called layer, and the arguments of the call."""
    layer, args, kwargs = step.module, list(step.args), dict(step.kwargs)
    if type(layer) is Operation:
        function = layer.function.removeprefix("ops.")
        if function == "getitem":
            return _entry("keras.src.ops.numpy", "GetItem", {"name": name}, "GetItem"), [args[0], _index(args[1])], {}
        arguments = _bind(function, args, kwargs)
        if arguments is not None:
            module = next((m for m, names in OPERATIONS.items() if function in names), "keras.src.ops.numpy")
            kind = "".join(part.capitalize() for part in function.split("_"))
            config = {"name": name, **{key: _arguments(value) for key, value in arguments.items() if key not in ARRAYS}}
            arrays = [part for key, value in arguments.items() if key in ARRAYS for part in _spread(key, value)]
            return _entry(module, kind, config, kind), arrays, {}
    return describe(layer, name), args, kwargs


def _bind(function: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the arguments of an operation by Keras's names; None for one that Keras does not have."""
    row = operation_of_keras(function)
    try:
        return None if row is None else row.__signature__.bind(*args, **kwargs).arguments
    except TypeError:  # called as only NumPy's function may be
        return None


def _spread(key: str, value: Any) -> Any:
    return value if key == "operands" else [value]


def _index(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_index(part) for part in plain]
    if isinstance(plain, dict):
        return {"class_name": "__slice__", "config": dict(zip(("start", "stop", "step"), plain["slice"], strict=True))}
    return {"class_name": "__ellipsis__", "config": {}} if plain == "..." else plain


def _arguments(value: Any) -> Any:
    """Return the arguments of a call as plain values."""
    if isinstance(value, (list, tuple)):
        return [_arguments(part) for part in value]
    if isinstance(value, dict):
        return {key: _arguments(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": value.tolist(), "dtype": value.dtype.name}}
    return value.item() if isinstance(value, np.generic) else value
