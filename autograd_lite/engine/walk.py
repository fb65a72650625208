"""The backward pass: walk the graph from a result to its leaves and apply the derivative rules.

Only the engine sums a cotangent down to the shape of its input, casts it to its dtype, accumulates, and masks. It reads
the rules with bare arrays, or with Tensors when the pass itself is recorded (`create_graph`). `_walk_observed` is the
backward pass in a dozen lines.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace, as_array, asarray_like, copy_array, gradient_like, is_duck_array
from ..core.errors import DtypeError, GradError, ShapeError, more_on
from ..core.hooks import HOOKS
from ..core.messages import checked
from ..core.mode import MODE, TAPES, Mode, hold_mode, note_pass, record_off, record_on
from ..core.node import LEAF, Node
from ..core.observers import Observer
from ..core.op import EachInput, Kind, Read, Rule, WrongCount
from ..core.ownership import SMALL, is_unshared
from ..core.shape_arithmetic import cast_back, expand_reduced, sum_to_shape
from ..native import threaded_functions as fast
from ..ops.zero_mask import zero_mask
from ..tensors.gradient_hooks import AWAITED, GRAD_LOCK, arrival_hooks
from ..tensors.record import own_value, wrap
from ..tensors.saved import (
    as_tensors,
    check_constants,
    check_fingerprints,
    check_leaf,
    free_saved,
    freed_error,
    refuse_changed_leaf,
    without_level,
)
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer
from .paths import Paths, paths_from

_UNIT, _CONSTANT, _PARTIAL, _APPLIED, _VJP = Kind.UNIT, Kind.CONSTANT, Kind.PARTIAL, Kind.APPLIED, Kind.VJP
_GATE, _TOTAL, _READ = Kind.GATE, Kind.TOTAL, Kind.READ
# Adding in place saves memory traffic on large arrays; on small ones NumPy is faster with a new array.
_IN_PLACE_SIZE = 1000
# From here on threads may share the work of NumPy's functions, though not of operators; see `native.threads`.
_LARGE = 1 << 16
_NUMPYS = frozenset({np.ndarray, np.float64, np.float32})
_BOOL = np.dtype(np.bool_)
_size = operator.attrgetter("size")
# Turns the saved values of a node into what its rules are given; None where they are given as they are.
_Opened = Callable[[Node, tuple[Any, ...]], tuple[Any, ...]] | None


def edge_of(t: Tensor) -> Node | Tensor:
    """Return the edge that nodes computed from `t` hold: its node, or the tensor itself if it is a leaf."""
    node = t._node
    return t if node is None or node is LEAF else node


@checked
def backward(t: Tensor, cotangent: Any = None, *, retain_graph: bool = False, create_graph: bool = False) -> None:
    """Add the gradient of `t` to `.grad` of every leaf that requires one.

    For a scalar t the gradient is dt/dleaf; for any other t it is the vector-Jacobian product sum_i c_i dt_i/dleaf
    with the cotangent c.

    Args:
        t: a tensor with history.
        cotangent: array-like of t's shape; optional for a tensor with one element, where it is 1.
        retain_graph: keep the saved arrays, so that backward can run again.
        create_graph: record the backward pass itself, so that the gradients can be differentiated. `.grad` then
            refers to the graph, which refers to the leaf: a cycle, which lives until `.grad` is set to None or the
            garbage collector runs. `autograd_lite.grad` makes no such cycle.

    Raises:
        GradError: if t has no history, if a cotangent is needed and missing, or if the graph was freed.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
        >>> (x**3).backward([1.0, 10.0])
        >>> x.grad
        Tensor([  3., 120.])
    """
    if not t.requires_grad:
        raise GradError(
            f"backward: expected a tensor that requires a gradient; received {_short(t)}, which has no history. "
            "Make an input with tensor(a, requires_grad=True), and compute outside no_grad(), without .detach()"
            + more_on("no-history")
        )
    tape = MODE.get().tape if TAPES else None
    if tape is not None:
        tape.note_backward(edge_of(t))
        retain_graph = True
    g = _root_cotangent(t, cotangent, create_graph or tape is not None)
    gradients = cotangents(
        {edge_of(t): g},
        None,
        retain_graph=retain_graph or create_graph,
        create_graph=create_graph,
        accumulate=_accumulate if AWAITED else None,
    )
    if gradients.keys().isdisjoint((edge_of(t),)) or t.is_leaf:
        _accumulate(list(gradients), gradients)
        return
    raise GradError(
        f"backward: expected a tensor that depends on a leaf which requires a gradient; received {_short(t)}, all of "
        "whose leaves were frozen or belong to a transformation that has ended" + more_on("no-history")
    )


def _accumulate(leaves: list[Tensor], pending: dict[Any, Any]) -> None:
    """Take the gradients of leaves out of `pending` and add them to `.grad`; then call the hooks that wait for that."""
    tape = MODE.get().tape if TAPES else None
    with GRAD_LOCK:
        for leaf in leaves:
            if tape is not None:
                tape.note_gradient(leaf)
            _add_to_leaf(leaf, pending)
            del pending[leaf]
    if AWAITED:
        for leaf in leaves:
            for hook in arrival_hooks(leaf):
                hook.function(leaf)


def _short(t: Tensor) -> str:
    label = f"'{t.name}' " if t.name else ""
    return f"a tensor {label}of shape {t.shape} {t.dtype}"


def _root_cotangent(t: Tensor, cotangent: Any, create_graph: bool) -> Any:
    if cotangent is None:
        if t.size != 1:
            raise GradError(
                f"backward: expected a cotangent, since the tensor has {t.size} elements; received none. Reduce it "
                f"to a scalar first (t.sum().backward()), or pass an array of shape {t.shape}: t.backward(cotangent)"
                + more_on("not-a-scalar")
            )
        if t.dtype.kind == "c":
            raise GradError(
                "backward: expected a real loss; received a complex one. Take its .real or abs(), or pass a cotangent"
                + more_on("complex-loss")
            )
        g: Any = (np if t._data.__class__ in _NUMPYS else array_namespace(t)).ones(t.shape, t.dtype)
    else:
        g = cotangent if isinstance(cotangent, Tensor) or is_duck_array(cotangent) else as_array(cotangent)
        shape = g.shape
        if shape != t.shape:
            raise ShapeError(f"backward: expected a cotangent of shape {t.shape}, as the tensor has; received {shape}")
        kind = g.dtype.kind
        if kind not in ("biufc" if t.dtype.kind == "c" else "biuf"):
            number = "complex or real" if t.dtype.kind == "c" else "real"
            raise DtypeError(f"backward: expected a {number} cotangent; received dtype kind {kind!r}")
        g = conjugate(g.astype(t.dtype, copy=False) if isinstance(g, Tensor) else asarray_like(as_array(g, t.dtype), t))
    if create_graph:
        if isinstance(g, Tensor):
            return own_value(g)
        seed = name_cotangent(wrap(copy_array(g), None), t.name or "")
        if TAPES and (tape := MODE.get().tape) is not None:
            tape.note_tensor(seed)
        return seed
    return g.data if isinstance(g, Tensor) else g


def _add_to_leaf(leaf: Tensor, pending: dict[Any, Any]) -> None:
    """Add to a leaf's gradient, in memory of its own: arrays that `.grad` has handed out before do not change."""
    if (hooks := getattr(leaf, "_hooks", ())) or leaf._data.dtype.kind == "c":
        total = conjugate(pending[leaf])
        for hook in hooks:
            changed = hook(total)
            total = total if changed is None else changed
        pending[leaf] = total
        del total
    previous = leaf.grad
    if isinstance(pending[leaf], Tensor):
        leaf._grad = own_value(pending[leaf]) if previous is None else previous + pending[leaf]
    elif previous is not None:
        leaf._grad = wrap(previous._data + pending[leaf], None)
    else:
        # A rule may have passed on an array that something else holds: the cotangent, another gradient, a saved value.
        large = pending[leaf].size > SMALL and is_unshared(pending, leaf)
        g = pending[leaf]
        g = g if large else np.array(g) if g.__class__ in _NUMPYS else gradient_like(copy_array(g), leaf._data)
        leaf._grad = wrap(g, None)


# ---- the walk -------------------------------------------------------------------------------------------------------


class _Alarm:
    """Goes on when a floating-point operation is invalid (0 * inf, inf - inf), and costs nothing until then."""

    __slots__ = ("on",)

    def __init__(self) -> None:
        self.on = False

    def __call__(self, kind: str, flag: int) -> None:
        self.on = True


def cotangents(
    roots: dict[Any, Any],
    targets: set[Any] | None,
    *,
    retain_graph: bool,
    create_graph: bool,
    level: Level | None = None,
    paths: Paths | None = None,
    observer: Observer | None = None,
    accumulate: Callable[[list[Tensor], dict[Any, Any]], None] | None = None,
    masks: bool | None = None,
) -> dict[Any, Any]:
    """Run the chain rule from `roots` (edge -> cotangent) and return the cotangents of the leaves, or of `targets`.

    Args:
        roots: the results, by their edges, with their cotangents.
        targets: where to stop; None for every leaf.
        retain_graph: keep the saved values for another pass.
        create_graph: record the pass, on the tape that it reads.
        level: of the record, if it has its own. It ended with the function that was recorded, so the pass computes with
            the values that the saved ones held, whose history further out is still recorded.
        paths: from the roots to the targets, if they are known.
        observer: looks on; by default the one of the mode's `watch`, if any.
        accumulate: is given leaves that have hooks for it when their cotangents are whole, with all that are pending.
        masks: whether NaN is masked from the start; by default where one can hide from the result.
    """
    if observer is None and (watching := MODE.get().watch) is not None:
        observer = watching.observer()
    targets, order, selects, reaches_other_leaves, _ = paths or paths_from(roots, targets)
    useful = targets.union(order) if reaches_other_leaves and targets is not None else None
    tape = MODE.get().tape if TAPES else None
    alarm = _Alarm()
    # A NaN or an infinity can hide from the result behind an op that selects, or where the root's cotangent is zero.
    if masks is None:
        masks = selects or max(map(_size, roots.values()), default=0) > 1
    alarm.on = masks
    for g in roots.values():
        if g.__class__ not in _NUMPYS and array_namespace(g) is not np:
            alarm.on = masks = True  # since NumPy does not compute, errors go unnoticed
    change: Any = None
    opened: _Opened = None
    if create_graph:
        change, opened = record_on, as_tensors
    elif level is None and tape is not None:  # gradients without a history, which the tape must see all the same
        change, opened = record_off, as_tensors
    elif level is None:
        change = record_off
    else:
        opened = partial(without_level, level)
    # A context of its own restores the modes around it wherever an interrupt comes, which `with` does not.
    walk_order = _walk if observer is None else partial(_walk_observed, observer)
    if accumulate is not None:
        walk_order = partial(_walk_with_early_leaves, walk_order, accumulate)
    arguments = order, roots.copy(), useful, alarm, retain_graph, opened
    pulled = copy_context().run(_walk_in_mode, change, alarm, observer is not None, walk_order, arguments)
    if tape is not None:
        tape.passed_back(masks)
    elif create_graph:  # users' gradients have no names
        for edge, g in pulled.items():
            if g.__class__ is Tensor and g._node is None and getattr(g, "_name", None) is not None:
                pulled[edge] = wrap(g._data, None)
    return pulled


def _walk_in_mode(
    change: Any, alarm: _Alarm, observed: bool, walk_order: Callable[..., dict[Any, Any]], arguments: tuple[Any, ...]
) -> dict[Any, Any]:
    if change is not None:
        hold_mode(change)
    if TAPES:
        hold_mode(note_pass)
    np.errstate(divide="ignore", over="ignore", under="ignore", invalid="call", call=alarm).__enter__()
    if observed:
        hold_mode(_stop_watching)  # what rules compute inside is not watched: the observer sees their results
    return walk_order(*arguments)


def _stop_watching(mode: Mode) -> None:
    mode.watch = None


def _walk_observed(
    observer: Observer,
    order: list[Node],
    pending: dict[Any, Any],
    useful: set[Any] | None,
    alarm: _Alarm,
    retain: bool,
    opened: _Opened,
) -> dict[Any, Any]:
    """Apply the chain rule to the nodes in order: this is the backward pass. `_walk` gives the same bits, faster."""
    for node in order:
        if node not in pending:
            continue
        observer.begin(node, pending[node])
        g, saved = _open(node, pending.pop(node), opened)
        for i in node.needs:
            check_leaf(node, i, saved)
        for i, rule in _rules_of(node, g, saved, useful, alarm):
            edge = node.inputs[i]
            r = _fit(_rule_result(rule, g, saved, node.params, alarm), edge)
            pending[edge] = total = pending[edge] + r if edge in pending else r
            observer.see_contribution(node, i, edge, r, total)
        if not retain:
            node.saved = free_saved(node)
    return pending


def _rules_of(
    node: Node, g: Any, saved: tuple[Any, ...], useful: set[Any] | None, alarm: _Alarm
) -> Iterator[tuple[int, Any]]:
    """Yield the inputs that a gradient flows to, with their rules."""
    rules: Any = node.op.rules
    needs = _needs_of(node, useful)
    if rules.__class__ is EachInput:
        try:
            rules = rules.at_once(g, saved, node.params, needs, None, alarm.on)
        except WrongCount as error:
            raise _of_rule(node, error) from None
    return ((i, rules[i]) for i in needs if rules[i] is not None)


def _needs_of(node: Node, useful: set[Any] | None) -> tuple[int, ...]:
    """Return the inputs that a gradient flows to on the way to where it is wanted."""
    return node.needs if useful is None else tuple([i for i in node.needs if node.inputs[i] in useful])


def _fit(r: Any, edge: Any) -> Any:
    """Return a contribution with the shape and the dtype of the input that it belongs to."""
    if r.shape != edge.shape:
        r = sum_to_shape(r, edge.shape)
    return r if r.dtype == edge.dtype else cast_back(r, edge.dtype)


def _walk(
    order: list[Node], pending: dict[Any, Any], useful: set[Any] | None, alarm: _Alarm, retain: bool, opened: _Opened
) -> dict[Any, Any]:
    """As `_walk_observed`, with the common kinds of rule inline: this loop is the time of a backward pass."""
    owned = set()
    for node in order:
        if (g := pending.pop(node, None)) is None:
            continue
        saved, inputs, params, needs = node.saved, node.inputs, node.params, node.needs
        if opened is not None or saved is None or node.hooks is not None or len(needs) != len(inputs):
            g, saved = _open(node, g, opened)
        rules: Any = node.op.rules
        if rules.__class__ is EachInput:
            rules, needs = _at_once(node, rules, g, saved, useful, pending, alarm)
        for i in needs:
            edge, rule = inputs[i], rules[i]
            if edge.__class__ is not Node and edge._stamp > node.stamp and saved[i + 1] is not edge:
                refuse_changed_leaf(node.op.name, edge, named=node.note is not None)  # other rules may read it
            if rule is None or (useful is not None and edge not in useful):
                continue
            kind = rule.kind
            if kind is _UNIT or kind is _READ:
                r = g if kind is _UNIT else rule.value
            elif kind is _APPLIED and not params:
                r = rule.value(g, *saved)  # which may sound the alarm
                r = mask_nan(r, g) if alarm.on else r
            elif kind is _PARTIAL and not params:
                d = rule.value(*saved)
                r = fast.multiply(g, d) if opened is None and g.size > _LARGE else g * d
                if alarm.on and may_have_nan(r):
                    r = _without_nan(g, d, r)
                d = None
            elif kind is _VJP:
                r = rule.value(g, *saved, **params)
            elif kind is _CONSTANT and rule.value == -1:
                r = -g
            elif kind is _GATE and len(needs) == 1:
                pending[node], g, r, previous = g, None, None, None  # the only reference: `is_unshared` sees any other
                r = _through_gate(pending, node, rule, saved, alarm)
            else:
                r = _rule_result(rule, g, saved, params, alarm)
            if edge.__class__ is Node:
                shape, dtype = edge.shape, edge.dtype
            else:
                shape, dtype = edge._data.shape, edge._data.dtype
            if r.shape != shape:
                r = sum_to_shape(r, shape)
            if r.dtype is not dtype and r.dtype != dtype:
                r = cast_back(r, dtype)
            if (previous := pending.get(edge)) is None or kind is _TOTAL:
                pending[edge] = r
            elif edge in owned and r.__class__ is previous.__class__ is np.ndarray:
                fast.add(previous, r, out=previous)
            else:
                # `previous` takes the sum: another name would keep this array alive until the next one.
                pending[edge] = previous = previous + r
                if previous.__class__ is np.ndarray and previous.size > _IN_PLACE_SIZE:
                    owned.add(edge)
        if not retain:
            node.saved = None if len(needs) == len(inputs) else free_saved(node)
    return pending


def _walk_with_early_leaves(
    walk_order: Callable[..., dict[Any, Any]],
    accumulate: Callable[[list[Tensor], dict[Any, Any]], None],
    order: list[Node],
    pending: dict[Any, Any],
    *rest: Any,
) -> dict[Any, Any]:
    """Walk through an order, and stop where the cotangents of leaves with hooks for it are whole."""
    last: dict[int, tuple[int, Tensor]] = {}
    for position, node in enumerate(order):
        for i in node.needs:
            edge = node.inputs[i]
            if edge.__class__ is not Node and getattr(edge, "_hooks", None) and arrival_hooks(edge):
                last[id(edge)] = position, edge
    stops: dict[int, list[Tensor]] = {}
    for position, leaf in last.values():
        stops.setdefault(position, []).append(leaf)
    start = 0
    for position in sorted(stops):
        pending = walk_order(order[start : position + 1], pending, *rest)
        start = position + 1
        if leaves := [leaf for leaf in stops[position] if leaf in pending]:
            accumulate(leaves, pending)
    return walk_order(order[start:], pending, *rest)


def _at_once(
    node: Node,
    rules: EachInput,
    g: Any,
    saved: tuple[Any, ...],
    useful: set[Any] | None,
    pending: dict[Any, Any],
    alarm: _Alarm,
) -> tuple[dict[int, Rule | Read | None], tuple[int, ...]]:
    """Read the rules of all inputs that are asked for, and return what they say, and which these are."""
    inputs, needs, so_far = node.inputs, _needs_of(node, useful), None
    for i in node.needs if useful is not None else ():
        check_leaf(node, i, saved)
    # The cotangents so far of the inputs that have one, without those that are an input twice.
    if rules.totals and (so_far := {i: pending[edge] for i in needs if (edge := inputs[i]) in pending}):
        count = Counter([id(edge) for edge in inputs])
        so_far = {i: g for i, g in so_far.items() if count[id(inputs[i])] == 1}
    try:
        return rules.at_once(g, saved, node.params, needs, so_far, alarm.on), needs
    except WrongCount as error:
        raise _of_rule(node, error) from None


def _of_rule(node: Node, error: WrongCount) -> TypeError:
    return TypeError(f"{node.op.name}: its derivative rule {error}")


def conjugate(g: Any) -> Any:
    """Convert a cotangent between the engine's convention and the user's: conjugate it if it is complex.

    For a real loss L and x = a + ib users see dL/da + i dL/db, which points uphill. Inside, the engine passes on the
    conjugate, because the rule of a holomorphic function is then the same as for real numbers.
    """
    return np.conjugate(g) if g.dtype.kind == "c" else g


def _through_gate(pending: dict[Any, Any], node: Node, rule: Rule, saved: tuple[Any, ...], alarm: _Alarm) -> Any:
    """Return the part of a node's cotangent that a mask lets through, in its place if nothing else refers to it."""
    mask = rule.value(*saved, **node.params)
    of_arrays = mask.__class__ is pending[node].__class__ is np.ndarray and mask.shape == pending[node].shape
    alone = of_arrays and mask.size > SMALL and is_unshared(pending, node)
    g = pending.pop(node)
    r = np.multiply(g, mask, out=g) if alone else g * mask
    return mask_nan_in_product(r, mask, r) if alarm.on else r  # where the mask is open, r is g


def _rule_result(rule: Rule | Read, g: Any, saved: tuple[Any, ...], params: dict[str, Any], alarm: _Alarm) -> Any:
    """Read a rule of any kind, and mask its NaN."""
    kind = rule.kind
    if kind is Kind.UNIT:
        return g
    if kind is Kind.READ or kind is Kind.TOTAL:
        return rule.value
    if kind is Kind.VJP:
        return rule.value(g, *saved, **params)
    if kind is Kind.CONSTANT:
        if rule.value == -1:
            return -g  # not g * -1, which makes NaN of a complex infinity
        if rule.value == 0:  # flat there, whatever the cotangent: inf * 0 would be NaN
            zeros = array_namespace(g).zeros(g.shape, g.dtype)
            return wrap(zeros, None) if isinstance(g, Tensor) else zeros
        return g * rule.value
    if kind is Kind.REDUCED:
        params = dict(params)
        keepdims, axis, shape = params.pop("keepdims"), params["axis"], saved[1].shape
        g = expand_reduced(g, shape, axis, keepdims)
        out = saved[0] if saved[0] is None else expand_reduced(saved[0], shape, axis, keepdims)
        r = g * rule.value(out, saved[1], **params)
    elif kind is Kind.APPLIED:
        r = rule.value(g, *saved, **params)
    else:  # PARTIAL, GATE
        d = rule.value(*saved, **params)
        r = g * d
        return mask_nan_in_product(g, d, r) if alarm.on else r
    return mask_nan(r, g) if alarm.on else r


def _open(node: Node, g: Any, opened: _Opened) -> tuple[Any, tuple[Any, ...]]:
    """Return the cotangent and the saved values of a node, after its hooks and checks."""
    saved = node.saved
    if saved is None:
        raise freed_error(node)
    if opened is as_tensors and g.__class__ is Tensor and g._node is None:
        name_cotangent(g, node.op.name)
    for hook in node.hooks or ():
        changed = hook(conjugate(g))
        g = g if changed is None else conjugate(changed)
    if len(node.needs) != len(node.inputs):
        check_constants(node, saved)
    if getattr(node, "fingerprints", None):
        check_fingerprints(node, saved)
    return g, (saved if opened is None else opened(node, saved))


def name_cotangent(g: Any, of: str) -> Any:
    """Name a cotangent that has no history, since it would be an input without a name in pictures; return it."""
    if g.__class__ is Tensor and g._node is None and getattr(g, "_name", None) is None:
        g._name = f"cotangent of {of}" if of else "cotangent"
    return g


def mask_nan_in_product(g: Any, d: Any, r: Any) -> Any:
    """As `mask_nan`, for r = g * d; a boolean d is a gate, where even inf times False is 0."""
    return _without_nan(g, d, r) if may_have_nan(r) else r


def _without_nan(g: Any, d: Any, r: Any) -> Any:
    return np.where(d, g, 0) if getattr(d, "dtype", None) is _BOOL else _clear(r, g)


def mask_nan(r: Any, g: Any) -> Any:
    """Make a rule's result exactly zero where the cotangent was exactly zero and the result is NaN."""
    return _clear(r, g) if may_have_nan(r) else r


def _clear(r: Any, g: Any) -> Any:
    are_arrays = r.__class__ is np.ndarray and g.__class__ is np.ndarray
    return zero_mask.forward(r, g) if are_arrays else zero_mask(r, g)


def may_have_nan(r: Any) -> bool:
    """True if `r` may contain a NaN. False positives are harmless: what asks looks closer then."""
    values = r._data if isinstance(r, Tensor) else r
    while isinstance(values, Tracer):
        values = values.inner
        values = values._data if isinstance(values, Tensor) else values
    if values.__class__ is np.ndarray:
        if values.dtype.kind not in "fc":
            return False
        flat = values if values.ndim == 1 else values.reshape(-1)
        total = flat.dot(flat) if flat.size < SMALL else fast.matmul(flat, flat)
    else:
        total = values if isinstance(values, np.generic) else np.nan
    return bool(total != total)


HOOKS.backward = lambda t, cotangent, retain_graph, create_graph: backward(
    t, cotangent, retain_graph=retain_graph, create_graph=create_graph
)
