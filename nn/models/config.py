"""The configuration of functional models: their layers and calls as plain values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite import Tensor
from autograd_lite.arrays import to_numpy
from autograd_lite.files import FORMS, Codec, Form, Unreadable, one_entry

from ..module.layer_configs import layer_config, layer_from_config
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
                "args": _VALUES.write(list(s.args)),
                "kwargs": {key: _VALUES.write(value) for key, value in s.kwargs.items()},
                "outs": list(s.outs),
                "nested": s.nested,
            }
            for s in plan.steps
        ],
        "slots": [[list(shape), dtype] for shape, dtype in plan.specs],
        "inputs": _VALUES.write(plan.inputs),
        "outputs": _VALUES.write(plan.outputs),
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
            _VALUES.read(config["inputs"]),
            _VALUES.read(config["outputs"]),
            [
                step(
                    layers[call["layer"]],
                    tuple(_VALUES.read(call["args"])),
                    {key: _VALUES.read(value) for key, value in call["kwargs"].items()},
                    [int(slot) for slot in call["outs"]],
                    bool(call["nested"]),
                )
                for call in config["calls"]
            ],
            {int(slot): layers[name] for slot, name in config["sources"]},
            specs,
        )
        _build(plan)
    except (KeyError, IndexError, AttributeError, RecursionError, Unreadable) as error:
        raise ValueError(f"from_config: expected the configuration of a functional model; {error!r}") from error
    return plan, str(config["dtype"])


def _build(plan: Plan) -> None:
    """Build the layers by calling them on symbols."""
    symbols = list(plan.symbols())
    for one in plan.steps:
        args, kwargs = plan.fill(one.args, symbols), plan.fill(one.kwargs, symbols)
        one.module(*args, **kwargs)


def _array(codec: Codec, x: Any, where: str) -> Any:
    if isinstance(x, Tensor) and x.requires_grad:
        return _other(codec, x, where)
    a = x if isinstance(x, np.ndarray) else to_numpy(x.data)
    return {"array": a.tolist(), "dtype": a.dtype.name}


def _other(codec: Codec, value: Any, where: str) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"get_config: expected arguments of layers to be symbols, numbers, strings, arrays, lists and dicts; received "
        f"a {type(value).__name__}. Put it into a layer of its own"
    )


_VALUES = Codec(
    {
        "slot": one_entry("slot", Slot, lambda codec, x, where: x.i, lambda codec, i: Slot(int(i))),
        "array": Form((Tensor, np.ndarray), _array, lambda codec, x: np.asarray(x["array"], np.dtype(x["dtype"]))),
        "slice": FORMS["slice"]._replace(
            read=lambda codec, x: Ellipsis if x["slice"] == "..." else FORMS["slice"].read(codec, x)  # in older files
        ),
    },
    _other,
)
