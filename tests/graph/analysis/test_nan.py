"""Where NaN began: planted faults at every elementwise operation, forward and backward, and what does not count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import autograd_lite as ag
import nn
from autograd_lite import GradError, NonFiniteError
from autograd_lite.core.op import OPS, Op
from autograd_lite.graph import Program
from autograd_lite.graph.analysis.nan import NanReport, find_nan
from autograd_lite.testing.rows import results_in

from ...all_cases import CASES
from ...rows import for_every
from ..samples import HOSTILE, SAMPLES

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

inf, nan = np.inf, np.nan

FORWARD = [
    (np.log, [0.0], "log(0)", "log(0) is -inf"),
    (np.log, [-2.0], "log of a negative number", "log(-2) is nan: log of a negative number"),
    (np.log2, [0.0], "log2(0)", "log2(0) is -inf"),
    (np.log10, [-0.0], "log10(-0)", "log10(-0) is -inf"),
    (np.log1p, [-1.0], "log1p(-1)", "log1p(-1) is -inf"),
    (np.log1p, [-3.0], "log1p of a number below -1", "log1p(-3) is nan: log1p of a number below -1"),
    (np.sqrt, [-1.0], "the square root of a negative number", "sqrt(-1) is nan: the square root of a negative number"),
    (np.divide, [0.0, 0.0], "0/0", "0/0 is nan"),
    (np.divide, [1.0, 0.0], "1/0", "1/0 is inf"),
    (np.divide, [1e200, 1e-200], "overflow in divide", "the largest float64"),
    (np.reciprocal, [0.0], "1/0", "reciprocal(0) is inf: 1/0"),
    (np.power, [0.0, -1.0], "0 to a negative power, which is 1/0", "0 ** (-1) is inf"),
    (np.power, [-8.0, 0.5], "a negative number to a fractional power", "(-8) ** 0.5 is nan"),
    (np.power, [1e200, 2.0], "overflow in power", "1e+200 ** 2 is inf"),
    (np.remainder, [1.0, 0.0], "division by zero", "1 % 0 is nan"),
    (np.fmod, [1.0, 0.0], "division by zero", "fmod(1, 0) is nan"),
    (np.exp, [1000.0], "overflow in exp", "exp(1000) is inf: larger than 1.798e+308, the largest float64"),
    (np.sinh, [-1000.0], "overflow in sinh", "sinh(-1000) is -inf"),
    (np.square, [1e200], "overflow in square", "square(1e+200) is inf"),
    (np.multiply, [1e200, -1e200], "overflow in multiply", "1e+200 * (-1e+200) is -inf"),
    (np.add, [1.7e308, 1.7e308], "overflow in add", "1.7e+308 + 1.7e+308 is inf"),
    (np.arcsin, [2.0], "arcsin of a number outside [-1, 1]", "arcsin(2) is nan"),
    (np.arccos, [-1.5], "arccos of a number outside [-1, 1]", "arccos(-1.5) is nan"),
    (np.arctanh, [1.0], "arctanh(1)", "arctanh(1) is inf"),
    (np.arctanh, [-2.0], "arctanh of a number outside [-1, 1]", "arctanh(-2) is nan"),
    (np.arccosh, [0.5], "arccosh of a number below 1", "arccosh(0.5) is nan"),
    (lambda x: x.astype("float16"), [1e6], "overflow of float16", "1e+06 as float16 is inf: larger than 6.55e+04"),
    (lambda x: x.astype("float32"), [1e60], "overflow of float32", "the largest float32"),
]

BACKWARD = [
    (np.sqrt, [0.0], "sqrt", "sqrt'(0) = inf", "the derivative of sqrt at 0 is inf"),
    (np.cbrt, [0.0], "cbrt", "cbrt'(0) = inf", "the derivative of cbrt at 0 is inf"),
    (np.arcsin, [1.0], "arcsin", "arcsin'(1) = inf", "the derivative of arcsin at 1 is inf"),
    (np.arccos, [-1.0], "arccos", "arccos'(-1) = -inf", "the derivative of arccos at -1 is -inf"),
    (np.arccosh, [1.0], "arccosh", "arccosh'(1) = inf", "the derivative of arccosh at 1 is inf"),
    (np.power, [0.0, 0.5], "power", "dpower/dx at x = 0, y = 0.5 = inf", "the derivative of power by x at x = 0, y"),
    (lambda x: np.sqrt((x * x).sum()), [0.0], "sqrt", "sqrt'(0) = inf", "the derivative of sqrt at 0 is inf"),
    (lambda x: (x * 1e200) * 1e200, [0.0], "multiply", "overflow", "larger than"),
    (lambda x: np.square(x) * 1e300, [1e-200], None, "", ""),
]


def leaves(arguments: list[Any], f: Any) -> list[ag.Tensor]:
    """Return tensors of three elements, the middle one of which is the planted one."""
    good = 1.5 if f is np.arccosh else 0.5
    return [ag.tensor([good, a, good], requires_grad=True, name=n) for a, n in zip(arguments, "xyz", strict=False)]


def report_of(f: Any, *tensors: ag.Tensor) -> NanReport:
    with ag.record_source():
        report = find_nan(f(*tensors).sum())
    assert report is not None
    return report


@pytest.mark.parametrize(("f", "arguments", "reason", "sentence"), FORWARD)
def test_planted_forward(f: Any, arguments: list[float], reason: str, sentence: str) -> None:
    report = report_of(f, *leaves(arguments, f))
    assert not report.backward
    assert report.reason == reason
    assert sentence in report.sentence
    assert (report.index, report.count, report.size) == ((1,), 1, 3)
    assert [float(o.value) for o in report.operands] == pytest.approx(arguments, rel=1e-5)
    assert report.source is not None
    assert report.source.file == __file__
    assert "the result" in str(report)


@pytest.mark.parametrize(("f", "arguments", "op", "reason", "sentence"), BACKWARD)
def test_planted_backward(f: Any, arguments: list[float], op: str | None, reason: str, sentence: str) -> None:
    tensors = [ag.tensor(a, requires_grad=True, name=n) for a, n in zip(arguments, "xy", strict=False)]
    report = find_nan(f(*tensors))
    if op is None:
        assert report is None
        return
    assert report is not None
    assert (report.backward, report.op) == (True, op)
    assert reason in report.reason
    assert sentence in report.sentence
    assert report.reached[0].startswith("the gradient of")


POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1e-320, 1e200, -1e200, 800.0, -800.0, 1.7e308]


ENDLESS = {"special.bdtrik": "SciPy's search for its value does not end at 1e200"}


def elementwise_ops() -> Iterator[Op]:
    for op in dict.fromkeys([*OPS.values(), *(OPS[case.op] for case in CASES)]):  # those of SciPy are made on first use
        if (
            op.is_elementwise
            and op.name not in ENDLESS
            and isinstance(op.rules, tuple)
            and all(r is not None for r in op.rules)
        ):
            yield op


def parameters_of(op: Op) -> dict[str, Any]:
    return {
        "leaky_relu": {"slope": 0.1},
        "hard_tanh": {"low": -1.0, "high": 1.0},
        "elu": {"alpha": 1.0},
        "round": {"decimals": 0},
        "astype": {"dtype": np.dtype("float16")},
        "sinc": {"order": 0},
        "bessel_i": {"order": 0},
        "special.betainc_by_ab": {"of_a": 1, "of_b": 0},
        "special.betaprime_by_ab": {"of_a": 1, "of_b": 0},
    }.get(op.name, {"order": 1} if op.name.endswith(("_by_order", "_by_a", "_by_s", "_by_df")) else {})


def floating_results(op: Op, arguments: Sequence[Any], params: dict[str, Any]) -> list[int]:
    """Return the numbers of the results through which gradients flow; an op of one result has number 0."""
    with np.errstate(all="ignore"):
        out = results_in(op.forward(*arguments, **params))
    return [k for k, a in enumerate(out) if np.asarray(a).dtype.kind == "f"]


class Share(NamedTuple):
    """An op, and which third of the points is tried: of unary ops all are."""

    op: Op
    third: int | None

    @property
    def name(self) -> str:
        return f"{self.op.name}, {self.third}"

    def points(self, every: int) -> Iterator[np.ndarray]:
        """Yield this share of every `every`-th combination of the special points."""
        n = len(self.op.rules)  # type: ignore[arg-type]
        combinations = np.array(np.meshgrid(*[POINTS] * n)).reshape(n, -1).T
        yield from combinations if self.third is None else combinations[::every][self.third :: 3]


SHARES = [Share(op, i) for op in elementwise_ops() for i in ([None] if len(op.rules) == 1 else range(3))]  # type: ignore[arg-type]
every_share = for_every(SHARES, by=lambda share: share.op.name, stride=3)


@every_share
def test_every_elementwise_op_at_every_special_point(share: Share) -> None:
    """The oracle is NumPy: where it makes finite numbers non-finite there is a report, and it names the op."""
    op = share.op
    n = len(op.rules)  # type: ignore[arg-type]
    every = max(5, len(POINTS) ** n // 500)  # every fifth pair is plenty, and some of the combinations of more
    if n > 2 and op.name.startswith("special."):
        every *= 17  # they take milliseconds each
    checked = 0
    for arguments in share.points(every):
        params = parameters_of(op)
        for k in floating_results(op, arguments, params):
            tensors = [ag.tensor(a, requires_grad=True) for a in arguments]
            result = results_in(op(*tensors, **params))[k]
            report = find_nan(result)
            result.backward(np.ones(result.shape))
            gradients = [t.grad.data for t in tensors if t.grad is not None]
            if not np.isfinite(result.data):
                assert report is not None
                assert (report.backward, report.op) == (False, op.name)
            elif not all(np.isfinite(g) for g in gradients):
                assert report is not None
                assert (report.backward, report.op) == (True, op.name), arguments
            else:
                assert report is None, (arguments, str(report))
        checked += 1
    assert checked > 8


@given(st.sampled_from(POINTS), st.sampled_from(POINTS), st.integers(0, 4), st.integers(0, 4))
def test_a_fault_in_the_middle_of_a_chain_is_found(a: float, b: float, before: int, after: int) -> None:
    """Harmless operations before and after it change nothing about what is named."""
    x, y = ag.tensor([2.0, a], requires_grad=True), ag.tensor([2.0, b], requires_grad=True)
    u, v = x, y
    for _ in range(before):
        u, v = u.reshape(1, 2).T[:, 0], np.negative(np.negative(v))
    w = u / v
    bad = not np.isfinite(w.data).all()
    for _ in range(after):
        w = np.negative(w).reshape(2, 1)[:, 0]
    report = find_nan(w.sum())
    if bad:
        assert report is not None
        assert (report.op, report.backward, report.index) == ("divide", False, (1,))
        assert report.path[0] == report.origin
        assert len(report.path) >= 2 + 3 * after


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, np.sqrt(x), 0),
        lambda x: np.where(x > 0, np.log(x), 0),
        lambda x: np.where(x != 0, 1 / x, 0),
        lambda x: 0 * np.sqrt(x),
        lambda x: np.where(x > 0, np.log(np.where(x > 0, x, 1)), 0),
        lambda x: np.sqrt(x)[1:],
        lambda x: ag.softmax(np.where(x > 0, x, -inf)),
        lambda x: np.exp(np.where(x > 0, x, -inf)),
        lambda x: ag.logsumexp(np.where(x > 0, x, -inf)),
    ],
)
def test_what_is_hidden_on_purpose_is_no_fault(f: Any) -> None:
    x = ag.tensor([0.0, 1.0, 4.0], requires_grad=True)
    result = f(x)
    assert find_nan(result) is None
    result.sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.data).all()


def test_what_is_hidden_can_be_asked_for() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)
    loss = np.where(x > 0, np.log(x), 0).sum()
    report = find_nan(loss, hidden=True)
    assert report is not None
    assert (report.op, report.reached) == ("log", ("no result and no gradient: it stays hidden",))
    assert find_nan((x * x).sum(), hidden=True) is None


def test_an_element_that_is_hidden_is_not_the_one_that_is_named() -> None:
    x = ag.tensor([0.0, 0.0, 4.0], requires_grad=True)
    loss = (np.array([0.0, 1.0, 1.0]) * np.sqrt(x)).sum()
    report = find_nan(loss)
    assert report is not None
    assert (report.op, report.backward, report.index, report.count) == ("sqrt", True, (1,), 1)
    with pytest.raises(NonFiniteError) as info, ag.raise_on_nan():
        loss.backward()
    assert info.value.index == (1,)


def test_the_first_of_two_faults_is_named() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)
    report = report_of(lambda x: np.log(x) + 1 / np.log(x + 1), x)
    assert report.op == "log"
    hidden = np.where(x > 5, np.log(x), 0)  # computed first, and harmless
    report = find_nan((hidden + 1 / x).sum())
    assert report is not None
    assert report.op == "divide"


@pytest.mark.parametrize(("value", "counts"), [([nan, 1.0, nan], "2 NaN"), ([inf, -inf, 1.0], "2 inf")])
@pytest.mark.parametrize(("wanted", "kind"), [(True, "parameter"), (False, "input")])
def test_inputs_that_came_so(value: list[float], counts: str, wanted: bool, kind: str) -> None:
    x = ag.tensor(value, requires_grad=wanted, name="x")
    w = ag.tensor(2.0, requires_grad=True, name="w")
    report = report_of(lambda x: np.tanh(x * w) * x, x)
    assert report.origin == "n0"
    assert report.sentence == f"the {kind} 'x' came with {counts}"
    assert f"n0, the {kind} x, was not finite to begin with" in str(report)
    assert report.hint


def test_an_infinity_meant_as_a_mask_is_named_with_what_made_nan_of_it() -> None:
    scores = ag.tensor([[1.0, 2.0], [-1.0, -2.0]], requires_grad=True, name="scores")
    report = report_of(lambda s: ag.softmax(np.where(s > 0, s, -inf), axis=1), scores)
    assert report.op == "softmax"
    assert report.reason == "inf - inf, since a whole row is infinite"
    assert report.index == (1, 0)
    assert report.notes == ("the infinity came with the constant n3",)


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: (x + inf) - (x + inf), "inf - inf"),
        (lambda x: (x * 0) * np.full(2, inf), "0 * inf"),
        (lambda x: np.full(2, inf) / (x + inf), "inf/inf"),
        (lambda x: np.sin(x + inf), "sin of infinity"),
        (lambda x: np.stack([x + inf, x - inf]).sum(), "inf - inf"),
        (lambda x: np.array([[inf, inf]]) @ (x * 0), "0 * inf"),
    ],
)
def test_infinities_that_meet(f: Any, reason: str) -> None:
    report = report_of(f, ag.tensor([1.0, 2.0], requires_grad=True))
    assert report.reason == reason
    assert report.notes


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (lambda x: (x * 1e200) @ (x * 1e200), "overflow in matmul"),
        (lambda x: (x * 0.8e308).sum(), "overflow in sum"),
        (lambda x: (x * 1e200).prod(), "overflow in prod"),
        (lambda x: np.einsum("i,j->", x * 1e200, x * 1e200), "overflow in contract"),
        (lambda x: x[:0].mean(), "0/0"),
        (lambda x: x[:1].std(ddof=1), "0/0"),
    ],
)
def test_operations_that_reduce(f: Any, reason: str) -> None:
    assert report_of(f, ag.tensor([1.0, 2.0], requires_grad=True)).reason == reason


CUSTOM = [
    (lambda x: 1 / (x - 3), 3.0, "custom(3) is inf: 1/0"),
    (lambda x: np.log(x) / x, -1.0, "custom(-1) is nan: log of a negative number"),
    (lambda x: np.exp(x) * 2, 1000.0, "custom(1000) is inf: overflow in exp"),
    (lambda x: np.asarray([0.0, np.inf]), 1.0, "custom returned inf for 1"),  # no call of NumPy tells why
]


@pytest.mark.parametrize(("f", "value", "sentence"), CUSTOM)
def test_a_custom_op_inherits_the_reason_of_what_its_forward_calls(f: Any, value: float, sentence: str) -> None:
    custom = ag.elementwise(f, lambda out, x: out * 0, name="custom", saves="ox")
    assert report_of(custom, ag.tensor([0.5, value], requires_grad=True)).sentence == sentence


def test_a_custom_op_inherits_the_reason_of_its_domain() -> None:
    pole = lambda x: np.where(x < 0, np.inf, x)  # noqa: E731
    custom = ag.elementwise(pole, lambda out, x: out * 0, name="custom", saves="o", domain=("positive",))
    report = report_of(custom, ag.tensor([0.5, -1.0], requires_grad=True))
    assert report.sentence == "custom(-1) is inf: custom of a negative number"


def test_a_report_is_immutable_equal_and_short() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True, name="x")
    one, other = report_of(np.log, x), report_of(np.log, x)
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == "<NanReport n1 log, forward: log(0)>"
    with pytest.raises(AttributeError):
        one.reason = ""  # type: ignore[misc]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("f", [np.log, np.sqrt, np.reciprocal, lambda x: (x + 1e200) @ (x + 1e200), lambda x: x / x])
def test_looking_warns_of_nothing(f: Any) -> None:
    x = ag.tensor([0.0, -1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        result = f(x)
        inside = f(ag.tensor(np.zeros(2), requires_grad=True))
    report = find_nan(result)
    assert report is not None
    str(report), report.overlay(), find_nan(inside)


def test_without_lines_it_says_how_to_have_them() -> None:
    report = find_nan(np.log(ag.tensor([0.0], requires_grad=True)))
    assert report is not None
    assert report.source is None
    assert "with ag.record_source():" in str(report)


def test_the_overlay_marks_the_origin_and_all_that_is_not_finite() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True, name="x")
    loss = (np.log(x) * 2 + x).sum() + x.sum()
    report = find_nan(loss)
    assert report is not None
    overlay = report.overlay()
    looks = {i: mark.look for i, mark in overlay.marks.items()}
    assert looks.pop(report.origin) == "origin"
    assert set(looks.values()) == {"nan"}
    assert overlay.marks[report.origin].badge == "first non-finite: log(0)"
    values = Program.build(loss, backward=True).values()
    assert report.node.op == "log"
    assert set(overlay.marks) == {i for i, v in values.items() if not np.isfinite(v).all()}


def test_a_result_without_a_record() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)
    with ag.no_grad():
        loss = np.log(x).sum()
    report = find_nan(loss)
    assert report is not None
    assert "outside no_grad()" in report.hint
    assert find_nan(ag.tensor([1.0])) is None


@pytest.mark.parametrize(
    ("x", "f", "reason"),
    [
        (np.zeros(2, complex), np.log, "log(0+0j) = -inf+0j"),
        (np.float32([1e30, 1.0]), np.square, "overflow in square"),
        (np.float16([300, 1]), np.square, "overflow in square"),
        (np.float16([100, 1]), np.exp, "overflow in exp"),
    ],
)
def test_other_dtypes(x: Any, f: Any, reason: str) -> None:
    report = find_nan(f(ag.tensor(x, requires_grad=True)))
    assert report is not None
    assert report.reason == reason
    if reason.startswith("overflow"):
        assert f"the largest {x.dtype}" in report.sentence


def test_a_gradient_too_large_for_its_dtype() -> None:
    x = ag.tensor(np.ones(2, "float16"), requires_grad=True, name="x")
    report = find_nan((x.astype("float64") * 1e6).sum())
    assert report is not None
    assert report.backward
    assert report.reason == "overflow of float16"


def test_the_overlay_of_a_derivative_leads_to_its_operation() -> None:
    report = find_nan(np.sqrt(ag.tensor([0.0], requires_grad=True)))
    assert report is not None
    marks = report.overlay().marks
    assert marks[report.origin].badge == "sqrt'(0) = inf"
    assert marks[report.node.of].note == "its derivative is not finite"


def test_a_program_with_other_inputs() -> None:
    program = Program.trace(lambda x: (1 / x).sum(), np.ones(3), backward=True)
    assert find_nan(program) is None
    report = find_nan(program, np.array([1.0, 0.0, 2.0]))
    assert report is not None
    assert (report.reason, report.index) == ("1/0", (1,))
    assert find_nan(Program.trace(np.sqrt, np.zeros(2), backward=True), backward=False) is None


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_samples_are_sound_and_generators_stand_still(sample: Any) -> None:
    outputs = sample()
    before = ag.random.default_generator.state
    found = find_nan(outputs)
    assert (found is None) == (sample.__name__ != "not_finite")
    assert ag.random.default_generator.state == before


def test_after_backward_it_computes_again() -> None:
    x = ag.tensor([0.0, 4.0], requires_grad=True, name="x")
    loss = np.sqrt(x).sum()
    loss.backward()
    report = find_nan(loss)
    assert report is not None
    assert (report.op, report.notes) == ("sqrt", ())


def test_a_constant_that_is_gone_is_an_error_that_says_what_to_do() -> None:
    x = ag.tensor(np.zeros(300), requires_grad=True)
    loss = (np.sqrt(x) * np.ones(300)).sum()
    loss.backward()
    with pytest.raises(GradError, match=r"find_nan: expected a record with its constants.*raise_on_nan"):
        find_nan(loss)


def test_inputs_that_changed_are_told() -> None:
    x = ag.tensor([0.0, 4.0], requires_grad=True, name="x")
    with ag.no_grad():
        loss_before = np.log(x).sum()
    assert find_nan(loss_before) is not None
    loss = np.log(x).sum()
    x.assign([-1.0, 4.0])
    report = find_nan(loss)
    assert report is not None
    assert report.reason == "log of a negative number"
    assert "inputs have changed since" in report.notes[0]


@given(st.sampled_from(HOSTILE))
def test_hostile_names(name: str) -> None:
    x = ag.tensor([0.0], requires_grad=True, name=name)
    report = find_nan(np.log(x))
    assert report is not None
    assert len(str(report).splitlines()) < 12
    assert "\x1b" not in str(report)
    report.overlay()


def test_a_long_chain() -> None:
    x = ag.tensor(0.0, requires_grad=True)
    y = np.log(x)
    for _ in range(6_000):
        y = y + 1.0
    report = find_nan(y)
    assert report is not None
    assert report.op == "log"
    assert "… 5,99" in str(report)
    assert len(report.path) > 6_000


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("x", "f"),
    [
        (np.zeros(2, complex), np.log),
        (np.full(2, complex(inf, nan)), np.negative),
        (np.float32([1e20, -1e20]), np.var),
        (np.float32([1e30, 1e30]), np.square),
        (np.float16([6e4, 6e4]), np.sum),
    ],
)
def test_no_dtype_makes_it_warn(x: Any, f: Any) -> None:
    with np.errstate(all="ignore"):
        loss = f(ag.tensor(x, requires_grad=True))
    report = find_nan(loss)
    assert report is not None
    str(report)
    with pytest.raises(NonFiniteError), ag.raise_on_nan():
        f(ag.tensor(x, requires_grad=True))


def test_an_infinite_input_is_looked_for_as_one() -> None:
    report = find_nan(np.exp(ag.tensor([1.0, inf], name="x")) * ag.tensor(1.0, requires_grad=True))
    assert report is not None
    assert "(~np.isfinite(x)).any()" in report.hint


@pytest.mark.parametrize(
    ("wrong", "cure"),
    [(3.0, "before .item"), (nn.layers.Dense(2), r"find_nan\(model\(x\)\)"), ([1.0], "before"), ("loss", "before")],
)
def test_what_cannot_be_searched(wrong: Any, cure: str) -> None:
    with pytest.raises(TypeError, match=f"find_nan: expected a Tensor, several, or a Program; received .*{cure}"):
        find_nan(wrong)
