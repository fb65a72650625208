"""Every public callable, with arguments that it takes: what `tests.messages` calls with wrong ones.

New callables come here by themselves: they are found in the namespaces, and their arguments are made by the names, and
else the annotations, of the parameters.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
import nn
from autograd_lite.core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, OPS
from nn import layers

from .nn.layers import layer_table
from .nn.losses import loss_cases
from .nn.metrics import metric_cases

__all__ = ["Target", "targets"]

FUNCTIONS = ("autograd_lite", "autograd_lite.random", "autograd_lite.testing", "autograd_lite.graph")
NAMESPACES = (
    *("activations", "layers", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "callbacks"),
    *("regularizers", "constraints", "utils", "models", "saving", "plots.decision", "generation", "data", "datasets"),
)
# Callables that users do not call with arguments, with the reason.
WITHOUT = {
    "record_source": "takes nothing",
    "is_grad_enabled": "takes nothing",
    "keep_freed_memory": "changes the whole process",
    "keeps_freed_memory": "takes nothing",
    "Generator": "drawn from by everything; its seed is checked by set_seed",
    "plot_decision_surface": "opens matplotlib; its arguments are those of decision_surface",
    "plot_model": "starts Graphviz",
    "get_file": "downloads",
    "GradientHealth": "belongs to graph",
    "get_custom_objects": "takes nothing",
    "write_file": "its errors name the call that `what` says",
    "check_op": "draws examples for seconds; given a custom op",
    "module_test": "makes tests for pytest",
    "property_test": "makes tests for pytest",
    "elementwise": "makes ops",
    "reduction": "makes ops",
    "structural": "makes ops",
    "Layer": "a base",
    "Wrapper": "a base",
    "Operation": "made by functional models",
    "InputLayer": "made by Input",
    **dict.fromkeys(("Optimizer", "Initializer", "Regularizer", "Constraint", "Loss", "Metric", "Callback"), "a base"),
    "SavedFileError": "an error",
    "DatasetError": "an error",
}


class Target(NamedTuple):
    """Something to call: its name, how to make it, and arguments that it takes."""

    name: str
    call: Callable[..., Any]
    valid: Callable[[], dict[str, Any]]
    parameters: tuple[str, ...]
    positional: frozenset[str] = frozenset()

    def __call__(self, **wrong: Any) -> Any:
        """Call with the valid arguments, and those given in their place; NumPy alone is none of ours."""
        arguments = {**self.valid(), **wrong}
        if self.name.startswith("np.") and not any(_has_tensor(a) for a in arguments.values()):
            return None
        args = [arguments.pop(name) for name in self.parameters if name in self.positional and name in arguments]
        return self.call(*args, **arguments)


def _has_tensor(value: Any) -> bool:
    return isinstance(value, ag.Tensor) or (isinstance(value, (list, tuple)) and any(map(_has_tensor, value)))


# ---- arguments ------------------------------------------------------------------------------------------------------


def matrix() -> Any:
    return ag.tensor([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], requires_grad=True, name="w")


def vector() -> Any:
    return ag.tensor([1.0, 2.0, 3.0], requires_grad=True)


def square(x: Any) -> Any:
    return (x * x).sum()


def graph() -> Any:
    return ag.build_graph(square(matrix()))


def model() -> Any:
    made = nn.Sequential([layers.Dense(4, activation="relu", input_shape=(3,)), layers.Dense(2)])
    made.compile("sgd", "mse")
    return made


def batch() -> Any:
    return np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)


# By the name of the parameter; several are tried in turn.
BY_NAME: dict[str, tuple[Callable[[], Any], ...]] = {
    **dict.fromkeys(("f", "function", "fn", "func1d", "condlist_function"), (lambda: square,)),
    **dict.fromkeys(("graph", "a_graph"), (graph,)),
    "op": (lambda: OPS["sin"],),
    "inputs": (lambda: [np.ones(3)], batch),
    **dict.fromkeys(("units", "filters", "num_classes", "input_dim", "output_dim", "depth"), (lambda: 3,)),
    **dict.fromkeys(("kernel_size", "pool_size", "size", "n", "k", "q_order", "num_heads", "key_dim"), (lambda: 2,)),
    **dict.fromkeys(("rate", "stddev", "factor", "momentum", "alpha", "l1", "l2"), (lambda: 0.5,)),
    **dict.fromkeys(("shape", "newshape", "target_shape", "input_shape"), (lambda: (3, 3), lambda: (9,), lambda: 3)),
    **dict.fromkeys(("axis", "axis1", "source"), (lambda: 0,)),
    **dict.fromkeys(("axis2", "destination"), (lambda: 1,)),
    **dict.fromkeys(("dtype",), (lambda: "float64",)),
    **dict.fromkeys(("indices", "obj", "indices_or_sections", "repeats", "shift"), (lambda: 1, lambda: [0, 1])),
    **dict.fromkeys(("arrays", "tup", "arrays_list", "seq"), (lambda: [matrix(), matrix()],)),
    **dict.fromkeys(("y_true", "y_pred"), (lambda: np.eye(3),)),
    **dict.fromkeys(("model", "module"), (model,)),
    **dict.fromkeys(("layer", "cell"), (lambda: layers.Dense(3),)),
    **dict.fromkeys(("path", "filepath", "filename", "log_dir", "backup_dir"), (lambda: "walked.nn",)),
    **dict.fromkeys(("pad_width", "decimals", "deg", "kth", "num_bins", "bins"), (lambda: 1, lambda: 2)),
    **dict.fromkeys(("subscripts", "equation"), (lambda: "ij->ji",)),
    **dict.fromkeys(("node_id", "node"), (lambda: "n1",)),
    **dict.fromkeys(("tensors", "loss", "t", "what"), (lambda: square(matrix()),)),
    **dict.fromkeys(("config", "identifier", "name", "activation"), (lambda: "relu", lambda: "mse", lambda: "l2")),
    **dict.fromkeys(("q",), (lambda: 0.5,)),
    **dict.fromkeys(("ufunc",), (lambda: np.add,)),
    **dict.fromkeys(("learning_rate", "initial_learning_rate"), (lambda: 0.1,)),
    **dict.fromkeys(("decay_steps", "first_decay_steps", "seed", "sequence_length", "step"), (lambda: 3,)),
    **dict.fromkeys(("decay_rate", "beta", "value", "delta", "threshold", "default_value"), (lambda: 0.5,)),
    **dict.fromkeys(("boundaries",), (lambda: [1],)),
    **dict.fromkeys(("values",), (lambda: [1.0, 0.5], matrix)),
    **dict.fromkeys(("optimizer", "inner_optimizer"), (lambda: nn.optimizers.SGD(0.1),)),
    **dict.fromkeys(("sequences",), (lambda: [[1, 2], [3]],)),
    **dict.fromkeys(("parameters", "variables", "params"), (lambda: [vector()],)),
    **dict.fromkeys(("schedule",), (lambda: lambda epoch: 0.1,)),
    **dict.fromkeys(("weights", "sample_weight"), (lambda: [np.ones((3, 4), np.float32)], lambda: np.ones(3))),
    **dict.fromkeys(("bounds", "min", "max", "low", "high"), (lambda: 0.5,)),
    **dict.fromkeys(("choices", "choicelist"), (lambda: [matrix(), matrix()],)),
    **dict.fromkeys(("condlist",), (lambda: [np.eye(3) > 0, np.eye(3) < 1],)),
    **dict.fromkeys(("condition", "mask"), (lambda: np.eye(3) > 0, lambda: [True, False, True])),
}
ARRAYS: tuple[Callable[[], Any], ...] = (
    matrix,
    vector,
    lambda: ag.tensor([0, 1, 2]),
    lambda: ag.tensor(np.ones((2, 3, 3))),
)
BY_ANNOTATION: dict[str, tuple[Callable[[], Any], ...]] = {
    "int": (lambda: 2,),
    "float": (lambda: 0.5,),
    "str": (lambda: "relu",),
    "bool": (lambda: True,),
    "Callable": (lambda: square,),
    "Sequence[int]": (lambda: (2, 2),),
    "Mapping": (lambda: {"a": 1},),
}


def _candidates(p: inspect.Parameter) -> tuple[Callable[[], Any], ...]:
    if p.name in BY_NAME:
        return BY_NAME[p.name]
    text = p.annotation if isinstance(p.annotation, str) else ""
    for start, made in BY_ANNOTATION.items():
        if text.startswith(start):
            return made
    return ARRAYS


def _works(call: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> bool:
    try:
        call(*args, **kwargs)
    except Exception:
        return False
    return True


def target(name: str, call: Callable[..., Any], signature: Any = None, fixed: Mapping[str, Any] | None = None) -> Any:
    """Return a target for a callable, or None for one without parameters; its arguments are found by trying."""
    try:
        parameters = inspect.signature(signature or call).parameters.values()
    except (TypeError, ValueError):
        return None
    kept = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name != "self"]
    if not kept:
        return None
    fixed = fixed or {}
    needed = [p for p in kept if p.default is p.empty and p.name not in fixed]
    positional = frozenset(
        p.name for p in kept if p.kind is p.POSITIONAL_ONLY or (p.default is p.empty and p.kind is not p.KEYWORD_ONLY)
    )
    choices = list(itertools.islice(itertools.product(*map(_candidates, needed)), 40))

    def made(makers: Any) -> dict[str, Any]:
        return {
            **{n: v() for n, v in fixed.items()},
            **{p.name: make() for p, make in zip(needed, makers, strict=True)},
        }

    names = tuple(p.name for p in kept)
    found = choices[0]
    for makers in choices:
        if _works(Target(name, call, lambda makers=makers: made(makers), names, positional), [], {}):
            found = makers
            break
    return Target(name, call, lambda: made(found), names, positional)


# ---- where they come from -------------------------------------------------------------------------------------------


def _public(module: Any) -> list[str]:
    return list(getattr(module, "__all__", [name for name in dir(module) if not name.startswith("_")]))


def _of_functions() -> Iterator[Any]:
    for space in FUNCTIONS:
        module = importlib.import_module(space)
        for name in _public(module):
            if name not in WITHOUT and inspect.isroutine(getattr(module, name)):
                yield target(f"{space.removeprefix('autograd_lite').lstrip('.') or 'ag'}.{name}", getattr(module, name))
    yield target("ag.Tensor", ag.Tensor)


def _of_numpy() -> Iterator[Any]:
    for function in (*BY_FUNCTION, *COMPOSED):
        if isinstance(function, np.ufunc):
            continue
        op = BY_FUNCTION.get(function)
        binder = op.bind if op is not None and op.bind is not None else COMPOSED.get(function)
        module = function.__module__.replace("numpy", "np", 1)
        yield target(f"{module}.{function.__name__}", function, binder)
    for ufunc in BY_UFUNC:
        if getattr(np, ufunc.__name__, None) is ufunc:
            names = "xyz"[: ufunc.nin]
            yield Target(
                f"np.{ufunc.__name__}",
                ufunc,
                lambda names=names: {n: matrix() for n in names},
                tuple(names),
                frozenset(names),
            )


def _of_tensors() -> Iterator[Any]:
    for name, member in inspect.getmembers(ag.Tensor, inspect.isfunction):
        if not name.startswith("_"):
            made = target(f"Tensor.{name}", lambda *a, _name=name, **k: getattr(matrix(), _name)(*a, **k), member)
            if made is not None:
                yield made
    yield Target("t[index]", lambda index: matrix()[index], lambda: {"index": 0}, ("index",))
    yield Target("t[index] = v", _set_item, lambda: {"index": 0, "v": 1.0}, ("index", "v"))


def _set_item(index: Any, v: Any) -> None:
    t = matrix() * 1.0
    t[index] = v


def _of_nn() -> Iterator[Any]:
    for space in NAMESPACES:
        module = importlib.import_module(f"nn.{space}")
        for name in _public(module):
            thing = getattr(module, name)
            if name in WITHOUT or (space == "models" and name == "Input"):
                continue
            if inspect.isroutine(thing) or inspect.isclass(thing):
                yield target(f"{space}.{name}", thing)


def _of_layers() -> Iterator[Any]:
    for name, (source, *rest) in layer_table.EXAMPLES.items():
        kind = rest[0] if isinstance(rest[0], str) else "float32"
        shapes = rest if rest[0] != kind else rest[1:]
        listed = isinstance(shapes[0], list)
        given = [np.ones((2, *s)).astype(kind) for s in (shapes[0] if listed else shapes)]
        names = ("inputs",) if listed else tuple(f"x{i}" for i in range(len(given)))
        arguments = {"inputs": given} if listed else dict(zip(names, given, strict=True))
        layer = eval(source, {name: getattr(layers, name) for name in layers.__all__})
        yield Target(f"layers.{name}()", layer, lambda arguments=arguments: dict(arguments), names, frozenset(names))


def _of_losses_and_metrics() -> Iterator[Any]:
    for space, cases in (("losses", loss_cases.CASES), ("metrics", metric_cases.CASES)):
        for case in {c.make: c for c in cases.values() if c.make.__name__ != "MeanMetricWrapper"}.values():
            made = case.make(**case.arguments)
            valid = {"y_true": case.y, "y_pred": case.p}
            parameters = ("y_true", "y_pred", "sample_weight")
            yield Target(
                f"{space}.{case.make.__name__}()", made, lambda valid=valid: dict(valid), parameters, frozenset(valid)
            )


def _of_objects() -> Iterator[Any]:
    for space in ("initializers", "regularizers", "constraints"):
        module = importlib.import_module(f"nn.{space}")
        for name in _public(module):
            thing = getattr(module, name)
            if inspect.isclass(thing) and name not in WITHOUT and _works(thing, [], {}):
                yield target(f"{space}.{name}()", thing())
    for name in ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"):
        fixed = {"x": batch, "y": lambda: np.zeros((4, 2)), "verbose": lambda: 0}
        yield _of_model(
            name, {k: v for k, v in fixed.items() if k in inspect.signature(getattr(nn.Sequential, name)).parameters}
        )
    for name in (
        "compile",
        "add",
        "get_layer",
        "save",
        "save_weights",
        "load_weights",
        "set_weights",
        "load_state_dict",
        "from_config",
        "summary",
        "build",
    ):
        yield _of_model(name, {})


def _of_model(name: str, fixed: Mapping[str, Any]) -> Any:
    method = getattr(nn.Sequential, name)
    return target(f"model.{name}", lambda *a, **k: getattr(model(), name)(*a, **k), method, fixed)


def targets() -> tuple[Target, ...]:
    """Return all of them, in an order that does not change."""
    sources = (_of_functions, _of_numpy, _of_tensors, _of_nn, _of_layers, _of_losses_and_metrics, _of_objects)
    return tuple(t for source in sources for t in source() if t is not None)
