"""The audit: how functions are called, what is reported, and what the documentation says about other libraries."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from benchmarks.audit import findings, rules
from benchmarks.audit.__main__ import main
from benchmarks.audit.auditing import audit, functions_of, lines_of
from benchmarks.audit.calling import POINTS, plan_of, planned


def module(name: str = "mine", **contents: Any) -> Any:
    return types.SimpleNamespace(__name__=name, **contents)


def slowly_wrong(x: Any) -> Any:
    """Right but where a formula loses its digits."""
    return np.where(np.abs(x) < 1e-6, 0.64, 1.0) * np.cos(x)


# ---- how functions are called ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "name", "kinds", "text"),
    [
        (np.sin, "sin", "f", "a number"),
        (np.hypot, "hypot", "ff", "2 numbers"),
        (lambda x, n: x ** np.arange(4)[n], "power_of", "fi", "2 numbers"),
        (lambda x: np.cumsum(x), "running", "", "(n)"),
        (lambda a: np.linalg.inv(a), "inv", "", "(n,n)"),
        (lambda a, b: a @ b, "product", "", "(n),(n)"),
        (lambda a: a @ a.T - a[0, 0], "of_matrix", "", "(n,n)"),
    ],
)
def test_how_a_function_is_called_is_found_out(f: Any, name: str, kinds: str, text: str) -> None:
    plan = plan_of(f, name, None)
    assert plan is not None
    assert (plan.kinds, plan.text) == (kinds, text)


def test_what_cannot_be_called_is_not_tried() -> None:
    outcomes = audit(module(f=lambda text: text.upper(), whole=lambda x: np.sign(x) > 0)).outcomes
    assert [(o.name, o.verdict) for o in outcomes] == [("f", "not tried"), ("whole", "not tried")]


def test_only_functions_that_compute_are_called() -> None:
    def fails() -> None:
        raise AssertionError("it was called")

    names = dict.fromkeys(
        ("set_seed", "save", "load_txt", "manual_seed", "_private", "is_enabled", "random_normal"), fails
    )
    assert list(functions_of(module(**names, Type=dict, number=3))) == []
    assert [name for name, *_ in functions_of(module(**names), only=["save"])] == ["save"]


def test_the_points_begin_with_round_numbers_and_reach_far() -> None:
    assert POINTS[:3] == (0.0, 1.0, -1.0)
    assert {1e-12, -1e-8, 200.5, 1e5} <= set(POINTS)
    two = list(planned("(n)").points(5)) if planned("(n)").kinds else []
    assert two == []
    plan = plan_of(np.hypot, "hypot", None)
    assert plan is not None
    drawn = [tuple(map(float, point)) for point in plan.points(40)]
    assert drawn == [tuple(map(float, point)) for point in plan.points(40)]
    assert len(set(drawn)) == len(drawn) > 50


# ---- what is reported -----------------------------------------------------------------------------------------------


def test_each_function_gets_its_verdict() -> None:
    def raises(x: Any) -> Any:
        if float(x) == 0.5:
            raise ZeroDivisionError("at a half")
        return np.cos(x)

    report = audit(
        module(
            fine=(np.sin, np.cos),
            wrong=(np.sin, lambda x: -np.cos(x)),
            digits=(np.sin, slowly_wrong),
            raising=(np.sin, raises),
            none=(np.sin, lambda x: 1 / 0),
            pair_of_arrays=(lambda x: np.cumsum(x), lambda x: np.tri(len(x)).T),
        )
    )
    found = {outcome.name: outcome for outcome in report.outcomes}
    assert {name: o.verdict for name, o in found.items()} == {
        "fine": "right",
        "wrong": "wrong",
        "digits": "wrong",
        "raising": "raises",
        "none": "no derivative",
        "pair_of_arrays": "wrong",
    }
    assert not report.ok
    assert [abs(float(failure.args[0])) for failure in found["digits"].failures] == [0.0, 1e-8, 1e-8, 1e-12, 1e-12]
    assert [a.shape for a in found["pair_of_arrays"].failures[0].args] == [(2,)]  # the fewest that show it
    assert "at a half" in found["raising"].note
    assert "5 of " in lines_of(found["digits"])[0]
    assert "also at 1e-08" in lines_of(found["digits"])[-1]
    assert report.headline().startswith("mine: 6 functions: 3 wrong, 1 raises, 1 right, 1 no derivative (")


def test_ours_are_audited_by_numpys_names() -> None:
    report = audit("numpy", only=["arctan2", "sinc", "prod", "outer", "var"], examples=10)
    assert report.ok, report
    assert [o.verdict for o in report.outcomes] == ["right"] * 5
    assert all(o.points >= 8 for o in report.outcomes)


def test_a_module_gives_signatures() -> None:
    def attend(q: Any, k: Any, v: Any) -> Any:
        return ag.softmax(q @ np.swapaxes(k, -1, -2), axis=-1) @ v

    (outcome,) = audit(module(attend=attend, signatures={"attend": "(n,k),(m,k),(m,l)"}), examples=5).outcomes
    assert (outcome.verdict, outcome.points, outcome.note) == ("right", 5, "(n,k),(m,k),(m,l)")


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "some_pairs", raising=False)
    (tmp_path / "some_pairs.py").write_text("import numpy as np\ngood = (np.sin, np.cos)\nbad = (np.cos, np.sin)\n")
    assert main(["some_pairs"]) == 1
    shown = capsys.readouterr().out
    assert "bad                          WRONG          6 of 7 points, a number" in shown
    assert "good                         right" in shown
    assert "some_pairs: 2 functions: 1 wrong, 1 right" in shown
    assert "gradients=" in shown
    assert main(["some_pairs", "--only", "good"]) == 0
    assert main(["some_pairs", "--failures"]) == 1
    assert "good" not in capsys.readouterr().out.splitlines()[-2]
    assert main(["no_such_module"]) == 2
    assert "No module named 'no_such_module'" in capsys.readouterr().err


@pytest.mark.ci
def test_the_command_is_there() -> None:
    command = [sys.executable, "-m", "benchmarks.audit", "numpy", "--only", "tanh"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].split() == ["tanh", "right", "57", "points,", "a", "number"]


# ---- other libraries ------------------------------------------------------------------------------------------------


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("torch.special", "sinc", "i0e"),
        ("jax.scipy.special", "i0", "erf"),
        ("autograd.numpy", "prod", "tanh"),
        ("mygrad", "sech", "tanh"),
    ],
)
def test_a_library_is_audited_and_the_script_prints_what_it_says(name: str, wrong: str, right: str) -> None:
    pytest.importorskip(name.partition(".")[0])
    report = audit(name, only=[wrong, right])
    assert {o.name: o.verdict for o in report.outcomes} == {wrong: "wrong", right: "right"}
    failure = next(o for o in report.outcomes if o.name == wrong).failures[0]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        exec(failure.snippet, {})
    number = printed.getvalue().replace("tensor(", "").replace("dtype=torch.float64", "").strip(" ,)\n")
    assert np.isclose(float(number), failure.analytic, rtol=1e-3, equal_nan=True)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("finding", findings.FINDINGS, ids=lambda f: f"{f.function}{f.inputs}")
def test_a_finding_stands_and_our_own_gradient_is_right(finding: findings.Finding) -> None:
    pytest.importorskip("mpmath")
    library = findings.library_of(finding)
    if findings.version(library) != findings.VERSIONS[library]:
        pytest.skip(f"found in {findings.VERSIONS[library]}; installed is {findings.version(library) or 'none'}")
    confirmed = findings.confirm(finding)
    assert confirmed.stands, confirmed
    assert findings.row(confirmed) in findings.PAGE.read_text(encoding="utf-8")
    f = findings.ours(finding)
    if f is None:
        return
    inputs = [np.array(x) for x in finding.inputs]
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(ag.grad(lambda *xs: np.sum(f(*xs)), finding.by)(*inputs))[finding.at]
    except ag.UnsupportedError:
        return
    assert abs(found - confirmed.truth) <= 1e-10 * abs(confirmed.truth)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("offset", "name"), list(enumerate(rules.TRANSLATIONS)))
def test_no_false_alarm_about_rules_of_ours_in_other_libraries(offset: int, name: str) -> None:
    """A sample: `python -m benchmarks.audit.rules --draws 10000` asks about all."""
    pytest.importorskip(name)
    (count,) = rules.survey(12, [name], rules.rules()[offset::20]).values()
    assert count.alarms == []
    assert count.checked >= 10
    assert count.inconclusive <= 2


@pytest.mark.ci
def test_a_translated_rule_that_is_wrong_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("autograd")
    op = rules.OPS["tanh"]
    row = next(row for row in rules.rows_of(op, 20) if row.inputs[0].size > 1)
    count = rules.Count()
    rules.judge(op, row, "autograd", count)
    assert (count.checked, count.alarms) == (1, [])
    right = rules.Translated.gradient
    monkeypatch.setattr(rules.Translated, "gradient", lambda self, i, g, xs: 1.0001 * right(self, i, g, xs))
    rules.judge(op, row, "autograd", count)
    assert len(count.alarms) == 1
