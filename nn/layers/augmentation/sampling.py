"""Images sampled at places between their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from autograd_lite import Tensor

Array = npt.NDArray[Any]
FILL_MODES = ("reflect", "wrap", "constant", "nearest")


def _inside(index: Any, n: int, fill_mode: str) -> Any:
    """Return indices inside an axis of length n for indices that may lie outside it."""
    if fill_mode == "wrap":
        return index % n
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        index = index % (2 * n)
        return np.minimum(index, 2 * n - 1 - index)
    return np.clip(index, 0, n - 1)


def sample_pixels(
    x: Tensor, rows: Any, columns: Any, interpolation: str, fill_mode: str, fill_value: float = 0.0
) -> Tensor:
    """Return the values of images at places that are given in pixels.

    Args:
        x: shape (N, H, W, C), floating.
        rows, columns: the places, shape (N, H', W') each, arrays or Tensors.
        interpolation: "nearest" or "bilinear".
        fill_mode: the values outside, one of FILL_MODES; "reflect" is d c b a | a b c d | d c b a, "nearest" the edge.
        fill_value: for "constant".

    Returns:
        Shape (N, H', W', C).
    """
    n, h, w, channels = x.shape
    flat = x.reshape(n * h * w, channels)
    first = (np.arange(n) * (h * w))[:, None, None]
    if interpolation == "nearest":
        low_r, low_c = np.rint(rows), np.rint(columns)
        parts = [(low_r, low_c, np.ones(rows.shape))]
    else:
        low_r, low_c = np.floor(rows), np.floor(columns)
        down, right = rows - low_r, columns - low_c
        parts = [
            (low_r + i, low_c + j, (down if i else 1 - down) * (right if j else 1 - right))
            for i in (0, 1)
            for j in (0, 1)
        ]
    total: Any = 0.0
    outside: Any = np.zeros(rows.shape)
    for r, c, weight in parts:
        if fill_mode == "constant":
            there = (r >= 0) & (r < h) & (c >= 0) & (c < w)
            outside = outside + weight * ~there
            weight = weight * there
        index = first + _inside(r.astype(np.intp), h, fill_mode) * w + _inside(c.astype(np.intp), w, fill_mode)
        total = total + flat[index] * weight[..., None].astype(x.dtype)
    if fill_mode == "constant" and fill_value:
        total = total + (fill_value * outside)[..., None].astype(x.dtype)
    return total


def affine_places(x: Tensor, matrices: Any) -> tuple[Any, Any]:
    """Return the rows and columns that projective maps give for each pixel of images (N, H, W, C).

    Args:
        x: the images.
        matrices: shape (N, 3, 3); each takes (column, row, 1) of the result to that of the input, up to a factor.
    """
    r, c = np.mgrid[: x.shape[1], : x.shape[2]].astype(np.float64)
    columns, rows, scale = np.einsum("nij,jhw->inhw", matrices, np.stack([c, r, np.ones(r.shape)]))
    return rows / scale, columns / scale


def homographies(start: Any, end: Any) -> Any:
    """Return the projective maps that take four points `end` to four points `start`.

    Args:
        start, end: (column, row) of the points, shape (N, 4, 2).

    Returns:
        Shape (N, 3, 3), with 1 as the last element of each.

    References:
        Hartley, Zisserman: Multiple View Geometry in Computer Vision, 2003, section 4.1.
    """
    n = len(start)
    points = np.concatenate([end, np.ones((n, 4, 1))], axis=2)
    zeros = np.zeros((n, 4, 3))
    columns, rows = np.concatenate([points, zeros], axis=2), np.concatenate([zeros, points], axis=2)
    products = -(start[..., None] * end[:, :, None, :])
    system = np.concatenate([np.stack([columns, rows], axis=2), products], axis=3).reshape(n, 8, 8)
    elements = np.linalg.solve(system, start.reshape(n, 8, 1))[..., 0]
    return np.concatenate([elements, np.ones((n, 1))], axis=1).reshape(n, 3, 3)
