"""Products of a matrix of derivatives with seeds, one for each color, in which all its nonzeros are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.scan import scan
from ..core.errors import GradError, ShapeError
from ..functional.forward_mode import jvp, linearize
from ..functional.reverse_mode import vjp
from ..functional.vmap_transform import vmap
from ..tree import leaves, rebuild
from .colorings import Coloring
from .points import as_tree, as_vector, size_of

# Seeds of more elements than these are made in a loop, in blocks of half as many at most: as constants, they and all
# that is computed from them alone take many times the memory of the nonzeros, while they are compiled.
_BLOCK = 1 << 18


def compress(
    called: str, f: Callable[..., Any], point: Sequence[Any], shape: tuple[int, int], coloring: Coloring
) -> Any:
    """Return the products of the Jacobian of f by its first argument with the seeds, as one vector.

    Those with the sums of columns of each color come first, then those with the sums of rows.

    Args:
        called: for messages.
        f: the function.
        point: its arguments.
        shape: of the Jacobian.
        coloring: of it.
    """
    chosen, *others = point
    parts = []
    if coloring.column_count:
        _require_size(called, "columns", shape[1], size_of(chosen))
        columns, count = coloring.columns, coloring.column_count
        push = (_linear_part if _in_loop(columns, count) else _tangents)(f, chosen, others)
        parts.append(_products(push, leaves(chosen), columns, count))
        _require_size(called, "rows", shape[0], parts[0].shape[1])
    if coloring.row_count:
        out, pullback = vjp(f)(*point)
        _require_size(called, "rows", shape[0], size_of(out))
        _require_size(called, "columns", shape[1], size_of(chosen))

        def pull(*cotangents: Any) -> Any:
            return pullback(rebuild(out, iter(cotangents)))

        parts.append(np.conj(_products(pull, leaves(out), coloring.rows, coloring.row_count)))
    if not parts:
        return np.zeros(0, np.result_type(*[a.dtype for a in leaves(chosen)] or [float]))
    parts = [part.reshape(-1) for part in parts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _tangents(f: Callable[..., Any], chosen: Any, others: Sequence[Any]) -> Callable[..., Any]:
    """Return the derivative of f by its first argument as a linear function of arrays; f runs in each call."""

    def push(*tangents: Any) -> Any:
        return jvp(f)((chosen, *others), (rebuild(chosen, iter(tangents)), *[None for _ in others]))[1]

    return push


def _linear_part(f: Callable[..., Any], chosen: Any, others: Sequence[Any]) -> Callable[..., Any]:
    """Return the same, which f has been computed for: for a loop, whose steps would compute large partials again."""
    linear = linearize(lambda x: f(x, *others))(chosen)[1]
    return lambda *tangents: linear(rebuild(chosen, iter(tangents)))


def _in_loop(colors: Any, count: int) -> bool:
    return count * len(colors) > _BLOCK


def _products(f: Callable[..., Any], arrays: Sequence[Any], colors: Any, count: int) -> Any:
    """Return the products of a linear function of arrays with the seeds of all colors, of shape (count, size)."""
    if not _in_loop(colors, count):
        return _flat(vmap(f)(*_seeds(arrays, colors, np.arange(count, dtype=colors.dtype))), count)
    block = max(1, _BLOCK // 2 // len(colors))
    steps = -(-count // block)
    numbers = np.arange(steps * block, dtype=colors.dtype)  # beyond the colors, of seeds that are 0

    def step(carry: Any, some: Any) -> Any:
        return carry, _flat(vmap(f)(*_seeds(arrays, colors, some)), block)

    products = scan(step, np.zeros(()), numbers.reshape(steps, block))[1]
    if steps * block == count:
        return products.reshape((count, products.shape[-1]))
    return products.reshape((steps * block, products.shape[-1]))[:count]


def _require_size(called: str, axis: str, expected: int, received: int) -> None:
    if expected != received:
        raise ShapeError(f"{called}: expected sparsity= to have {received} {axis}; received {expected}")


def _seeds(arrays: Sequence[Any], colors: Any, numbers: Any) -> list[Any]:
    """Return for each array the seeds of its elements: for some colors, 1 where an element has it, and 0 elsewhere."""
    seeds, start = [], 0
    for a in arrays:
        size = int(np.size(a))
        seed = np.equal(numbers[:, None], colors[start : start + size]).astype(a.dtype)
        seeds.append(seed.reshape((len(numbers), *np.shape(a))))
        start += size
    return seeds


def _flat(tree: Any, count: int) -> Any:
    """Return products as vectors, one for each seed."""
    blocks = [a.reshape((count, int(np.size(a)) // count)) for a in leaves(tree)]
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def check_matrix(called: str, f: Callable[..., Any], point: Sequence[Any], matrix: Any, is_given: bool) -> None:
    """Compare a matrix with products of the function itself with two random vectors.

    Raises:
        GradError: if they differ, which names an entry.
    """
    chosen, *others = point
    random = np.random.default_rng(0)
    tolerance = max(np.sqrt(np.finfo(a.dtype).eps) for a in (matrix, *leaves(chosen)))
    for _ in range(2):
        v = random.uniform(0.5, 1.5, matrix.shape[1]) * random.choice([-1.0, 1.0], matrix.shape[1])
        tangents = as_tree(v, chosen)
        v = as_vector(tangents)  # which may be rounded
        expected = as_vector(jvp(f)(tuple(point), (tangents, *[None for _ in others]))[1])
        received = matrix @ v
        with np.errstate(all="ignore"):
            same = np.abs(expected - received) <= tolerance * (abs(matrix) @ np.abs(v) + np.abs(expected))
            same |= (expected == received) | (np.isnan(expected) & np.isnan(received))
        if not same.all():
            raise GradError(_difference(called, f, point, matrix, int(np.argmin(same)), is_given))


def _difference(called: str, f: Callable[..., Any], point: Sequence[Any], matrix: Any, row: int, is_given: bool) -> str:
    """Return the message that names an entry of a row in which a matrix is wrong."""
    out, pullback = vjp(f)(*point)
    unit = np.zeros(matrix.shape[0])
    unit[row] = 1
    exact = np.conj(as_vector(pullback(as_tree(unit, out))))
    received = matrix[[row]].toarray()[0]
    missing = np.ones(matrix.shape[1], bool)
    missing[matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]] = False
    differs = np.abs(np.nan_to_num(exact - received))
    column = int(np.argmax(differs * (missing if (differs * missing).any() else 1)))
    where = "which the pattern leaves out" if missing[column] else "which the pattern has"
    cure = (
        "Pass a sparsity= that has all entries that can be nonzero, or none, so that it is found"
        if is_given
        else "Pass the pattern that you know as sparsity=, and check the rules of your own operations"
    )
    return (
        f"{called}: expected products of the matrix with random vectors to be those of the function; at row {row}, "
        f"column {column}, {where}, the function has {exact[column]} and the matrix {received[column]}. {cure}"
    )
