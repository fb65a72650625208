"""Does `check_op` see a wrong rule? Each derivative rule of the tables is broken in every way here, one at a time.

A mutant that gives the same numbers, dtypes and shapes as the rule it was made of, on every row of the tables, is not a
mutant (twice nothing is nothing) and is not counted.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_lite.core.multi_result import each
from autograd_lite.core.op import OPS, EachInput, Kind, Op, Rule
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.testing import check_op
from autograd_lite.testing.ops import FIRST_ORDER
from autograd_lite.testing.rows import PropertyError, Row, Setting, forward, raw_rule, results_in, sum_to_input

from ..laws.reading import READS_MORE, row_of
from ..laws.samples import SAMPLES

pytestmark = pytest.mark.filterwarnings("ignore")

FACTS = ("infer", "linear", "selects", "tangent", "batch")
# Mutants that live, and why that is right.
SURVIVORS: dict[str, str] = {
    f"{op}: rule 0 does not declare array 1": f"the rule does not read it: it is {reason}"
    for op, reason in READS_MORE.items()
} | {
    "second_cofactor: rule 0 reads array 0 for 1": "the third derivative of the determinant of a 3x3 matrix is the "
    "same wherever it is taken, and no row has a larger one",
    **{
        f"special.{name}: jvp dtype up": "an argument is a whole number, and there SciPy has one loop, in float64"
        for name in [
            "pdtri",
            "bdtr",
            "bdtrc",
            "bdtri",
            "nbdtr",
            "nbdtrc",
            "nbdtri",
            "yn",
            "kn",
            "expn",
            "eval_hermite",
            "eval_hermitenorm",
        ]
    },
    **{
        f"{op}{kind}: jvp {what}": "steps in plain NumPy are pushed forward: tests/ops/test_recurrences.py"
        for op in ("lstm", "gru", "simple_rnn")
        for kind in ("", "_adjoint")
        for what in ("one percent more", "dtype up", "factor 2", "sign")
    },
    **dict.fromkeys(
        ("special.nbdtrik: calls itself linear", "special.nbdtrin: calls itself linear"),
        "its value at a tangent is NaN, since a tangent is not a probability",
    ),
}


# SciPy's values have seven digits, too few for differences; tests/ops/special has the derivatives in closed form.
# Derivatives of changes of eigenvectors are those of eigenpairs alone: tests/laws/test_linalg.py takes them of these.
NOT_MEASURED = {"special.itairy", "eigenvector_change"}


class Mutant(NamedTuple):
    """A broken copy of an op."""

    op: Op
    what: str
    laws: tuple[str, ...] = FIRST_ORDER

    @property
    def name(self) -> str:
        """The op's name and what was done to it."""
        return f"{self.op.name}: {self.what}"


def rows_of_every_op() -> dict[str, list[Row]]:
    """Return the rows of the tables, those first that have most to show."""
    found: dict[str, list[Row]] = {}
    for sample in SAMPLES:
        if sample.case.op in OPS:
            found.setdefault(sample.case.op, []).append(row_of(sample))
    return {name: sorted(rows, key=worth) for name, rows in found.items()}


def worth(row: Row) -> tuple[bool, int]:
    sizes = [a.size for a in row.inputs]
    return 0 in sizes or "difference" in row.exempt, -min(sum(sizes), 40)


# ---- how rules are broken -------------------------------------------------------------------------------------------


def _first_dropped(r: Any) -> Any:
    return r * (np.arange(r.size).reshape(r.shape) > 0).astype(r.dtype)


# What becomes of a rule's result.
TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "sign": lambda r: -r,
    "all zero": lambda r: r * 0,
    "one element zero": _first_dropped,
    "factor 2": lambda r: 2 * r,
    "one percent more": lambda r: r * 1.01,
    "one more": lambda r: r + 1,
    "conjugated": lambda r: np.conjugate(r),
    "one element nearly right": lambda r: r * (1 + 1e-4 * (np.arange(r.size).reshape(r.shape) == 0).astype(r.dtype)),
    "dtype up": lambda r: r.astype(np.float64),
    "dtype down": lambda r: r.astype(np.float32),
    "transposed": lambda r: r.T,
    "last axis reversed": lambda r: r[..., ::-1] if r.ndim else r,
    "first axis reversed": lambda r: r[::-1] if r.ndim else r,
    "summed to a number": lambda r: r.sum(),
    "an axis summed": lambda r: r.sum(axis=0) if r.ndim else r,
    "an axis more": lambda r: np.stack([r, r]),
    "an axis repeated": lambda r: np.concatenate([r, r], axis=0) if r.ndim else r,
}
# What a rule does besides being right.
MANNERS: dict[str, Callable[[Any], Any]] = {
    "leaves the protocols": lambda r: np.asarray(r) + 0,
    "branches on a value": lambda r: r if (r == r).sum() >= 0 else -r,
}


def transformed(rule: Rule, f: Callable[[Any], Any]) -> Rule:
    """Return the rule with `f` applied to what it gives."""
    kind, value = rule.kind, rule.value
    if kind is Kind.REDUCED:
        return Rule(kind, lambda *saved, **params: f(value(*saved, **params)), rule.reads)
    if kind is Kind.PARTIAL:
        return Rule(Kind.APPLIED, lambda g, *saved, **params: f(g * value(*saved, **params)), rule.reads)
    if kind is Kind.UNIT:
        return Rule(Kind.APPLIED, lambda g, *saved, **params: f(g), rule.reads)
    if kind is Kind.CONSTANT:
        return Rule(Kind.APPLIED, lambda g, *saved, **params: f(g * value), rule.reads)
    return Rule(kind, lambda g, *saved, **params: f(value(g, *saved, **params)), rule.reads)


def with_other_axis(rule: Rule) -> Rule:
    """Return the rule, taking another axis for the one that it is told."""

    def moved(axis: Any, ndim: int) -> Any:
        if axis is None or ndim < 2:
            return axis
        return tuple(sorted((i + 1) % ndim for i in axis)) if isinstance(axis, tuple) else (axis + 1) % ndim

    def value(*args: Any, axis: Any, **params: Any) -> Any:
        return rule.value(*args, axis=moved(axis, args[-1].ndim), **params)

    return rule.replace(value=value)


def reading_another(rule: Rule, k: int, j: int) -> Rule:
    """Return the rule, reading array `j` where it should read array `k` (0 is the result)."""
    shift = 1 if rule.kind in (Kind.VJP, Kind.APPLIED) else 0

    def value(*args: Any, **params: Any) -> Any:
        changed = list(args)
        changed[k + shift] = args[j + shift]
        return rule.value(*changed, **params)

    return Rule(rule.kind, value, rule.reads - {k} | {j})


def taking_less(rule: Rule, k: int, share: float) -> Rule:
    """Return the rule with a share of array `k`; none of it, and every term that it is a factor of is missing."""
    shift = 1 if rule.kind in (Kind.VJP, Kind.APPLIED) else 0

    def value(*args: Any, **params: Any) -> Any:
        changed = list(args)
        changed[k + shift] = each(lambda a: a * share, args[k + shift])
        return rule.value(*changed, **params)

    return rule.replace(value=value)


def writing(rule: Rule) -> Rule:
    """Return the rule, changing the cotangent on the way."""

    def value(g: Any, *saved: Any, **params: Any) -> Any:
        r = rule.value(g, *saved, **params)
        each(lambda a: np.multiply(a, 1, out=a), g)
        return r

    return rule.replace(value=value)


def leaving_out(rule: Rule, k: int) -> Rule:
    """Return the rule as if no gradient flowed through result `k` of several."""

    def value(g: Any, *saved: Any, **params: Any) -> Any:
        left = tuple([None if i == k else a for i, a in enumerate(g)])
        return rule.value(left, *saved, **params) if any(a is not None for a in left) else 0 * saved[1]

    return rule.replace(value=value)


def broken_rules(rule: Rule, n: int) -> Iterator[tuple[str, Rule]]:
    """Yield broken copies of the rule of an op of `n` inputs."""
    for what, f in (TRANSFORMS | MANNERS).items():
        yield what, transformed(rule, f)
    if rule.kind in (Kind.VJP, Kind.APPLIED):
        yield "writes", writing(rule)
    if rule.kind in (Kind.UNIT, Kind.CONSTANT):
        return
    yield "wrong axis", with_other_axis(rule)
    for k in sorted(rule.reads):
        yield f"takes half of array {k}", taking_less(rule, k, 0.5)
        yield f"lacks the terms in array {k}", taking_less(rule, k, 0.0)
        yield f"does not declare array {k}", rule.replace(reads=rule.reads - {k})
        for j in range(n + 1):
            if j != k:
                yield f"reads array {j} for {k}", reading_another(rule, k, j)
    for k in set(range(n + 1)) - rule.reads:
        yield f"declares array {k} for nothing", rule.replace(reads=rule.reads | {k})


def mutants_of_rules(op: Op) -> Iterator[tuple[Mutant, int]]:
    """Yield broken copies of an op, and the input whose rule is broken."""
    if isinstance(op.rules, EachInput):
        vjp_of = op.rules.vjp_of
        for what, f in TRANSFORMS.items():
            changed = EachInput(lambda i, f=f: lambda *a, **p: f(vjp_of(i)(*a, **p)))  # type: ignore[misc]
            yield Mutant(op.replace(rules=changed), what), 0
        return
    for i, rule in enumerate(op.rules or ()):
        if rule is None:
            continue
        for what, broken in broken_rules(rule, len(op.rules or ())):
            if what == "wrong axis" and not takes_axis(op):
                continue
            if "lacks" in what and op.name.startswith("special."):
                continue  # 0 is the edge of many domains, and scipy.special.hyp1f1 never returns from inf
            yield Mutant(with_rule(op, i, broken), f"rule {i} {what}"), i
        for k in range(op.results if isinstance(op.results, int) else 0):
            yield Mutant(with_rule(op, i, leaving_out(rule, k)), f"rule {i} leaves out result {k}"), i


def with_rule(op: Op, i: int, rule: Rule) -> Op:
    """Return the op with another rule for input `i`."""
    assert isinstance(op.rules, tuple)
    return op.replace(rules=(*op.rules[:i], rule, *op.rules[i + 1 :]))


def takes_axis(op: Op) -> bool:
    return any("axis" in row.params for row in ROWS[op.name])


# ---- how facts are falsified ----------------------------------------------------------------------------------------


def mutants_of_facts(op: Op) -> Iterator[Mutant]:
    infer, batch, jvp = op.infer, op.batch, op.jvp

    def of_last(f: Callable[[Any], Any], out: Any) -> Any:
        if op.results is None:
            return f(out)
        k = max(k for k, a in enumerate(out) if a is not None)
        return tuple([f(a) if i == k else a for i, a in enumerate(out)])

    def longer(*specs: Any, **params: Any) -> Any:
        return of_last(lambda told: ShapeDtype((*told.shape, 1), told.dtype), infer(*specs, **params))

    def wider(*specs: Any, **params: Any) -> Any:
        return of_last(lambda told: ShapeDtype(told.shape, np.dtype(np.longdouble)), infer(*specs, **params))

    yield Mutant(op.replace(infer=longer), "infers an axis more", FACTS)
    yield Mutant(op.replace(infer=wider), "infers another dtype", FACTS)
    if batch is not None and not same_for_all(op):
        turned = op.replace(batch=lambda *args: each(lambda a: a[::-1], batch(*args)))
        yield Mutant(turned, "turns the batch", FACTS)
    if jvp is not None:
        for what in ("sign", "factor 2", "one percent more", "dtype up"):
            f = TRANSFORMS[what]
            doubled = op.replace(jvp=lambda *a, f=f, **p: of_last(f, jvp(*a, **p)))  # type: ignore[misc]
            laws = ("tangent",)
            yield Mutant(doubled, f"jvp {what}", laws)
    if op.selects and sees_a_nan(op):
        yield Mutant(op.replace(selects=False), "says that it hides no NaN", FACTS)
    if op.differentiable and not op.linear and not doubles(op, together=True):
        yield Mutant(op.replace(linear=True, jvp=None), "calls itself linear", FACTS)
    if op.differentiable and not op.multilinear and not doubles(op, together=False):
        changed = op.replace(multilinear=True, linear=False, jvp=None)
        yield Mutant(changed, "calls itself multilinear", FACTS)


def same_for_all(op: Op) -> bool:
    """Return whether the result is the same whatever the inputs: isfinite of numbers."""
    found = [np.unique(results_in(Setting(op, row).out)[-1]) for row in ROWS[op.name]]
    return len({a.tobytes() for a in found if a.size}) <= 1


def doubles(op: Op, *, together: bool) -> bool:
    """Return whether doubling the floating inputs, all or each alone, doubles the result on every row."""
    for row in ROWS[op.name]:
        s = Setting(op, row)
        for group in [s.argnums] if together else [[i] for i in s.argnums]:
            doubled = [2 * a if k in group else a for k, a in enumerate(s.inputs)]
            found, expected = (results_in(out)[-1] for out in (forward(op, doubled, s.params), s.out))
            if expected.size and not np.allclose(found, 2 * expected, rtol=1e-3):
                return False
    return True


def sees_a_nan(op: Op) -> bool:
    """Return whether the law about `selects` applies: to elementwise ops and reductions by partials that hide a NaN."""
    rules = op.rules if isinstance(op.rules, tuple) else ()
    if not rules or any(rule is None or rule.kind is Kind.VJP for rule in rules):
        return False
    silent = op.replace(selects=False)
    return any(not check_op(silent, [row], laws=["selects"], raise_=False).ok for row in ROWS[op.name])


# ---- the count ------------------------------------------------------------------------------------------------------


def is_equivalent(op: Op, mutant: Op, i: int) -> bool:
    """Return whether the broken rule gives the same as the rule on every row, in both widths of floats."""
    for row in ROWS[op.name]:
        for dtype in (np.float64, np.float32):
            s = Setting(op, row).cast(dtype)
            if s is None or i not in s.argnums:
                continue
            if not all(same(read(op, one, i), read(mutant, one, i), s.inputs[i]) for one in s.by_results()):
                return False
    return True


def read(op: Op, s: Setting, i: int) -> Any:
    try:
        return np.asarray(raw_rule(op, i, each(np.array, s.g), (s.out, *s.inputs), s.params))
    except Exception as error:
        return repr(error)


def same(a: Any, b: Any, like: np.ndarray) -> bool:
    """Return whether two results are alike, before and after broadcasting is undone."""
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = sum_to_input(a, like), sum_to_input(b, like)
    size = np.max(np.abs(a), initial=0, where=np.isfinite(a))
    # Sums in another order; and results that are nothing but rounding.
    return bool(np.allclose(a, b, rtol=0, atol=1e-6 * size + 1e-9, equal_nan=True))


def is_caught(mutant: Mutant, rows: list[Row]) -> str:
    """Return the law that the mutant breaks, or nothing."""
    try:
        check_op(mutant.op, rows, laws=mutant.laws)
    except PropertyError as error:
        return str(error).split("'")[3]
    return ""


ROWS = rows_of_every_op()
# Those about manners and declarations give the same numbers on purpose.
BY_LOOKS = ("leaves the protocols", "branches on a value", "writes", "declare")


@pytest.mark.parametrize("every", [24, pytest.param(5, marks=pytest.mark.ci), pytest.param(1, marks=pytest.mark.long)])
def test_check_op_catches_broken_rules(capsys: pytest.CaptureFixture[str], every: int) -> None:
    """All mutants in `dev.py long`, and of each op every fifth or every 24th elsewhere, beginning at another one.

    That the ops themselves keep the laws is in tests/laws/test_rules.py too.
    """
    start = time.perf_counter()
    laws: collections.Counter[str] = collections.Counter()
    survivors, equivalent, broken = [], 0, set()
    for k, (name, rows) in enumerate(ROWS.items()):
        if name in NOT_MEASURED:
            continue
        op = OPS[name]
        if every < 24 and is_caught(Mutant(op, "unchanged"), rows):
            broken.add(name)
            continue
        everything = [*mutants_of_rules(op), *((mutant, -1) for mutant in mutants_of_facts(op))]
        for mutant, i in everything[k % min(every, len(everything)) :: every]:
            law = is_caught(mutant, rows)
            if law:
                laws[law] += 1
            elif i >= 0 and not any(w in mutant.what for w in BY_LOOKS) and is_equivalent(op, mutant.op, i):
                equivalent += 1
            else:
                survivors.append(mutant.name)
    total = sum(laws.values()) + len(survivors)
    with capsys.disabled():
        print(f"\n{total} mutants of {len(ROWS)} ops: {sum(laws.values()) / total:.2%} caught, {equivalent} equivalent")
        print(f"caught by {dict(laws.most_common())}; {time.perf_counter() - start:.0f} s; survivors: {survivors}")
        if broken:
            print(f"broken before anything was done to them: {sorted(broken)}")
    assert not broken
    assert sum(laws.values()) >= 0.99 * total
    assert set(survivors) <= set(SURVIVORS), sorted(set(survivors) - set(SURVIVORS))
    assert all(len(reason) > 20 for reason in SURVIVORS.values())
