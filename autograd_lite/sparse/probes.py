"""Local patterns from derivatives at a point, for small ops whose records say no more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core import batching
from ..core.multi_result import Several
from ..core.op import Op, read_rule
from .steps import Call, Group, Shape, Steps, Take, Unite, spread, unite_pairs, without

# Where rounding makes something of nothing, and in other places than a backward pass does.
_NOISY = frozenset(["cholesky", "cholesky_pullback", "qr", "qr_r", "svd", "full_svd", "eigh", "eig", "lstsq", "pinv"])
# Smooth functions whose records do not say so.
_SMOOTH = frozenset(("rotate_pairs", "standardize_pullback"))
_MOST_PROBES = 256
_MOST_WORK = 2**22


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
        before = without(shape, (axis,))
        return Cores(before, before, (axis,))
    return Cores((1,) * len(shape), (), tuple(range(ndim)))


def dense(call: Call, i: int, k: int) -> Steps:
    """Return that each element depends on all of its core, or of its line, and where nothing is stated on all."""
    if call.out[k].dtype.kind not in "fc":
        return None
    before, after, _ = _cores(call, i, k)
    return Group(spread(before, call.inputs[i].shape), math.prod(before)), Take(spread(after, call.out[k].shape))


def probe(call: Call, i: int, k: int) -> Steps:
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
    if call.op.name in _NOISY or not (local or smooth) or not work or probes > _MOST_PROBES or work > _MOST_WORK:
        return dense(call, i, k)
    points = (call.values,) if local else tuple(_random_point(call, seed) for seed in range(2))
    with np.errstate(all="ignore"):
        reached = [np.any(r, axis=0) for r in zip(*(_derivative(call, i, k, cores, p) for p in points), strict=True)]
    if all(r.all() for r in reached):
        return dense(call, i, k)
    return (_united_cores(reached, cores, spec.shape, out.shape),)


def _is_smooth(op: Op) -> bool:
    """Return whether zeros of the derivative at random points are zeros everywhere."""
    analytic = op.batch is batching.along_axis or hasattr(op.batch, "core")
    return op.name in _SMOOTH or op.linear or op.multilinear or (analytic and not op.kinks and not op.selects)


def _united_cores(reached: list[Any], cores: Cores, shape: Shape, out_shape: Shape) -> Unite:
    """Return the step for which elements of the core each probe has reached; see `_derivative`."""
    batch, count = spread(cores.before, shape), math.prod(cores.before)
    owner = spread(cores.after, out_shape).reshape(out_shape)
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
    return unite_pairs(rows, members, places.size)


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
