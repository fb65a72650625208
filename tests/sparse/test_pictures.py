"""Pictures of patterns: a golden file, each nonzero in the color that it is read from, small files of large ones."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import autograd_lite as ag
from autograd_lite.sparse.colorings import color, color_both, color_symmetric
from autograd_lite.sparse.pattern import Pattern, pattern_of_array
from autograd_lite.sparse.pictures import picture

from .test_colorings import arrow, grid, matrices

GOLDEN = Path(__file__).parent / "golden" / "arrow.svg"
_CELL = 26.0


def cells(svg: str) -> dict[str, set[tuple[int, int]]]:
    """Return the cells of each product of a picture whose cells are of full size, by the product's tooltip."""
    shown = {}
    for name, path in re.findall(r'<g class="\w+ cells"><title>([^<]*)</title><path class="\w+" d="([^"]*)"', svg):
        corners = re.findall(r"M([\d.]+) ([\d.]+)h[\d.]+v[\d.]+h-[\d.]+z", path)
        shown[name] = {(int(float(y) / _CELL), int(float(x) / _CELL)) for x, y in corners}
    return shown


def test_golden() -> None:
    """To write the file anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    pattern = pattern_of_array(arrow(4))
    svg = picture(pattern, color_both(pattern), "An arrow").to_svg()
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        GOLDEN.write_text(svg, encoding="utf-8")
    assert svg == GOLDEN.read_text(encoding="utf-8")


@given(matrices())
def test_each_nonzero_has_the_color_that_it_is_read_from(near: Any) -> None:
    pattern = pattern_of_array(near)
    places = list(zip(*np.nonzero(near), strict=True))
    assert cells(picture(pattern).to_svg()) == ({"nonzero": set(places)} if places else {})
    coloring = color_both(pattern)
    drawn = cells(picture(pattern, coloring).to_svg())
    for k, shown in enumerate(drawn.values()):
        assert shown == {place for place, product in zip(places, coloring.products, strict=True) if product == k}
    assert len(drawn) == coloring.count


def test_entries_of_a_symmetric_matrix_have_one_color() -> None:
    pattern = pattern_of_array(arrow(5))
    drawn = cells(picture(pattern, color_symmetric(pattern)).to_svg())
    assert [{(j, i) for i, j in shown} for shown in drawn.values()] == list(drawn.values())
    assert list(drawn) == ["color 0: 1 column", "color 1: 4 columns"]


def test_pictures_of_large_matrices_are_small() -> None:
    wide = Pattern(np.array([0, 10**6, 2 * 10**6], "i"), np.tile(np.arange(10**6, dtype=np.int32), 2), (2, 10**6))
    for pattern, fact in (
        (Pattern(*grid(300)), "90,000 × 90,000 · 448,800 nonzeros"),
        (wide, "2 × 1,000,000 · 2,000,000 nonzeros"),
        (pattern_of_array(np.ones((400, 400))), "400 × 400 · 160,000 nonzeros"),
    ):
        svg = picture(pattern, color(pattern)).to_svg()
        assert fact in svg
        assert len(svg) < 40_000


def test_a_coloring_of_another_matrix_is_one_error() -> None:
    with pytest.raises(
        ValueError,
        match="^sparse.picture: expected the coloring of a matrix of 3 × 3 with 3 nonz.*; received one of 2 × 2",
    ):
        picture(np.eye(3), color(np.eye(2)))


def test_derivatives_have_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    jacobian = ag.sparse.jacobian(np.diff)
    drawn = jacobian.picture(np.ones(4))
    assert repr(drawn) == "<DrawnPicture: Jacobian of diff>"
    assert set(cells(drawn.to_svg())) == {"color 0: 2 columns", "color 1: 2 columns"}
    assert repr(ag.sparse.hessian(lambda x: (x**2).sum()).picture(np.ones(4))) == "<DrawnPicture: Hessian>"
    for ending, start in ((".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF")):
        file = drawn.save(tmp_path / f"j{ending}", theme="dark")
        assert file.read_bytes().startswith(start)
    with pytest.raises(ValueError, match=r"^save: expected a path ending in \.svg, \.png, \.pdf; received '\.dot'"):
        drawn.save(tmp_path / "j.dot")
