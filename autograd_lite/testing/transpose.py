"""Checks that need no tolerance for truncation: derivatives against their own algebra."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.docstrings import arguments_from
from ..core.messages import checked
from ..functional import jvp
from ..tensors.tensor import Tensor
from .check import check_grads, check_subject
from .explain import conclude, snippet
from .report import GradientMismatch, GradReport, InputReport, number
from .subject import (
    Arguments,
    GradientOf,
    Subject,
    bare,
    cotangents_like,
    differentiate,
    direction_like,
    outputs_of,
    pull_back,
)
from .tracebacks import plainly

Array = np.ndarray


@arguments_from(check_grads)
@plainly
@checked
def check_transpose(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: str | int | Sequence[str | int] | None = None,
    names: Sequence[str] | None = None,
    kwargs: dict[str, Any] | None = None,
    rtol: float = 1e-10,
    seed: int = 0,
    raise_: bool = True,
) -> GradReport:
    """Check that backward is the transpose of the derivative, to machine precision and without finite differences.

    With the Jacobian J of f at the inputs, and random u and v: <v, J u> = <J'v, u>, for each input by itself;
    J'(2 v + 3 w) = 2 J'v + 3 J'w; and J'0 = 0. J u comes from `autograd_lite.jvp`, or, where that is missing or cannot
    run f, from differentiating J'v by v. This finds a backward pass that is not linear, that writes to its cotangent,
    or that disagrees with forward mode. It does not find a derivative that both modes get wrong: `check_grads` does.

    Args:
        rtol: how near the two sides must be, relative to the size of their terms; 1e-4 in single precision.

    Returns:
        A `GradReport`; `max_rel_err` of an input is by how much the identity fails.

    Raises:
        GradientMismatch: if one of the identities does not hold.

    Example:
        >>> import numpy as np
        >>> check_transpose(lambda x, y: x @ np.sin(y), np.eye(2), np.ones(2)).ok
        True
    """
    start = time.perf_counter()
    subject = Subject(f, Arguments(f, inputs, wrt, names), kwargs)
    report = GradReport(subject.title)
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        v = cotangents_like(differentiate(subject, None, seed).outputs, seed)
        single = any(a.dtype.itemsize < (16 if a.dtype.kind == "c" else 8) for a in [*subject.leaves, *v])
        tolerance = max(rtol, 1e-4) if single else rtol
        grads = differentiate(subject, v).grads
        for i in subject.argnums:
            report.inputs[subject.names[i]] = InputReport(n_checked=subject.leaves[i].size)
            failure = _adjoint(subject, i, v, grads[i], tolerance, rng, report)
            if failure is not None:
                report.failures.append(failure)
        report.failures += _linearity(subject, v, grads, tolerance, seed)
    again = snippet(f, inputs, {"seed": seed} if seed else {}, "check_transpose")
    report.seconds = time.perf_counter() - start
    return conclude(report, f, inputs, again, raise_=raise_)


def _adjoint(
    subject: Any,
    i: int,
    v: list[Array],
    grad: Array | None,
    rtol: float,
    rng: np.random.Generator,
    report: GradReport,
) -> GradientMismatch | None:
    """Compare <v, J u> with <J'v, u> for a direction u of leaf i."""
    u = direction_like(subject.leaves[i], rng)
    name = subject.names[i]
    pushed = _push(subject, i, u, v)
    left = [np.real(np.conjugate(w) * t).astype(np.float64) for w, t in zip(v, pushed, strict=True)]
    right = np.real(np.conjugate(grad) * u).astype(np.float64) if grad is not None else np.zeros(1)
    sides = sum(float(t.sum()) for t in left), float(right.sum())
    size = sum(float(np.abs(t).sum()) for t in left) + float(np.abs(right).sum())
    apart = abs(sides[0] - sides[1]) / size if size else 0.0
    report.evals += 1
    report.note_error(name, None, math.inf if math.isnan(apart) else apart)
    if apart <= rtol:
        return None
    failure = GradientMismatch(
        f"backward of {subject.title} is not the transpose of its derivative by '{name}'",
        verdict="wrong",
        name=name,
        analytic=sides[1],
        numeric=sides[0],
        error_bar=rtol * size,
        facts=[("<J'v, u>", f"{number(sides[1])}   (backward)"), ("<v, J u>", f"{number(sides[0])}   (forward)")],
    )
    failure.hint = (
        "no gradient arrives: history is cut on the way"
        if grad is None
        else "for random u and v these are the same number; run check_grads to see which of the two is right"
    )
    return failure


def _push(subject: Any, i: int, u: Array, v: list[Array]) -> list[Array]:
    """Return J u, by forward mode if there is one."""

    def of_leaf(x: Any) -> Any:
        return tuple(subject.on_tensors([x if n == i else Tensor(a) for n, a in enumerate(subject.leaves)]))

    try:
        _, tangents = jvp(of_leaf)((Tensor(subject.leaves[i]),), (Tensor(u),))
        return [np.array(bare(t)) for t in outputs_of(tangents)]
    except (TypeError, NotImplementedError):  # something that forward mode does not know
        pass
    leaves = subject.variables()
    outputs = subject.on_tensors(leaves)
    w = [Tensor(a, requires_grad=True) for a in v]
    (g,) = pull_back(outputs, w, [leaves[i]], create_graph=True)
    results = [None] * len(w) if g is None else pull_back([g], [u], w, create_graph=False)
    return [np.zeros(a.shape, a.dtype) if t is None else bare(t) for a, t in zip(v, results, strict=True)]


def _linearity(
    subject: Any, v: list[Array], grads: list[Array | None], rtol: float, seed: int
) -> list[GradientMismatch]:
    """Compare J'(2 v + 3 w) with 2 J'v + 3 J'w, and J'0 with 0."""
    outputs = differentiate(subject, v).outputs
    rng = np.random.default_rng([seed, 1])
    w = [direction_like(out, rng) for out in outputs]
    others = differentiate(subject, w).grads
    mixed = differentiate(subject, [2 * a + 3 * b for a, b in zip(v, w, strict=True)]).grads
    nothing = differentiate(subject, [np.zeros_like(a) for a in v]).grads
    failures = []
    for i in subject.argnums:
        parts = (mixed[i], grads[i], others[i], nothing[i])
        if any(part is None for part in parts):
            continue
        both, first, second, zero = (np.asarray(part) for part in parts)
        size = float(np.nanmax(2 * np.abs(first) + 3 * np.abs(second), initial=0))
        apart = np.abs(both - 2 * first - 3 * second)
        difference = ""
        if not bool(np.all((apart <= rtol * size) | ~np.isfinite(both))):
            difference = f"J'(2 v + 3 w) differs from 2 J'v + 3 J'w by up to {number(float(np.nanmax(apart)))}"
        elif np.any(zero):
            difference = f"J'0 is not 0 but up to {number(float(np.nanmax(np.abs(zero))))}"
        if difference:
            name = subject.names[i]
            title = f"backward of {subject.title} by '{name}' is not linear in its cotangent: {difference}"
            failures.append(GradientMismatch(title, verdict="wrong", name=name))
    return failures


@arguments_from(check_grads)
@plainly
@checked
def check_hessian(
    f: Callable[..., Any],
    *inputs: Any,
    wrt: str | int | Sequence[str | int] | None = None,
    names: Sequence[str] | None = None,
    kwargs: dict[str, Any] | None = None,
    mode: str = "auto",
    method: str = "auto",
    kinks: str = "subgradient",
    rtol: float | None = None,
    symmetry: float = 1e-10,
    seed: int = 0,
    raise_: bool = True,
) -> GradReport:
    """Check Hessian-vector products: against finite differences of the gradient, and for symmetry.

    With the Hessian H of f, or of sum(c * f) with a random c if f is not a scalar: H u, from backward through backward,
    against Richardson's differences of the gradient; and <u, H w> = <w, H u>, to `symmetry`.

    Args:
        symmetry: how near the two products must be, relative to the size of their terms; 1e-4 in single precision.

    Returns:
        A `GradReport`.

    Raises:
        GradientMismatch: if a product is wrong or the Hessian not symmetric.

    Example:
        >>> import numpy as np
        >>> check_hessian(lambda x: np.prod(x) + np.exp(x[0]), np.array([1.0, 2.0, 3.0])).ok
        True
    """
    inner = Subject(f, Arguments(f, inputs, wrt, names), kwargs)
    inner.settle()
    weights = cotangents_like(differentiate(inner, None, seed).outputs, seed)
    subject = GradientOf(inner, weights, fixed=True)
    report = check_subject(subject, mode=mode, method=method, kinks=kinks, rtol=rtol, seed=seed, invariants=False)
    if report.ok:
        report.failures += _asymmetry(subject, symmetry, seed)
    again = snippet(f, inputs, {"seed": seed} if seed else {}, "check_hessian")
    return conclude(report, f, inputs, again, raise_=raise_)


def _asymmetry(subject: Any, rtol: float, seed: int) -> list[GradientMismatch]:
    """Compare <u, H w> with <w, H u>."""
    rng = np.random.default_rng([seed, 2])
    leaves = [subject.leaves[i] for i in subject.argnums]
    u, w = ([direction_like(a, rng) for a in leaves] for _ in range(2))
    hu, hw = (differentiate(subject, direction).grads for direction in (u, w))
    sides, size = [], 0.0
    for left, product in ((u, hw), (w, hu)):
        terms = [
            np.real(np.conjugate(a) * product[i]).astype(np.float64)
            for a, i in zip(left, subject.argnums, strict=True)
            if product[i] is not None
        ]
        sides.append(sum(float(t.sum()) for t in terms))
        size += sum(float(np.abs(t).sum()) for t in terms)
    if any(a.dtype.itemsize < (16 if a.dtype.kind == "c" else 8) for a in leaves):
        rtol = max(rtol, 1e-4)
    if abs(sides[0] - sides[1]) <= rtol * size:
        return []
    failure = GradientMismatch(
        f"the Hessian of {subject.subject.title} is not symmetric",
        verdict="wrong",
        analytic=sides[0],
        numeric=sides[1],
        error_bar=rtol * size,
        facts=[("<u, H w>", number(sides[0])), ("<w, H u>", number(sides[1]))],
    )
    failure.hint = "the rule of some op is not the derivative of any function; check_grads names it"
    return [failure]
