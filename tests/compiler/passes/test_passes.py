"""Passes: each gives a program that computes the same, bit for bit, and leaves alone what is not its to change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.compiler.passes.pass_pipeline import EXACT, Stage, optimize
from autograd_lite.compiler.passes.rematerialization import peak_of, within
from autograd_lite.core.errors import TraceError
from autograd_lite.core.op import OPS
from autograd_lite.ir.pure_graph import PureGraph
from autograd_lite.ir.pure_program import PureProgram

from ..programs import Outside, Program, programs
from ..test_random_programs import assert_same


def stages_of(f: Callable[..., Any], *args: Any, **options: Any) -> list[Stage]:
    """Return what each pass makes of a function, with the arguments in the slots that they fill."""
    compiled = ag.compile(f, **options)
    with np.errstate(all="ignore"):
        compiled(*args)
        compiled(*args)
    replay = compiled.traces[-1].replay
    assert replay is not None
    program = replay.passes[0].program
    arrays = [a._data if isinstance(a, ag.Tensor) else a for a in args]
    given = {i: a for i, a in zip(program.inputs, arrays, strict=False) if i is not None}
    return optimize(replace(program, bindings={**program.bindings, **given}), **options)


def results_of(program: PureProgram, outside: Outside | None = None) -> list[Any]:
    """Run a program on what it was made with, operation by operation."""
    if outside is not None:
        outside.generator.seed(3)
        outside.seen.clear()
    with np.errstate(all="ignore"):
        values = program.values(redraw=True)
    return [values[i] for i in program.graph.outputs] + ([] if outside is None else [*outside.state(), *outside.seen])


def count(stage: Stage, *names: str) -> int:
    """Return how many operations have one of these names, or how many there are."""
    return sum(not names or op.name in names for op, _, _ in stage.program.calls.values())


# ---- the law ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_every_pass_gives_a_program_that_does_the_same(random: Program) -> None:
    outside = Outside()
    inputs = [ag.tensor(a, copy=False) for a in random.inputs(0)]
    with np.errstate(all="ignore"):
        try:
            stages = stages_of(lambda *args: random(outside, *args), *inputs)
        except (TraceError, AssertionError):
            return  # refused, or a function that is not compiled
    program = stages[0].program
    expected = results_of(program, outside)
    for name, run in EXACT.items():
        found = run(program)
        assert_same(results_of(found, outside), expected, name)
        assert len(found.calls) <= len(program.calls)
        assert found.graph == PureGraph(found.graph.nodes, found.graph.outputs)  # which looks at the nodes
        assert found is program or str(found.graph) != str(program.graph)  # nothing to do costs nothing
    last = stages[-1].program
    assert_same(results_of(last, outside), expected, "all passes")
    thrifty = within(last, 0)
    assert_same(results_of(thrifty, outside), expected, "within 0 bytes")
    assert peak_of(thrifty) <= peak_of(last)


# ---- dead code -------------------------------------------------------------------------------------------------------


def test_effects_stay_although_nothing_reads_them() -> None:
    generator, seen = ag.Generator(0), []

    def f(x: Any) -> Any:
        ag.random.normal((2,), generator=generator)
        ag.observe(seen.append, np.exp(x))
        return ag.tensor(np.ones(2)) * 2

    last = stages_of(f, np.ones(2))[-1]
    assert sorted(op.name for op, _, _ in last.program.calls.values()) == ["exp", "observe", "random_normal"]
    assert len(last.program.inputs) == 1


def test_an_argument_that_nothing_reads_any_more_has_no_slot() -> None:
    last = stages_of(lambda x, y: ((x * 1).reshape(2), (y + 0.5)[:1] * 0 if False else x), np.ones(2), np.ones(2))[-1]
    assert last.program.inputs[1] is None
    assert last.operations == 0


# ---- common subexpressions -------------------------------------------------------------------------------------------


def test_what_is_equal_is_computed_once() -> None:
    def f(x: Any, k: Any) -> Any:
        same = [np.sin(x) * 2.0, np.sin(x) * 2.0, x[1:], x[1:], x[k], x[k], x.sum(axis=0), x.sum(axis=0)]
        other = [np.sin(x) * 2, x[:1], x[k + 1], x.sum(axis=0, keepdims=True), x * 0.0, x * -0.0, x[[0]], x[[1]]]
        return same + other

    stages = stages_of(f, np.ones((3, 2)), np.array([0, 1]))
    before, after = (len(s.program.calls) for s in (stages[0], stages[-1]))
    assert before - after == 6  # four pairs and sin twice more: of `same` a half and one, and one of `other`


def test_draws_are_not_one_draw() -> None:
    generator = ag.Generator(0)
    draw = lambda: ag.random.normal((2,), generator=generator)  # noqa: E731
    last = stages_of(lambda: (draw() + 1, draw() + 1))[-1]
    assert count(last, "random_normal") == 2
    assert count(last, "add") == 2


def test_equal_arrays_from_outside_are_not_one() -> None:
    a, b = np.ones(3), np.ones(3)
    last = stages_of(lambda x: (x * a, x * b, x * a), np.ones(3))[-1]
    assert count(last, "multiply") == 2


def test_functions_of_users_are_called_as_often_as_they_say() -> None:
    seen: list[Any] = []
    last = stages_of(lambda x: [ag.observe(seen.append, x) for _ in range(2)] and x, np.ones(3))[-1]
    assert count(last, "observe") == 2


# ---- constants -------------------------------------------------------------------------------------------------------


def test_only_what_never_changes_is_folded() -> None:
    w, a = ag.tensor(np.ones(3)), np.ones(3)
    made = lambda: np.cumsum(ag.tensor([1.0, 2.0, 3.0]) ** 2)  # noqa: E731
    stages = stages_of(lambda x: x * made() + np.exp(w) + np.exp(ag.tensor(a)), np.ones(3))
    assert count(stages[0]) > count(stages[1]) == 6  # an array from outside is cast to be a Tensor
    folded = list(stages[-1].program.fixed)
    assert [stages[-1].program.bindings[i].tolist() for i in folded] == [[1.0, 5.0, 14.0]]


def test_a_large_constant_is_computed_at_every_run() -> None:
    f = lambda x: x + np.outer(ag.tensor(np.ones(500)), ag.tensor(np.ones(500))).sum()  # noqa: E731
    small = lambda x: x + np.outer(ag.tensor(np.ones(20)), ag.tensor(np.ones(20))).sum()  # noqa: E731
    assert count(stages_of(f, np.ones(1))[-1]) > count(stages_of(small, np.ones(1))[-1]) == 1


# ---- rematerialization -----------------------------------------------------------------------------------------------


def links(h: Any, w: Any, x: Any) -> Any:
    for _ in range(16):
        h = np.tanh(h * w + x)
    return h.sum()


def layers(x: Any, w: Any, v: Any) -> Any:
    for _ in range(3):
        x = np.tanh(x @ w) * 0.5 + np.sin((x @ v).T[::-1].T)
    return (x * x).sum()


@pytest.mark.parametrize("f", [links, layers])
def test_a_budget_of_memory(f: Callable[..., Any]) -> None:
    args = [np.random.default_rng(k).normal(size=(16, 16)) for k in range(3)]
    slopes = ag.grad(f, (0, 1, 2))
    expected = slopes(*args)
    all_kept = peak_of(stages_of(slopes, *args)[-1].program)
    peaks, operations = [], []
    for share in (1.0, 0.7, 0.0):
        compiled = ag.compile(slopes, max_bytes=int(share * all_kept))
        for _ in range(3):
            assert_same(list(compiled(*args)), list(expected), f"{share}")
        replay = compiled.traces[-1].replay
        assert replay is not None
        replay.plan.check()
        peaks.append(peak_of(replay.passes[-1].program))
        operations.append(replay.passes[-1].operations)
        assert peaks[-1] <= (max(share, 0.6) if f is links else 1) * all_kept
    assert peaks[-1] < all_kept
    assert operations[-1] > operations[0] == len(replay.passes[-2].program.calls)
    if f is links:
        assert peaks == sorted(peaks, reverse=True)
        assert operations == sorted(operations)
        assert peaks[-1] < 0.6 * all_kept
        assert replay.plan.nbytes < 0.6 * all_kept


def test_a_budget_must_not_be_negative() -> None:
    with pytest.raises(ValueError, match="expected max_bytes of at least 0, or None for no limit; received -1"):
        ag.compile(links, max_bytes=-1)
    with pytest.raises(TypeError, match="expected max_bytes to be an int, or None; received '1 MB'"):
        ag.compile(links, max_bytes="1 MB")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected exact to be True or False; received 'no'"):
        ag.compile(links, exact="no")  # type: ignore[arg-type]


# ---- patterns --------------------------------------------------------------------------------------------------------

SPECIAL = np.array([0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-320, 1e308, 3.0, -7.0, 0.1])
ONES = lambda: ag.tensor(np.ones(4))  # noqa: E731


def masked_pooling(x: Any, stride: int) -> Any:
    """The gradient of pooling after relu, at some of the numbers."""
    lengths: dict[str, Any] = {"window": (2,), "stride": (stride,), "padding": ((0, 0),)}
    y = x.reshape(1, 6, 2)
    z, index = OPS["window_max"](y, **lengths)
    g = x.reshape(-1)[: z.size].reshape(z.shape)
    return OPS["window_put"](g, index, size=(6,), **lengths) * (y > 0), z


# For every row of the table of rewrites, an expression that it finds.
FOUND: dict[tuple[str, int], Callable[[Any], Any]] = {
    ("add", 0): lambda x: x + ag.tensor(np.full(4, -0.0)),
    ("add", 1): lambda x: -0.0 + x,
    ("subtract", 0): lambda x: x - 0.0,
    ("multiply", 0): lambda x: x * ONES(),
    ("multiply", 1): lambda x: 1 * x,
    ("multiply", 2): lambda x: x * x,
    ("multiply", 5): lambda x: masked_pooling(x, 2),
    ("divide", 0): lambda x: x / 1.0,
    ("divide", 1): lambda x: x / 4,
    ("maximum", 0): lambda x: np.maximum(x.reshape(-1)[np.arange(120) % 12].reshape(1, 120), 0),
    ("negative", 0): lambda x: np.negative(-x),
    ("positive", 0): lambda x: np.positive(x),
    ("absolute", 0): lambda x: np.abs(-x),
    ("reshape", 0): lambda x: x.reshape(3, 4),
    ("reshape", 1): lambda x: x.reshape(2, 6).reshape(4, 3),
    ("transpose", 0): lambda x: np.transpose(x, (0, 1)),
    ("transpose", 1): lambda x: x.T.T,
    ("broadcast_to", 0): lambda x: np.broadcast_to(x, (3, 4)),
    ("broadcast_to", 1): lambda x: np.broadcast_to(np.broadcast_to(x, (2, 3, 4)), (2, 2, 3, 4)),
    ("astype", 0): lambda x: x.astype(x.dtype),
    ("stop_gradient", 0): lambda x: ag.stop_gradient(x),
    ("copy", 0): lambda x: np.copy(x),
    ("qr", 0): lambda x: np.linalg.qr(x.T).R,
    ("zero_mask", 0): lambda x: OPS["zero_mask"](x, x),
    ("zero_mask", 1): lambda x: OPS["zero_mask"](x, ONES()),
}
CAPTURED = np.ones(5)
# What looks like it, and is not the same bit for bit, or does not lie in memory in the same way.
NOT_FOUND: dict[str, Callable[[Any], Any]] = {
    "x + 0.0 makes 0.0 of -0.0": lambda x: x + 0.0,
    "the maximum of short rows": lambda x: np.maximum(x, 0),
    "a maximum with -0.0": lambda x: np.maximum(x.reshape(-1)[np.arange(120) % 12], -0.0),
    "0 - x": lambda x: 0.0 - x,
    "x / 3": lambda x: x / 3,
    "x**3": lambda x: x**3,
    "a sum of products": lambda x: (x * np.abs(x)).sum(),
    "a wider dtype": lambda x: x.astype(np.float32) * ag.tensor([1.0] * 4),
    "a larger shape": lambda x: x * ag.tensor(np.ones((2, 3, 4))),
    "ones that may change": lambda x: x * CAPTURED[1:],
    "a copy that lies otherwise": lambda x: np.copy(x[:, ::2]),
    "a product that lies otherwise": lambda x: x[::-1] * 1.0,
    "a reshape that is a copy": lambda x: x[:, :3].reshape(9).reshape(3, 3),
    "complex": lambda x: (x + 1j) * 1.0,
    "a mask of sums over windows": lambda x: masked_pooling(x, 1),
    "r of a factorization whose q is read": lambda x: np.linalg.qr(x.T),
    "a mask of zeros": lambda x: OPS["zero_mask"](x, ag.tensor(np.array([0.0, 1, 1, 1]))),
}


# Those that round otherwise.
ROUNDED: dict[tuple[str, int], Callable[[Any, Any], Any]] = {
    ("add", 2): lambda x, y: x + -y,
    ("add", 3): lambda x, y: -x + y,
    ("subtract", 1): lambda x, y: x - -y,
    ("multiply", 3): lambda x, y: 0.1 * x * 0.3,
    ("multiply", 4): lambda x, y: 0.3 * (x * 0.1),
    ("divide", 2): lambda x, y: x / 3,
    ("power", 0): lambda x, y: (x**3, x**4, y**-2),
    ("maximum", 1): lambda x, y: np.maximum(0.0, x.reshape(20, 100) - 1),
    ("sum", 0): lambda x, y: ((x * 0.1).sum(), (0.3 * y).sum(axis=0)),
    ("sum", 1): lambda x, y: (x * y).sum(),
    ("sum", 2): lambda x, y: (y**2).sum(),
    ("mean", 0): lambda x, y: ((x - 0.25) ** 2).mean(),
    ("svd", 0): lambda x, y: np.linalg.svd(x[:, :8], full_matrices=False).S,
    ("eigh", 0): lambda x, y: np.linalg.eigh(x[:8, :8]).eigenvalues,
}


def test_every_row_has_a_case() -> None:
    rows = {(op.name, k): row for op in OPS.values() for k, row in enumerate(op.rewrites)}
    assert {key for key, row in rows.items() if row.exact} == FOUND.keys()
    assert {key for key, row in rows.items() if not row.exact} == ROUNDED.keys()


@contextmanager
def only(row: tuple[str, int]) -> Iterator[None]:
    """Let an op have one of its rows only."""
    op = OPS[row[0]]
    all_rows = op.rewrites
    try:
        object.__setattr__(op, "rewrites", (all_rows[row[1]],))
        yield
    finally:
        object.__setattr__(op, "rewrites", all_rows)


@pytest.mark.parametrize("row", FOUND, ids=str)
def test_rows_keep_every_bit(row: tuple[str, int]) -> None:
    with only(row):
        stages = {s.name: s for s in stages_of(FOUND[row], SPECIAL.reshape(3, 4))}
    changed = stages["patterns"].program
    assert str(changed.graph) != str(stages["constants"].program.graph)
    assert_same(results_of(changed), results_of(stages["traced"].program), row[0])


def assert_near(found: Any, expected: Any, times: float = 1) -> None:
    """Assert that results are within 4 units in the last place of their scale."""
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        scale = np.max(np.abs(b), initial=0)
        np.testing.assert_array_less(np.abs(a - b), 4 * times * np.spacing(scale) + np.finfo(b.dtype).tiny)


@pytest.mark.parametrize("row", ROUNDED, ids=str)
def test_rows_stay_within_a_few_ulp(row: tuple[str, int]) -> None:
    for seed, dtype in enumerate((np.float64, np.float32) * 5):
        x, y = np.random.default_rng(seed).uniform(0.5, 2, (2, 40, 50)).astype(dtype)
        with only(row):
            stages = {s.name: s for s in stages_of(ROUNDED[row], x, y, exact=False)}
        changed = stages["patterns up to rounding"].program
        assert str(changed.graph) != str(stages["dead code"].program.graph)
        of_matrices = row[0] in ("svd", "eigh")  # of 8 values, see `Rewrite`
        assert_near(results_of(changed), results_of(stages["traced"].program), 2 * 8**0.5 if of_matrices else 1)


SMOOTH: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x / 3,
    lambda x, y: x * 0.7,
    lambda x, y: 1.3 * y,
    lambda x, y: x**3 / (1 + x**3) + 0.5,
    lambda x, y: 1 / (x**-2 + y),
    lambda x, y: x + y,
    lambda x, y: x + (x * y).sum() / 100,
    lambda x, y: y + (x**2).mean(),
    lambda x, y: np.sqrt(x * y),
    lambda x, y: x - -y,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(SMOOTH) - 1), min_size=1, max_size=8), st.integers(0, 99))
def test_programs_that_may_round_otherwise(steps: list[int], seed: int) -> None:
    """Of positive numbers with smooth functions, so that no error grows: each step adds its own."""

    def f(x: Any, y: Any) -> Any:
        for step in steps:
            x, y = SMOOTH[step](x, y), x
        return x

    x, y = np.random.default_rng(seed).uniform(0.5, 2, (2, 6, 7))
    compiled = ag.compile(f, exact=False)
    for _ in range(3):
        assert_near([compiled(x, y)], [f(x, y)], len(steps))


def test_a_backward_pass_from_outside_may_round_otherwise_too() -> None:
    w = ag.tensor(np.linspace(0.5, 2, 12), requires_grad=True)
    found = []
    for exact in (True, False):
        compiled = ag.compile(lambda: (w**5 / 7 + w**4 / 3).sum(), exact=exact)
        for _ in range(4):
            w.grad = None
            compiled().backward()
        found.append(w.grad.numpy())
    assert_near(found[1:], found[:1], 2)
    assert not np.array_equal(*found)


def test_what_would_overflow_or_lose_bits_stays() -> None:
    x = np.array([1e-300, 1.0])
    for f in (lambda x: x * 1e200 * 1e200, lambda x: x / 1e-310, lambda x: x * 1e-200 * 1e-200, lambda x: x / 0.0):
        stages = {s.name: s for s in stages_of(f, x, exact=False)}
        names = ("dead code", "patterns up to rounding")
        assert len({str(stages[name].program.graph) for name in names}) == 1


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_is_not_the_same_stays(name: str) -> None:
    stages = {s.name: s for s in stages_of(NOT_FOUND[name], SPECIAL.reshape(3, 4))}
    assert str(stages["patterns"].program.graph) == str(stages["constants"].program.graph)
    assert_same(results_of(stages["patterns"].program), results_of(stages["traced"].program), name)


def test_an_expression_whose_parts_are_read_elsewhere_stays() -> None:
    stages = {s.name: s for s in stages_of(lambda x: (lambda y: (np.abs(y), y * 2))(-x), SPECIAL)}
    assert count(stages["patterns"], "negative") == 1


def test_a_backward_pass_of_its_own_is_refused() -> None:
    program = PureProgram.trace(lambda x: (x * x).sum(), np.ones(2), backward=True)
    with pytest.raises(ValueError, match="whose gradients are results; received one with a backward pass"):
        optimize(program)


def test_two_views_of_an_array_from_outside_are_one() -> None:
    w, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        return (np.tanh(w.T @ x) * np.tanh(w.T @ x)).sum() + np.tanh(w.T[::-1] @ x).sum()

    compiled = ag.compile(f)
    for _ in range(3):
        assert np.isclose(compiled(x), f(x), rtol=1e-14)
    assert [call.name for call in compiled.plan().calls].count("tanh") == 2  # of w.T, and of w.T[::-1]
    w[0] = -7.0
    assert np.isclose(compiled(x), f(x), rtol=1e-14)
