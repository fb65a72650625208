"""Tensors as cells: as many as there are entries, with their values, and what is repeated told from what is stored."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import autograd_lite as ag
from nn import plots

SHAPES = [(), (1,), (5,), (3, 3), (1, 4), (3, 3, 5), (2, 2, 3, 4)]
PAIRS = [
    ((3, 1), (4,)),
    ((3, 4), ()),
    ((2, 1, 4), (3, 1)),
    ((1, 1), (5,)),
]


def texts(figure: Any, gid: str) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts if text.get_gid() == gid]


def faces(figure: Any, side: str, stored: bool | None = None) -> list[Any]:
    """Return one side of the cells: of all, of those in memory, or of those that are only repeated."""
    found = [patch for patch in figure.axes[0].patches if patch.get_gid() == side]
    return [patch for patch in found if stored is None or (patch.get_linestyle() in ("-", "solid")) == stored]


def color(patch: Any) -> tuple[float, ...]:
    return tuple(patch.get_edgecolor()[:3])


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cell_for_each_entry_that_faces_the_reader(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    figure = plots.tensor_shapes(values)
    four = (1,) * (4 - len(shape)) + shape
    boxes, sheets, rows, columns = four
    deep = len(shape) > 2
    assert len(faces(figure, "front", stored=True)) == boxes * rows * columns
    assert len(faces(figure, "top")) == boxes * sheets * columns * deep
    assert len(faces(figure, "right")) == boxes * sheets * rows * deep
    assert texts(figure, "value") == [str(v) for v in values.reshape(four)[:, 0].ravel()]
    assert texts(figure, "shape") == [f"shape {shape}"]
    assert texts(figure, "axis") == [f"axis {i}: {n}" for i, n in enumerate(shape)]


def test_values_lie_in_their_cells() -> None:
    values = np.arange(12).reshape(3, 4)
    figure = plots.tensor_shapes(values)
    boxes = [patch.get_path().get_extents() for patch in faces(figure, "front")]
    for text in (text for text in figure.axes[0].texts if text.get_gid() == "value"):
        row, column = divmod(int(text.get_text()), 4)
        (box,) = [box for box in boxes if box.contains(*text.get_position())]
        first = boxes[0]
        assert (round(box.y0 - first.y0), round(box.x0 - first.x0)) == (row, column)


@pytest.mark.ci
def test_nothing_is_drawn_outside_the_axes() -> None:
    figure = plots.tensor_shapes((3, 3, 5), (2, 2, 3, 4), (60_000, 28, 28))
    ax = figure.axes[0]
    corners = np.concatenate([patch.get_path().vertices for patch in ax.patches])
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert left <= corners[:, 0].min()
    assert corners[:, 0].max() <= right
    assert top <= corners[:, 1].min()
    assert corners[:, 1].max() <= bottom
    figure.canvas.draw()
    within = ax.get_window_extent().padded(2)
    drawn = [text.get_window_extent() for text in ax.texts]
    assert all(within.x0 <= box.x0 and box.x1 <= within.x1 for box in drawn)


@pytest.mark.ci
def test_names_do_not_touch() -> None:
    figure = plots.tensor_shapes(7, np.arange(3), np.eye(2, dtype=int), (3, 2, 2), names=["a scalar", "b", "c", "d"])
    figure.canvas.draw()
    shapes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_gid() == "shape"]
    assert all(one.x1 < other.x0 for one, other in pairwise(shapes))


def test_long_axes_are_cut_short_and_say_how_long_they_are() -> None:
    figure = plots.tensor_shapes((60_000, 28, 28))
    assert texts(figure, "axis") == ["axis 0: 60,000", "axis 1: 28", "axis 2: 28"]
    assert len(faces(figure, "front")) == 16
    assert len(faces(figure, "front", stored=True)) == 9
    assert sorted(texts(figure, "dots")) == sorted(["⋯"] * 3 + ["⋮"] * 3 + ["⋱"])
    assert texts(plots.tensor_shapes(np.arange(30)), "value") == ["0", "1", "29"]


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_broadcasting_shows_what_is_in_memory(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = (1 + np.arange(np.prod(shape, dtype=int)).reshape(shape) for shape in (a, b))
    figure = plots.broadcasting(x, y, np.multiply)
    total = x * y
    flat = total.ndim < 3
    written = np.array(texts(figure, "value")).reshape(3, -1)
    for part, values in zip(written, (x, y, total), strict=True):
        whole = np.broadcast_to(values, total.shape)
        assert part.tolist() == [str(v) for v in (whole if flat else whole[0]).ravel()]
    inks = dict.fromkeys(map(color, faces(figure, "front")))
    assert len(inks) == 3
    for ink, shape in zip(inks, (a, b, total.shape), strict=True):
        stored = [patch for patch in faces(figure, "front", stored=True) if color(patch) == ink]
        assert len(stored) == np.prod(shape if flat else (1, 1, *shape)[-2:], dtype=int)
    assert texts(figure, "shape") == [f"shape {shape}" for shape in (a, b, total.shape)]


def test_broadcasting_says_along_which_axes() -> None:
    assert texts(plots.broadcasting((2, 1, 4), (3, 1)), "note") == [
        "repeated along axis 1",
        "repeated along axis 0 and 2",
    ]
    assert texts(plots.broadcasting((3, 4), (4,)), "note") == ["as it is", "repeated along axis 0"]
    signs = [text.get_text() for text in plots.broadcasting((2,), (2,), np.subtract).axes[0].texts]
    assert {"−", "=", "a − b"} <= set(signs)


def test_the_marked_row_and_column_make_the_marked_entry() -> None:
    x, y = np.arange(6).reshape(3, 2), np.arange(8).reshape(2, 4) - 3
    figure = plots.matrix_product(x, y, row=2, column=1)
    assert figure.axes[0].get_title(loc="left") == "entry (2, 1): 4·−2 + 5·2 = 2"
    assert (x @ y)[2, 1] == 2
    values = np.array(texts(figure, "value"))
    expected = [str(v).replace("-", "−") for part in (x, y, x @ y) for v in part.ravel()]
    assert values.tolist() == expected
    boxes = [patch.get_path().get_extents() for patch in faces(figure, "front", stored=True)]
    marked = [
        text.get_text()
        for text in figure.axes[0].texts
        if text.get_gid() == "value" and any(box.contains(*text.get_position()) for box in boxes)
    ]
    assert marked == ["4", "5", "−2", "2", "2"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plots.tensor_shapes(), ValueError, "at least one tensor"),
        (lambda: plots.tensor_shapes((2, 2, 2, 2, 2)), ValueError, "at most 4 axes"),
        (lambda: plots.tensor_shapes((3, 0)), ValueError, r"received shape \(3, 0\)"),
        (lambda: plots.tensor_shapes(["a"]), TypeError, "numbers, or a shape"),
        (lambda: plots.tensor_shapes(1, 2, names=["one"]), ValueError, "expected 2 names"),
        (lambda: plots.broadcasting((3, 4), (3,)), ag.ShapeError, "with 4 and 3 at axis -1"),
        (lambda: plots.broadcasting((1, 2, 3, 4), (4,)), ValueError, "at most 3 axes"),
        (lambda: plots.matrix_product((2, 3), (2, 3)), ag.ShapeError, r"\(A, B\) and \(B, C\)"),
        (lambda: plots.matrix_product((2, 3), (3, 4), row=2), ValueError, "row to be an integer from 0 to 1"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()
