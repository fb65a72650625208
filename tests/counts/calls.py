"""A program: calls of functions in steps, and what compiled steps are made of, as JSON.

It runs in a process of its own, without what an environment loads at the start of Python, so that no other test and no
other package has a part in it.
"""

from __future__ import annotations

import gc
import json
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import autograd_lite as ag
import nn
from autograd_lite.compiler.buffer_assignment import Place
from nn.training.contention import WATCH

from .programs import PROGRAMS

_WARM = 3  # calls after which there is nothing new in one
Counts = dict[str, dict[str, int]]


def calls_in(f: Callable[..., Any], *args: Any) -> tuple[dict[str, int], Any]:
    """Return how many functions a call runs, of Python and of C, but for the import system's; and its result."""
    counts = {"call": 0, "c_call": -1}  # the last one of C ends the count

    def count(frame: Any, event: str, _: Any) -> None:
        if event in counts and not frame.f_code.co_filename.startswith("<frozen importlib"):
            counts[event] += 1

    gc.collect()
    gc.disable()  # or what it finds is let go somewhere in the middle
    sys.setprofile(count)
    try:
        out = f(*args)
    finally:
        sys.setprofile(None)
        gc.enable()
    return {"python": counts["call"], "c": counts["c_call"]}, out


def gradients() -> Counts:
    """Return the calls of a backward pass and of transformations, when they run for the second time."""
    found: Counts = {}

    def chain(x: Any) -> Any:
        h = x
        for _ in range(8):
            h = np.tanh(h * x + x)
        return h.sum()

    def f(x: Any) -> Any:
        return (np.sin(x) * x).sum()

    x, bare = ag.tensor(np.linspace(0, 1, 8), requires_grad=True), np.linspace(0, 1, 4)
    transforms: dict[str, tuple[Any, Any]] = {"grad(f)": (ag.grad(f), bare), "hessian(f)": (ag.hessian(f), bare)}
    transforms["value_and_grad(f)"] = ag.value_and_grad(f), bare
    transforms["vmap(grad(f))"] = ag.vmap(ag.grad(f)), np.ones((3, 4))
    for _ in range(2):
        found["forward, 25 operations"], loss = calls_in(chain, x)
        found["backward, 25 operations"], _ = calls_in(loss.backward)
        for name, (transform, argument) in transforms.items():
            found[name], _ = calls_in(transform, argument)
        found["jvp(f)"], _ = calls_in(ag.jvp(f), (bare,), (bare,))
    return found


def steps() -> tuple[Counts, Counts, Counts]:
    """Return the calls of eager steps and of replays, the calls until there is one, and what replays are made of."""
    found, first, plans = {}, {}, {}
    for name, make in PROGRAMS.items():
        (f, arguments), (g, others) = make(), make()
        for _ in range(_WARM):
            f(*arguments)
        found[f"{name}, eager"], _ = calls_in(f, *arguments)
        compiled = ag.compile(g)
        first[f"{name}, traced and planned"], runs = calls_in(_runs_before_replay, compiled, others)
        for _ in range(_WARM):
            compiled(*others)
        found[f"{name}, replay"], _ = calls_in(compiled, *others)
        (*_, last) = compiled.traces
        assert last.replay is not None, name
        plan, lines = last.replay.plan, compiled.source().splitlines()
        views = sum(plan.where[call.value].place is Place.VIEW for call in plan.calls)
        plans[name] = {
            "operations": len(plan.calls) - views,
            "lines": sum(not line.lstrip().startswith(("#", "def ")) for line in lines),
            "arena": plan.nbytes,
            "guards": len(last.replay.guards.rows),
            "traces": len(compiled.traces),
            "runs": runs,
        }
    return found, first, plans


def _runs_before_replay(compiled: Any, arguments: Any) -> int:
    """Call a function until its last trace has a replay, and return how often that was."""
    for k in range(8):
        if k and compiled.traces[-1].replay is not None:
            return k
        compiled(*arguments)
    raise AssertionError("it is not replayed")


def batches() -> tuple[Counts, Counts]:
    """Return the calls of a further batch of `fit`, in its ways, and those of a first `fit` of one batch."""
    found, first = {}, {}
    x, y = np.linspace(-1, 1, 512 * 3).reshape(512, 3).astype("f"), np.linspace(0, 1, 512).reshape(512, 1).astype("f")
    for what, compiled in (("eager", False), ("replayed", True)):
        nn.set_seed(0)
        model = nn.Sequential([nn.layers.Dense(8, activation="relu"), nn.layers.Dense(1)])
        model.compile("adam", "mse", jit_compile=compiled)

        def fit(batches: int, model: Any = model) -> None:
            model.fit(x[: 8 * batches], y[: 8 * batches], batch_size=8, epochs=1, verbose=0)

        first[f"fit, {what}"], _ = calls_in(fit, 1)
        fit(16)
        (few, _), (many, _) = calls_in(fit, 16), calls_in(fit, 32)
        found[f"16 batches of fit, {what}"] = {kind: many[kind] - few[kind] for kind in many}
    return found, first


def main() -> None:
    """Print the counts."""
    WATCH.due = math.inf  # it looks at each second
    of_gradients = gradients()
    of_steps, first, plans = steps()
    of_batches, first_batches = batches()
    calls = {**of_gradients, **of_steps, **of_batches}
    print(json.dumps({"calls": calls, "first calls": {**first, **first_batches}, "plans": plans}))


if __name__ == "__main__":
    main()
