"""The laws that every op keeps: of its values, of its rules, and of its derivatives."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.batching import one_by_one
from ..core.multi_result import each
from ..core.op import Kind, Op, Rule
from ..core.shape_arithmetic import ShapeDtype, sum_to_shape
from ..functional import grad
from ..functional.dual import push_forward
from ..tensors.tensor import Tensor
from .arrays import LAYOUTS, has_layout, in_layout
from .numeric import numeric_grad
from .rows import (
    Inconclusive,
    Poison,
    PoisonError,
    Setting,
    forward,
    nonuniform,
    raw_rule,
    refuse_unless,
    results_in,
    same_bits,
    same_reading,
    saved_for,
    sum_to_input,
)
from .strict import Strict, unwrap

# ---- values ---------------------------------------------------------------------------------------------------------


def value(s: Setting) -> None:
    """`forward` returns one array, or as many as the op states, the same in every run."""
    result = forward(s.op, [np.array(a) for a in s.inputs], s.params)
    for r in (result,) if s.op.results is None else result:
        is_array = isinstance(r, (np.ndarray, np.generic))
        refuse_unless(
            is_array, f"forward returns {type(r).__name__}; a result is an array, and of several ops say results="
        )
    refuse_unless(same_bits(result, s.out), "forward returns another value each time; a random op needs a generator")


def infer(s: Setting) -> None:
    """The shape rule predicts shape and dtype."""
    for dtype in (np.float16, np.float32, np.float64):
        row = s.cast(dtype)
        if row is None:
            continue
        predicted: Any = s.op.infer(*(ShapeDtype(a.shape, a.dtype) for a in row.inputs), **row.params)
        predicted = tuple(predicted) if s.op.results is None else tuple(map(tuple, predicted))
        computed = (
            (row.out.shape, row.out.dtype) if s.op.results is None else tuple((a.shape, a.dtype) for a in row.out)
        )
        refuse_unless(predicted == computed, f"infer tells {predicted}, forward returns {computed}")


def layout(s: Setting) -> None:
    """The layout of memory changes nothing."""
    for i, array in enumerate(s.inputs):
        for name in LAYOUTS[1:]:
            if not has_layout(array, name):
                continue
            inputs = [in_layout(array, name) if k == i else a for k, a in enumerate(s.inputs)]
            results = results_in(forward(s.op, inputs, s.params))
            same = all(a.dtype == b.dtype and _close(a, b) for a, b in zip(results, results_in(s.out), strict=True))
            refuse_unless(same, f"input {i} in {name!r} memory gives another result")


def _close(a: Any, b: Any, rtol: float = 1e-10) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if b.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
    return bool(np.allclose(a, b, rtol=rtol, atol=rtol * scale, equal_nan=True))


# ---- batching -------------------------------------------------------------------------------------------------------


def batch(s: Setting) -> None:
    """The batching rule gives what the op gives one by one, whichever inputs carry the batch."""
    if s.op.batch is None or s.op.batch is one_by_one or not s.inputs:
        return
    n, free = len(s.inputs), _pointwise(s.op, s.argnums)
    for batched in {tuple([True] * n), *(tuple(k == i for k in range(n)) for i in range(n))}:
        inputs = tuple(_examples(a, free) if b else a for a, b in zip(s.inputs, batched, strict=True))
        with np.errstate(all="ignore"):
            expected = one_by_one(s.op, inputs, batched, dict(s.params))
            result = s.op.batch(s.op, inputs, batched, dict(s.params))
        subject = f"the batching rule, with a batch in inputs {[i for i, b in enumerate(batched) if b]},"
        for a, b in zip(results_in(result), results_in(expected), strict=True):
            refuse_unless(a.shape == b.shape, f"{subject} gives shape {a.shape}, one by one {b.shape}")
            refuse_unless(a.dtype == b.dtype, f"{subject} gives {a.dtype}, one by one {b.dtype}")
            refuse_unless(_close(a, b), f"{subject} gives {a!r}, one by one {b!r}")


def _examples(a: np.ndarray, free: bool) -> np.ndarray:
    """Return `a` and another example in whatever domain it is of; if `free`, so turned around, and zeros as well."""
    other = a * a.dtype.type(0.75) if a.dtype.kind in "fc" else np.flip(a)
    return np.stack([a, np.flip(other), np.zeros_like(a)] if free else [a, other])


# ---- flags ----------------------------------------------------------------------------------------------------------


def linear(s: Setting) -> None:
    """An op declared linear is linear in all inputs together; one declared multilinear, in each."""
    if not (s.op.linear or s.op.multilinear):
        return
    floating = [i for i, a in enumerate(s.inputs) if a.dtype.kind in "fc"]
    for group in [floating] if s.op.linear else [[i] for i in floating]:
        one = list(s.inputs)
        other = [nonuniform(a.shape, a.dtype, f"other {k}") if k in group else a for k, a in enumerate(s.inputs)]
        both = [2 * a + b if k in group else a for k, (a, b) in enumerate(zip(one, other, strict=True))]
        of_both, of_other = (results_in(forward(s.op, inputs, s.params)) for inputs in (both, other))
        word = "linear" if s.op.linear else f"multilinear, and is not linear in input {group[0]}"
        with np.errstate(all="ignore"):
            triples = zip(of_both, results_in(s.out), of_other, strict=True)
            holds = all(_close(a, 2 * b + c, 1e-6) for a, b, c in triples)
        refuse_unless(holds, f"it is called {word}: f(2a + b) is not 2 f(a) + f(b)")


def selects(s: Setting) -> None:
    """An elementwise op or reduction that can hide a NaN says so: `selects` makes the engine look for one."""
    op = s.op
    if op.selects or op.results is not None or not s.argnums or not _pointwise(op, s.argnums):
        return
    for i in s.argnums:
        for other in (0.0, 1.0, -1.0, np.inf, -np.inf):
            refuse_unless(
                not _hides_a_nan(s, i, other),
                f"a NaN in input {i} beside {other} gets a zero cotangent from a finite result; say selects=True",
            )


def _pointwise(op: Op, argnums: Sequence[int]) -> bool:
    """Return whether elements may be anywhere: no input has a rule that makes sense for one structure only."""
    return all((rule := op.rule(i)) is not None and rule.kind is not Kind.VJP for i in argnums)


def _hides_a_nan(s: Setting, i: int, other: float) -> bool:
    """Return whether a NaN in input `i`, with other inputs of one value, gets a zero cotangent of a finite result."""
    arrays = [np.full((1,), other, a.dtype) if a.dtype.kind in "fc" else a.reshape(-1)[:1] for a in s.inputs]
    if not all(a.size for a in arrays):
        return False
    arrays[i] = np.array([np.nan], s.inputs[i].dtype)
    params = {**s.params, "axis": (0,)} if "axis" in s.params else s.params
    out = np.asarray(forward(s.op, arrays, params))
    raw = raw_rule(s.op, i, np.ones(out.shape, out.dtype), (out, *arrays), params)
    return bool(np.all(np.isfinite(out)) and np.all(raw == 0))


# ---- rules ----------------------------------------------------------------------------------------------------------


_EPS32 = float(np.finfo(np.float32).eps)
FLOATS = (np.float16, np.float32, np.float64)


def _rule(s: Setting, i: int) -> Rule:
    rule = s.op.rule(i)
    assert rule is not None
    return rule


def _plain(s: Setting, i: int) -> Any:
    return raw_rule(s.op, i, s.g, saved_for(_rule(s, i), s.out, s.inputs), s.params)


def writes(s: Setting) -> None:
    """Neither `forward` nor a rule writes into its arguments, nor needs to: they may be read-only."""
    names = ["the cotangent"] * len([g for g in results_in(s.g) if g is not None])
    names += ["the result"] * len(results_in(s.out)) + [f"input {i}" for i in range(len(s.inputs))]
    before = [a.tobytes() for a in _arrays_of(s.g, s.out, *s.inputs)]
    for writeable in (True, False):
        g, out, *inputs = (each(np.array, a) for a in (s.g, s.out, *s.inputs))
        everything = _arrays_of(g, out, *inputs)
        for a in everything:
            a.flags.writeable = writeable
        forward(s.op, inputs, s.params)
        _refuse_changed("forward", names, everything, before)
        for i in s.argnums:
            raw_rule(s.op, i, g, saved_for(_rule(s, i), out, inputs), s.params)
            _refuse_changed(f"the rule for input {i}", names, everything, before)


def _arrays_of(*values: Any) -> list[np.ndarray]:
    return [a for value in values for a in results_in(value) if a is not None]


def _refuse_changed(who: str, names: list[str], arrays: list[np.ndarray], before: list[bytes]) -> None:
    changed = [name for name, a, bits in zip(names, arrays, before, strict=True) if a.tobytes() != bits]
    refuse_unless(not changed, f"{who} writes into {' and '.join(changed)}")


def reads(s: Setting) -> None:
    """A rule reads the arrays that it declares, and no others."""
    for i in s.argnums:
        _plain(s, i)


def idle(s: Setting) -> set[tuple[int, int]]:
    """Return the pairs (input, array) where the rule declares an array (0 is the result) that it never reads."""
    pairs = set()
    for i in s.argnums:
        rule = _rule(s, i)
        saved = saved_for(rule, s.out, s.inputs)
        for k in rule.reads:
            spec = ShapeDtype(saved[k].shape, saved[k].dtype)
            try:
                raw_rule(s.op, i, s.g, (*saved[:k], Poison(spec), *saved[k + 1 :]), s.params)
            except PoisonError:
                continue
            pairs.add((i, k))
    return pairs


def raw(s: Setting) -> None:
    """A rule returns the dtype of its input, and a shape that sums down to the input's, in every width of floats."""
    for dtype in FLOATS:
        row = s.cast(dtype)
        if row is None:
            continue
        for i in row.argnums:
            result, kind = _plain(row, i), _rule(row, i).kind
            shape = getattr(result, "shape", None)
            refuse_unless(shape is not None, f"the rule for input {i} returns {type(result).__name__}, no array")
            widths = {_width(a.dtype) for a in (*results_in(row.out), row.inputs[i]) if a.dtype.kind in "fc"}
            if widths == {np.dtype(dtype)}:
                refuse_unless(
                    result.dtype.kind in "fc" and _width(result.dtype) == dtype,
                    f"the rule for input {i} returns {result.dtype} where all is {np.dtype(dtype)}; a constant that is "
                    "a NumPy scalar, or an array made without dtype=, does that",
                )
            if kind is Kind.VJP:
                refuse_unless(_sums_to(shape, row.inputs[i].shape), _shapes(i, shape, row.inputs[i].shape))
            else:
                expected = row.inputs[i].shape if kind is Kind.REDUCED else row.out.shape
                refuse_unless(shape == expected, _shapes(i, shape, expected))


def _width(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of the parts of a complex number, or of a real one itself."""
    return np.finfo(dtype).dtype


def _sums_to(shape: Any, expected: tuple[int, ...]) -> bool:
    try:
        return bool(sum_to_shape(np.zeros(shape), expected).shape == expected)
    except (ValueError, IndexError):
        return False


def _shapes(i: int, shape: Any, expected: tuple[int, ...]) -> str:
    return f"the rule for input {i} returns shape {shape} where {expected} is expected"


def scalars(s: Setting) -> None:
    """NumPy's functions return `np.float64` in place of arrays without axes, so op and rules meet both."""
    if not any(a.ndim == 0 for a in s.inputs):
        return
    loose = [a[()] for a in s.inputs]
    result = forward(s.op, loose, s.params)
    refuse_unless(same_reading(result, s.out), "NumPy scalars give another result than arrays without axes")
    out = each(lambda a: a[()], result)
    for i in s.argnums:
        result_of_rule = raw_rule(s.op, i, each(lambda a: a[()], s.g), saved_for(_rule(s, i), out, loose), s.params)
        refuse_unless(
            same_reading(result_of_rule, _plain(s, i)), f"the rule for input {i} reads NumPy scalars differently"
        )


def strict(s: Setting) -> None:
    """A rule uses nothing but NumPy's protocols, so that Tensors, batches and printers can read it."""
    for i in s.argnums:
        saved = saved_for(_rule(s, i), each(Strict, s.out), [Strict(a) for a in s.inputs])
        result = raw_rule(s.op, i, each(Strict, s.g), saved, s.params)
        holds = isinstance(result, Strict) or _is_zero(result)
        refuse_unless(holds, f"the rule for input {i} leaves the protocols: it makes a bare array")
        refuse_unless(
            same_reading(unwrap(result), _plain(s, i)), f"the strict double reads the rule for input {i} otherwise"
        )


def tensors(s: Setting) -> None:
    """Tensors read the same bit for bit, whether the history is the cotangent's or the inputs'."""
    for i in s.argnums:
        plain = _plain(s, i)
        for of_g in (True, False):
            g, out, *inputs = (
                each(lambda a, needs=needs: Tensor(a, requires_grad=needs and a.dtype.kind in "fc"), value)
                for value, needs in [(s.g, of_g), *((a, not of_g) for a in (s.out, *s.inputs))]
            )
            result = raw_rule(s.op, i, g, saved_for(_rule(s, i), out, inputs), s.params)
            refuse_unless(isinstance(result, Tensor), f"the rule for input {i} makes a bare array of Tensors")
            same = same_reading(result.detach().numpy(), plain)
            refuse_unless(same, f"Tensors read the rule for input {i} otherwise than arrays do")
            holds = not of_g or result.requires_grad or _is_zero(plain)
            refuse_unless(holds, f"the rule for input {i} cuts the cotangent's history")


def _is_zero(a: Any) -> bool:
    """Return whether a cotangent is zero, as one by an input on which some results do not depend: it is a constant."""
    return isinstance(a, np.ndarray) and not a.any()


def float32(s: Setting) -> None:
    """In float32 a rule is as right as float32 can be."""
    narrow = s.cast(np.float32)
    if narrow is None:
        return
    # The same values in double precision: what `forward` rounds is not the rule's fault.
    g, out, *inputs = (
        each(lambda a: a.astype(np.result_type(a, np.float64)) if a.dtype.kind in "fc" else a, value)
        for value in (narrow.g, narrow.out, *narrow.inputs)
    )
    # How much the rule makes of roundings that are not its own.
    blurred = [each(lambda a: a * (1 + _EPS32) if a.dtype.kind in "fc" else a, v) for v in (out, *inputs)]
    for i in narrow.argnums:
        result = np.asarray(raw_rule(s.op, i, narrow.g, (narrow.out, *narrow.inputs), s.params))
        best, other = (np.asarray(raw_rule(s.op, i, g, saved, s.params)) for saved in ((out, *inputs), tuple(blurred)))
        refuse_unless(result.shape == best.shape, f"the rule for input {i} has another shape in float32")
        with np.errstate(all="ignore"):
            scale = float(np.max(np.abs(best), initial=0.0, where=np.isfinite(best)))
            off, allowed = np.abs(result - best), 2e-5 * np.abs(best) + 2e-6 * scale + 4 * np.abs(other - best)
            wrong = (off > allowed) & ~(np.isnan(result) & np.isnan(best)) & (result != best)
        refuse_unless(not wrong.any(), f"the rule for input {i} is inexact in float32: {result!r}, in float64 {best!r}")


def linear_in_g(s: Setting) -> None:
    """A rule is linear in its cotangent."""
    other = each(lambda g: np.roll(g.reshape(-1), 1).reshape(g.shape) - g / 2, s.g)
    sums = [None if a is None else 2 * a + b for a, b in zip(results_in(s.g), results_in(other), strict=True)]
    total = sums[0] if s.op.results is None else tuple(sums)
    with np.errstate(all="ignore"):
        for i in s.argnums:
            saved = saved_for(_rule(s, i), s.out, s.inputs)
            one, two, both = (np.asarray(raw_rule(s.op, i, g, saved, s.params)) for g in (s.g, other, total))
            scale = float(np.max(np.abs(one) + np.abs(two), initial=0.0, where=np.isfinite(one) & np.isfinite(two)))
            close = np.allclose(both, 2 * one + two, rtol=1e-9, atol=1e-12 * scale, equal_nan=True)
            refuse_unless(close, f"the rule for input {i} is not linear in its cotangent")


# ---- derivatives ----------------------------------------------------------------------------------------------------


RTOL = 1e-6


def _compare(subject: str, analytic: np.ndarray, numeric: np.ndarray, error: np.ndarray, rounding: float = 0.0) -> None:
    """Refuse a derivative that lies outside the error bars; there is no absolute tolerance but for `rounding`."""
    refuse_unless(
        analytic.shape == numeric.shape, f"{subject} has shape {analytic.shape} where {numeric.shape} is expected"
    )
    if not analytic.size:
        return
    largest = float(np.max(np.abs(numeric), initial=0.0, where=np.isfinite(numeric)))
    allowed = RTOL * np.maximum(np.abs(analytic), np.abs(numeric)) + 1e-3 * RTOL * largest + 3 * error + rounding
    if not np.all(3 * error <= max(1e-2 * largest, 1e-9)):
        raise Inconclusive(
            f"{subject}: finite differences say nothing here (error bar {np.max(error):.1e}); choose another row"
        )
    # An infinite derivative would be within a share of itself of anything.
    wrong = ~(np.abs(analytic - numeric) <= allowed) | ~np.isfinite(analytic)
    if not wrong.any():
        return
    k = tuple(int(n) for n in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    a, b = analytic[k], numeric[k]
    ratio = f"\n  ratio     {a / b:.6g}" if b else ""
    refuse_unless(
        False,
        f"{subject} is wrong ({int(wrong.sum())} of {wrong.size} elements), first at {list(k)}\n"
        f"  analytic  {a:.9g}\n  numeric   {b:.9g} ± {error[k]:.1e}{ratio}",
    )


def first(s: Setting) -> None:
    """The first derivative is the one that finite differences find."""
    for i in s.argnums:
        _compare(f"the derivative by input {i}", sum_to_input(_plain(s, i), s.inputs[i]), *s.numeric(i))


def engine(s: Setting) -> None:
    """A recorded backward pass gives the same gradients bit for bit, of the input's shape and dtype."""
    gradients: list[list[np.ndarray]] = []
    for create_graph in (False, True):
        inputs = [Tensor(a, requires_grad=k in s.argnums) for k, a in enumerate(s.inputs)]
        with np.errstate(all="ignore"):
            out = s.op(*inputs, **s.params)
        refuse_unless(all(isinstance(a, Tensor) for a in results_in(out)), "the op makes a bare array of Tensors")
        if not s.argnums:
            return
        if s.op.results is None:
            out.backward(np.conjugate(s.g), create_graph=create_graph)
        else:
            _product(out, s.g).backward(create_graph=create_graph)
        grads: list[Any] = [inputs[k].grad for k in s.argnums]
        gradients.append([g.detach().numpy() for g in grads])
        for x in inputs:
            x.grad = None  # with create_graph it is part of a cycle
    for one, two, i in zip(*gradients, s.argnums, strict=True):
        array = s.inputs[i]
        refuse_unless((one.shape, one.dtype) == (array.shape, array.dtype), f"the gradient of input {i} is {one!r}")
        refuse_unless(same_reading(one, two), f"the gradient of input {i} is another when it is recorded")


def second(s: Setting) -> None:
    """The second derivative is the one that finite differences find: of <gradient, u>, by each input and by g."""
    argnums = s.argnums
    if not argnums:
        return
    u = [nonuniform(s.inputs[i].shape, s.inputs[i].dtype, f"u {i}") for i in argnums]
    n, places = len(s.inputs), [k for k, g in enumerate(results_in(s.g)) if g is not None]

    def loss(*xs: Any) -> Any:
        out = results_in(s.op(*xs[:n], **s.params))
        return _product([out[k] for k in places], xs[n:])

    gradients = grad(loss, argnums)

    def directional(*xs: Any) -> Any:
        return sum(_real((part * ui).sum()) for part, ui in zip(gradients(*xs), u, strict=True))

    def row_of_gradients(*xs: Any) -> Any:
        return _flat(gradients(*s.row.project(xs)))

    everything = [*s.inputs, *(results_in(s.g)[k] for k in places)]
    by = [*argnums, *range(n, len(everything))]
    cotangent = np.conjugate(_flat(u))
    with np.errstate(all="ignore"):
        derivatives = [np.asarray(a) for a in grad(directional, by)(*everything)]
        # Second derivatives are differences of numbers as large as the first.
        rounding = 1e-14 * float(np.max(np.abs(_flat(gradients(*everything))), initial=0.0))
        if _agree_along(row_of_gradients, everything, by, cotangent, derivatives, rounding):
            return
        numeric = numeric_grad(row_of_gradients, *everything, wrt=by, cotangent=cotangent, method="richardson")
    for i, analytic, value, error in zip(by, derivatives, *numeric, strict=True):
        whom = "the cotangent" if i >= n else f"input {i}"
        _compare(f"the second derivative, by {whom},", analytic, value, error, rounding)


def _agree_along(
    f: Callable[..., Any],
    xs: Sequence[Any],
    by: Sequence[int],
    cotangent: Any,
    derivatives: Sequence[Any],
    rounding: float,
) -> bool:
    """Return whether derivatives are right along one random direction of each input, beyond doubt.

    That takes as many evaluations as there are inputs, not elements. A wrong element shows along almost every
    direction; which one it is, and whether it is one, is seen element by element.
    """
    steps = [nonuniform(xs[i].shape, xs[i].dtype, f"d {i}") for i in by]

    def along(*lengths: Any) -> Any:
        arguments = list(xs)
        for i, step, length in zip(by, steps, lengths, strict=True):
            arguments[i] = xs[i] + length * step
        return f(*arguments)

    slopes, errors = numeric_grad(along, *(0.0 for _ in by), cotangent=cotangent, method="richardson")
    for step, derivative, slope, error in zip(steps, derivatives, slopes, errors, strict=True):
        if derivative.shape != step.shape:
            return False
        terms = _real(np.conjugate(derivative) * step)
        size = float(np.linalg.norm(terms.ravel()))
        apart = abs(float(terms.sum()) - float(slope))
        if not (3 * error <= 1e-6 * size + 1e-9 and apart <= RTOL * size + 3 * error + rounding * terms.size):
            return False
    return True


def _product(out: Sequence[Any], g: Sequence[Any]) -> Any:
    """Return the real part of <g, out>, over all results that have a cotangent."""
    terms = [_real((a * b).sum()) for a, b in zip(out, g, strict=True) if b is not None]
    return functools.reduce(operator.add, terms)


def _real(x: Any) -> Any:
    return np.real(x) if x.dtype.kind == "c" else x


def _flat(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(a) for a in arrays])


def tangent(s: Setting) -> None:
    """Forward mode is the transpose of the vjp: <g, J t> = <Jᵀ g, t>, for every input alone and for all together."""
    op, argnums = s.op, s.argnums
    if not argnums or not _states_forward_mode(op, argnums):
        return
    drawn = s.row.project([nonuniform(a.shape, a.dtype, f"t {i}") for i, a in enumerate(s.inputs)])
    t = [ti if i in argnums else None for i, ti in enumerate(drawn)]
    pulled = [
        _pairing(sum_to_input(_plain(s, i), s.inputs[i]), t[i]) if i in argnums else (0.0, 0.0) for i in range(len(t))
    ]
    for group in [argnums, *([i] for i in argnums if len(argnums) > 1)]:
        tangents = tuple(ti if i in group else None for i, ti in enumerate(t))
        pushed = push_forward(op, tangents, s.out, tuple(s.inputs), dict(s.params), set())
        expected, size = (sum(pulled[i][part] for i in group) for part in (0, 1))
        triples = zip(results_in(pushed), results_in(s.out), results_in(s.g), strict=True) if pushed is not None else ()
        pairs = [_pairing(np.broadcast_to(t, a.shape), g) for t, a, g in triples if t is not None and g is not None]
        product, own_size = (sum(pair[part] for pair in pairs) for part in (0, 1))
        near = abs(product - expected) <= 1e-9 * max(size, own_size) or np.isnan(product) or np.isnan(expected)
        refuse_unless(
            bool(near),
            f"forward mode along input{'s' if len(group) > 1 else ''} {', '.join(map(str, group))} contradicts the "
            f"vjp: <g, J t> = {product:.9g}, <Jᵀ g, t> = {expected:.9g}",
        )
    for row in (s, s.cast(np.float32)):
        if op.jvp is not None and row is not None:
            _stated_jvp(
                row, tuple(None if ti is None else ti.astype(a.dtype) for ti, a in zip(t, row.inputs, strict=True))
            )


def _states_forward_mode(op: Op, argnums: Sequence[int]) -> bool:
    by_partials = all((rule := op.rule(i)) is not None and rule.kind is not Kind.VJP for i in argnums)
    return op.jvp is not None or op.linear or op.multilinear or by_partials


def _pairing(a: Any, b: Any) -> tuple[float, float]:
    """Return Re <a, b>, and the sum of the sizes of its terms."""
    product = (np.asarray(a) * np.asarray(b)).real
    return float(np.sum(product)), float(np.sum(np.abs(product)))


def _stated_jvp(s: Setting, tangents: tuple[Any, ...]) -> None:
    """A stated jvp has the result's dtype, and uses nothing but the protocols."""
    assert s.op.jvp is not None
    with np.errstate(all="ignore"):
        plain = s.op.jvp(tangents, s.out, *s.inputs, **s.params)
        doubles = tuple(None if t is None else Strict(t) for t in tangents)
        read = s.op.jvp(doubles, each(Strict, s.out), *(Strict(a) for a in s.inputs), **s.params)
    for t, r, a in zip(results_in(plain), results_in(read), results_in(s.out), strict=True):
        if t is not None:
            refuse_unless(t.dtype == a.dtype, f"the jvp returns {t.dtype} where the result is {a.dtype}")
            refuse_unless(isinstance(r, Strict), "the jvp leaves the protocols: it makes a bare array")
    refuse_unless(same_reading(unwrap(read), plain), "the strict double reads the jvp otherwise")
