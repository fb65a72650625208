"""Laws of the derivatives: those that finite differences find, the same in every mode and to the second order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.op import Kind, Op
from ..functional import grad
from ..functional.dual import push_forward
from ..tensors.tensor import Tensor
from ._numeric import numeric_grad
from ._reading import raw_rule, repaired, same_reading, saved_for
from ._setting import Inconclusive, Setting, nonuniform, refuse_unless
from ._strict import Strict, unwrap

RTOL = 1e-6


def _compare(what: str, found: np.ndarray, numeric: np.ndarray, error: np.ndarray, rounding: float = 0.0) -> None:
    """Refuse a derivative that lies outside the error bars; there is no absolute tolerance but for `rounding`."""
    refuse_unless(found.shape == numeric.shape, f"{what} has shape {found.shape} where {numeric.shape} is expected")
    if not found.size:
        return
    largest = float(np.max(np.abs(numeric), initial=0.0, where=np.isfinite(numeric)))
    allowed = RTOL * np.maximum(np.abs(found), np.abs(numeric)) + 1e-3 * RTOL * largest + 3 * error + rounding
    if not np.all(3 * error <= max(1e-2 * largest, 1e-9)):
        raise Inconclusive(
            f"{what}: finite differences say nothing here (error bar {np.max(error):.1e}); choose another row"
        )
    # An infinite derivative would be within a share of itself of anything.
    wrong = ~(np.abs(found - numeric) <= allowed) | ~np.isfinite(found)
    if not wrong.any():
        return
    k = tuple(int(n) for n in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    a, b = found[k], numeric[k]
    ratio = f"\n  ratio     {a / b:.6g}" if b else ""
    refuse_unless(
        False,
        f"{what} is wrong ({int(wrong.sum())} of {wrong.size} elements), first at {list(k)}\n"
        f"  analytic  {a:.9g}\n  numeric   {b:.9g} ± {error[k]:.1e}{ratio}",
    )


def first(s: Setting) -> None:
    """The first derivative is the one that finite differences find."""
    for i in s.wanted:
        _compare(f"the derivative by input {i}", repaired(_raw(s, i), s.inputs[i]), *s.numeric(i))


def _raw(s: Setting, i: int) -> Any:
    rule = s.op.rule(i)
    assert rule is not None
    return raw_rule(s.op, i, s.g, saved_for(rule, s.out, s.inputs), s.params)


def engine(s: Setting) -> None:
    """A recorded backward pass gives the same gradients bit for bit, of the input's shape and dtype."""
    found: list[list[np.ndarray]] = []
    for create_graph in (False, True):
        inputs = [Tensor(a, requires_grad=k in s.wanted) for k, a in enumerate(s.inputs)]
        with np.errstate(all="ignore"):
            out = s.op(*inputs, **s.params)
        refuse_unless(isinstance(out, Tensor), "the op makes a bare array of Tensors")
        if not s.wanted:
            return
        out.backward(np.conjugate(s.g), create_graph=create_graph)
        grads: list[Any] = [inputs[k].grad for k in s.wanted]
        found.append([g.detach().numpy() for g in grads])
        for x in inputs:
            x.grad = None  # with create_graph it is part of a cycle
    for one, two, i in zip(*found, s.wanted, strict=True):
        array = s.inputs[i]
        refuse_unless((one.shape, one.dtype) == (array.shape, array.dtype), f"the gradient of input {i} is {one!r}")
        refuse_unless(same_reading(one, two), f"the gradient of input {i} is another when it is recorded")


def second(s: Setting) -> None:
    """The second derivative is the one that finite differences find: of <gradient, u>, by each input and by g."""
    wanted = s.wanted
    if not wanted:
        return
    u = [nonuniform(s.inputs[i].shape, s.inputs[i].dtype, f"u {i}") for i in wanted]
    gradients = grad(lambda *xs: _real((s.op(*xs[:-1], **s.params) * xs[-1]).sum()), wanted)

    def directional(*xs: Any) -> Any:
        return sum(_real((part * ui).sum()) for part, ui in zip(gradients(*xs), u, strict=True))

    def row_of_gradients(*xs: Any) -> Any:
        return _flat(gradients(*s.row.projected(xs)))

    everything = [*s.inputs, s.g]
    by = [*wanted, len(s.inputs)]
    with np.errstate(all="ignore"):
        found = grad(directional, by)(*everything)
        cotangent = np.conjugate(_flat(u))
        numeric = numeric_grad(row_of_gradients, *everything, wrt=by, cotangent=cotangent, method="richardson")
        # Second derivatives are differences of numbers as large as the first.
        rounding = 1e-14 * float(np.max(np.abs(_flat(gradients(*everything))), initial=0.0))
    for i, analytic, value, error in zip(by, found, *numeric, strict=True):
        whom = "the cotangent" if i == len(s.inputs) else f"input {i}"
        _compare(f"the second derivative, by {whom},", np.asarray(analytic), value, error, rounding)


def _real(x: Any) -> Any:
    return np.real(x) if x.dtype.kind == "c" else x


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


def tangent(s: Setting) -> None:
    """Forward mode is the transpose of the vjp: <g, J t> = <Jᵀ g, t>, for every input alone and for all together."""
    op, wanted = s.op, s.wanted
    if not wanted or not _states_forward_mode(op, wanted):
        return
    drawn = s.row.projected([nonuniform(a.shape, a.dtype, f"t {i}") for i, a in enumerate(s.inputs)])
    t = [ti if i in wanted else None for i, ti in enumerate(drawn)]
    pulled = [_paired(repaired(_raw(s, i), s.inputs[i]), t[i]) if i in wanted else (0.0, 0.0) for i in range(len(t))]
    for group in [wanted, *([i] for i in wanted if len(wanted) > 1)]:
        tangents = tuple(ti if i in group else None for i, ti in enumerate(t))
        pushed = push_forward(op, tangents, s.out, tuple(s.inputs), dict(s.params), set())
        expected, size = (sum(pulled[i][part] for i in group) for part in (0, 1))
        found, own_size = (0.0, 0.0) if pushed is None else _paired(np.broadcast_to(pushed, s.out.shape), s.g)
        near = abs(found - expected) <= 1e-9 * max(size, own_size) or np.isnan(found) or np.isnan(expected)
        refuse_unless(
            bool(near),
            f"forward mode along input{'s' if len(group) > 1 else ''} {', '.join(map(str, group))} contradicts the "
            f"vjp: <g, J t> = {found:.9g}, <Jᵀ g, t> = {expected:.9g}",
        )
    for row in (s, s.cast(np.float32)):
        if op.jvp is not None and row is not None:
            _stated_jvp(
                row, tuple(None if ti is None else ti.astype(a.dtype) for ti, a in zip(t, row.inputs, strict=True))
            )


def _states_forward_mode(op: Op, wanted: Sequence[int]) -> bool:
    by_partials = all((rule := op.rule(i)) is not None and rule.kind is not Kind.VJP for i in wanted)
    return op.jvp is not None or op.linear or op.multilinear or by_partials


def _paired(a: Any, b: Any) -> tuple[float, float]:
    """Return Re <a, b>, and the size of what was summed."""
    product = (np.asarray(a) * np.asarray(b)).real
    return float(np.sum(product)), float(np.sum(np.abs(product)))


def _stated_jvp(s: Setting, tangents: tuple[Any, ...]) -> None:
    """A stated jvp has the result's dtype, and uses nothing but the protocols."""
    assert s.op.jvp is not None
    with np.errstate(all="ignore"):
        plain = s.op.jvp(tangents, s.out, *s.inputs, **s.params)
        doubles = tuple(None if t is None else Strict(t) for t in tangents)
        read = s.op.jvp(doubles, Strict(s.out), *(Strict(a) for a in s.inputs), **s.params)
    refuse_unless(plain.dtype == s.out.dtype, f"the jvp returns {plain.dtype} where the result is {s.out.dtype}")
    refuse_unless(isinstance(read, Strict), "the jvp leaves the protocols: it makes a bare array")
    refuse_unless(same_reading(unwrap(read), plain), "the strict double reads the jvp otherwise")
