"""Tensors as squares and cubes: their shapes, broadcasting, and the product of two matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked, integer
from .cells import DEPTH, Block, block_of, draw_block, new_sheet, words
from .look import Look, figure_of, new_axes, new_figure, title

__all__ = ["broadcasting", "matrix_product", "tensor_shapes"]

Array = npt.NDArray[Any]
_GAP = 1.6
_INCH = 0.36  # of a cell
_KINDS = ("scalar", "vector", "matrix")


@checked
def tensor_shapes(*tensors: Any, names: Sequence[str] | None = None) -> Any:
    """Draw tensors of up to four axes as squares and cubes, one per entry, with the lengths of their axes.

    Axes with more than eight entries are cut short, with dots. Small whole numbers are written on the entries that
    face the reader.

    Args:
        tensors: arrays, or tuples of integers, which are shapes.
        names: one for each tensor; by default its kind: scalar, vector, matrix, or the number of its axes.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: without a tensor, for more than four axes or an axis of length 0, or for other numbers of names.

    Example:
        >>> figure = tensor_shapes(np.array(12), np.array([1, 2, 3]), (3, 3, 5))
        >>> [text.get_text() for text in figure.axes[0].texts if text.get_gid() == "shape"]
        ['shape ()', 'shape (3,)', 'shape (3, 3, 5)']
    """
    called = "tensor_shapes"
    if not tensors:
        raise ValueError(f"{called}: expected at least one tensor or shape; received none")
    blocks = [_block(called, tensor) for tensor in tensors]
    kinds = [_KINDS[n] if (n := len(block.shape)) < 3 else f"{n} axes" for block in blocks]
    titles = kinds if names is None else list(names)
    if len(titles) != len(blocks):
        raise ValueError(f"{called}: expected {len(blocks)} names, one a tensor; received {len(titles)}")
    margins = [_margin(block) for block in blocks]
    sizes = [(max(block.size[0] + margin, 3.2), block.size[1]) for block, margin in zip(blocks, margins, strict=True)]
    tallest = max(h for _, h in sizes)
    width, height = sum(w for w, _ in sizes) + _GAP * (len(blocks) - 1), tallest + 3.2
    figure, look = new_figure(called, _INCH * width + 0.5, _INCH * height + 0.2)
    ax = figure.add_subplot()
    new_sheet(ax, width, height)
    left = 0.0
    for block, name, margin, (w, h) in zip(blocks, titles, margins, sizes, strict=True):
        x = left + margin + (w - margin - block.size[0]) / 2
        top = 1.4 + (tallest - h) / 2
        middle = x + block.size[0] / 2
        ax.text(middle, 0.2, name, ha="center", color=look.ink, fontsize=11, fontweight="bold")
        draw_block(ax, block, (x, top), look.series[0], look)
        _label_axes(ax, block, (x, top), look)
        shape = f"shape {block.shape}"
        ax.text(middle, height - 0.1, shape, ha="center", color=look.soft, fontsize=10, gid="shape")
        left += w + _GAP
    return figure


@checked
def broadcasting(a: Any, b: Any, function: Callable[[Any, Any], Any] = np.add, *, symbol: str | None = None) -> Any:
    """Draw how two arrays are broadcast to one shape: entries in memory in full, repeated ones paler.

    Args:
        a, b: arrays whose shapes broadcast, or tuples of integers, which are shapes; at most three axes.
        function: of their entries; a NumPy function of two arrays.
        symbol: written between them; by default that of the function, such as +.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> figure = broadcasting(np.array([[0], [10], [20]]), np.array([1, 2, 3]))
        >>> [text.get_text() for text in figure.axes[0].texts if text.get_gid() == "value"][-3:]
        ['21', '22', '23']
    """
    called = "broadcasting"
    arrays = [_array(called, x) for x in (a, b)]
    shapes = [x if isinstance(x, tuple) else x.shape for x in arrays]
    try:
        common = np.broadcast_shapes(*shapes)
    except ValueError:
        raise ag.ShapeError(f"{called}: {_clash(*shapes)}") from None
    parts: list[tuple[Block, Array]] = []
    for array, shape in zip(arrays, shapes, strict=True):
        values = None if isinstance(array, tuple) else np.broadcast_to(array, common)
        parts.append((_check_block(called, common, values), _in_memory(shape, common)))
    operands = [array for array in arrays if not isinstance(array, tuple)]
    result = np.asarray(function(*operands)) if len(operands) == 2 else None
    parts.append((_check_block(called, common, result), np.ones(common, bool)))
    sign = symbol or _SYMBOLS.get(getattr(function, "__name__", ""), "∘")
    return _draw_sum(called, parts, shapes, sign)


def _draw_sum(called: str, parts: Sequence[tuple[Block, Array]], shapes: Sequence[tuple[int, ...]], sign: str) -> Any:
    w, h = parts[0][0].size
    each = max(w, 4.6)
    width, height = 3 * each + 2 * _GAP, h + 3.2
    figure, look = new_figure(called, _INCH * width + 0.4, _INCH * height + 0.2)
    ax = figure.add_subplot()
    new_sheet(ax, width, height)
    for k, (block, real) in enumerate(parts):
        left = k * (each + _GAP)
        color = look.series[(0, 1, 2)[k]]
        draw_block(ax, block, (left + (each - w) / 2, 1.3), color, look, real=real)
        name = ("a", "b", f"a {sign} b")[k]
        ax.text(left + each / 2, 0.3, name, ha="center", color=look.ink, fontsize=11, fontweight="bold")
        label = f"shape {shapes[k]}" if k < 2 else f"shape {block.shape}"
        ax.text(left + each / 2, h + 2.2, label, ha="center", color=look.soft, fontsize=10, gid="shape")
        if k < 2:
            note = _stretch(shapes[k], block.shape)
            ax.text(left + each / 2, h + 3.0, note, ha="center", color=look.soft, fontsize=9, gid="note")
            between = (left + each + _GAP / 2, 1.3 + h / 2)
            ax.text(*between, (sign, "=")[k], ha="center", va="center", color=look.ink, fontsize=16)
    return figure


@checked
def matrix_product(x: Any, y: Any, *, row: int = 0, column: int = 0, ax: Any = None) -> Any:
    """Draw the product of two matrices, with the row and the column that make one entry.

    Args:
        x: shape (A, B), an array or a tuple of two integers, which is a shape.
        y: shape (B, C), an array or a tuple of two integers, which is a shape.
        row: the row of x that is marked, from 0 to A - 1.
        column: the column of y that is marked, from 0 to C - 1.
        ax: the matplotlib Axes to draw in; by default those of a new figure.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if the shapes do not fit.

    Example:
        >>> figure = matrix_product(np.array([[1, 2], [3, 4]]), np.array([[5, 6], [7, 8]]), row=1)
        >>> figure.axes[0].get_title(loc="left")
        'entry (1, 0): 3·5 + 4·7 = 43'
    """
    called = "matrix_product"
    parts = [_array(called, part) for part in (x, y)]
    shapes = [part if isinstance(part, tuple) else part.shape for part in parts]
    if [len(shape) for shape in shapes] != [2, 2] or shapes[0][1] != shapes[1][0] or 0 in (*shapes[0], *shapes[1]):
        raise ag.ShapeError(
            f"{called}: expected shapes (A, B) and (B, C): as many columns of x as rows of y; received {shapes[0]} and "
            f"{shapes[1]}"
        )
    (rows, inner), columns = shapes[0], shapes[1][1]
    i = integer(0, rows - 1)(called, "row", row)
    j = integer(0, columns - 1)(called, "column", column)
    left, right = (None if isinstance(part, tuple) else part for part in parts)
    product = None if left is None or right is None else left @ right
    blocks = [block_of(s, v) for s, v in ((shapes[0], left), (shapes[1], right), ((rows, columns), product))]
    marks = [np.arange(rows)[:, None] == i, np.arange(columns) == j]
    masks = [np.broadcast_to(marks[0], shapes[0]), np.broadcast_to(marks[1], shapes[1]), marks[0] & marks[1]]
    (w, h), (w2, h2) = blocks[0].size, blocks[1].size
    places = [(0.0, h2 + 1.7), (w + 0.7, 1.0), (w + 0.7, h2 + 1.7)]
    width, height = w + w2 + 0.7, h + h2 + 2.6
    ax, look = new_axes(called, ax, max(_INCH * width, 2.6) + 0.5, _INCH * height + 0.6)
    new_sheet(ax, width, height)
    names = ("x", "y", "x @ y")
    for k, (block, mask, at) in enumerate(zip(blocks, masks, places, strict=True)):
        draw_block(ax, block, at, look.series[k], look, real=mask)
        label = f"{names[k]}: {block.shape}"
        below = 0.8 + block.size[1] if k != 1 else -0.4
        ax.text(at[0] + block.size[0] / 2, at[1] + below, label, ha="center", color=look.soft, fontsize=9)
    title(ax, _written_out(left, right, i, j, inner), look)
    return figure_of(ax)


def _written_out(left: Any, right: Any, i: int, j: int, inner: int) -> str:
    """Return the dot product that makes an entry, as text."""
    if left is None or right is None or inner > 5:
        return f"row {i} and column {j} make entry ({i}, {j})"
    texts = [f"{a}·{b}" for a, b in zip(words(left[i]), words(right[:, j]), strict=True)]
    return f"entry ({i}, {j}): {' + '.join(texts)} = {words(np.asarray(left[i] @ right[:, j]))[()]}"


# ---- shapes as text --------------------------------------------------------------------------------------------------

_SYMBOLS = {"add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "maximum": "max", "minimum": "min"}


def _stretch(shape: tuple[int, ...], common: tuple[int, ...]) -> str:
    """Say along which axes an array is repeated."""
    lacking = len(common) - len(shape)
    repeated = [i for i, n in enumerate(common) if n > 1 and (i < lacking or shape[i - lacking] == 1)]
    if not repeated:
        return "as it is"
    return f"repeated along axis {' and '.join(map(str, repeated))}"


def _in_memory(shape: tuple[int, ...], common: tuple[int, ...]) -> Array:
    """Return for each cell of the common shape whether it is the first of those that repeat one entry."""
    padded = (1,) * (len(common) - len(shape)) + shape
    real = np.ones(common, bool)
    for axis, (old_length, length) in enumerate(zip(padded, common, strict=True)):
        if old_length == 1 and length > 1:
            real &= (np.arange(length) == 0).reshape([-1 if i == axis else 1 for i in range(len(common))])
    return real


def _clash(a: tuple[int, ...], b: tuple[int, ...]) -> str:
    """Say which axes do not fit."""
    for i, (one, other) in enumerate(zip(a[::-1], b[::-1], strict=False), 1):
        if one != other and 1 not in (one, other):
            return (
                f"expected shapes whose lengths are equal or 1, counted from the last axis; received {a} and {b}, with "
                f"{one} and {other} at axis -{i}"
            )
    return f"expected shapes that broadcast; received {a} and {b}"


def _array(called: str, tensor: Any) -> Array | tuple[int, ...]:
    """Return an array, or a shape as a tuple of integers."""
    if isinstance(tensor, tuple) and all(isinstance(n, (int, np.integer)) for n in tensor):
        return tuple(map(int, tensor))
    array = np.asarray(tensor.data if isinstance(tensor, Tensor) else tensor)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{called}: expected an array of numbers, or a shape; received dtype {array.dtype}")
    return array


def _block(called: str, tensor: Any) -> Block:
    array = _array(called, tensor)
    if isinstance(array, tuple):
        return _check_block(called, array, None, 4)
    return _check_block(called, array.shape, array, 4)


def _check_block(called: str, shape: tuple[int, ...], values: Array | None, axes: int = 3) -> Block:
    if len(shape) > axes or min(shape, default=1) < 1:
        raise ValueError(f"{called}: expected at most {axes} axes, each with a cell to draw; received shape {shape}")
    return block_of(shape, values)


def _margin(block: Block) -> float:
    """Return the room to the left that the numbers of the axes take, in cells."""
    if len(block.shape) < 2:
        return 0.0
    if len(block.shape) == 2:
        return 0.7
    text = f"axis 0: {block.shape[-3]:,}"
    return max(0.7, 0.2 * len(text) - block.depth / 2 * float(DEPTH[0]) + 0.2)


def _label_axes(ax: Any, block: Block, at: tuple[float, float], look: Look) -> None:
    """Write the number and the length of each axis along it."""
    style = {"color": look.soft, "fontsize": 8.5, "gid": "axis"}
    w, h = block.size
    x, y = at
    front, rise = y + block.corner(0, 0, 0, 0)[1], block.depth / 2 * DEPTH
    for axis, length in enumerate(block.shape):
        text = f"axis {axis}: {length:,}"
        place = axis - len(block.shape)
        if place == -1:
            ax.text(x + len(block.places[3]) / 2, y + h + 0.75, text, ha="center", **style)
        elif place == -2:
            ax.text(x - 0.25, (front + y + h) / 2, text, ha="right", va="center", rotation=90, **style)
        elif place == -3:
            ax.text(x + rise[0] - 0.15, front - rise[1] - 0.1, text, ha="right", va="bottom", **style)
        else:
            ax.text(x + w / 2, y - 0.3, text, ha="center", va="bottom", **style)
