"""Programs that are run by the executor and by fused code, by the law that they are for: some of each, or all."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings

import autograd_lite as ag

from ...laws.samples import SAMPLES, Sample, differentiable_inputs
from ..programs import Outside, Program, programs
from .side_by_side import Draws

Programs = dict[str, tuple[Callable[..., Any], Draws]]


# ---- ops ------------------------------------------------------------------------------------------------------------


def ops(full: bool) -> Programs:
    """Return the value, the gradient and the second derivative of every op, each a program of its own."""
    rows: dict[str, list[Sample]] = {}
    for sample in SAMPLES:
        rows.setdefault(sample.case.op, []).append(sample)
    names = [name for name in rows if full or zlib.crc32(name.encode()) % 16 == 0]
    picked = [rows[name][min(2, len(rows[name]) - 1)] for name in names]  # the third one broadcasts, mostly
    return {sample.name: _derivatives(sample) for sample in picked}


def _derivatives(sample: Sample) -> tuple[Callable[..., Any], Draws]:
    wanted = tuple(differentiable_inputs(sample))
    with np.errstate(all="ignore"):
        out = sample.call(*sample.arrays())

    def pulled(*args: Any) -> Any:
        *inputs, g = args
        return ag.vjp(lambda *xs: sample.call(*xs), wanted)(*inputs)[1](g)

    def f(*args: Any) -> Any:
        *inputs, _ = args
        if not wanted:
            return sample.call(*inputs)
        first = pulled(*args)
        second = ag.vjp(pulled, (*wanted, len(inputs)))(*args)[1](first)
        return sample.call(*inputs), first, second

    draws = [(*sample.arrays(salt=salt), sample.cotangent(out.shape, out.dtype)) for salt in (0, 5)]
    return f, draws


# ---- shapes, layouts and dtypes -------------------------------------------------------------------------------------

CHAINS: dict[str, Callable[[Any, Any], Any]] = {
    "difference": lambda x, y: (x - y) * 2 - x,
    "quotient": lambda x, y: x / (y + 3) - y / 2,
    "exp": lambda x, y: np.exp(-x) * y + np.tanh(x * y),
    "where": lambda x, y: np.where(x > y, x, -y) ** 2,
    "powers": lambda x, y: x**3 + y**0.5 - x**-1,
    "log": lambda x, y: np.log1p(np.abs(x)) - np.sqrt(y + 4) * np.sin(y),
    "extrema": lambda x, y: np.maximum(x, y) - np.minimum(x, 0.5) + np.sign(y),
    "sum": lambda x, y: (x * y + 1).sum(),
    "sum of rows": lambda x, y: ((x - y) * x).sum(-1) if (x * y).ndim else x - y,
    "sum of columns": lambda x, y: ((x + y) * y).sum(0) if (x * y).ndim else x + y,
    "mean and variance": lambda x, y: (x * y).var() + (x - y).mean(),
    "largest": lambda x, y: (x * y).max() if (x * y).size else x,
    "scaled by a sum": lambda x, y: (x - y) / (1 + (x * x).sum()),
    "transposed": lambda x, y: (x * y).T * 2 + x.T,
}
WHOLE: dict[str, Callable[[Any, Any], Any]] = {
    "sums": lambda x, y: x + y * x - y,
    "bits": lambda x, y: (x & y) | (x ^ 3),
    "compared": lambda x, y: (x > y) & (x != 0) | (y <= 2),
    "chosen": lambda x, y: np.where(x > y, x, y),
    "cast": lambda x, y: x.astype(np.float32) * 0.5 + y.astype(np.float64),
    "sum": lambda x, y: (x * y).sum(),
    "largest": lambda x, y: np.maximum(x, y),
}
SHAPES = [
    ((7,), (7,)), ((), ()), ((40, 33), (33,)), ((0,), (0,)), ((1,), (1,)), ((64,), (64,)), ((1000,), (1000,)),
    ((5, 1), (1, 7)), ((3, 4), (4,)), ((2, 0, 3), (3,)), ((3, 2, 5), (2, 1)), ((300, 3), (300, 3)), ((3, 300), (3, 1)),
    ((), (9,)), ((257,), ()), ((6, 4, 2), (6, 4, 2)),
]  # fmt: skip
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda a: a,
    "F": lambda a: a.copy("F"),
    "strided": lambda a: np.repeat(a, 2, -1)[..., ::2] if a.ndim else a,
    "reversed": lambda a: a[::-1].copy()[::-1] if a.ndim else a,
    "transposed": lambda a: a.T.copy().T,
    "spread": lambda a: np.broadcast_to(a[:1], a.shape) if a.ndim else a,
}
DTYPES = ["dd", "ff", "fd", "df", "ld", "?f", "Dd", "FF", "il", "ll", "bB", "??", "ed", "DD"]


def drawn(rng: np.random.Generator, shape: tuple[int, ...], char: str) -> np.ndarray:
    """Return numbers of a dtype, those of a float between 0.3 and 2.5, of both signs where a root does not need one."""
    if char in "?":
        return np.asarray(rng.integers(0, 2, shape), char)
    if np.dtype(char).kind in "iu":
        return np.asarray(rng.integers(0, 5, shape), char)
    a = rng.uniform(0.3, 2.5, shape) * rng.choice([1, 1, 1, -1], shape)
    return np.asarray(a + 1j * rng.uniform(0.3, 2.5, shape) if char in "FD" else a, char)


def _all_of(x: Any, y: Any) -> Any:
    """Return the value of every chain, and its gradients."""
    kinds = {np.dtype(a.dtype).kind for a in (x, y)}
    table = CHAINS if "f" in kinds else WHOLE
    if "c" in kinds:
        table = {name: CHAINS[name] for name in ("difference", "quotient", "sum", "sum of rows", "transposed")}
    elif kinds & set("iub"):
        table = {name: f for name, f in table.items() if name != "powers"}  # of integers it may raise
    found = []
    for f in table.values():
        try:
            value = f(x, y)
        except TypeError:  # NumPy has no such function for booleans
            continue
        found.append(value)
        at = tuple(i for i, a in enumerate((x, y)) if np.dtype(a.dtype).kind in "fc")
        if at and table is not WHOLE:
            found += ag.grad(lambda *xs, f=f: np.real(f(*xs).sum()), at)(x, y)  # type: ignore[misc]
    return found


def shapes(full: bool) -> Programs:
    """Return all chains of arguments of some shapes and layouts."""
    rows = [(pair, "C") for pair in SHAPES] + list(itertools.product(SHAPES[2::5], list(LAYOUTS)[1:]))
    picked = rows if full else rows[2::13]
    return {f"{a} {b} {layout}": of_kind(a, b, "dd", layout) for (a, b), layout in picked}


def dtypes(full: bool) -> Programs:
    """Return all chains of arguments of some dtypes."""
    rows = list(itertools.product(DTYPES, (((37,), (37,)), ((6, 5), (5,)))))
    return {f"{chars} {a} {b}": of_kind(a, b, chars, "C") for chars, (a, b) in rows[:: 1 if full else 9]}


def of_kind(a: tuple[int, ...], b: tuple[int, ...], chars: str, layout: str) -> tuple[Callable[..., Any], Draws]:
    """Return all chains of arguments of two shapes and dtypes."""
    rng = np.random.default_rng(0)
    draws: Draws = []
    for _ in range(2):
        x, y = drawn(rng, a, chars[0]), drawn(rng, b, chars[1])
        draws.append((LAYOUTS[layout](x), LAYOUTS[layout](np.abs(y) if chars[1] in "fde" else y)))
    return _all_of, draws


# ---- special values -------------------------------------------------------------------------------------------------

SPECIAL = [
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.2e-308, 1e-45, 1.2e-38, 1e308,
    -1e308, 3e38, -3e38, 1e-300, 710.0, -746.0, 88.8, -104.0, 1e5, 1e-9, np.pi, 37.0, -40.0, 2.0**53, 0.1, -3.0,
]  # fmt: skip


def special_values(full: bool) -> Programs:
    """Return elementwise ops, and chains of them, on special values; what is invalid leads to masks, or to nothing."""
    found: Programs = {}
    for dtype in ("d", "f"):
        with np.errstate(all="ignore"):
            x = np.array(SPECIAL, dtype)
        plain = np.linspace(0.3, 2.5, x.size).astype(dtype)
        for k, (name, f) in enumerate(CHAINS.items()):
            if full or k % 4 == 0:
                value_and_gradient = ag.value_and_grad(lambda *xs, f=f: f(*xs).sum(), (0, 1))  # type: ignore[misc]
                draws = [(plain, plain[::-1].copy()), (x, plain), (x, np.roll(x, 7)), (plain, plain)]
                draws += [(plain * 0 + v, plain) for v in x[:12]] if full else [(plain * 0 + np.inf, plain)]
                found[f"{name} of {dtype}"] = f, draws
                found[f"the gradient of {name} of {dtype}"] = value_and_gradient, draws
        for k, sample in enumerate(_elementwise()):
            if full or k % 11 == 0:
                shape = [x[np.arange(x.size) * (3 * i + 1) % x.size] for i in range(len(sample.shapes))]
                first = [drawn(np.random.default_rng(i), x.shape, dtype) for i in range(len(sample.shapes))]
                found[f"{sample.case.op} of {dtype}"] = sample.call, [tuple(first), tuple(shape), tuple(first)]
    return found


def _elementwise() -> list[Sample]:
    """Return a row of each op that takes floats element by element."""
    found = {}
    for sample in SAMPLES:
        takes_floats = not set(sample.domains) & {"int", "shift", "bool", "more"}
        if isinstance(sample.case.ref, np.ufunc) and takes_floats and not sample.case.op.startswith("special"):
            found.setdefault(sample.case.op, sample)
    return list(found.values())


# ---- updates, aliases and threads -----------------------------------------------------------------------------------


def updates(full: bool) -> Programs:
    """Return programs that change values in place, or whose arguments share memory."""

    def in_place(x: Any, y: Any) -> Any:
        z = x * 2
        z += y
        z *= z
        z[1:] -= x[:-1]
        z[::2] = np.exp(-y[::2])
        return z, z.sum(), x - z

    def shifted(x: Any, y: Any) -> Any:
        z = x + y
        z[1:] = z[:-1] * 2 + y[1:]
        z[:-1] += z[1:]
        return z * x

    def swapped(x: Any, y: Any) -> Any:
        z = np.stack([x, y])
        z[0], z[1] = z[1] * 2, z[0] + 1
        return z.T * 1.5, z[0] - z[1]

    rng, found = np.random.default_rng(0), Programs()
    for n in (1, 7, 65, 1000) if full else (65,):
        whole = rng.uniform(0.3, 2.5, 2 * n + 3)
        x, y = whole[:n], whole[n : 2 * n].copy()
        for f in (in_place, shifted, swapped, lambda x, y: (x * y - y, (x + y).sum())):
            name = f"{f.__name__} {n}"
            found[name] = f, [(x, y), (x, x), (whole[:n], whole[1 : n + 1]), (whole[n - 1 :: -1], x), (y, x)]
    return found


def threads(full: bool) -> Programs:
    """Return programs of arrays that are cut into blocks, or shared among threads."""
    rng, found = np.random.default_rng(0), Programs()
    sizes = [((70_003,), (70_003,)), ((300, 401), (401,)), ((3, 50_000), (3, 1)), ((40_001, 3), (3,))]
    for a, b in sizes if full else sizes[1:2]:
        draws = [(drawn(rng, a, "d"), np.abs(drawn(rng, b, "d"))) for _ in range(2)]
        for name in ("exp", "where", "sum", "sum of rows", "sum of columns", "log") if full else ("exp", "sum"):
            f = CHAINS[name]
            both = ag.value_and_grad(lambda *xs, f=f: (f(*xs) ** 2).sum(), (0, 1))  # type: ignore[misc]
            found[f"{name} of {a}"] = both, draws
    return found


# ---- loops ----------------------------------------------------------------------------------------------------------


def loops(full: bool) -> Programs:
    """Return loops whose bodies run in C, step by step."""

    def step(c: Any, t: Any) -> Any:
        return np.tanh(c * 0.9 + t) - c * c * 0.1, (c * t).sum() + np.exp(-c)

    def several(c: Any, t: Any) -> Any:
        a, b = c
        return (b + 1e-2 * t, a - 1e-2 * np.sin(b)), a * b

    def scanned(c: Any, xs: Any) -> Any:
        return ag.scan(step, c, xs)

    def pairs(c: Any, xs: Any) -> Any:
        return ag.scan(several, (c, c * 2), xs)

    def counted(c: Any, xs: Any) -> Any:
        limit = xs.sum() * 0 + 5
        return ag.while_loop(lambda s: s[0] < limit, lambda s: (s[0] + 1, s[1] * 0.5 + np.sin(s[1])), (0.0, c))

    def repeated(c: Any, xs: Any) -> Any:
        return ag.fori_loop(0, 6, lambda i, s: s * 0.5 + xs[i] * c, c)

    rng, found = np.random.default_rng(0), Programs()
    for shape in ((), (3,), (2, 3), (40,)) if full else ((), (3,)):
        draws = [(rng.normal(size=shape), rng.normal(size=(9, *shape))) for _ in range(2)]
        if full:
            draws.append((np.full(shape, np.inf), draws[0][1]))
        for f in (scanned, pairs, counted, repeated):
            found[f"{f.__name__} {shape}"] = f, draws
            if f is not counted:
                found[f"the gradient of {f.__name__} {shape}"] = (
                    ag.grad(lambda *xs, f=f: sum(t.sum() for t in ag.tree.leaves(f(*xs))), (0, 1)),  # type: ignore[misc]
                    draws,
                )
    return found


# ---- random programs ------------------------------------------------------------------------------------------------


def random_programs(full: bool) -> Programs:
    """Return random programs."""
    found: list[Program] = []

    @settings(
        max_examples=150 if full else 12,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs(effects=False))
    def collect(program: Program) -> None:
        found.append(program)

    collect()
    return dict(_runs(found))


def _runs(found: list[Program]) -> Iterator[tuple[str, tuple[Callable[..., Any], Draws]]]:
    for k, program in enumerate(found):
        outside = Outside()
        yield (
            f"program {k}",
            (lambda *args, p=program, o=outside: p(o, *args), [tuple(program.inputs(s)) for s in (0, 1)]),
        )


LAWS: dict[str, Callable[[bool], Programs]] = {
    "ops": ops,
    "shapes": shapes,
    "dtypes": dtypes,
    "special values": special_values,
    "updates": updates,
    "threads": threads,
    "loops": loops,
    "random programs": random_programs,
}
