"""An operation with several results, one of them whole numbers, for graphs that have a call of one."""

from __future__ import annotations

from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.core.op import OPS, structural
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.graph import Graph


def _forward(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    angle = np.arctan2(y, x)
    return np.hypot(x, y), angle, np.floor(angle % (2 * np.pi) / (np.pi / 2)).astype(np.int64)


def _rule(i: int) -> Any:
    def rule(g: Any, out: Any, x: Any, y: Any) -> Any:
        g_radius, g_angle, _ = g
        parts = []
        if g_radius is not None:
            parts.append(g_radius * (x, y)[i] / out[0])
        if g_angle is not None:
            parts.append(g_angle * (-y, x)[i] / (out[0] * out[0]))
        return sum(parts[1:], parts[0])

    return rule


def _infer(x: ShapeDtype, y: ShapeDtype) -> tuple[ShapeDtype, ...]:
    return x, x, ShapeDtype(x.shape, np.dtype(np.int64))


polar = structural(
    "polar", _forward, _rule(0), _rule(1), infer=_infer, saves="oxy", results=3,
    result_names=("radius", "angle", "quadrant"),
)  # fmt: skip
del OPS["polar"]


def polar_of(n: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Return the results of a call, with names for its arguments."""
    x = ag.tensor(np.arange(1.0, n + 1), requires_grad=True, name="x")
    y = ag.tensor(np.arange(2.0, n + 2), requires_grad=True, name="y")
    radius, angle, quadrant = polar(x, y)
    return radius, angle, quadrant


def box_in(graph: Graph, i: str) -> str:
    """Return the id of the box that shows a node: a result of a call is shown with the call."""
    return graph.call_of(graph[i]).id


def all_results() -> Tensor:
    """All results of a call are used, one of them twice and one an integer."""
    radius, angle, quadrant = polar_of()
    return (radius * radius * angle * (quadrant + 1.0)).sum()


def one_result() -> Tensor:
    """One result of a call is used, and its rule reads another, which is not."""
    return polar_of()[1].sum()


def no_result() -> list[Tensor]:
    """A call none of whose results does anything: they are what is returned."""
    return list(polar_of())


def between_calls() -> Tensor:
    """A call that reads the results of a call, in a module."""
    with ag.record_source():
        radius, angle, _ = polar_of(3)
        with ag.extend.module_scope("turned"):
            again, _, quadrant = polar(radius, angle)
    y = (again * quadrant + again).sum()
    x = ag.tensor(2.0, requires_grad=True, name="scale")
    return y * x


CALLS = {f.__name__: f for f in (all_results, one_result, no_result, between_calls)}
