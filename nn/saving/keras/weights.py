"""Which weights of a model Keras keeps under which path, and in which order; the same for optimizers.

A layer's own weights are the arrays 0, 1, … of its group `vars`. Its parts are in groups called like its attributes;
those in a list or dict, and the layers of a Sequential or functional model, by their classes: `layers/dense_1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

from ...config.registry import snake_case
from ...layers.layer import Layer
from ...module.module import Module
from .tables import GROUPS, LAST, NEGATED, PARTS, SLOTS

Array = npt.NDArray[Any]


def owners(model: Module) -> Iterator[tuple[str, Module, list[tuple[str, Tensor]]]]:
    """Yield (Keras's path, module, its own weights by our paths) of a model and all its parts, each once."""
    paths = {id(tensor): path for path, tensor in model._tensors()}
    seen: set[int] = set()
    stack: list[tuple[str, Module]] = [("", model)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        parts = list(_parts(module))
        stack.extend((f"{path}/{name}" if path else name, part) for name, part in reversed(parts))
        yield path, module, [(paths[id(t)], t) for t in _own(module)]


def _own(module: Module) -> list[Tensor]:
    carried = module._carries()
    members = [(name.partition(".")[0], member) for name, member in module._in_keras_order()]
    return [m for name, m in members if isinstance(m, Tensor) and m.is_leaf and name not in carried]


def _parts(module: Any) -> Iterator[tuple[str, Module]]:
    """Yield the parts of a module in the order in which Keras looks for them; the first path of a part counts."""
    parts = {name: value for name, value in vars(module).items() if name not in module._unnamed}
    names = next((PARTS[c.__name__] for c in type(module).__mro__ if c.__name__ in PARTS), {})
    theirs = {names.get(name, name): value for name, value in parts.items()}
    first = []
    if hasattr(type(module), "get_layer"):  # a model, whose `layers` are an attribute too
        theirs["layers"] = [part for _, part in module._named_layers()]
        first = ["layers"] * (module._symbol_plan() is not None or hasattr(module, "pop"))
    for name in [*first, *sorted(theirs, key=lambda name: f"~{name}" if name.startswith("_") else name)]:
        yield from _in_value(name, theirs[name])


def _group(module: Module) -> str:
    kind = type(module)
    return GROUPS.get(
        kind.__name__ if kind.__module__.startswith("autograd_lite.nn.") else "", snake_case(kind.__name__)
    )


def _in_value(name: str, value: Any) -> Iterator[tuple[str, Module]]:
    if isinstance(value, Module):
        yield name, value
    elif isinstance(value, (list, tuple, dict)):
        yield from _in_container(name, value)


def _in_container(name: str, container: Any) -> Iterator[tuple[str, Module]]:
    taken: dict[str, int] = {}
    for value in container.values() if isinstance(container, dict) else container:
        nested = isinstance(value, (list, tuple, dict))
        if nested or isinstance(value, Module):
            base = "container" if nested else _group(value)
            taken[base] = taken.get(base, -1) + 1
            yield from _in_value(f"{name}/{base}{f'_{taken[base]}' if taken[base] else ''}", value)


# ---- weights --------------------------------------------------------------------------------------------------------


def weight_groups(model: Module) -> dict[str, tuple[str, dict[str, Array]]]:
    """Return, by Keras's path, what Keras would call the part, and its weights."""
    groups: dict[str, tuple[str, dict[str, Array]]] = {}
    for path, module, weights in owners(model):
        store: dict[str, Any] = {}
        if isinstance(module, Layer) and _keeps_others(module):
            module.save_own_variables(store)
        else:
            store = {str(i): weight.numpy() for i, (_, weight) in enumerate(weights)}
        groups[path] = (module.name, {key: np.asarray(value) for key, value in store.items()})
    return groups


def _keeps_others(module: Module) -> bool:
    """Return whether a custom class says by itself what a file has for it."""
    return isinstance(module, Layer) and type(module).load_own_variables is not Layer.load_own_variables


def load_custom(model: Module, arrays: Mapping[str, Array]) -> None:
    """Let custom classes assign what they have saved by themselves."""
    for path, module, _ in owners(model):
        if isinstance(module, Layer) and _keeps_others(module):
            prefix = f"{path}/vars/" if path else "vars/"
            store = {key.removeprefix(prefix): np.asarray(a) for key, a in arrays.items() if key.startswith(prefix)}
            module.load_own_variables(store)


def match_weights(model: Module, arrays: Mapping[str, Array]) -> tuple[dict[str, Array], list[str]]:
    """Return the weights in a file by our paths, and what does not fit, one line each.

    What custom classes save by themselves is left to `load_custom`.

    Args:
        model: built.
        arrays: of the file, by their paths there.
    """
    left = {
        path: a for path, a in arrays.items() if not path.startswith("optimizer/") and "seed_generator/" not in path
    }
    weights: dict[str, Array] = {}
    problems: list[str] = []
    for path, module, current in owners(model):
        prefix = f"{path}/vars/" if path else "vars/"
        theirs = {key: left.pop(key) for key in [*left] if key.startswith(prefix)}
        if _keeps_others(module):
            continue
        if len(theirs) != len(current):
            names = ", ".join(name for name, _ in current) or "no weights"
            problems.append(
                f"  {path or 'the model'}: expected {len(current)} arrays ({names}); the file has {len(theirs)}"
            )
            continue
        for i, (name, tensor) in enumerate(current):
            array = theirs.get(f"{prefix}{i}")
            if array is None or array.shape != tensor.shape:
                shape = "none" if array is None else array.shape
                problems.append(f"  {path}: expected {name} {tensor.shape}; the file has {shape}")
            else:
                weights[name] = array.astype(tensor.dtype, copy=False)
    problems += [f"  {path}: the file has an array {a.shape}; the model has no such layer" for path, a in left.items()]
    return weights, problems


# ---- optimizers -----------------------------------------------------------------------------------------------------


def _order(model: Module, optimizer: Any, state: Mapping[str, Array]) -> list[str]:
    """Return the keys of an optimizer's state in the order of Keras's variables."""
    place = {id(t): i for i, t in enumerate(model.weights)}
    every = sorted(range(len(optimizer.parameters)), key=lambda i: place.get(id(optimizer.parameters[i]), len(place)))
    slots = tuple(dict.fromkeys(slot for key in state if (slot := key.partition(".")[2]) and slot not in _FIRST))
    keys = ["iterations"] + ["learning_rate"] * (optimizer._schedule is None)
    for group in [*((slot,) for slot in _FIRST), *SLOTS.get(type(optimizer).__name__, (slots,))]:
        keys += [key for i in every for slot in group if (key := f"{i}.{slot}") in state]
    return keys + [last for last in [LAST.get(type(optimizer).__name__, "")] if last in state]


def _state(optimizer: Any) -> dict[str, Array]:
    """Return an optimizer's state with accumulated gradients, which Keras has from the beginning."""
    zeros = {f"{i}.accumulated_gradient": np.zeros_like(p.data) for i, p in enumerate(optimizer.parameters)}
    return (zeros if optimizer.gradient_accumulation_steps else {}) | optimizer.state_dict()


def _negate(optimizer: Any, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return a state with the signs of Keras for ours, or ours for Keras's."""
    other = NEGATED.get(type(optimizer).__name__)
    return {key: -a if key.partition(".")[2] == other else a for key, a in arrays.items()}


_FIRST = ("average", "accumulated_gradient")  # the slots that Keras keeps before all others


def optimizer_arrays(model: Module, optimizer: Any) -> list[Array]:
    """Return the variables that Keras's optimizer would have; none for one made of others, which Keras writes apart."""
    state = _state(optimizer) if getattr(optimizer, "parameters", None) else {}
    if "iterations" not in state:
        return []
    signed = _negate(optimizer, state)
    steps, *others = (signed[key] for key in _order(model, optimizer, state))
    return [steps.astype(np.int32), *(a.astype(np.float32) if a.ndim == 0 else a for a in others)]


def load_optimizer(model: Module, optimizer: Any, arrays: list[Array]) -> bool:
    """Give an optimizer of the model's parameters the state that Keras's had; return whether it fits."""
    state = _state(optimizer)
    if "iterations" not in state:
        return False
    keys = _order(model, optimizer, state)
    if len(arrays) != len(keys) or any(a.shape != np.shape(state[k]) for k, a in zip(keys, arrays, strict=True)):
        return False
    theirs = {k: a.astype(state[k].dtype) for k, a in zip(keys, arrays, strict=True)}
    if np.float32(state["learning_rate"]) == theirs.get("learning_rate"):
        del theirs["learning_rate"]  # which Keras has in float32
    optimizer.load_state_dict({**state, **_negate(optimizer, theirs)})
    return True
