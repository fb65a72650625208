"""The harness for libraries that use HIPS autograd: it compares by test, counts time, and runs parts of three."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import types
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from autograd_lite.extend import cache_folder
from benchmarks.dependents import __main__ as harness, dependents_plugin as plugin
from benchmarks.dependents.suites import SUITES, Suite

BOTH, HIPS, OURS, NEITHER = (True, True), (True, False), (False, True), (False, False)


def outcomes(**given: str) -> harness.Tests:
    lines = [{"test": t, "outcome": how, "seconds": 1.0, "calls": 1, "text": ""} for t, how in given.items()]
    return harness.read(map(json.dumps, lines))


def test_tests_are_compared_by_their_ids():
    hips = outcomes(a="passed", b="passed", c="failed", d="failed", e="skipped", f="passed")
    ours = outcomes(a="passed", b="failed", c="passed", d="failed", e="skipped", g="passed")
    found = harness.Comparison(Suite("x", "1", (), reasons={"b*": "because"}), hips, ours)
    assert [found.passing(*kind) for kind in (BOTH, HIPS, OURS, NEITHER)] == [["a"], ["b", "f"], ["c", "g"], ["d"]]
    assert found.reasons() == {"b": "because", "f": harness.UNEXPLAINED}
    assert found.seconds() == (1.0, 1.0)
    assert harness.table([found]).endswith("| x 1 | 1 | 2 | 2 | 1 | 0 | 1.00 s | 1.00 s | 1.00 |")
    assert "  f: not explained\n      it was not collected" in harness.report([found])


def test_rounds_keep_the_least_time_and_every_failure():
    first, second = outcomes(a="passed", b="passed", c="failed"), outcomes(a="passed", b="failed", c="passed")
    second["a"].seconds = 0.5
    found = harness.merged([first, second])
    assert {test: how.outcome for test, how in found.items()} == {"a": "passed", "b": "failed", "c": "failed"}
    assert found["a"].seconds == 0.5


def test_what_a_time_limit_cuts_off_is_not_compared():
    lines = [
        {"test": "a", "outcome": "unreached"},
        {"test": "b", "outcome": "unreached"},
        {"test": "c", "outcome": "unreached"},
        {"test": "a", "outcome": "started"},
        {"test": "a", "outcome": "passed"},
        {"test": "b", "outcome": "started"},
    ]
    cut, crashed = (harness.read(map(json.dumps, lines), crashed) for crashed in (False, True))
    hips = outcomes(a="passed", b="passed", c="passed")
    found = harness.Comparison(Suite("x", "1", ()), hips, cut)
    assert [found.passing(*kind) for kind in (BOTH, HIPS, OURS, NEITHER)] == [["a"], [], [], []]
    assert found.unreached() == ["b", "c"]
    assert "| x 1 | 1 | 0 | 0 | 0 | 2 |" in harness.table([found])
    assert harness.Comparison(found.suite, hips, crashed).passing(*HIPS) == ["b", "c"]
    for rounds in ([cut, hips], [hips, cut]):
        assert {how.outcome for how in harness.merged(rounds).values()} == {"passed"}


@pytest.mark.ci
def test_a_run_that_meets_its_limit_says_how_far_it_came(tmp_path, capfd):
    (tmp_path / "test_slow.py").write_text(
        "import time\ndef test_a(): pass\ndef test_b(): time.sleep(60)\ndef test_c(): pass\n", encoding="utf-8"
    )
    found = harness.run(Suite("slow", "1", ("test_slow.py",)), tmp_path, "ours", 20)
    assert [how.outcome for how in found.values()] == ["passed", "unreached", "unreached"]
    assert "slow with ours ended after 1 of 3 tests: it took longer than 20 s" in capfd.readouterr().err


class Time:
    """Time that passes only when the test says so."""

    now = 0.0

    def work(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def fake() -> tuple[Time, plugin.Clock, Any]:
    """A module with a `make_vjp`, a `grad` made of it, and a `defvjp`, wrapped by a clock."""
    time, module, rules = Time(), types.ModuleType("fake"), {}

    def make_vjp(f):
        def at(x):
            time.work(1)
            y = f(x)
            return (lambda g: (time.work(2), rules[f](y)(g) if f in rules else g)[1]), y

        return at

    def grad(f):
        return lambda x: module.make_vjp(f)(x)[0](1.0)

    def defvjp(f, *given, argnums=None):
        rules[f] = given[0]

    def primitive(f):
        return f

    module.make_vjp, module.grad, module.defvjp, module.primitive = make_vjp, grad, defvjp, primitive
    clock = plugin.Clock(time)
    clock.install([module])
    return time, clock, module


def test_the_clock_counts_entry_points_with_what_they_call(fake):
    time, clock, module = fake

    def f(x):
        time.work(10)
        return x

    derivative = module.grad(f)
    time.work(1000)  # outside
    derivative(3.0)
    assert (clock.seconds, clock.calls) == (13, 2)  # making the function, and calling it; the inner make_vjp is inside
    back, _ = module.make_vjp(f)(3.0)
    time.work(1000)
    assert clock.seconds == 24
    assert back(7.0) == 7.0
    assert clock.seconds == 26  # the pullback, called later


def test_the_clock_stops_in_users_rules_and_their_pullbacks(fake):
    time, clock, module = fake

    def f(x):
        return x

    module.defvjp(f, lambda y: (time.work(100), lambda g: (time.work(100), 5.0 * g)[1])[1], argnums=(0,))
    assert module.grad(f)(3.0) == 5.0
    assert clock.seconds == 3


def test_the_clock_stops_in_users_primitives(fake):
    time, clock, module = fake
    f = module.primitive(lambda x: (time.work(100), x)[1])
    assert f(3.0) == module.grad(f)(3.0) + 2.0
    assert clock.seconds == 3


def test_the_clock_goes_on_as_before_after_an_error(fake):
    time, clock, module = fake

    def f(x):
        time.work(10)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        module.grad(f)(3.0)
    time.work(1000)
    assert clock.seconds == 11


def test_wrapped_functions_are_the_same_in_every_module(fake):
    _, clock, _ = fake
    grad = functools.partial(lambda x: x).func
    one, other = types.ModuleType("one"), types.ModuleType("other")
    one.grad = other.grad = grad
    clock.install([one, other])
    assert one.grad is other.grad is not grad


def test_every_reason_and_version_is_stated():
    for suite in SUITES:
        assert suite.version
        assert suite.tests
        assert all(len(reason) > 10 for reason in suite.reasons.values())


def test_a_folder_is_found_by_name(tmp_path):
    for name in ("autograd-gamma-main", "autograd-1.9.1", "autograd_gamma_notes"):
        (tmp_path / name).mkdir()
    found = {suite.name: suite for suite in SUITES}
    assert harness.folder_of(found["autograd"], tmp_path).name == "autograd-1.9.1"
    assert harness.folder_of(found["autograd-gamma"], tmp_path).name == "autograd-gamma-main"


# What `dev.py ci` runs, with this library alone, of the suites whose source distributions carry tests: how many pass,
# and which part it is.
PARTS: dict[str, tuple[int, list[str]]] = {
    "autograd": (620, []),
    # The simplex method calls no gradient, and Jacobians of 5000 x 5000 numbers take the time of all others.
    "pymanopt": (329, ["-k=not NelderMead and not (TestSphereManifold and test_euclidean_to_riemannian_hessian)"]),
    "lifelines": (35, ["-k=TestWeibull or TestExponentialFitter or TestLogNormalAFT or TestLogLogisticAFT"]),
}


def part_run(name: str, path: Path) -> harness.Tests | Exception:
    """The tests of a part, or why they cannot be run."""
    suite = next(suite for suite in SUITES if suite.name == name)
    if absent := [module for module in suite.needs.split() if importlib.util.find_spec(module) is None]:
        return ModuleNotFoundError(f"its tests need {', '.join(absent)}")
    try:
        for other in SUITES:
            if other.name in suite.beside:
                harness.folder_of(other, path, exact=True)
        folder = harness.folder_of(suite, path, exact=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return error
    return harness.run(suite, folder, "ours", 600, PARTS[name][1])


@pytest.fixture(scope="module")
def part_runs() -> Iterator[dict[str, Future[harness.Tests | Exception]]]:
    """The parts on two cores, the longest first."""
    path = cache_folder("dependents")
    path.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(part_run, name, path) for name in PARTS}


@pytest.mark.ci
@pytest.mark.parametrize("name", PARTS)
def test_what_passes_with_hips_passes_here(name: str, part_runs: dict[str, Future[harness.Tests | Exception]]) -> None:
    suite = next(suite for suite in SUITES if suite.name == name)
    found = part_runs[name].result()
    if isinstance(found, Exception):
        reason = f"{name} was not run: {found} {getattr(found, 'stderr', '')}"
        if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") == "1":
            pytest.fail(f"AUTOGRAD_LITE_REQUIRE_PEERS=1 promises it, yet: {reason}")
        pytest.skip(reason)
    failed = {test: how for test, how in found.items() if how.outcome not in ("passed", "skipped")}
    known = [*suite.reasons, *suite.broken]
    assert {t: how.text for t, how in failed.items() if not any(fnmatchcase(t, pattern) for pattern in known)} == {}
    assert sum(how.outcome == "passed" for how in found.values()) >= PARTS[name][0]
