"""Which elements of an op's result depend on which elements of an input, by what its record says.

A local pattern is a tuple of steps from the sets of the input to those of the result: elements taken, groups united,
or both; the empty tuple leaves them as they are, and None says that nothing depends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core import batching
from ..core.multi_result import Several
from ..core.op import EachInput, Kind, Op, read_rule
from ..core.shape_arithmetic import ShapeDtype
from .index_sets import IndexSets, group, take, unite

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A call of an op, with those of its arrays that are known.

    Attributes:
        op, params: as in the record.
        inputs: the shapes and dtypes of its arrays.
        out: those of its result, or of each.
        values: of the inputs; None for one that is not known.
        result: the value of the result, or None.
        computed: whether there are indices among the parameters that are not known.
    """

    op: Op
    params: Mapping[str, Any]
    inputs: tuple[ShapeDtype, ...]
    out: tuple[ShapeDtype, ...]
    values: tuple[Any, ...]
    result: Any = None
    computed: bool = False


class Take(NamedTuple):
    """Element r of the result depends on what element `positions[r]` depends on; -1: on nothing."""

    positions: npt.NDArray[np.integer]

    def __call__(self, sets: IndexSets) -> IndexSets:
        return take(sets, self.positions)


class Group(NamedTuple):
    """Element r of the result depends on all elements whose group is r."""

    groups: npt.NDArray[np.integer]
    count: int

    def __call__(self, sets: IndexSets) -> IndexSets:
        return group(sets, self.groups, self.count)


class Unite(NamedTuple):
    """Element r of the result depends on the elements `members[indptr[r]:indptr[r + 1]]`."""

    indptr: npt.NDArray[np.integer]
    members: npt.NDArray[np.integer]

    def __call__(self, sets: IndexSets) -> IndexSets:
        return unite(self.indptr, self.members, sets)


Steps = tuple[Callable[[IndexSets], IndexSets], ...] | None


def local_pattern(call: Call, i: int) -> list[Steps]:
    """Return for each result of a call how its elements depend on those of input i."""
    op = call.op
    rule = op.rule(i)
    if rule is None or call.inputs[i].dtype.kind not in "fc":
        return [None] * len(call.out)
    if call.computed:
        return [_dense(call, i, k) for k in range(len(call.out))]
    if op.depends is not None:
        return [(Unite(*op.depends(i, call.inputs, call.out[0], **call.params)),)]
    if op.results is None and not isinstance(op.rules, EachInput) and rule.kind in _ELEMENTWISE:
        return [_elementwise(call, i)]
    if op.results is None and op.batch is batching.reduction:
        return [_reduction(call, i)]
    if op.results is None and (steps := _structural(call, i)) is not False:
        return [steps]
    if op.name in _LETTERS:
        return [_contraction(call, i, *_LETTERS[op.name](call))]
    return [_probe(call, i, k) for k in range(len(call.out))]


_ELEMENTWISE = (Kind.UNIT, Kind.CONSTANT, Kind.PARTIAL, Kind.GATE, Kind.APPLIED)


# ---- elementwise ----------------------------------------------------------------------------------------------------


def _operands(call: Call) -> tuple[Any, ...]:
    """Return the result and the inputs for a rule; stand-ins of the right shapes take the place of unknown ones."""
    result = call.result
    if result is None:
        result = _stand_in(call.out[0]) if call.op.results is None else Several.of(map(_stand_in, call.out))
    values = [_stand_in(s) if v is None else v for s, v in zip(call.inputs, call.values, strict=True)]
    return (result, *values)


def _stand_in(spec: ShapeDtype) -> Any:
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)


def _is_known(call: Call, reads: frozenset[int]) -> bool:
    return all((call.result if k == 0 else call.values[k - 1]) is not None for k in reads)


def _nonzero_partial(call: Call, i: int) -> Any:
    """Return where the cotangent of input i is not exactly 0 if that of the result is 1; None if that is not known."""
    rule = call.op.rule(i)
    if rule is None or not rule.reads or not _is_known(call, rule.reads):  # type: ignore[union-attr]
        return None
    with np.errstate(all="ignore"):
        cotangent = read_rule(rule, np.ones(call.out[0].shape, call.out[0].dtype), _operands(call), dict(call.params))
    nonzero = np.asarray(cotangent != 0)
    return None if nonzero.all() else nonzero


def _elementwise(call: Call, i: int) -> Steps:
    rule, shape = call.op.rule(i), call.out[0].shape
    if call.out[0].dtype.kind not in "fc" or (rule.kind is Kind.CONSTANT and rule.value == 0):  # type: ignore[union-attr]
        return None
    nonzero = _nonzero_partial(call, i)
    if nonzero is None:
        return () if call.inputs[i].shape == shape else (Take(_spread(call.inputs[i].shape, shape)),)
    positions = _spread(call.inputs[i].shape, shape)
    return (Take(np.where(np.broadcast_to(nonzero, shape).ravel(), positions, -1)),)


def _spread(shape: Shape, target: Shape) -> npt.NDArray[np.integer]:
    """Return for each element of `target` which element of `shape` broadcasting puts there."""
    return np.broadcast_to(np.arange(math.prod(shape), dtype=np.int32).reshape(shape), target).ravel()


# ---- along axes -----------------------------------------------------------------------------------------------------


def _without(shape: Shape, axes: Any) -> Shape:
    return tuple(1 if axes is None or k in axes else n for k, n in enumerate(shape))


def _reduction(call: Call, i: int) -> Steps:
    if call.out[0].dtype.kind not in "fc":
        return None
    shape, axis = call.inputs[0].shape, call.params["axis"]
    groups = _spread(_without(shape, axis), shape)
    nonzero = _nonzero_partial(call, i)
    if nonzero is not None:
        groups = np.where(np.broadcast_to(nonzero, shape).ravel(), groups, -1)
    return (Group(groups, math.prod(call.out[0].shape)),)


class Cores(NamedTuple):
    """Which elements of a result may depend on which of an input: those of the same example of a batch.

    Attributes:
        before: the shape of the input with 1 for the axes of the core.
        after: `before` as it broadcasts to the result.
        axes: of the core, in the result.
    """

    before: Shape
    after: Shape
    axes: tuple[int, ...]


def _cores(call: Call, i: int, k: int) -> Cores:
    shape, ndim = call.inputs[i].shape, len(call.out[k].shape)
    core: tuple[int, ...] | None = getattr(call.op.batch, "core", None)
    axis = call.params.get("axis")
    if call.op.is_elementwise:
        core = (0,) * len(call.inputs)
    if core is not None:
        batches = [s.shape[: len(s.shape) - n] for s, n in zip(call.inputs, core, strict=True)]
        loops = len(np.broadcast_shapes(*batches))
        after = (*batches[i], *(1,) * (ndim - loops))
        return Cores((*batches[i], *(1,) * core[i]), after, tuple(range(loops, ndim)))
    if call.op.batch is batching.along_axis and axis.__class__ is int and ndim == len(shape):
        before = _without(shape, (axis,))
        return Cores(before, before, (axis,))
    return Cores((1,) * len(shape), (), tuple(range(ndim)))


def _dense(call: Call, i: int, k: int) -> Steps:
    """Return that each element depends on all of its core, or of its line, and where nothing is stated on all."""
    if call.out[k].dtype.kind not in "fc":
        return None
    before, after, _ = _cores(call, i, k)
    return Group(_spread(before, call.inputs[i].shape), math.prod(before)), Take(_spread(after, call.out[k].shape))


# ---- linear ops, run on positions -----------------------------------------------------------------------------------


def _structural(call: Call, i: int) -> Any:
    """Return the steps of an affine op that moves or adds up elements, by running it; False for other ops."""
    op, rules = call.op, call.op.rules
    rule = op.rule(i)
    reads = rules.reads if isinstance(rules, EachInput) else rule.reads  # type: ignore[union-attr]
    if reads or not (op.linear or op.jvp is not None) or call.out[0].dtype.kind not in "fc":
        return False
    size, out_size = call.inputs[i].size, math.prod(call.out[0].shape)
    if not size or not out_size:
        return None
    forward = _tangent(call, i)
    if (positions := _sources(forward, call.inputs[i].shape)) is not None:
        return (Take(positions),)
    if (groups := _sources(_cotangent(call, i), call.out[0].shape)) is not None:
        return (Group(groups, out_size),)
    return False


def _tangent(call: Call, i: int) -> Callable[[Any], Any]:
    """Return the tangent of the result as a function of that of input i."""
    op, params = call.op, call.params
    if op.linear:
        zeros = [np.broadcast_to(np.zeros(()), s.shape) for s in call.inputs]
        return lambda t: op.forward(*zeros[:i], t, *zeros[i + 1 :], **params)
    saved = _operands(call)
    none = [None] * len(call.inputs)
    return lambda t: op.jvp((*none[:i], t, *none[i + 1 :]), *saved, **params)  # type: ignore[misc]


def _cotangent(call: Call, i: int) -> Callable[[Any], Any]:
    rule, saved = call.op.rule(i), _operands(call)
    return lambda g: read_rule(rule, g, saved, dict(call.params))  # type: ignore[arg-type]


def _sources(linear: Callable[[Any], Any], shape: Shape) -> Any:
    """Return which element each element of `linear(x)` is a multiple of, -1 for none; None if it is not that simple."""
    n = math.prod(shape)
    random = np.random.default_rng(0).standard_normal(n) if n > 1 else np.full(n, 0.5)
    with np.errstate(all="ignore"):
        factors, numbers, chosen = (
            np.asarray(linear(x.reshape(shape))).ravel() for x in (np.ones(n), np.arange(1, n + 1, dtype=float), random)
        )
        nothing = factors == 0
        positions = np.where(nothing, 0, numbers / np.where(nothing, 1, factors))
    whole = np.rint(positions.real)
    if (
        not (np.abs(positions - whole) < 1e-6 * np.maximum(1, whole)).all()
        or whole.max(initial=0) > n
        or whole.min(initial=0) < 0
    ):
        return None
    sources = whole.astype(np.int32) - np.int32(1)
    expected = np.where(sources < 0, 0, factors * random[sources])
    close = np.abs(chosen - expected) <= 1e-6 * np.abs(expected)
    return sources if close.all() else None


# ---- products by their axes -----------------------------------------------------------------------------------------


def _letters_of_contract(call: Call) -> tuple[str, str, str]:
    x, _, rest = call.params["subscripts"].partition(",")
    y, _, out = rest.partition("->")
    return x, y, out


def _letters_of_matmul(call: Call) -> tuple[str, str, str]:
    x, y = (len(s.shape) for s in call.inputs)
    batch = "abcdefghijklmnopqrstuvwxyz"[: max(x - 2, y - 2, 0)]
    x_letters = (batch[len(batch) - max(x - 2, 0) :] + "RK")[-max(x, 1) :] if x > 1 else "K"
    y_letters = batch[len(batch) - max(y - 2, 0) :] + "KC" if y > 1 else "K"
    return x_letters, y_letters, batch + "R" * (x > 1) + "C" * (y > 1)


_LETTERS: dict[str, Callable[[Call], tuple[str, str, str]]] = {
    "contract": _letters_of_contract,
    "matmul": _letters_of_matmul,
}


def _contraction(call: Call, i: int, x: str, y: str, out: str) -> Steps:
    own, other = (x, y) if i == 0 else (y, x)
    spec, second = call.inputs[i], call.inputs[1 - i]
    size: dict[str, int] = {}
    for letters, shape in ((own, spec.shape), (other, second.shape), (out, call.out[0].shape)):
        for c, n in zip(letters, shape, strict=True):
            size[c] = max(size.get(c, 1), n) if n else 0
    value = call.values[1 - i]
    nonzero = None if value is None else np.asarray(value != 0)
    if nonzero is not None and not nonzero.all():
        return (_pairs(nonzero, other, spec.shape, own, call.out[0].shape, out, size),)
    shared = "".join(c for c in own if c in out)
    core = tuple(n if c in out else 1 for c, n in zip(own, spec.shape, strict=True))
    places = np.arange(math.prod(core)).reshape([n for c, n in zip(own, core, strict=True) if c in out])
    order = np.transpose(places, [shared.index(c) for c in out if c in shared])
    spread = [order.shape["".join(c for c in out if c in shared).index(c)] if c in shared else 1 for c in out]
    return Group(_spread(core, spec.shape), math.prod(core)), Take(
        np.broadcast_to(order.reshape(spread), call.out[0].shape).ravel()
    )


def _pairs(
    nonzero: Any, other: str, shape: Shape, own: str, out_shape: Shape, out: str, size: Mapping[str, int]
) -> Unite:
    """Return which elements meet a nonzero of the other factor."""
    pool = dict(zip(other, np.nonzero(nonzero), strict=True))
    for c, n in zip(other, nonzero.shape, strict=True):  # one that is repeated along a longer axis
        if n == 1 and size[c] > 1:
            count = size[c]
            pool = {k: np.repeat(v, count) for k, v in pool.items()}
            pool[c] = np.tile(np.arange(count), len(pool[c]) // count)
    for c in dict.fromkeys(own + out):
        if c not in pool:
            count, m = size[c], len(next(iter(pool.values()))) if pool else 1
            pool = {k: np.repeat(v, count) for k, v in pool.items()}
            pool[c] = np.tile(np.arange(count), m)
    places = []
    for letters, lengths in ((own, shape), (out, out_shape)):
        index = [pool[c] if n > 1 else np.zeros_like(pool[c]) for c, n in zip(letters, lengths, strict=True)]
        places.append(np.ravel_multi_index(tuple(index), lengths) if index else np.zeros(1, int))
    members, rows = np.broadcast_arrays(*places)
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=math.prod(out_shape))
    return Unite(np.concatenate([[0], np.cumsum(counts)]), members[order])


# ---- derivatives at a point -----------------------------------------------------------------------------------------

_MOST_PROBES = 256
_MOST_WORK = 2**22


def _probe(call: Call, i: int, k: int) -> Steps:
    """Return what the derivative of a small op says, at its values or, if it is smooth, at random ones."""
    out, spec = call.out[k], call.inputs[i]
    if out.dtype.kind not in "fc":
        return None
    cores = _cores(call, i, k)
    probes = math.prod(out.shape[a] for a in cores.axes)
    pairs = list(zip(call.inputs, call.values, strict=True))
    local = all(v is not None for _, v in pairs)
    smooth = _is_smooth(call.op) and all(v is not None or s.dtype.kind in "fc" for s, v in pairs)
    work = probes * max(math.prod(out.shape), spec.size)
    # Of decompositions of matrices, rounding makes something of nothing in other places than in a backward pass.
    exact = not any(n > 1 for n in getattr(call.op.batch, "core", ()))
    if not exact or not (local or smooth) or not work or probes > _MOST_PROBES or work > _MOST_WORK:
        return _dense(call, i, k)
    points = (call.values,) if local else tuple(_random_point(call, seed) for seed in range(2))
    with np.errstate(all="ignore"):
        reached = [np.any(r, axis=0) for r in zip(*(_derivative(call, i, k, cores, p) for p in points), strict=True)]
    if all(r.all() for r in reached):
        return _dense(call, i, k)
    return (_united_cores(reached, cores, spec.shape, out.shape),)


def _is_smooth(op: Op) -> bool:
    """Return whether zeros of the derivative at random points are zeros everywhere."""
    analytic = op.batch is batching.along_axis or hasattr(op.batch, "core")
    return op.linear or op.multilinear or (analytic and not op.kinks and not op.selects)


def _united_cores(reached: list[Any], cores: Cores, shape: Shape, out_shape: Shape) -> Unite:
    """Return the step for which elements of the core each probe has reached; see `_derivative`."""
    batch, count = _spread(cores.before, shape), math.prod(cores.before)
    owner = _spread(cores.after, out_shape).reshape(out_shape)
    places = np.arange(math.prod(out_shape)).reshape(out_shape)
    rows, members = [], []
    for core, mask in zip(_core_indices(cores, out_shape), reached, strict=True):
        elements = np.nonzero(mask.ravel())[0]
        elements = elements[np.argsort(batch[elements], kind="stable")]
        lengths = np.bincount(batch[elements], minlength=count)
        owners = owner[core].ravel()
        ends = np.cumsum(lengths)[owners]
        repeats = lengths[owners]
        rows.append(np.repeat(places[core].ravel(), repeats))
        inside = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        members.append(elements[np.repeat(ends - repeats, repeats) + inside])
    every_row = np.concatenate(rows)
    order = np.argsort(every_row, kind="stable")
    counts = np.bincount(every_row, minlength=places.size)
    return Unite(np.concatenate([[0], np.cumsum(counts)]), np.concatenate(members)[order])


def _core_indices(cores: Cores, shape: Shape) -> Iterator[tuple[Any, ...]]:
    """Yield an index for each place in the core of a result, which takes it in all examples of a batch."""
    for core in np.ndindex(*(shape[a] for a in cores.axes)):
        place = dict(zip(cores.axes, core, strict=True))
        yield tuple(place.get(a, slice(None)) for a in range(len(shape)))


def _random_point(call: Call, seed: int) -> tuple[Any, ...]:
    """Return values of the inputs that are not special in any way, but in the domain of the op."""
    rng = np.random.default_rng(seed)
    domains = call.op.domain or ("any",) * len(call.inputs)
    values = []
    for spec, value, domain in zip(call.inputs, call.values, domains, strict=False):
        x = rng.uniform(0.3, 0.9, spec.shape) if domain != "any" else rng.standard_normal(spec.shape)
        values.append(x.astype(spec.dtype) if value is None else value)
    return tuple(values)


def _derivative(call: Call, i: int, k: int, cores: Cores, point: tuple[Any, ...]) -> list[Any]:
    """Return where the cotangent of input i is not 0, for each place in the core of result k."""
    op, params, out, several = call.op, dict(call.params), call.out[k], call.op.results is not None
    result = call.result if point is call.values and call.result is not None else op.forward(*point, **params)
    result = Several.of(result) if several else result
    size = np.random.default_rng(2).uniform(0.5, 1.0, out.shape) * (0.6 + 0.8j if out.dtype.kind == "c" else 1)
    reached = []
    for core in _core_indices(cores, out.shape):
        g: Any = np.zeros(out.shape, out.dtype)
        g[core] = size[core]
        if several:
            g = Several.of([g if j == k else None for j in range(len(call.out))], result.shape, result.dtype)
        cotangent = read_rule(op.rule(i), g, (result, *point), params)  # type: ignore[arg-type]
        reached.append(_sum_down(np.asarray(False if cotangent is None else cotangent) != 0, call.inputs[i].shape))
    return reached


def _sum_down(reached: Any, shape: Shape) -> Any:
    """Return whether any of the elements is reached that broadcasting made of one."""
    reached = reached.any(axis=tuple(range(max(reached.ndim - len(shape), 0))))
    repeated = tuple(a for a in range(-reached.ndim, 0) if shape[a] == 1 and reached.shape[a] > 1)
    return np.broadcast_to(reached.any(axis=repeated, keepdims=True), shape)
