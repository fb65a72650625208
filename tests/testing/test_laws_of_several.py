"""`check_op` on ops of several results that a user might define: the right one passes, each wrong one is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core import batching
from autograd_lite.core.op import Op
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.testing import check_op
from autograd_lite.testing.ops import LAWS, PropertyError

ROWS = [(np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.5, -1.0]))]
ONE_ROW = [(np.array(1.0), np.array(2.0))]


def forward(x: Any, y: Any) -> tuple[Any, ...]:
    return np.hypot(x, y), np.arctan2(y, x), np.signbit(x) + 2 * np.signbit(y)


def infer(x: ShapeDtype, y: ShapeDtype) -> tuple[ShapeDtype, ...]:
    dtype = np.result_type(x.dtype, y.dtype)
    shape = np.broadcast_shapes(x.shape, y.shape)
    return ShapeDtype(shape, dtype), ShapeDtype(shape, dtype), ShapeDtype(shape, np.dtype(int))


def total(*terms: Any) -> Any:
    there = [term for term in terms if term is not None]
    return there[0] if len(there) == 1 else there[0] + there[1]


def by_x(g: Any, out: Any, x: Any, y: Any) -> Any:
    r = out[0]
    return total(None if g[0] is None else g[0] * x / r, None if g[1] is None else -g[1] * y / (r * r))


def by_y(g: Any, out: Any, x: Any, y: Any) -> Any:
    r = out[0]
    return total(None if g[0] is None else g[0] * y / r, None if g[1] is None else g[1] * x / (r * r))


def push(tangents: Any, out: Any, x: Any, y: Any) -> tuple[Any, ...]:
    (dx, dy), r = tangents, out[0]
    dr = total(None if dx is None else dx * x / r, None if dy is None else dy * y / r)
    da = total(None if dx is None else -dx * y / (r * r), None if dy is None else dy * x / (r * r))
    return dr, da, None


def polar(f: Any = forward, *rules: Any, **facts: Any) -> Op:
    """Return radius, angle and quadrant as a user defines them."""
    rules = rules or (by_x, by_y)
    return ag.structural(
        "polar_t",
        f,
        *rules,
        **{
            "infer": infer,
            "saves": "oxy",
            "results": 3,
            "jvp": push,
            "batch": batching.elementwise,
            "domain": ("nonzero", "nonzero"),
        }
        | facts,
    )


def test_a_right_op_keeps_every_law() -> None:
    for rows in (ROWS, ONE_ROW):
        report = check_op(polar(), rows)
        assert report.ok
        assert report.laws.keys() == LAWS.keys()
    assert check_op(polar(), shapes=((2, 3), (2, 3)), examples=3).ok
    assert check_op(polar(jvp=None), ROWS).ok


def test_it_is_differentiated_by_every_result_in_every_mode() -> None:
    op, (x, y) = polar(), ROWS[0]
    for f, slope in (
        (lambda x: op(x, y)[0].sum(), x / np.hypot(x, y)),
        (lambda x: op(x, y)[1].sum(), -y / (x * x + y * y)),
    ):
        np.testing.assert_allclose(ag.grad(f)(x), slope, rtol=1e-12)
        np.testing.assert_allclose(ag.compile(ag.grad(f))(x), slope, rtol=1e-12)
        pushed = ag.jvp(f)((x,), (np.ones(3),))[1]
        np.testing.assert_allclose(pushed, slope.sum(), rtol=1e-12)
        np.testing.assert_allclose(ag.vmap(ag.grad(f), in_axes=0)(np.stack([x, 2 * x]))[0], slope, rtol=1e-12)


WRONG: dict[str, tuple[Op, str]] = {
    "forgets that a result may have no cotangent": (
        polar(forward, lambda g, out, x, y: g[0] * x / out[0] - g[1] * y / out[0] ** 2, by_y),
        "reads|writes|raw|strict|first",
    ),
    "leaves out the second result": (
        polar(forward, lambda g, out, x, y: x * 0 if g[0] is None else g[0] * x / out[0], by_y),
        "first",
    ),
    "changes the sign of one result where it is alone": (
        polar(forward, lambda g, out, x, y: by_x(g, out, x, y) * (1 if g[0] is not None else -1), by_y),
        "first",
    ),
    "writes into a cotangent": (
        polar(
            forward,
            lambda g, out, x, y: by_x((g[0], None if g[1] is None else np.negative(g[1], out=g[1])), out, x, y),
            by_y,
        ),
        "writes|strict",
    ),
    "makes bare arrays": (polar(forward, lambda g, out, x, y: np.asarray(by_x(g, out, x, y)), by_y), "strict"),
    "does not declare that it reads the results": (polar(saves="xy"), "reads"),
    "cuts the history of one result": (
        polar(forward, lambda g, out, x, y: by_x((g[0], g[1]), (ag.stop_gradient(out[0]),), x, y), by_y),
        "strict|second|tensors",
    ),
    "predicts another dtype for the last result": (
        polar(infer=lambda x, y: (*infer(x, y)[:2], infer(x, y)[0])),
        "infer",
    ),
    "predicts too few results": (polar(infer=lambda x, y: infer(x, y)[:2]), "infer"),
    "returns four": (polar(lambda x, y: (*forward(x, y), x)), "value"),
    "returns an array": (polar(lambda x, y: np.stack(forward(x, y))), "value"),
    "returns a number": (polar(lambda x, y: (*forward(x, y)[:2], 1)), "value|infer"),
    "pushes one tangent forward wrong": (
        polar(jvp=lambda t, out, x, y: (push(t, out, x, y)[0], -push(t, out, x, y)[1], None)),
        "tangent",
    ),
    "pushes too few tangents": (polar(jvp=lambda t, out, x, y: push(t, out, x, y)[:2]), "tangent"),
    "batches one result wrong": (
        polar(batch=lambda op, inputs, batched, params: op(*inputs)[::-1]),
        "batch",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_op_is_named_with_its_law(what: str) -> None:
    op, law = WRONG[what]
    with pytest.raises(PropertyError, match=f"op 'polar_t' breaks the law '({law})'"):
        check_op(op, ROWS)
