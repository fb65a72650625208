"""From Keras's configurations to ours, and from its graphs of calls to symbols.

Keras says {"module": "keras.layers", "class_name": "Dense", "config": …, "registered_name": None}, here it is
{"class_name": "layers.Dense", "config": …}. Arguments have the same names, so that only the classes, and the few
differences in `tables`, need a translation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from ...config.config import Registered, argument_names, custom_called, function_called, restore
from ...config.registry import snake_case
from ...layers import Input
from ...layers.operation import operation_of_keras
from ...module.module import Module
from ...module.symbols import Symbol
from .tables import COMMON, KINDS, NEUTRAL, RENAMED

Config = dict[str, Any]

# ---- from Keras -----------------------------------------------------------------------------------------------------


def ours(value: Any) -> Any:
    """Return our plain values for Keras's.

    Raises:
        ValueError: for code in the configuration, a class that is not here, or an argument that ours does not have.
    """
    if isinstance(value, list):
        return [ours(part) for part in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return {key: ours(part) for key, part in value.items()}
    name, config = value["class_name"], value.get("config")
    if name == "__lambda__":
        raise ValueError(
            "it holds the code of a lambda, which is never run. Where the model was made, write a function instead, "
            "decorate it with register_keras_serializable(), and save the model again"
        )
    if name == "DTypePolicy":
        return _dtype(config)
    if name in ("__numpy__", "__tensor__"):
        return _inner(value, "value")
    if name == "function":
        return _function(value)
    return _object(value, name, config)


def _inner(value: Mapping[str, Any], key: str) -> Any:
    config = value.get("config")
    if not isinstance(config, dict) or key not in config:
        raise ValueError(f"expected a configuration with {key!r}; received {value!r:.80}")
    return config[key]


def _dtype(config: Any) -> str:
    name = config.get("name") if isinstance(config, dict) else config
    if name not in ("float16", "float32", "float64"):
        raise ValueError(f"expected the dtype float16, float32 or float64; received the policy {name!r:.80}")
    return str(name)


def _function(value: Mapping[str, Any]) -> Any:
    """Return how our configurations name a function: a custom one comes first."""
    names = [value.get("registered_name"), value.get("config")]
    for name in names:
        if isinstance(name, str) and custom_called(name) is not None:
            return {"class_name": "function", "config": name}
    name_here = f"{_kind(value.get('module'))}.{value.get('config')}"
    if function_called(name_here) is None:
        name = repr(value.get("config"))[:80]
        raise ValueError(f"it names the function {name}. Pass it in custom_objects={{{name}: …}}")
    return {"class_name": "function", "config": name_here}


def _kind(module: Any) -> str:
    """Return our module of classes for Keras's: "layers" for keras.layers and keras.src.layers.core.dense."""
    parts = str(module).split(".")
    if module == "keras":
        return "models"
    return next((kind for kind in KINDS if kind in parts), "layers" if module is None else str(module))


def _object(value: Mapping[str, Any], name: Any, config: Any) -> Any:
    if not isinstance(name, str) or not isinstance(config, dict):
        raise ValueError(f"expected class_name and config; received {value!r:.80}")
    for custom in (value.get("registered_name"), name):
        if isinstance(custom, str) and isinstance(kind := custom_called(custom), type):
            built = {"build_config": ours(value["build_config"])} if "build_config" in value else {}
            return {"class_name": custom, "config": _arguments(kind, ours(config), loose=True), **built}
    full = f"{_kind(value.get('module'))}.{name}"
    full = {"models.Functional": "models.Model", "layers.Functional": "models.Model"}.get(full, full)
    if full == "models.Model":
        return {"class_name": full, "config": config}  # its layers are made when it is
    if full in ("models.Sequential", "layers.Sequential"):
        return {"class_name": "models.Sequential", "config": sequential(config)}
    cls = Registered._registry.get(full)
    if cls is None:
        raise ValueError(
            f"it names the class {name!r:.80} of {value.get('module')!r:.80}, which is not here. If it is yours, pass "
            f"custom_objects={{{name!r:.80}: …}}, or decorate it with nn.saving.register_keras_serializable()"
        )
    return {"class_name": full, "config": _arguments(cls, ours(config))}


def _arguments(kind: Any, config: Config, loose: bool = False) -> Config:
    """Return the arguments that a class takes of a configuration of Keras.

    Args:
        kind: the class.
        config: in our plain values.
        loose: whether it is a custom class, which gets all that Keras writes for its own layers only if it takes it.
    """
    names = set(argument_names(kind))
    arguments = {}
    back = {theirs: ours for ours, theirs in RENAMED.get(kind.config_name, {}).items()} if not loose else {}
    for key, value in config.items():
        key = back.get(key, key)
        if key in COMMON and (key not in names or (key, value) in (("trainable", True), ("dtype", "float32"))):
            if key in names and kind.__name__ == "InputLayer":
                arguments[key] = value
            continue
        neutral = NEUTRAL.get(key, {None, False})
        if loose or key in names or (value is not None and key.endswith(("_regularizer", "_constraint"))):
            arguments[key] = value
        elif neutral and not _among(value, neutral):
            raise ValueError(f"{kind.__name__} has no argument {key}={value!r:.80} here")
    return arguments


def _among(value: Any, neutral: Any) -> bool:
    return (tuple(value) if isinstance(value, list) else value) in neutral if not isinstance(value, dict) else False


# ---- models ---------------------------------------------------------------------------------------------------------


def is_keras(config: Mapping[str, Any]) -> bool:
    """Return whether this is Keras's configuration of a Sequential or functional model."""
    return "input_layers" in config or ("layers" in config and "sample" not in config and _has_input(config))


def _has_input(config: Mapping[str, Any]) -> bool:
    layers = config["layers"]
    keras = isinstance(layers, list) and any(
        isinstance(c, dict) and {"module", "registered_name"} & c.keys() for c in layers
    )
    return keras or "build_input_shape" in config


def sequential(config: Mapping[str, Any]) -> Config:
    """Return our configuration of a Sequential for Keras's.

    Raises:
        ValueError: if it is not one.
    """
    layers = config.get("layers")
    if not isinstance(layers, list):
        raise ValueError(f"expected a Sequential with a list of layers; received {layers!r:.80}")
    entries, sample = [ours(layer) for layer in layers], None
    if entries and isinstance(entries[0], dict) and entries[0].get("class_name") == "layers.InputLayer":
        first = entries.pop(0)["config"]
        sample = [list(_batch_shape(first)[1:]), str(first.get("dtype", "float32"))]
    elif shape := config.get("build_input_shape"):
        first = str(entries[0].get("class_name")) if entries and isinstance(entries[0], dict) else ""
        sample = [list(shape)[1:], "int32" if first.endswith("Embedding") else "float32"]
    dtype = ours(config["dtype"]) if "dtype" in config else None
    return {
        "name": config.get("name"),
        "dtype": None if dtype == "float32" else dtype,
        "sample": sample,
        "layers": entries,
    }


def _batch_shape(config: Mapping[str, Any]) -> list[Any]:
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    if not isinstance(shape, (list, tuple)) or not shape:
        raise ValueError(f"expected an input with its batch_shape; received {shape!r:.80}")
    return list(shape)


def functional(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the symbols of a functional model's inputs and outputs for Keras's configuration, made by its calls.

    Raises:
        ValueError: if it is not one, or names an unknown object.
    """
    try:
        return _Calls(config["layers"]).between(config["input_layers"], config["output_layers"])
    except (KeyError, IndexError, CycleError, AttributeError, RecursionError) as error:
        raise ValueError(f"expected the configuration of a functional model; {error!r:.200}") from error


class _Calls:
    """The calls of a functional model of Keras, made on symbols in an order in which that is possible."""

    def __init__(self, layers: Any) -> None:
        self.entries = {str(entry["name"]): entry for entry in layers}
        self.made: dict[str, Any] = {}
        self.results: dict[tuple[str, int], list[Any]] = {}
        order: TopologicalSorter[tuple[str, int]] = TopologicalSorter()
        for name, entry in self.entries.items():
            nodes = entry["inbound_nodes"]
            if entry["class_name"] == "InputLayer":
                self.results[name, 0] = [self._input(name, entry["config"])]
                continue
            for i, node in enumerate(nodes):
                if not isinstance(node, dict):
                    raise ValueError("its calls are written as in Keras 2. Load it in Keras 3, and save it again")
                order.add((name, i), *(key[:2] for key in _histories([node["args"], node["kwargs"]])))
        for key in order.static_order():
            if key not in self.results:
                self._call(*key)

    def between(self, inputs: Any, outputs: Any) -> tuple[Any, Any]:
        """Return symbols in the nesting of these names of layers, numbers of calls and of results."""
        return self._symbols(inputs), self._symbols(outputs)

    def _symbols(self, structure: Any) -> Any:
        if isinstance(structure, dict):
            return {key: self._symbols(part) for key, part in structure.items()}
        if len(structure) == 3 and isinstance(structure[0], str):
            name, node, index = structure
            first = getattr(self.made.get(name), "_plan", None) is not None  # Keras counts such a model's own graph
            return self.results[name, node - first][index]
        return [self._symbols(part) for part in structure]

    def _input(self, name: str, config: Mapping[str, Any]) -> Symbol:
        return Input(batch_shape=_batch_shape(config), dtype=config.get("dtype"), name=name)

    def _call(self, name: str, i: int) -> None:
        entry = self.entries[name]
        node = entry["inbound_nodes"][i]
        args, kwargs = self._fill_in(node["args"]), self._fill_in(node["kwargs"])
        unsaid = {"mask": None, "training": False}  # Keras writes these for arguments that were left out
        kwargs = {k: v for k, v in kwargs.items() if k not in unsaid or (v is not None and v is not unsaid[k])}
        old = "module" not in entry and not {"trainable", "dtype"} & entry["config"].keys()
        if old or ".ops." in str(entry.get("module")):
            result = _operation(name, entry, args, kwargs)
        else:
            if name not in self.made:
                self.made[name] = restore(
                    ours({key: entry[key] for key in entry if key not in ("name", "inbound_nodes")})
                )
                if not isinstance(self.made[name], Module):
                    raise ValueError(f"expected a layer; received {entry.get('class_name')!r:.80}")
            result = self.made[name](*args, **kwargs)
        self.results[name, i] = list(_leaves(result))

    def _fill_in(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._fill_in(part) for part in value]
        if not isinstance(value, dict):
            return value
        kind = value.get("class_name")
        if kind == "__keras_tensor__":
            name, node, index = value["config"]["keras_history"]
            return self.results[name, node][index]
        if kind in ("__numpy__", "__tensor__"):
            return np.asarray(value["config"]["value"], value["config"]["dtype"])
        if kind == "__slice__":
            return slice(*(value["config"][key] for key in ("start", "stop", "step")))
        if kind == "__ellipsis__":
            return Ellipsis
        return {key: self._fill_in(part) for key, part in value.items()} if kind is None else restore(ours(value))


def _histories(value: Any) -> Iterator[tuple[str, int, int]]:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, dict):
            if part.get("class_name") == "__keras_tensor__":
                name, node, index = part["config"]["keras_history"]
                yield str(name), int(node), int(index)
            else:
                pending.extend(part.values())


def _leaves(result: Any) -> Iterator[Any]:
    """Yield the symbols of a result in Keras's order: dicts by sorted key."""
    if isinstance(result, Mapping):
        result = [result[key] for key in sorted(result)]
    if isinstance(result, (list, tuple)):
        for part in result:
            yield from _leaves(part)
    else:
        yield result


def _operation(name: str, entry: Mapping[str, Any], args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Return the result of an operation of Keras for symbols."""
    kind = str(entry["class_name"])
    if kind == "GetItem":
        key = args[1]
        return args[0][tuple(key) if isinstance(key, list) else key]
    function = operation_of_keras(snake_case(kind))
    if function is None:
        raise ValueError(f"it names the operation {kind!r:.80}, which is not here")
    takes = function.__signature__.parameters
    config = {key: part for key, part in entry["config"].items() if key != "name" and (key != "dtype" or key in takes)}
    result = function(*args, **kwargs, **config)
    if isinstance(result, Symbol) and result.call.module._name is None:
        result.call.module._name = name
    return result
