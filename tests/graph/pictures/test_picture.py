"""The SVG: well formed whatever the names, labels within their boxes in a real font, readable in both themes."""

from __future__ import annotations

import itertools
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from random import Random

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from matplotlib.ft2font import FT2Font, LoadFlags

import autograd_lite as ag
from autograd_lite.graph import Graph, Kind, build_graph
from autograd_lite.graph.pictures.style import EDGE_LOOKS, HEATS, LOOKS, THEMES, Stylesheet
from autograd_lite.graph.pictures.svg import view_scene
from autograd_lite.graph.pictures.view import EdgeKind, View, ViewEdge, ViewNode
from autograd_lite.graph.pictures.widths import fits_table, text_width

from ..calls import box_in
from ..samples import HOSTILE, SAMPLES, dropout, parameter, perceptron
from ..test_faces import hostile_graph, names
from .mirrors import outlines

SVG = "{http://www.w3.org/2000/svg}"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def parse(picture: str) -> ET.Element:
    root = ET.fromstring(picture)
    assert root.tag == f"{SVG}svg"
    return root


def nodes_of(root: ET.Element) -> dict[str, ET.Element]:
    return {g.attrib["data-id"]: g for g in root.iter(f"{SVG}g") if "data-id" in g.attrib}


def texts_of(element: ET.Element) -> list[str]:
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


# ---- contents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_node_and_edge_is_drawn_and_said(sample) -> None:
    graph = build_graph(sample())
    root = parse(graph.to_svg(fold=False))
    drawn = nodes_of(root)
    boxes = [node for node in graph if node.result is None]
    assert drawn.keys() == {node.id for node in boxes}
    for node in boxes:
        is_result = node.kind is Kind.OP and node.id in [box_in(graph, i) for i in graph.outputs]
        assert drawn[node.id].attrib["class"] == f"node {'output' if is_result else node.kind}"
        assert drawn[node.id][0].tag == f"{SVG}title"
        assert (drawn[node.id][0].text or "").startswith(f"{node.id} = ")
        said = " ".join(texts_of(drawn[node.id]))
        assert node.op in said
        assert node.value in said
    paths = [p for p in root.iter(f"{SVG}path") if "data-from" in p.attrib]
    assert {p.attrib["data-from"] for p in paths} == {box_in(graph, i) for node in boxes for i in node.inputs}
    tips = "".join(p.attrib["d"] for p in root.iter(f"{SVG}path") if p.attrib["class"].startswith("tip"))
    assert tips.count("z") == sum(len(node.inputs) for node in boxes)


VIEWS = {
    "all_looks": View(
        tuple(
            ViewNode(f"n{i}", look, (look, "(2, 3) float64"), badge="42 %" * (i % 2), is_output=i % 5 == 0)
            for i, look in enumerate(LOOKS)
        ),
        tuple(ViewEdge(f"n{i // 2}", f"n{i}", list(EdgeKind)[i % 3], "16.4 kB") for i in range(1, len(LOOKS))),
    )
}


@st.composite
def views(draw: st.DrawFn) -> View:
    """Any View: every look, badge, weight, kind of edge, label and module, with hostile texts among them."""
    n = draw(st.integers(1, 12))
    random = draw(st.integers(0, 2**32).map(Random))
    words = [*draw(st.lists(names, min_size=1, max_size=3)), "matmul", "(8, 64) float32", "x"]
    scopes = [(), ("a",), ("a", "b"), ("c",)]
    nodes = []
    for i in range(n):
        lines = tuple(random.choice(words) for _ in range(random.randint(0, 4)))
        weight = random.choice([None, random.random()])
        badge = random.choice(["", "", "×12", "42 %", "first", random.choice(words)[:9]])
        look, sign = random.choice(list(LOOKS)), random.choice(["", "+"])
        node = ViewNode(f"n{i}", look, lines, sign, random.random() < 0.2, random.choice(scopes), lines, badge)
        nodes.append(replace(node, weight=weight))
    edges = {}
    for _ in range(draw(st.integers(0, 3 * n)) if n > 1 else 0):
        target = random.randint(1, n - 1)
        source, kind = random.randint(max(0, target - 4), target - 1), random.choice(list(EdgeKind))
        label = random.choice(["", "(8, 64)", "16.4 kB", random.choice(words)])
        edge = ViewEdge(f"n{source}", f"n{target}", kind, label, random.randint(0, 2), random.random() < 0.3)
        edges[source, target, kind, edge.argument] = edge
    cut = tuple(node.id for node in nodes if random.random() < 0.1)
    return View(tuple(nodes), tuple(edges.values()), random.choice(words), tuple(random.sample(words, 2)), cut)


def areas_of(drawing: ET.Element) -> list[tuple[float, float, float, float]]:
    """Return the rectangles that hold the words beside boxes, by the bound of the font's metrics."""
    areas = []
    for text in drawing.iter(f"{SVG}text"):
        if "halo" in text.attrib.get("class", "") or text.attrib.get("class") == "name":
            size, x, y = (float(text.attrib[k]) for k in ("font-size", "x", "y"))
            wide = text_width("".join(text.itertext()), size, bold="name" in text.attrib["class"])
            left = x - {"start": 0, "end": wide}[text.attrib["text-anchor"]]
            areas.append((left, y - 0.73 * size, left + wide, y + 0.24 * size))
    return areas


@settings(max_examples=150)
@given(views())
def test_any_view_is_drawn_whole_and_its_words_cover_nothing(view: View) -> None:
    picture = view_scene(view).to_svg()
    assert picture == view_scene(view).to_svg()
    root = parse(picture)
    drawn = nodes_of(root)
    assert list(drawn) == [node.id for node in view.nodes]
    tips = sum(p.attrib["d"].count("z") for p in root.iter(f"{SVG}path") if p.attrib["class"].startswith("tip"))
    (drawing,) = root.findall(f"{SVG}g[@class='drawing']")
    arrows = [edge for edge in view.edges if EDGE_LOOKS[edge.kind].arrow]
    legend = len({edge.kind for edge in arrows} if {e.kind for e in view.edges} - {EdgeKind.DATA} else ())
    assert tips == len(arrows) + len(view.cut) + legend
    boxes = []
    for group in drawn.values():
        for shape in outlines(group):
            x, y, half_width, half_height, _ = inner_box(shape)
            boxes.append((x - half_width, y - half_height, x + half_width, y + half_height))
        for shape in group.findall("*[@class='pill']"):
            x, y, half_width, half_height, _ = inner_box(shape)
            boxes.append((x - half_width, y - half_height, x + half_width, y + half_height))
    words = areas_of(drawing)
    for word in words:
        assert not any(meet(word, box) for box in boxes)
    assert not any(meet(one, other) for one, other in itertools.combinations(words, 2))


def meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_labels_are_written_beside_their_lines() -> None:
    view = View(
        tuple(ViewNode(f"n{i}", "op", ("matmul", "(8, 64) float32")) for i in range(6)),
        tuple(ViewEdge(f"n{i // 2}", f"n{i}", EdgeKind.DATA, f"({i}, 8)") for i in range(1, 6)),
    )
    assert {f"({i}, 8)" for i in range(1, 6)} <= set(texts_of(parse(view_scene(view).to_svg())))


def test_saved_values_have_no_arrow_and_other_kinds_have() -> None:
    nodes = tuple(ViewNode(f"n{i}", "op", ("sin",)) for i in range(2))
    for kind in EdgeKind:
        root = parse(view_scene(View(nodes, (ViewEdge("n0", "n1", kind),))).to_svg())
        (line,) = [p for p in root.iter(f"{SVG}path") if "data-from" in p.attrib]
        assert line.attrib["class"] == f"edge {kind}"
        tips = root.findall(f"{SVG}g[@class='drawing']/{SVG}path[@class='tip {kind}']")
        assert len(tips) == EDGE_LOOKS[kind].arrow
        end = pieces_of(line.attrib["d"])[0][1][1]
        _, top, _, half_height, _ = inner_box(outlines(nodes_of(root)["n1"])[0])
        assert end == pytest.approx(top - half_height - 7 * EDGE_LOOKS[kind].arrow)
    dashes = [look.dashes for look in EDGE_LOOKS.values()]
    assert len(set(dashes)) == len(dashes)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_drawn_lines_lead_from_their_node_to_every_tip(sample) -> None:
    root = parse(build_graph(sample()).to_svg())
    drawn = nodes_of(root)
    paths = list(root.iter(f"{SVG}path"))
    for line, tip in itertools.pairwise(paths):
        if "data-from" not in line.attrib:
            continue
        pieces = pieces_of(line.attrib["d"])
        bottom = lower_end(outlines(drawn[line.attrib["data-from"]])[0])
        tips = [tuple(map(float, at)) for at in re.findall(r"M([-\d.]+) ([-\d.]+)l", tip.attrib["d"])]
        assert tips
        for x, y in tips:
            point = (x, y - 7)
            while True:
                on = [
                    a
                    for a, b in pieces
                    if b == pytest.approx(point, abs=0.11) or (a[0] == b[0] == point[0] and a[1] < point[1] < b[1])
                ]
                if not on:
                    break
                point = on[0]
            assert point[1] == pytest.approx(bottom, abs=0.11)


def lower_end(shape: ET.Element) -> float:
    """Return the height at which the lines from a shape begin."""
    if shape.tag == f"{SVG}path":
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", shape.attrib["d"])]
        return numbers[9] + numbers[3]
    _, cy, _, half_height, _ = inner_box(shape)
    return cy + half_height


def pieces_of(path: str) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the upper and the lower end of each piece of a path, which is written from below."""
    pieces, at = [], (0.0, 0.0)
    for command, text in re.findall(r"([MVC])([^MVC]*)", path):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", text)]
        end = (at[0], numbers[0]) if command == "V" else (numbers[-2], numbers[-1])
        if command != "M":
            pieces.append((end, at))
        at = end
    return pieces


def test_page_says_what_it_is() -> None:
    root = parse(build_graph(perceptron()).to_svg())
    assert root.attrib["role"] == "img"
    assert [child.tag for child in root[:3]] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert root[0].text == "Computation graph of loss"
    assert root[1].text == "10 operations, 2 inputs, 4 parameters (407,050 values), 104 MFLOP"
    texts = texts_of(root)
    assert "10 operations · 2 inputs · 4 parameters (407,050 values) · 104 MFLOP" in texts
    assert texts[-4:] == ["operation", "input", "parameter", "result"]
    assert {"dense_1", "dense_2"} <= set(texts)
    assert "axis=1" in texts
    assert "loss = negative" in texts


def test_each_look_has_a_cue_beside_its_color() -> None:
    cues = [(look.shape, look.border, look.glyph) for look in LOOKS.values()]
    assert len(set(cues)) == len(cues)
    root = parse(view_scene(VIEWS["all_looks"]).to_svg())
    css = (root.find(f"{SVG}style").text or "").split("@media")[0]  # type: ignore[union-attr]
    drawn = {}
    for group in nodes_of(root).values():
        look = group.attrib["class"].split()[1]
        shapes = outlines(group)
        outline = [(s.tag, "rx" in s.attrib, re.sub(r"[-\d. ]+", "", s.attrib.get("d", ""))) for s in shapes]
        dashes = re.findall(rf"\.{look} \.box {{{{ (stroke-[^}}]*) }}}}".replace("{{", "{").replace("}}", "}"), css)
        badge = "".join(
            t for text in group.iter(f"{SVG}text") if text.attrib.get("class") == "pilled" for t in [text.text]
        )
        drawn[look] = str(outline), str(dashes), "" if badge == "42 %" else badge
    assert drawn.keys() == LOOKS.keys()
    plain = {look: cue[:2] for look, cue in drawn.items() if not LOOKS[look].glyph}
    assert len(set(plain.values())) >= len(plain) - 2  # double borders are also those of results of other looks
    assert all("stroke-" in drawn[look][1] for look in LOOKS if LOOKS[look].border not in ("solid", "double"))


def test_every_look_has_words_for_graphviz() -> None:
    words = [look.dot for look in LOOKS.values()]
    assert all(re.fullmatch(r'(\w+=("[\w,]+"|[\w.]+)(, )?)+', word) for word in words)
    assert len(set(words)) == len(words)
    assert len({look.dot for look in EDGE_LOOKS.values()}) == len(EDGE_LOOKS)


def test_a_leaf_that_is_a_result_has_a_double_border() -> None:
    root = parse(build_graph(parameter("p", 2)).to_svg())
    assert len(outlines(nodes_of(root)["n0"])) == 2


def test_arguments_are_numbered_where_they_arrive_out_of_order() -> None:
    def digits(graph: Graph) -> list[str]:
        return [text for text in texts_of(parse(graph.to_svg())) if text in ("1", "2")]

    x = parameter("x", 2, 2)
    chain = (x * 2.0) @ parameter("w", 2, 2)
    assert digits(build_graph(chain)) == []
    # `late` is below `early`, so one of the two orders must arrive turned round in a picture without crossings.
    early = ag.relu(x)
    late = ag.relu(ag.relu(early))
    assert sorted(digits(build_graph([early - late, late - early]))) == ["1", "2"]
    assert digits(build_graph([early + late, late + early])) == []


def test_data_runs_straight_and_parameters_stand_beside_it() -> None:
    x = ag.tensor(np.ones(2), name="x")
    root = parse(build_graph(parameter("w", 2) * x).to_svg())
    assert inner_box(nodes_of(root)["n1"][1])[0] == inner_box(nodes_of(root)["n2"][1])[0]


def test_picture_needs_nothing_from_elsewhere() -> None:
    picture = build_graph(perceptron()).to_svg()
    assert re.findall(r"https?://[^\"']*", picture) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|href|url\(|@import", picture)


def test_the_picture_is_named_and_described_for_those_who_do_not_see_it() -> None:
    pictures = [build_graph(sample()).to_svg() for sample in (perceptron, dropout)]
    for picture in pictures:
        root = parse(picture)
        ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
        assert root.attrib["aria-labelledby"].split() == ids == [root[0].attrib["id"], root[1].attrib["id"]]
        assert root[0].text
        assert root[1].text
    first, second = (re.findall(r' id="(\w+)"', picture) for picture in pictures)
    assert not set(first) & set(second)  # two may be on one page


def test_the_legend_shows_what_occurs_and_nothing_else() -> None:
    nodes = (ViewNode("n0", "input", ("x",)), ViewNode("n1", "backward", ("sin",), weight=0.5))
    data = View(nodes, (ViewEdge("n0", "n1"),))
    saved = View(nodes, (ViewEdge("n0", "n1", EdgeKind.SAVED),))
    assert texts_of(parse(view_scene(data).to_svg()))[-4:] == ["input", "backward pass", "less", "more"]
    assert texts_of(parse(view_scene(saved).to_svg()))[-5:-2] == [
        "input",
        "backward pass",
        "saved for the backward pass",
    ]


def test_badges_stand_in_their_pills_and_cover_no_text() -> None:
    for group in nodes_of(parse(view_scene(VIEWS["all_looks"]).to_svg())).values():
        for pill in group.findall("*[@class='pill']"):
            x, y, half_width, half_height, _ = inner_box(pill)
            *lines, badge = group.iter(f"{SVG}text")
            size, baseline = float(badge.attrib["font-size"]), float(badge.attrib["y"])
            assert float(badge.attrib["x"]) == pytest.approx(x, abs=0.11)
            assert measured(badge.text or "", size, BOLD) / 2 + 2 <= half_width
            assert y - half_height < baseline - 0.73 * size < baseline + 0.24 * size < y + half_height
            for line in lines:
                assert y + half_height < float(line.attrib["y"]) - 0.73 * float(line.attrib["font-size"])
            cx, cy, wide, high, _ = inner_box(outlines(group)[-1])
            assert cx < x + half_width < cx + wide + 9
            # A cylinder has its lid above what counts as its inside.
            assert y - half_height < cy - high < y + half_height + 8 * group.attrib["class"].endswith(" state")


def test_no_arrow_runs_into_a_badge() -> None:
    nodes = tuple(ViewNode(f"n{i}", "op", ("sin", "(2, 3)"), badge="12 %") for i in range(5))
    root = parse(view_scene(View(nodes, tuple(ViewEdge(f"n{i}", "n4") for i in range(4)))).to_svg())
    left = min(float(p.attrib["x"]) for p in nodes_of(root)["n4"].findall("*[@class='pill']"))
    tips = "".join(p.attrib["d"] for p in root.iter(f"{SVG}path") if p.attrib["class"] == "tip data")
    assert all(float(x) + 3 < left for x in re.findall(r"M([-\d.]+) ", tips))


def test_what_is_not_shown_has_an_arrow_of_its_own() -> None:
    nodes = tuple(ViewNode(f"n{i}", "op", ("matmul", "(8, 64) float32")) for i in range(4))
    edges = tuple(ViewEdge(f"n{i}", "n3") for i in range(3))
    root = parse(view_scene(View(nodes, edges, cut=("n0", "n3"))).to_svg())
    stubs = [p.attrib["d"] for p in root.iter(f"{SVG}path") if p.attrib["class"] == "edge data cut"]
    assert len(stubs) == 2
    tips = "".join(p.attrib["d"] for p in root.iter(f"{SVG}path") if p.attrib["class"] == "tip data")
    by_row: dict[str, list[float]] = {}
    for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)l", tips):
        by_row.setdefault(y, []).append(float(x))
    assert sorted(map(len, by_row.values())) == [1, 4]
    assert all(b - a >= 7 for xs in by_row.values() for a, b in itertools.pairwise(sorted(xs)))


def test_the_heavier_the_deeper_the_color() -> None:
    nodes = tuple(ViewNode(f"n{i}", "op", ("sin",), weight=w) for i, w in enumerate((0.0, 0.04, 0.55, 1.0, 7.0, -1.0)))
    root = parse(view_scene(View(nodes, ())).to_svg())
    classes = [group.attrib["class"] for group in nodes_of(root).values()]
    assert classes == [f"node op heat{heat}" for heat in (0, 0, 5, 9, 9, 0)]
    for theme, descending in (("light", True), ("dark", False)):
        light = [luminance(color) for color in THEMES[theme].heat]
        assert light == sorted(light, reverse=descending)
        assert len(light) == HEATS


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_everything_lies_on_the_page(sample) -> None:
    graph = build_graph(sample())
    for max_nodes in (len(graph) // 2, len(graph)):
        root = parse(graph.to_svg(max_nodes=max_nodes))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
        (drawing,) = root.findall(f"{SVG}g[@class='drawing']")
        dx, dy = map(float, re.findall(r"[-\d.]+", drawing.attrib["transform"]))
        captions = [float(t.attrib["y"]) for t in root.findall(f"{SVG}text") if float(t.attrib["y"]) < dy]
        xs, ys = [], []
        for rect in drawing.iter(f"{SVG}rect"):
            xs += [float(rect.attrib["x"]), float(rect.attrib["x"]) + float(rect.attrib["width"])]
            ys += [float(rect.attrib["y"]), float(rect.attrib["y"]) + float(rect.attrib["height"])]
        ys += [float(y) for p in drawing.iter(f"{SVG}path") for y in re.findall(r"M[-\d.]+ ([-\d.]+)", p.attrib["d"])]
        assert min(xs) + dx >= 23
        assert max(xs) + dx <= width - 23
        assert min(ys) + dy > max(captions) + 5
        assert max(ys) + dy < height - 20


def test_modules_get_frames_with_room_between_them() -> None:
    x = parameter("x", 2)
    with ag.record_source():
        for scope in ("a.b.c", "a.b.d", "e.f.g"):
            with ag.extend.module_scope(scope):
                x = np.sin(x)
    root = parse(build_graph(x).to_svg())
    assert sorted(t for t in texts_of(root) if len(t) == 1 and t != "x") == list("abcdefg")


# ---- hostile names --------------------------------------------------------------------------------------------------


@given(names, names, names)
def test_a_name_cannot_break_the_picture(name: str, op: str, scope: str) -> None:
    picture = hostile_graph(name, op, scope).to_svg()
    assert picture.encode("utf-8")
    root = parse(picture)
    assert list(nodes_of(root)) == ["n0", "n1", "n2"]
    assert not list(root.iter(f"{SVG}script"))
    if 0 < len(name) <= 32 and name.isprintable() and fits_table(name):
        assert texts_of(nodes_of(root)["n0"])[0] == name


def test_hostile_tensors() -> None:
    y: ag.Tensor | float = 0.0
    for name in HOSTILE:
        y = y + parameter(name, 2)
    assert isinstance(y, ag.Tensor)
    graph = build_graph(y)
    assert len(nodes_of(parse(graph.to_svg()))) == len(graph)
    assert graph.to_dot().encode("utf-8")
    assert graph.to_text().encode("utf-8")


# ---- labels inside their boxes --------------------------------------------------------------------------------------


def measured(text: str, size: float, font: FT2Font) -> float:
    """The width of a text as DejaVu Sans, the widest font of the stack, sets it without hinting."""
    font.set_size(size, 72)
    font.set_text(text, flags=LoadFlags.NO_HINTING)
    return sum(font.load_char(ord(c), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 for c in text)


REGULAR, BOLD = (FT2Font(str(FONTS / f"DejaVuSans{weight}.ttf")) for weight in ("", "-Bold"))


def test_width_table_is_a_bound() -> None:
    for code in range(32, 127):
        assert measured(chr(code), 100, REGULAR) <= text_width(chr(code), 100) + 0.06
        assert measured(chr(code), 100, BOLD) <= text_width(chr(code), 100, bold=True) + 0.06
    known = [chr(code) for code in range(0xA0, 0x3000) if fits_table(chr(code)) and BOLD.get_char_index(code)]
    assert set("×÷²é−≠≤≥…·ʸᵀΣσλ") <= set(known)
    assert all(measured(c, 100, BOLD) <= text_width(c, 100, bold=True) for c in known)
    assert not fits_table("🙂")


def inner_box(shape: ET.Element) -> tuple[float, float, float, float, bool]:
    """Return the center and half the sizes of a shape, and whether it is an ellipse."""
    a = {k: float(v) for k, v in shape.attrib.items() if k not in ("class", "d")}
    if shape.tag == f"{SVG}ellipse":
        return a["cx"], a["cy"], a["rx"], a["ry"], True
    if "h" in shape.attrib.get("d", ""):
        # An octagon: across, down a corner, down.
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", shape.attrib["d"])]
        left, top, cut = numbers[0] - numbers[3], numbers[1], numbers[3]
        half_width, half_height = numbers[2] / 2 + cut, numbers[5] / 2 + cut
        return left + half_width, top + half_height, half_width, half_height, False
    if shape.tag == f"{SVG}path":
        # A cylinder: below the lid's front edge, above where the lower edge begins to curve.
        left, lid_middle, _, lid, _, _, _, right, _, bottom = map(
            float, re.findall(r"-?[\d.]+", shape.attrib["d"])[:10]
        )
        top = lid_middle + lid
        return (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2, False
    return a["x"] + a["width"] / 2, a["y"] + a["height"] / 2, a["width"] / 2, a["height"] / 2, False


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_labels_lie_inside_their_boxes(sample) -> None:
    _check_labels(build_graph(sample()).to_svg())


def test_labels_lie_inside_boxes_of_every_look() -> None:
    _check_labels(view_scene(VIEWS["all_looks"]).to_svg())


def _check_labels(picture: str) -> None:
    for group in nodes_of(parse(picture)).values():
        cx, cy, half_width, half_height, ellipse = inner_box(outlines(group)[-1])
        for text in group.iter(f"{SVG}text"):
            if text.attrib.get("class") == "pilled":
                continue
            size, baseline = float(text.attrib["font-size"]), float(text.attrib["y"])
            assert float(text.attrib["x"]) == pytest.approx(cx, abs=0.11)
            wide = measured("".join(text.itertext()), size, BOLD if text.attrib.get("class") == "head" else REGULAR) / 2
            # From the height of capitals to the depth of descenders.
            for edge in (baseline - 0.73 * size - cy, baseline + 0.24 * size - cy):
                if ellipse:
                    assert (wide / half_width) ** 2 + (edge / half_height) ** 2 <= 1
                else:
                    assert wide + 3 <= half_width
                    assert abs(edge) + 1 <= half_height


def test_labels_of_unknown_width_are_cut_at_their_box() -> None:
    root = parse(hostile_graph("﷽﷽﷽").to_svg())
    group = nodes_of(root)["n1"]
    (window,) = group.findall(f"{SVG}svg")
    cx, cy, half_width, half_height, _ = inner_box(group[1])
    x, y, w, h = (float(window.attrib[k]) for k in ("x", "y", "width", "height"))
    assert window.attrib["overflow"] == "hidden"
    assert cx - half_width < x < x + w < cx + half_width
    assert cy - half_height < y < y + h < cy + half_height


# ---- themes ---------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_contrast(theme) -> None:
    assert contrast("#000000", "#FFFFFF") == 21
    for background in (theme.page, *(ink.fill for ink in theme.inks.values())):
        assert contrast(theme.text, background) >= 7
        assert contrast(theme.soft, background) >= 4.5
    for background in theme.heat:  # where all text has the color of the head
        assert contrast(theme.text, background) >= 4.5
    for ink in theme.inks.values():  # badges
        assert contrast(theme.page, ink.border) >= 4.5
    lines = (theme.edge, theme.quiet, theme.gradient, theme.saved, theme.frame)
    for line in (*lines, *(ink.border for ink in theme.inks.values())):
        assert contrast(line, theme.page) >= 3
    assert theme.inks.keys() == LOOKS.keys()


def test_the_styles_use_the_colors_of_the_themes() -> None:
    light, dark = Stylesheet().css().split("@media (prefers-color-scheme: dark)")
    for css, theme in ((light, THEMES["light"]), (dark, THEMES["dark"])):
        for look, ink in theme.inks.items():
            assert f".{look} .box {{ fill: {ink.fill}; stroke: {ink.border} }}" in css
        for heat, color in enumerate(theme.heat):
            assert f".heat{heat} .box {{ fill: {color} }}" in css
            assert re.search(rf"\.heat{heat} \.soft, .*\.heat{heat} \.sign {{ fill: {theme.text} }}", css)
        assert f".edge.gradient {{ stroke: {theme.gradient} }}" in css
        assert f".edge.saved {{ stroke: {theme.saved} }}" in css
        assert f".pilled {{ fill: {theme.page} }}" in css


def test_heat_outweighs_the_looks_of_the_next_picture_on_the_page() -> None:
    """In CSS the rule with more classes wins, and among equals the later one."""

    def classes(pattern: str) -> set[int]:
        selectors = [line.split("{")[0] for line in Stylesheet().css().splitlines() if re.search(pattern, line)]
        return {part.count(".") for line in selectors for part in line.split(",")}

    assert min(classes(r"\.heat\d")) > max(classes(r"^ *\.autograd-graph \.(op|output|backward|soft)\b.*fill"))


def test_styles_stay_within_the_picture() -> None:
    css = Stylesheet().css()
    rules = [line.strip() for line in css.splitlines() if "{" in line and not line.startswith("@")]
    assert all(part.strip().startswith(".autograd-graph ") for rule in rules for part in rule.split("{")[0].split(","))
    assert "@media (prefers-color-scheme: dark)" in css
    assert css.count("{") == css.count("}")


# ---- time -----------------------------------------------------------------------------------------------------------


def test_the_network_is_drawn_at_once() -> None:
    """The goal is 50 ms; it takes about 3. The least of five, since other work may share the processor."""
    loss = perceptron()

    def seconds() -> float:
        start = time.process_time()
        build_graph(loss).to_svg()
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.05
