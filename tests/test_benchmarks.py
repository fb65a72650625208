"""The benchmarks measure what they say: every contender computes the same, and the tables do their sums right.

Nothing here is timed. Peers take part where they are installed, under the marker `ci`.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from benchmarks import goals, load, models, problems, report, run, worker
from benchmarks.cases import BEFORE, CASES, CONTENDERS, Case, Contender

FOLDER = Path(run.__file__).parent / "contenders"
# Those whose optimizer is Keras's to the letter and whose rows come in the order of the baseline.
SAME_RULE = {"autograd_lite", "autograd_lite_compiled", "autograd_lite_loop", "jax", "jax_scan", "mygrad", "autograd"}
SAME_ORDER = SAME_RULE - {"autograd_lite", "autograd_lite_compiled"}
PLAIN = ("autograd_lite", "numpy")


def rivals(case: str) -> list:
    """All contenders of a case but the baseline, and one that compiles for seconds; peers under the marker `ci`."""
    left_out = {"numpy", "torch_compiled"} | {name for name, c in CONTENDERS.items() if c.module or c.floor}
    names = [name for name in CASES[case].contenders if name not in left_out]
    marks = {name: () if CONTENDERS[name].package in PLAIN else pytest.mark.ci for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def first_run(contender: str, job: str, problem: problems.Problem) -> problems.Arrays:
    """The loss and the arrays of one run of a contender."""
    pytest.importorskip(CONTENDERS[contender].package)
    module = import_module(f"benchmarks.contenders.{contender}")
    prepared = getattr(module, job)(problem)
    prepared.reset()
    loss = prepared.read(prepared.run())
    return {"loss": np.asarray(loss), **prepared.result()}


def assert_agree(got: Mapping, expected: Mapping, rtol: float, atol: float) -> None:
    shared = got.keys() & expected.keys()
    assert len(shared) > 1
    for name in shared:
        assert got[name].shape == expected[name].shape, name
        np.testing.assert_allclose(got[name], expected[name], rtol, atol, err_msg=name)


@pytest.fixture
def _jax_stays_as_it_was(monkeypatch: pytest.MonkeyPatch, contender: str):
    """The chain and the models of JAX switch double precision on for the whole process."""
    yield
    if contender.startswith("jax"):
        pytest.importorskip("jax").config.update("jax_enable_x64", False)


@pytest.mark.usefixtures("_jax_stays_as_it_was")
@pytest.mark.parametrize("shape", [(1,), (16, 16)])
@pytest.mark.parametrize("links", [6, 7])
@pytest.mark.parametrize("contender", rivals("chain_1"))
def test_chain_gradients_agree(contender: str, shape: tuple[int, ...], links: int) -> None:
    problem = problems.chain(*shape, links=links)
    got, expected = first_run(contender, "chain", problem), first_run("numpy", "chain", problem)
    assert {"loss", "gh", "gw", "gx"} == got.keys() == expected.keys()
    assert_agree(got, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("contender", rivals("primitive_chain"))
def test_a_chain_of_calls_with_rules_of_their_own_agrees(contender: str) -> None:
    problem = problems.chain(3, links=5)
    got, expected = first_run(contender, "primitive_chain", problem), first_run("numpy", "chain", problem)
    assert {"loss", "gh", "gw", "gx"} == got.keys() == expected.keys()
    assert_agree(got, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(1,), (2, 3)])
def test_chain_baseline_is_right(shape: tuple[int, ...]) -> None:
    problem = problems.chain(*shape, links=5)
    result = first_run("numpy", "chain", problem)
    for name in ("h", "w", "x"):
        value = getattr(problem, name)
        for at in np.ndindex(shape):
            sides = []
            for step in (1e-6, -1e-6):
                moved = {key: getattr(problem, key).copy() for key in ("h", "w", "x")}
                moved[name][at] = value[at] + step
                h = moved["h"]
                for _ in range(problem.links):
                    h = np.tanh(h * moved["w"] + moved["x"])
                sides.append(h.sum())
            np.testing.assert_allclose(result[f"g{name}"][at], (sides[0] - sides[1]) / 2e-6, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("contender", rivals("tiny_mlp"))
def test_tiny_step_agrees(contender: str) -> None:
    problem = problems.tiny()
    got, expected = first_run(contender, "tiny_mlp", problem), first_run("numpy", "tiny_mlp", problem)
    assert got.keys() >= {"loss", *problem.weights}
    assert_agree(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("contender", ["autograd_lite_compiled", pytest.param("torch", marks=pytest.mark.ci)])
def test_products_leave_the_weights_as_they_are(contender: str) -> None:
    problem = problems.random_mlp(12, 7, 8, 3, batch=12)
    result = first_run(contender, "products", problem)
    assert problem.summary(result).keys() == {"trained"}
    assert all(result[name].tobytes() == a.tobytes() for name, a in problem.weights.items())


@pytest.mark.ci
@pytest.mark.parametrize(
    ("optimizer", "peer"), [("SGD", "torch"), ("RMSprop", "torch"), ("Adam", "torch"), ("Adam", "torch_fused")]
)
def test_updates_agree(optimizer: str, peer: str) -> None:
    problem = problems.update(optimizer, 7, 5, 3)
    got, expected = (first_run(name, "update", problem) for name in ("autograd_lite", peer))
    assert got.keys() == expected.keys() == {"loss", *problem.weights}
    for name, a in problem.weights.items():
        # PyTorch's RMSprop adds epsilon to the root, and we under it, which shows at small gradients.
        seen = np.abs(problem.gradients[name]) > (0.5 if optimizer == "RMSprop" else 0)
        assert (got[name] != a).any()
        np.testing.assert_allclose(got[name][seen], expected[name][seen], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.ci
@pytest.mark.parametrize(
    ("contender", "step"),
    [
        *((who, step) for who in ("autograd_lite", "torch_cells") for step in ("lstm_step", "gru_step")),
        ("numpy", "lstm_step"),
        ("jax", "lstm_scan"),
    ],
)
def test_recurrent_step_agrees(contender: str, step: str) -> None:
    problem = problems.recurrent(3, 4, 5, 6, 3 if step == "gru_step" else 4)
    got, expected = first_run(contender, step, problem), first_run("torch", step, problem)
    assert got.keys() == expected.keys() == {"loss", *problem.weights}
    assert all((got[name] != a).any() for name, a in problem.weights.items())
    assert_agree(got, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("contender", ["autograd_lite", "jax"])
def test_a_step_of_a_transformer_block_agrees(contender: str) -> None:
    problem = problems.transformer(rows=3, steps=5, features=8, heads=2)
    got, expected = (first_run(name, "transformer_step", problem) for name in (contender, "torch"))
    assert got.keys() == expected.keys() == {"loss", *problem.weights}
    # A bias of the keys adds the same to all scores of a query, which softmax does not see.
    moved = {name for name, a in problem.weights.items() if np.abs(got[name] - a).max() > 1e-6}
    assert moved == problem.weights.keys() - {"attention.key.bias"}
    assert_agree(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize("contender", ["autograd_lite", "jax"])
def test_a_step_of_convolutions_agrees(contender: str) -> None:
    problem = problems.convolutional(rows=3, side=10, filters=4)
    got, expected = (first_run(name, "cnn_step", problem) for name in (contender, "torch"))
    assert got.keys() == expected.keys() == {"loss", *problem.weights}
    assert all((got[name] != a).any() for name, a in problem.weights.items())
    assert_agree(got, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("contender", rivals("mlp_step"))
def test_classifier_step_agrees(contender: str) -> None:
    problem = problems.random_mlp(12, 7, 8, 3, batch=12)
    got, expected = first_run(contender, "mlp_step", problem), first_run("numpy", "mlp_step", problem)
    if contender not in SAME_RULE:  # only its gradients can be held against the baseline's
        got = {name: a for name, a in got.items() if name not in problem.weights}
    assert_agree(got, expected, rtol=1e-4, atol=1e-6) if len(got) > 1 else pytest.fail("no gradients to compare")


def test_classifier_baseline_follows_keras() -> None:
    problem = problems.random_mlp(12, 7, 8, 3, batch=12)
    result = first_run("numpy", "mlp_step", problem)
    for name, before in problem.weights.items():
        g = result[f"g_{name}"].astype(np.float64)
        v = (1 - problem.rho) * g * g
        after = before - problem.learning_rate * g / np.sqrt(v + problem.epsilon)
        np.testing.assert_allclose(result[name], after, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("contender", rivals("mlp_epoch"))
def test_epoch_agrees_with_a_short_last_batch(contender: str) -> None:
    problem = problems.random_mlp(200, 7, 8, 3, batch=32)
    got, expected = first_run(contender, "mlp_epoch", problem), first_run("numpy", "mlp_epoch", problem)
    assert got["loss"] == pytest.approx(expected["loss"], rel=0.1)
    assert problem.summary(got)["trained"] == pytest.approx(problem.summary(expected)["trained"], rel=0.1)
    if contender in SAME_ORDER:
        weights = {name: expected[name] for name in ("loss", *problem.weights)}
        assert_agree(got, weights, rtol=1e-4, atol=1e-5)


SMALL = {
    "gaussian_process": models.gaussian_process_model(12),
    "kalman_filter": models.kalman_model(5),
    "lotka_volterra": models.lotka_volterra_model(6),
    "logistic": models.logistic_model(15, 3),
    "rosenbrock": models.rosenbrock_model(7),
    "rotary": models.rotary_model(models.rotary, 2, 3, 2, 4),
    "rotary_interleaved": models.rotary_model(models.rotary_interleaved, 2, 3, 2, 4),
}

# By job: small work, and the eager contender that does the same as the compiled one.
COMPILED = {
    "chain": (problems.chain(2, 3, links=4), "autograd_lite"),
    "tiny_mlp": (problems.tiny(), "autograd_lite"),
    "mlp_step": (problems.random_mlp(12, 7, 8, 3, batch=12), "autograd_lite_loop"),
    "cross_entropy": (problems.classes(3, 7), "autograd_lite"),
    "cnn_step": (problems.convolutional(rows=3, side=10, filters=4), "autograd_lite"),
    "lstm_step": (problems.recurrent(3, 4, 5, 6), "autograd_lite"),
    "lstm_scan": (problems.recurrent(3, 4, 5, 6), "autograd_lite"),
    "gru_step": (problems.recurrent(3, 4, 5, 6, gates=3), "autograd_lite"),
    "transformer_step": (problems.transformer(rows=3, steps=5, features=8, heads=2), "autograd_lite"),
    **{f"model {p.name}": (p, "autograd_lite") for p in SMALL.values()},
    **{f"update {o}": (problems.update(o, 7, 5, 3), "autograd_lite") for o in ("SGD", "RMSprop", "Adam")},
}


@pytest.mark.parametrize("name", COMPILED)
def test_what_is_compiled_replays_and_computes_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled, ours = [], import_module("autograd_lite")
    twin = COMPILED[name][1]
    steps = (
        import_module(f"benchmarks.contenders.{twin}"),
        import_module("benchmarks.contenders.autograd_lite_compiled"),
    )
    job = name.split()[0]

    def kept(f):
        compiled.append(ours.compile(f))
        return compiled[-1]

    monkeypatch.setitem(getattr(steps[1], job).keywords, "through", kept)
    jobs = [getattr(module, job)(COMPILED[name][0]) for module in steps]
    traces = []
    for _ in range(2):  # what a round is timed on has been compiled before
        for each in jobs:
            each.reset()
        for _ in range(4):
            losses = [each.read(each.run()) for each in jobs]
            assert losses[0] == losses[1]
        traces.append(len(compiled[-1].traces))
    assert traces[0] == traces[1]
    eager, replayed = (each.result() for each in jobs)
    assert eager.keys() == replayed.keys()
    assert all(eager[key].tobytes() == a.tobytes() for key, a in replayed.items())
    assert compiled[-1].source()


MODELS = {name: case for name, case in CASES.items() if case.job == "model"}


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # which torch.func itself calls
@pytest.mark.usefixtures("_jax_stays_as_it_was")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("contender", ["autograd_lite", "jax", "autograd"])
def test_derivatives_of_a_model_are_pytorchs(contender: str, name: str) -> None:
    assert MODELS[name].problem is not None
    problem = MODELS[name].problem()
    got, expected = first_run(contender, "model", problem), first_run("torch", "model", problem)
    assert got.keys() == expected.keys()
    digits = 1e-5 if all(a.dtype == np.float32 for a in problem.inputs.values()) else 1e-9
    for key, a in expected.items():
        assert got[key].shape == a.shape, key
        np.testing.assert_allclose(got[key], a, rtol=0, atol=digits * np.max(np.abs(a)), err_msg=key)
    assert MODELS[name].rtol == digits


@pytest.mark.parametrize("name", SMALL)
def test_derivatives_of_a_model_are_those_of_differences(name: str) -> None:
    """Those of its value for gradients, and of its gradient for second derivatives, along one direction."""
    problem, rng, h = SMALL[name], np.random.default_rng(0), 1e-5
    got = first_run("autograd_lite", "model", problem)
    f, inputs = problem.function(np), list(problem.inputs.values())
    along = [rng.normal(size=a.shape) for a in inputs]
    if problem.direction is not None:
        along = [problem.direction]
    sides = [[a + step * v for a, v in zip(inputs, along, strict=True)] for step in (h, -h)]
    if problem.want != "hvp":
        slope = sum((got[key] * v).sum() for key, v in zip(problem.inputs, along, strict=True))
        assert slope == pytest.approx((f(*sides[0]) - f(*sides[1])) / (2 * h), rel=1e-6)
    if problem.want != "gradient":
        ag = pytest.importorskip("autograd_lite")
        curved = got["hvp"] if problem.want == "hvp" else got["hessian"] @ along[0]
        ahead, behind = (ag.grad(f)(*side) for side in sides)
        np.testing.assert_allclose(curved, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-6)


def test_every_model_has_a_twin_in_pytorch_and_two_in_scans() -> None:
    pytest.importorskip("torch")
    twins = import_module("benchmarks.contenders.torch_models").LOSSES
    assert twins.keys() == SMALL.keys() == {problem.name for problem in SMALL.values()}
    pytest.importorskip("jax")
    assert import_module("benchmarks.contenders.jax_models").SCANNED.keys() < twins.keys()


def test_reset_brings_the_first_state_back() -> None:
    module = import_module("benchmarks.contenders.numpy")
    for job, problem in (("tiny_mlp", problems.tiny()), ("mlp_step", problems.random_mlp(12, 7, 8, 3, batch=12))):
        prepared = getattr(module, job)(problem)
        losses = []
        for _ in range(2):
            prepared.reset()
            losses.append([prepared.run() for _ in range(3)])
        assert losses[0] == losses[1]
        assert losses[0][0] > losses[0][2]


@pytest.mark.parametrize("name", CASES)
def test_the_table_is_sound(name: str) -> None:
    case = CASES[name]
    for contender in case.contenders:
        assert contender in CONTENDERS
        source = (FOLDER / f"{CONTENDERS[contender].module or contender}.py").read_text(encoding="utf-8")
        assert not case.job or f"def {case.job}(" in source or f"{case.job} = " in source
    assert (case.problem is not None) == (case.mode in ("steady", "peak"))
    sides = {side for goal in case.goals for side in goal.removesuffix(f", {case.unit}").split(" / ")}
    assert case.mode == "probe" or sides <= {*case.contenders, BEFORE}
    assert not case.beside or CASES[case.beside].contenders


def outcome_of(times: Mapping[str, list[float]], **fields) -> report.Outcome:
    case = Case("about", "chain", tuple(times), "µs/op", goals={"torch": 1.0, "numpy": 2.0})
    return report.Outcome(case, {who: report.Record({"time": list(t)}) for who, t in times.items()}, **fields)


TIMES = {"autograd_lite": [2.0, 4.0, 6.0], "numpy": [1.0, 4.0, 2.0], "torch": [4.0, 16.0, 8.0]}


def test_ratios_are_paired_by_round() -> None:
    found = report.ratios(outcome_of(TIMES).records)
    assert found.keys() == {"autograd_lite"}
    assert found["autograd_lite"] == {
        "numpy": report.Spread(2.0, 1.5, 2.5),  # 2, 1, 3
        "torch": report.Spread(0.5, 0.375, 0.625),  # 0.5, 0.25, 0.75
    }
    assert report.Spread.of([5.0]) == report.Spread(5.0, 5.0, 5.0)


def test_table_prints_ratios_and_goals() -> None:
    text = report.table("some_case", outcome_of(TIMES | {"numpy": [0.5, 2.0, 1.0]}))
    lines = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "autograd_lite / it" in text
    assert "3 rounds" in text
    assert lines["torch"].split("  ")[-2:] == ["0.5 (0.375 to 0.625)", "ok: goal 1"]
    assert lines["numpy"].split("  ")[-2:] == ["4 (3 to 5)", "OVER: goal 2"]


def test_the_table_of_goals_tells_what_is_met() -> None:
    outcome = outcome_of(TIMES | {"autograd_lite_compiled": [1.0, 3.0, 2.0]})
    bounds = {"autograd_lite": 0.6, "numpy": 0.9, "torch": 0.1, "jax": 1.0}
    peers = {f"autograd_lite_compiled / {peer}": bound for peer, bound in bounds.items()}
    verdicts = {}
    for either in (False, True):
        outcome.case = replace(outcome.case, goals=peers, either=either, beside="other")
        probe = report.Outcome(Case("about", "job", (), "", mode="probe", goals={"ms": 3.0}))
        probe.records["autograd_lite_compiled"] = report.Record({"ms": [4.0, 5.0]})
        text = goals.table(report.as_json({"some_case": outcome, "other": outcome_of(TIMES), "a_probe": probe}))
        rows = [re.split(r"  +", line.strip()) for line in text.splitlines()]
        verdicts[either] = [row[-1] for row in rows[1:-1]]
    assert verdicts[False] == ["met", "MISSED", "MISSED", "not measured", "MISSED"]
    assert verdicts[True] == ["met", *["the other is met"] * 3, "MISSED"]
    assert rows[1] == ["some_case", "autograd_lite_compiled / autograd_lite", "0.6", "0.5 (0.417 to 0.625)", "met"]
    assert rows[-2] == ["a_probe", "ms", "3", "4.5 (4.25 to 4.75)", "MISSED"]
    assert rows[-1] == ["4 of 5 goals are met"]


def test_ratios_are_published_beside_those_that_rest_on_them() -> None:
    outcome = outcome_of(TIMES)
    outcome.case = replace(outcome.case, goals={"autograd_lite / torch": 1.0}, beside="products")
    text = goals.table(report.as_json({"some_case": outcome, "products": outcome_of(TIMES)}))
    assert text.splitlines()[1].endswith("met  0.5 (0.375 to 0.625) in products")
    assert goals.chosen().index("mlp_epoch") < goals.chosen().index("mlp_products")
    assert {"import_time", "plan_time", "cnn_memory"} < set(goals.chosen())
    assert not {"sgd_update", "gru_step", "fit_overhead"} & set(goals.chosen())


def test_a_busy_machine_is_reported() -> None:
    assert "others used 1.5 cores" in report.table("some_case", outcome_of(TIMES, busy=[1.0, 2.0]))
    assert "others used" not in report.table("some_case", outcome_of(TIMES, busy=[0.0, 0.1]))
    busy = load.rest(0.01)
    assert busy is None or busy >= 0


def test_json_carries_the_machine_and_every_round() -> None:
    data = report.as_json({"some_case": outcome_of(TIMES)})
    assert {"date", "cpu", "cores", "python", "numpy", "blas"} <= data["machine"].keys()
    case = data["cases"]["some_case"]
    assert case["contenders"]["torch"]["numbers"] == {"time": TIMES["torch"]}
    assert case["ratios"]["autograd_lite"]["torch"]["median"] == 0.5


def test_a_missing_contender_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTENDERS, "torch", Contender("no_such_package"))
    outcome = run.run_case("tiny_mlp", rounds=1, only=["torch"])
    assert outcome.sound
    assert outcome.records == {}
    assert "  - torch: skipped: no_such_package is not installed" in report.table("tiny_mlp", outcome)


def test_cold_cases_ask_for_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(problems.DATA_VARIABLE, raising=False)
    assert "AUTOGRAD_LITE_DATA" in (run.missing("numpy", CASES["cold_start"]) or "")
    assert run.missing("numpy", CASES["tiny_mlp"]) is None


def test_a_worker_serves_rounds() -> None:
    outcome = run.run_case("tiny_mlp", rounds=2, only=["numpy"])
    assert outcome.sound
    assert len(outcome.records["numpy"].times) == 2
    assert outcome.records["numpy"].values.keys() == {"loss", *problems.tiny().weights}
    assert outcome.records["numpy"].info["version"] == np.__version__


def test_before_takes_the_packages_of_another_checkout(tmp_path: Path) -> None:
    package = tmp_path / "autograd_lite"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('an older one')")
    outcome = run.run_case("tiny_mlp", rounds=1, only=["numpy"], before=tmp_path)
    assert outcome.failed == {"before": "RuntimeError: an older one"}
    assert outcome.records.keys() == {"numpy"}


def test_a_broken_contender_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(run.ContenderError, match="ModuleNotFoundError"):
        run.Worker("no_such_module", "tiny_mlp")
    monkeypatch.setitem(CASES, "broken", Case("about", "tiny_mlp", ("numpy",), "s", mode="probe"))
    outcome = run.run_case("broken", rounds=1)  # the worker's own table has no such case
    assert not outcome.sound
    assert "! numpy FAILED" in report.table("broken", outcome)


def test_values_that_differ_are_reported() -> None:
    a = problems.digest({"loss": 1.0, "g": np.arange(4.0)})
    assert problems.disagreements(a, problems.digest({"loss": 1.0 + 1e-9, "g": np.arange(4.0)}), 1e-6) == []
    assert problems.disagreements(a, problems.digest({"loss": 1.1, "g": np.arange(4.0)[::-1]}), 1e-6) == ["loss", "g"]
    assert problems.disagreements(a, problems.digest({"loss": np.nan}), 1e-6) == ["loss"]
    outcome = outcome_of(TIMES)
    outcome.records["torch"].wrong = ["loss"]
    assert not outcome.sound
    assert "! torch DISAGREES with the reference in: loss" in report.table("some_case", outcome)


def test_a_round_is_divided_by_runs_and_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([10.0, 22.0])
    monkeypatch.setattr(worker.time, "perf_counter", lambda: next(ticks))
    done: list[str] = []
    job = problems.Job(lambda: done.append("run") or 0.5, lambda: {}, lambda: done.append("reset"))
    case = Case("about", "chain", ("numpy",), "s", per_run=3, repeat=2, warm=4)
    answer = worker.timed_round(case, problems.chain(1, links=1), job)
    assert answer["seconds"] == 12.0 / (3 * 2)
    # The values are of the first run: after many, rounding alone would tell processors apart.
    assert done == ["reset", *["run"] * 4, "reset", *["run"] * 2, "reset", "run"]
    assert answer["values"] == {"loss": (0.5, 0.5)}
    done.clear()
    monkeypatch.undo()
    worker.timed_round(Case("about", "chain", ("numpy",), "s"), problems.chain(1, links=1), job)
    assert done == ["reset", "run"]


@pytest.mark.parametrize("argv", [["no_such_case"], ["--contenders", "no_such_one"], ["--rounds", "0"]])
def test_the_command_line_refuses_what_it_does_not_know(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.arguments(argv)
    assert "unknown" in (message := capsys.readouterr().err) or "--rounds must be" in message


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the high-water mark is read from Linux itself")
def test_the_peak_of_memory_is_what_a_run_takes_at_its_highest() -> None:
    def run() -> float:
        large = np.ones(64 << 17)  # 64 MiB
        return float(large[-1])

    job = problems.Job(run, dict, lambda: None)
    module = types.SimpleNamespace(job=lambda problem: job)
    case = Case("about", "job", (), "MiB", repeat=2, warm=1, mode="peak", problem=problems.tiny)
    assert 60 < worker._peak(module, case) / 2**20 < 80  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["logistic", "mlp_step"])
def test_data_of_real_size_do_not_keep_code_from_being_compiled(name: str) -> None:
    """A `CompileWarning` would be an error."""
    case = CASES[name]
    compiled: list[Any] = []

    def through(f: Any) -> Any:
        compiled.append(ag.compile(f))
        return compiled[-1]

    module = "autograd_lite_loop" if name == "mlp_step" else "autograd_lite"
    job = getattr(import_module(f"benchmarks.contenders.{module}"), case.job)(case.problem(), through)
    for _ in range(4):
        job.run()
    assert all(trace.replay is not None for f in compiled for trace in f.traces)
