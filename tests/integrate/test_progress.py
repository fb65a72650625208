"""The bar on the time: what it shows, that it is gone in the end, and Ctrl-C."""

from __future__ import annotations

import io
import re
import signal
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.integrate import progress, solve_ivp
from autograd_lite.integrate.progress import Interrupted, progress_of


class Screen(io.StringIO):
    """A terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """Return what is to be seen: a carriage return begins a line again, over what is there."""
        seen = []
        for written in self.getvalue().split("\n"):
            line = ""
            for part in written.split("\r"):
                line = part + line[len(part) :]
            seen.append(line.rstrip())
        return seen


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_EVERY", 0.0)


def test_a_terminal_shows_a_bar_that_goes_away(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_of(True, 2.0, -2.0) as report:
        assert report is not None
        report(1.0)
        assert screen.lines()[0].startswith(" 25% ██▌ ")
        assert "t = 1 of -2" in screen.lines()[0]
        report(-1.0, -0.012, 1234, 5)
        assert " 75% " in screen.lines()[0]
        assert "t = -1 of -2, step 1.2e-02, 1,234 steps, 5 rejected" in screen.lines()[0]
    assert screen.lines() == [""]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_goes_away_after_an_error(
    error: type[BaseException], at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    def solve() -> None:
        with progress_of(True, 0.0, 1.0) as report:
            assert report is not None
            report(0.5)
            assert screen.lines() != [""]
            raise error

    with pytest.raises(error):
        solve()
    assert screen.lines() == [""]


def test_elsewhere_there_is_a_line_for_each_tenth(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    with progress_of(True, 0.0, 1.0) as report:
        assert report is not None
        for k in range(1, 101):
            report(k / 100)
    lines = file.getvalue().splitlines()
    assert [line.strip().partition("%")[0] for line in lines] == [str(10 * k) for k in range(1, 11)]
    assert "\r" not in file.getvalue()


def test_a_notebook_has_one_output_which_is_empty_in_the_end(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def display(content: dict[str, str], **_: Any) -> Any:
        shown.append(content["text/plain"])
        return SimpleNamespace(update=lambda content, raw: shown.append(content["text/plain"]))

    ipython, module = ModuleType("IPython"), ModuleType("IPython.display")
    vars(ipython).update(get_ipython=lambda: SimpleNamespace(kernel=None))
    vars(module).update(display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    with progress_of(True, 0.0, 1.0) as report:
        assert report is not None
        report(0.25)
        report(0.5)
    assert [text[:4] for text in shown] == [" 25%", " 50%", ""]


def test_short_solves_show_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_of(True, 0.0, 1.0) as report:
        assert report is not None
        report(0.5)
    assert screen.getvalue() == ""


def test_an_interrupt_has_the_result() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"t = 0\.5") as caught:
        raise Interrupted("solve_ivp: interrupted at t = 0.5", {"status": -2})
    assert getattr(caught.value, "result", None) == {"status": -2}


def test_a_function_is_called_in_its_place() -> None:
    calls: list[float] = []
    with progress_of(lambda t, *more: calls.append(t), 0.0, 1.0) as report:
        assert report is not None
        report(0.5, 0.1, 3, 1)
    assert calls == [0.5]


@pytest.mark.parametrize("method", ["RK45", "BDF", "Radau", "Tsit5", "Rodas5P"])
def test_what_was_solved_is_left_after_an_interrupt(method: str) -> None:
    def stop(t: float, *more: Any) -> None:
        if t > 3:
            signal.raise_signal(signal.SIGINT)

    def solve(**options: Any) -> Any:
        return solve_ivp(lambda t, y: [y[1], -y[0]], (0, 200), y0, method, rtol=1e-6, atol=1e-8, **options)

    y0 = ag.tensor([1.0, 0.0], requires_grad=True)
    with pytest.raises(KeyboardInterrupt, match=r"^solve_ivp: interrupted at t = ") as caught:
        solve(progress=stop)
    assert isinstance(caught.value, Interrupted)
    left, whole = caught.value.result, solve()
    count = len(left.t)
    assert (left.status, left.success) == (-2, False)
    assert type(left.y) is np.ndarray
    assert 3 < left.t[-1] < 200
    np.testing.assert_array_equal(left.t, whole.t[:count])
    np.testing.assert_array_equal(left.y, whole.y.numpy()[:, :count])
    assert whole.status == 0


def test_solve_ivp_shows_a_bar(at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    solve_ivp(lambda t, y: -y, (0, 5), [1.0], progress=True)
    assert re.search(r"t = [\d.]+ of 5, step \d\.\de[-+]\d\d, \d+ steps, 0 rejected", screen.getvalue())
    assert screen.lines() == [""]
