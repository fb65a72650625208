"""The page in a real browser: overlays, differences, moving about, light and dark, accessibility, notebooks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, build_graph, diff, find_nan, view_of
from autograd_lite.graph.marks import Mark, Overlay

from ...large import transformer
from ...samples import HOSTILE
from .conftest import Open, Shown, serious

pytestmark = pytest.mark.ci


# ---- overlays -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["flops", "saved", "bytes"])
@pytest.mark.parametrize("mode", ["both", "forward", "backward"])
def test_the_numbers_add_up_to_the_total_shown(shown: Open, step: Graph, by: str, mode: str) -> None:
    page = shown(step).open()
    page.mode(mode)
    if not page.page.locator(f'#overlay option[value="{by}"]').count():
        pytest.skip("nothing to show")
    wanted = sum(
        v
        for n, v in zip(step, step.cost(by=by).numbers, strict=True)
        if mode == "both" or n.backward == (mode == "backward")
    )
    for depth in ("0", "1", "2"):
        page.page.select_option("#depth", depth)
        page.page.select_option("#overlay", by)
        amounts = page.page.evaluate(
            "[...document.querySelectorAll('#picture [data-amount]')].map((g) => +g.dataset.amount)"
        )
        total = page.page.get_attribute("#total", "data-total")
        assert sum(amounts) == float(total or 0) == wanted


def test_marks_are_drawn_with_their_signs(shown: Open, mlp: Graph) -> None:
    marks = {"n2": Mark("added", "+"), "n4": Mark("removed", "−"), "n7": Mark("changed", "~", "axis 0 → 1")}
    page = shown(mlp, diff=Overlay("what changed", ("1 added, 1 removed, 1 changed",), marks)).open()
    for node_id, mark in marks.items():
        box = page.page.locator(f'#picture .node[data-id="{node_id}"]')
        assert f"look-{mark.look}" in (box.get_attribute("class") or "")
        assert box.locator(".badge-text").text_content() == mark.badge
    assert "axis 0 → 1" in page.page.text_content('#picture .node[data-id="n7"]')
    assert "1 added, 1 removed, 1 changed" in page.page.inner_text("#caption")


def test_a_group_says_how_many_of_its_operations_differ(shown: Open) -> None:
    graph = build_graph(transformer(12))
    group = max((box for box in view_of(graph).nodes if box.members), key=lambda box: len(box.members))
    ops = [i for i in group.members if graph[i].computes]
    marks = {i: Mark("removed", "− removed") for i in ops[:9]} | {ops[20]: Mark("changed", "~ changed")}
    page = shown(graph, diff=Overlay("what changed", (), marks)).open()
    said = page.page.eval_on_selector_all("#picture .node", "(gs) => gs.map((g) => g.textContent)")
    assert any(f"9 of {len(ops)} removed, 1 changed" in text and f"− 9 of {len(ops)}" in text for text in said)
    assert not page.page.query_selector_all("#picture .look-removed")


def net(tanh: bool) -> ag.Tensor:
    x = ag.tensor(np.ones((4, 8)), name="x")
    h = x @ ag.tensor(np.ones((8, 3)), requires_grad=True, name="w")
    loss = ((np.tanh(h) * 2.0) if tanh else ag.relu(h)).sum()
    loss.name = "loss"
    return loss


@pytest.mark.parametrize("backward", [False, True])
def test_a_difference_shows_both_graphs(shown: Open, backward: bool) -> None:
    before, after = (build_graph(net(tanh), backward=backward) for tanh in (False, True))
    found = diff(before, after)
    page = shown(after, diff=found).open()
    page.mode("forward") if backward else None
    said = {
        look: page.page.eval_on_selector_all(f"#picture .look-{look}", "(gs) => gs.map((g) => g.textContent)")
        for look in ("added", "removed")
    }
    assert any("tanh" in text and "+" in text for text in said["added"])
    assert any("relu" in text and "−" in text for text in said["removed"])
    assert found.summary() in page.page.inner_text("#caption")


def test_the_origin_of_nan_is_shown_at_once(shown: Open) -> None:
    with ag.record_source(), np.errstate(all="ignore"):
        x = ag.tensor(np.ones((2, 2)), requires_grad=True, name="x")
        for i in range(60):
            with ag.extend.module_scope(f"part_{chr(97 + i % 26)}{i}.inner"):
                x = np.log(x * 0.0) if i == 40 else np.sin(x) * 1.5 if i % 2 else np.cos(x) + 0.1 * i
        loss = x.sum()
        report = find_nan(loss)
    assert report is not None
    page = shown(build_graph(loss, backward=True), overlay=report.overlay()).open()
    (origin,) = page.page.eval_on_selector_all("#picture .look-origin", "(gs) => gs.map((g) => g.dataset.id)")
    assert page.page.locator(f'.node[data-id="{origin}"]').text_content().strip().startswith("log")


# ---- moving ---------------------------------------------------------------------------------------------------------


def seen_at(page: Shown) -> tuple[float, float, float]:
    """Return where the picture stands, and how large."""
    move = page.page.get_attribute("#world", "transform")
    x, y, k = map(float, re.findall(r"-?[\d.]+", move))
    return x, y, k


def test_zoom_and_pan(shown: Open, mlp: Graph) -> None:
    page = shown(mlp).open()
    page.page.mouse.move(600, 400)
    x, y, k = seen_at(page)
    page.page.mouse.wheel(0, -300)
    page.page.wait_for_function(
        "(k) => !document.querySelector('#world').getAttribute('transform').endsWith(k)", arg=f"scale({k:.4f})"
    )
    x2, y2, k2 = seen_at(page)
    assert k2 > k * 1.2
    # What was under the pointer is under it still: the canvas begins below the bar.
    top = page.page.evaluate("document.querySelector('#picture').getBoundingClientRect().top")
    assert (600 - x) / k == pytest.approx((600 - x2) / k2, abs=0.6)
    assert (400 - top - y) / k == pytest.approx((400 - top - y2) / k2, abs=0.6)
    page.page.mouse.move(60, 300)
    page.page.mouse.down()
    page.page.mouse.move(100, 350, steps=4)
    page.page.mouse.up()
    x3, y3, k3 = seen_at(page)
    assert (round(x3 - x2), round(y3 - y2), k3) == (40, 50, k2)
    page.page.click("#out")
    assert seen_at(page)[2] < k3
    page.page.click("#minimap", position={"x": 90, "y": 100})
    assert seen_at(page)[1] < y3


def test_two_fingers(shown: Open, mlp: Graph) -> None:
    page = shown(mlp).open()
    k = seen_at(page)[2]
    page.page.evaluate(
        """() => {
          const svg = document.querySelector('#picture');
          const at = (x) => ({clientX: x, clientY: 300, bubbles: true, button: 0});
          const send = (type, id, x) => svg.dispatchEvent(new PointerEvent(type, {pointerId: id, ...at(x)}));
          send('pointerdown', 1, 500); send('pointerdown', 2, 600);
          send('pointermove', 2, 700); send('pointerup', 1, 500); send('pointerup', 2, 700);
        }"""
    )
    assert seen_at(page)[2] == pytest.approx(2 * k, rel=0.01)


# ---- looks ----------------------------------------------------------------------------------------------------------


def luminance(page: Shown) -> float:
    color = page.page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(float, re.findall(r"[\d.]+", color)[:3])) / 765


def test_light_and_dark(shown: Open, mlp: Graph) -> None:
    light, dark = shown(mlp).open(), shown(mlp, dark=True).open()
    assert luminance(light) > 0.9 > 0.2 > luminance(dark)
    for page in (light, dark):
        before = luminance(page)
        page.page.click("#theme")
        assert abs(luminance(page) - before) > 0.7
    assert luminance(dark) > 0.9


def test_print_leaves_out_the_tools(shown: Open, mlp: Graph) -> None:
    page = shown(mlp).open()
    page.page.emulate_media(media="print")
    assert not page.page.is_visible(".tools")
    assert page.page.is_visible("#picture")


def test_what_is_printed_is_light(shown: Open, mlp: Graph) -> None:
    page = shown(mlp, dark=True).open()
    page.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert luminance(page) > 0.9
    page.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert luminance(page) < 0.2
    page.page.emulate_media(color_scheme="light")
    page.page.wait_for_selector("html[data-theme=light]")
    assert luminance(page) > 0.9


def test_the_exported_svg(shown: Open, mlp: Graph) -> None:
    page = shown(mlp, dark=True).open()
    with page.page.expect_download() as download:
        page.press("s")
    text = download.value.path().read_text(encoding="utf-8")
    root = ET.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    used = set(re.findall(r"var\((--[\w-]+)[),]", text))
    assert used
    assert used <= set(re.findall(r"[{;](--[\w-]+):", text)) | {"--fill", "--line"}
    assert len(root.findall(".//*[@data-id]")) >= len(page.ids())
    other = shown(f"<!doctype html><html data-ready><title>x</title>{text}").open()
    fills = other.page.evaluate("[...document.querySelectorAll('.node .box')].map((b) => getComputedStyle(b).fill)")
    assert len(set(fills)) >= 4


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_names(shown: Open, number: int) -> None:
    name = HOSTILE[number]
    with ag.record_source(), ag.extend.module_scope(f"{name}"):
        x = ag.tensor([1.0], requires_grad=True, name=name)
        y = (x * 2.0).sum()
    y.name = name
    page = shown(build_graph(y, backward=True), overlay=Overlay(name, (name,), {"n0": Mark("nan", name, name)})).open()
    page.click("n0")
    page.press("o", "m")
    page.page.fill("#search", "multiply")
    assert not page.page.evaluate("document.querySelectorAll('script').length !== 3")


# ---- accessibility --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious(shown: Open, axe: str, step: Graph, dark: bool) -> None:
    page = shown(step, dark=dark).open()
    assert not serious(page, axe)
    page.click(page.ids()[1])
    page.press("Enter", "o")
    assert not serious(page, axe)
    page.page.select_option("#overlay", "flops")
    page.page.fill("#search", "matmul")
    assert not serious(page, axe)
    page.page.click("#helped")
    assert not serious(page, axe)


def test_the_outline_is_the_picture_as_a_tree(shown: Open, mlp: Graph) -> None:
    page = shown(mlp).open()
    page.mode("forward")
    page.press("o")
    items = page.page.evaluate("[...document.querySelectorAll('[role=treeitem]')].map((li) => li.dataset.id)")
    assert set(page.ids()) | set(page.boxes(".frame")) == set(items)
    page.press("ArrowDown", "Enter")
    assert page.selected == items[1]
    shut = next(i for i in items if i.startswith("m"))
    page.page.locator(f'[role=treeitem][data-id="{shut}"]').focus()
    page.press("ArrowLeft")
    assert page.page.get_attribute(f'[role=treeitem][data-id="{shut}"]', "aria-expanded") == "false"
    assert shut in page.ids()
    page.press("ArrowRight")
    assert shut not in page.ids()


def test_every_tool_can_be_reached_by_tab(shown: Open, mlp: Graph) -> None:
    page = shown(mlp).open()
    reached = set()
    for _ in range(40):
        page.press("Tab")
        reached.add(
            page.page.evaluate("[document.activeElement].map((e) => e.id || e.dataset.mode || e.dataset.id || '')[0]")
        )
    assert {
        "forward",
        "both",
        "backward",
        "overlay",
        "search",
        "outlined",
        "export",
        "theme",
        "helped",
        "in",
        "out",
        "fit",
    } <= reached
    assert reached & set(page.ids())


# ---- notebooks ------------------------------------------------------------------------------------------------------


def test_it_works_in_a_frame_of_a_notebook(shown: Open, mlp: Graph) -> None:
    host = f"<!doctype html><html data-ready><title>notebook</title>{mlp.show(height=500)._repr_html_()}"
    page = shown(host).open()
    frame = page.page.frame_locator("iframe")
    frame.locator('#picture .node[data-id="n2"]').click(force=True)
    assert "matmul" in frame.locator("#panel").inner_text()
