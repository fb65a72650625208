"""The step player: every number that it shows is NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Program, build_graph, explain

from .conftest import Open, Shown, serious

pytestmark = pytest.mark.ci

X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 1.5]])
Y = np.array([[0.3], [0.1], [0.9]])
W = np.array([[0.2, -0.4, 0.1], [0.5, 0.3, -0.2]])
B = np.array([0.1, -0.1, 0.05])
V = np.array([[0.7], [-0.3], [0.2]])


def small() -> tuple[Any, Any]:
    x, y = ag.tensor(X, name="x"), ag.tensor(Y, name="y")
    w, b, v = (ag.tensor(a, requires_grad=True, name=n) for a, n in ((W, "W"), (B, "b"), (V, "v")))
    with ag.record_source():
        error = np.tanh(x @ w + b) @ v - y
        loss = (error * error).mean()
    loss.name = "loss"
    return Program.build(loss, backward=True), explain(loss)


def numpys() -> dict[str, np.ndarray]:
    h = np.tanh(X @ W + B)
    g = 2 * (h @ V - Y) / 3
    d = (g @ V.T) * (1 - h * h)
    return {"W": X.T @ d, "b": d.sum(axis=0), "v": h.T @ g}


@pytest.fixture
def player(shown: Open) -> Shown:
    program, told = small()
    return shown(program.measure(), explain=told).open()


def tables(page: Shown) -> dict[str, np.ndarray]:
    """Return the numbers that are seen, with all their digits, by what they are."""
    found = page.page.evaluate(
        """() => [...document.querySelectorAll('#step .numbers')].map((f) => [f.dataset.what,
          [...f.querySelectorAll('tr')].map((r) => [...r.querySelectorAll('td')].map((d) => d.dataset.value))])"""
    )
    return {what: np.array(rows, dtype=float) for what, rows in found}


def forth(page: Shown) -> bool:
    at = page.page.inner_text("#count")
    page.page.click("#forth")
    return page.page.inner_text("#count") != at


def test_the_gradients_are_numpys(player: Shown) -> None:
    seen = {}
    while True:
        if "gradient" in (found := tables(player)):
            seen[player.page.inner_text("#step .step-title code")] = found["gradient"]
        if not forth(player):
            break
    assert seen.keys() == numpys().keys()
    for name, wanted in numpys().items():
        np.testing.assert_allclose(seen[name].reshape(wanted.shape), wanted, rtol=1e-13)


def test_every_step_shows_the_values_of_the_program(player: Shown) -> None:
    program, told = small()
    values = {i: np.asarray(v) for i, v in program.values().items()}
    for made in told.forward:
        np.testing.assert_array_equal(tables(player)["value"].ravel(), values[made.id].ravel())
        forth(player)
    for step in told.steps:
        found = tables(player)
        assert found["incoming"].size
        np.testing.assert_array_equal(found["incoming"].ravel(), values[program.graph.cotangents[step.op]].ravel())
        wanted = values[step.contribution.id]
        np.testing.assert_array_equal(found["contribution"].ravel(), wanted.ravel())
        if step.uses > 1:
            np.testing.assert_array_equal(found["total"].ravel(), values[step.total.id].ravel())
        assert step.rule in player.page.inner_text("#step")
        forth(player)


def test_what_is_told_of_stands_out_in_the_picture(player: Shown) -> None:
    _, told = small()
    for _ in told.forward:
        forth(player)
    for step in told.steps:
        lit = set(
            player.page.evaluate("[...document.querySelectorAll('#picture .node.step')].map((g) => g.dataset.id)")
        )
        assert {step.op, step.into, f"{step.op}'"} <= lit
        forth(player)


def test_the_slider_the_keys_and_the_buttons_agree(player: Shown) -> None:
    page = player.page
    many = int(page.get_attribute("#slider", "max")) + 1
    player.press("]", "]")
    assert page.inner_text("#count") == f"3 / {many}"
    player.press("[")
    assert page.input_value("#slider") == "1"
    page.fill("#slider", "5")
    assert page.inner_text("#count") == f"6 / {many}"
    page.click("#first")
    page.click("#back")
    assert page.inner_text("#count") == f"1 / {many}"


def test_it_plays(player: Shown) -> None:
    player.page.click("#play")
    player.page.wait_for_function("() => document.querySelector('#count').textContent.startsWith('2 ')", timeout=5000)
    player.page.click("#play")
    at = player.page.inner_text("#count")
    player.page.wait_for_timeout(1900)
    assert player.page.inner_text("#count") == at


# ---- one row, told by the graph itself ------------------------------------------------------------------------------


def row_of(page: Shown) -> str:
    return page.page.inner_text("#row")


def test_a_graph_plays_without_an_explanation(shown: Open) -> None:
    a, b = (ag.tensor(v, requires_grad=True, name=n) for v, n in ((2.0, "a"), (-3.0, "b")))
    product = a * b + a
    product.name = "L"
    page = shown(build_graph(product, backward=True, measured=True), size=(1000, 480)).open()
    lit = "[...document.querySelectorAll('#picture .node.step')].map((g) => g.dataset.id)"
    assert "Step through the forward pass" in row_of(page)
    assert page.page.evaluate(lit) == []
    said = []
    while forth(page):
        said.append(" ".join(row_of(page).split()))
        assert page.page.evaluate(lit)
    assert said == [
        "Forward a * b = -6",
        "Forward L = n2 + a = -4",
        "Backward from L to multiply: g = 1",
        "Backward from L to a: g = 1",
        "Backward from multiply to a: g * b = -3, where g = 1",
        "Backward from multiply to b: g * a = 2, where g = 1",
        "Gradient a.grad = -2",
        "Gradient b.grad = 2",
    ]
    page.press("Escape")
    assert "Step through the forward pass" in row_of(page)
    assert page.page.evaluate("document.querySelector('#player').offsetHeight") < 56
    large = shown(step_of(200)).open()
    assert large.page.evaluate("document.querySelector('#player').hidden")


def step_of(length: int) -> Any:
    x = ag.tensor(1.0, requires_grad=True, name="x")
    for i in range(length):
        x = x * (1 + i / 7) + x
    return build_graph(x)


def test_in_a_low_window_an_explanation_is_one_row_until_asked(shown: Open) -> None:
    program, told = small()
    page = shown(program.measure(), explain=told, size=(1000, 480)).open()
    assert not page.page.is_visible("#step")
    for _ in told.forward:
        forth(page)
    assert told.steps[0].rule in row_of(page)
    page.page.click("text=Details")
    assert page.page.is_visible("#step")
    assert not page.page.is_visible("#row")
    assert told.steps[0].rule in page.page.inner_text("#step")


def test_axe_finds_nothing_serious_in_the_player(player: Shown, axe: str) -> None:
    for _ in range(14):
        forth(player)
    assert not serious(player, axe)
