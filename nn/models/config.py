"""The configuration of functional models: their layers and calls as plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy

from ..config.codec import decoded, encoded
from ..module.described import layer_config, layer_from_config
from ..module.module import Module
from .plan import Plan, step
from .slots import Slot


def functional_config(model: Module, plan: Plan, layers: Mapping[str, Module]) -> dict[str, Any]:
    """Return a functional model's layers and calls as plain values."""
    names = {id(layer): name for name, layer in layers.items()}
    return {
        "name": model._name,
        "dtype": model.dtype.name,
        "layers": [{"name": name, **layer_config(layer)} for name, layer in layers.items()],
        "sources": [[slot, names[id(layer)]] for slot, layer in plan.sources.items()],
        "calls": [
            {
                "layer": names[id(s.module)],
                "args": encoded(list(s.args), _plain),
                "kwargs": {key: encoded(value, _plain) for key, value in s.kwargs.items()},
                "outs": list(s.outs),
                "nested": s.nested,
            }
            for s in plan.steps
        ],
        "slots": [[list(shape), dtype] for shape, dtype in plan.specs],
        "inputs": encoded(plan.inputs, _plain),
        "outputs": encoded(plan.outputs, _plain),
    }


def functional_from_config(config: Mapping[str, Any]) -> tuple[Plan, str]:
    """Return the plan, with new layers, and the dtype.

    Raises:
        ValueError: if the configuration is not one that `functional_config` returned.
    """
    try:
        layers = {entry["name"]: layer_from_config(entry) for entry in config["layers"]}
        specs = [
            (tuple(None if n is None else int(n) for n in shape), np.dtype(dtype).name)
            for shape, dtype in config["slots"]
        ]
        plan = Plan(
            decoded(config["inputs"], _restored),
            decoded(config["outputs"], _restored),
            [
                step(
                    layers[call["layer"]],
                    tuple(decoded(call["args"], _restored)),
                    {key: decoded(value, _restored) for key, value in call["kwargs"].items()},
                    [int(slot) for slot in call["outs"]],
                    bool(call["nested"]),
                )
                for call in config["calls"]
            ],
            {int(slot): layers[name] for slot, name in config["sources"]},
            specs,
        )
        _build(plan)
    except (KeyError, IndexError, AttributeError, RecursionError) as error:
        raise ValueError(f"from_config: expected the configuration of a functional model; {error!r}") from error
    return plan, str(config["dtype"])


def _build(plan: Plan) -> None:
    """Build the layers by calling them on symbols."""
    found = list(plan.symbols())
    for one in plan.steps:
        args, kwargs = plan.filled(one.args, found), plan.filled(one.kwargs, found)
        one.module(*args, **kwargs)


def _plain(value: Any, path: str) -> Any:
    if isinstance(value, Slot):
        return {"slot": value.i}
    if isinstance(value, Tensor) and not value.requires_grad:
        value = to_numpy(value.data)
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if value is Ellipsis:
        return {"slice": "..."}
    raise TypeError(
        f"get_config: expected arguments of layers to be symbols, numbers, strings, arrays, lists and dicts; received "
        f"a {type(value).__name__}. Put it into a layer of its own"
    )


def _restored(tagged: dict[str, Any]) -> Any:
    if "slot" in tagged:
        return Slot(int(tagged["slot"]))
    if "slice" in tagged:
        return Ellipsis if tagged["slice"] == "..." else slice(*tagged["slice"])
    return np.asarray(tagged["array"], np.dtype(tagged["dtype"]))
