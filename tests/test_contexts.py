"""An interrupt leaves every context variable as it was, wherever it comes: the law, and the rule that makes it hold."""

from __future__ import annotations

import ast
import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.hips import extend, grad
from nn import callbacks, distributed, layers, models, saving
from nn.distributed.ranks import inside

from .interrupts import context_variables, interrupted_at, places_of, variables_set

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [path for package in ("autograd_lite", "nn") for path in sorted((ROOT / package).rglob("*.py"))]
# All files that set a context variable or enter a block that does.
HOLDING = {str(path) for path in SOURCES if any(word in path.read_text() for word in (".set(", "_mode(", "Context"))}
X, Y = np.ones((4, 3), "float32"), np.full((4, 1), 0.5, "float32")


def holds(file: str) -> bool:
    return file in HOLDING or file.endswith("/contextlib.py")


def model(**options: Any) -> models.Model:
    layer = layers.Dense(1, activation="sigmoid", activity_regularizer="l2")
    made = models.Sequential([layers.Input((3,)), layers.Dropout(0.5), layer])
    made.compile("adam", "binary_crossentropy", metrics=["mae"], **options)
    return made


def observed(x: Any) -> Any:
    ag.observe(lambda a: None, x)
    ag.extend.assume(lambda a: a.sum() < 100, x)
    return (x * ag.random.normal(x.shape)).sum()


def beside_another_thread() -> Callable[[], Any]:
    """Return an evaluation while another thread uses the metrics, so that this one computes with copies."""
    made = model()

    def call() -> None:
        began, ended = threading.Event(), threading.Event()
        waiting = callbacks.LambdaCallback(on_test_batch_end=lambda batch, logs: (began.set(), ended.wait(60)))
        thread = threading.Thread(target=lambda: made.evaluate(X, Y, verbose=0, callbacks=[waiting]))
        thread.start()
        began.wait(60)
        try:
            made.evaluate(X, Y, verbose=0)
        finally:
            ended.set()
            thread.join()

    return call


class Twins(distributed.Communicator):
    """Two ranks that compute the same, so that each knows what the other sends."""

    rank, size = 0, 2

    def start_sum(self, a: Any) -> Any:
        a *= 2
        return distributed.Local().start_sum(a)

    def broadcast(self, a: Any, root: int = 0) -> None:
        pass

    def all_gather_bytes(self, mine: bytes) -> list[bytes]:
        return [mine, mine]

    def duplicate(self) -> Any:
        return self

    def abort(self, code: int = 1) -> None:
        raise SystemExit(code)


def as_twins(made: models.Model) -> None:
    with inside(Twins()):
        made.fit(X, Y, verbose=0, distributed=True)


def replayed(**options: Any) -> Callable[[], Any]:
    compiled = ag.compile(ag.value_and_grad(observed), **options)
    for _ in range(3):
        compiled(X)
    return lambda: (compiled(X), compiled(100 * X))


def changed() -> None:
    weight = ag.tensor([1.0])
    with ag.transaction():
        weight.assign([2.0])


def masked() -> Any:
    inputs = nn.Input((None,), dtype="int32")
    return models.Model(inputs, layers.LSTM(2)(layers.Embedding(5, 3, mask_zero=True)(inputs)))


def ruled_as_in_jax() -> Callable[[], Any]:
    f = ag.custom_vjp(np.sin)
    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * np.cos(x),))
    return lambda: ag.grad(lambda x: f(x).sum())(X)


def certified() -> Callable[[], Any]:
    """Return what draws the certificate of a root, for which the solver runs again."""
    a = ag.tensor(2.0, requires_grad=True)
    solved = ag.optimize.root(lambda x: x * x - a, 1.0)
    solved.x.sum().backward()
    return solved.sensitivity.picture


def infinite() -> Any:
    logits = ag.tensor([[np.inf, 0.0]], requires_grad=True)
    return nn.losses.CategoricalCrossentropy(from_logits=True)(np.array([[1.0, 0.0]]), logits)


cubed = extend.primitive(lambda x: x**3)
extend.defvjp(cubed, lambda ans, x: lambda g: 3 * g * x**2)


def read() -> Any:
    with saving.max_elements(1000):
        return models.model_from_json(TEXT)


TEXT = json.dumps(json.loads(models.Sequential([layers.Input((3,)), layers.Dense(2)]).to_json()))
CHECKPOINTED = ag.checkpoint(lambda x: (ag.random.normal(x.shape) * x).sum())
CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "grad of checkpoint": lambda: lambda: ag.grad(CHECKPOINTED)(X),
    "hvp": lambda: lambda: ag.hvp(lambda x: (x**3).sum())(X, X),
    "jvp": lambda: lambda: ag.jvp(ag.grad(lambda x: (x**3).sum()))((X,), (X,)),
    "linearize": lambda: lambda: ag.linearize(np.sin)(ag.tensor(X)),
    "vmap": lambda: lambda: ag.vmap(ag.grad(lambda x: (x**3).sum()))(X),
    "scan": lambda: lambda: ag.grad(lambda x: ag.scan(lambda c, r: (c * r, c), x[0], x)[0].sum())(ag.tensor(X)),
    "compile": lambda: lambda: ag.compile(observed)(X),
    "replay": replayed,
    "validate": lambda: replayed(validate=True),
    "transaction": lambda: changed,
    "a compiled model": lambda: partial(lambda made: ag.compile(lambda x: made(x))(X), model()),
    "a certificate": certified,
    "a rule as in JAX": ruled_as_in_jax,
    "symbols": lambda: masked,
    "limits of losses": lambda: infinite,
    "read": lambda: read,
    "a rule of HIPS in a second derivative": lambda: partial(grad(grad(cubed)), 2.0),
    "fit": lambda: partial(model().fit, X, Y, verbose=0, validation_data=(X, Y)),
    "fit of several ranks": lambda: partial(as_twins, model()),
    "train_on_batch": lambda: lambda: model(jit_compile=True).train_on_batch(X, Y),
    "evaluate": lambda: partial(model().evaluate, X, Y, verbose=0),
    "predict": lambda: partial(model().predict, X),
    "beside another thread": beside_another_thread,
}


QUICK = ("grad of checkpoint", "hvp", "jvp", "compile", "transaction", "limits of losses")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of generators that close
@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.ci) for n in CALLS])
def test_an_interrupt_leaves_every_variable_as_it_was(name: str) -> None:
    call = CALLS[name]()
    call()
    places = places_of(call, holds)
    assert len(places) > 10
    for place in places:
        interrupted_at(call, place, holds)


@pytest.mark.ci
def test_every_variable_is_set_by_one_of_these_calls() -> None:
    met = set().union(*[variables_set(make()) for make in CALLS.values()])
    assert {variable.name for variable in context_variables()} - met == set()


def leaks(source: str) -> list[int]:
    """Return the lines that set a context variable such that an interrupt may leave it set.

    A variable is set inside a `try` whose `finally` sets it again, and no token is kept.
    """
    inside: dict[ast.AST, set[str]] = {}
    found = []
    for node in ast.walk(ast.parse(source)):  # from the outside in
        ended = inside.get(node, set())
        if isinstance(node, ast.Try):
            ended = ended | {name for part in node.finalbody for name in map(_set_by, ast.walk(part)) if name}
        for part in ast.iter_child_nodes(node):
            inside[part] = ended
        if (name := _set_by(node)) and name not in ended:
            found.append(node.lineno)  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reset":
            found += [node.lineno] * _is_constant(node.func.value)
    return found


def _set_by(node: ast.AST) -> str:
    """Return the name of the variable that a node sets, or ""."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set":
        return node.func.value.id if _is_constant(node.func.value) else ""  # type: ignore[attr-defined]
    return ""


def _is_constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id.isupper()


# Blocks that users hold may end in any order; `core/mode.py` has the frames that restore what an interrupt leaves, and
# without open blocks what `UNDO` has is not in force; `core/depth.py` sets them in a copied context, which ends.
EXEMPT = {"autograd_lite/core/mode.py", "autograd_lite/core/depth.py", "autograd_lite/tensors/changes.py"}


@pytest.mark.parametrize("path", [str(path.relative_to(ROOT)) for path in SOURCES if ".set(" in path.read_text()])
def test_no_variable_is_set_where_an_interrupt_leaves_it_set(path: str) -> None:
    assert bool(leaks((ROOT / path).read_text())) == (path in EXEMPT)


def test_the_rule_sees_what_it_is_against() -> None:
    begins = "def f():\n    token = A.set(1)\n    try:\n        g()\n    finally:\n"
    assert leaks(f"{begins}        A.reset(token)\n") == [2, 6]
    assert leaks(f"{begins}        A.set(0)\n") == [2]
    assert leaks("def f():\n    try:\n        A.set(1)\n    finally:\n        B.set(0)\n") == [3]
    assert leaks("def f():\n    try:\n        A.set(1)\n    finally:\n        A.set(0)\n") == []
