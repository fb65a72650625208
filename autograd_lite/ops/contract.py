"""Sums over products: einsum and its special cases. Several operands are contracted in pairs, along a good path.

A pair is one op, `contract`, whose subscripts are canonical: letters only, none twice in one operand, and every letter
of an operand in the other or in the result. Its derivatives are contractions of the same kind.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.duck_arrays import LAZY, is_lazy
from ..core.errors import ShapeError, UnsupportedError, refuse
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import Shape, ShapeDtype, normalize_axis
from ..native import threaded_functions as fast
from .operands import composed_as, newer, operand

# In the order of their code points, which is the order of the axes in an implicit result.
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


# ---- two operands ---------------------------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """How to contract two arrays of given shapes: the transpose and reshape of each, and then of the result.

    None means that no transpose or reshape is needed. `way` is "matmul", or "multiply" if no letter is
    summed, or for inner products "vecdot", or "einsum" of those that would take long strides.
    """

    way: str
    swap: bool = False
    x_order: tuple[int, ...] | None = None
    x_shape: Shape | None = None
    y_order: tuple[int, ...] | None = None
    y_shape: Shape | None = None
    shape: Shape | None = None
    order: tuple[int, ...] | None = None


# How long inner products may be for `vecdot`: with long strides, and so that BLAS computes each in one thread.
_LONG_STRIDES, _ALONE = 16, 8192


def _changed_order(letters: Sequence[str], target: Sequence[str]) -> tuple[int, ...] | None:
    order = tuple(letters.index(c) for c in target)
    return None if order == tuple(range(len(order))) else order


def _changed_shape(shape: Shape, target: Shape) -> Shape | None:
    return None if shape == target else target


@functools.lru_cache(maxsize=4096)
def _plan(subscripts: str, x_shape: Shape, y_shape: Shape) -> _Plan:
    x, y, out = split_subscripts(subscripts)
    size = sizes_of((x, y), (x_shape, y_shape))
    both = [c for c in out if c in x and c in y]
    summed = [c for c in x if c not in out]
    rows, columns = [c for c in out if c not in y], [c for c in out if c not in x]
    if not summed:
        facts: list[Any] = []
        for letters in (x, y):
            shared = [c for c in out if c in letters]
            spread = tuple(size[c] if c in letters else 1 for c in out)
            facts += [_changed_order(letters, shared), _changed_shape(tuple(size[c] for c in shared), spread)]
        return _Plan("multiply", False, *facts)
    if both and not rows and not columns:
        k = math.prod(size[c] for c in summed)
        loop = tuple(size[c] for c in both)
        orders = [_changed_order(letters, (*both, *summed)) for letters in (x, y)]
        if k > (_LONG_STRIDES if any(orders) else _ALONE):
            return _Plan("einsum")
        whole = tuple(size[c] for c in (*both, *summed))
        changed = _changed_shape(whole, (*loop, k))
        return _Plan("vecdot", False, orders[0], changed, orders[1], changed, None, _changed_order(both, out))
    # The factor whose letters come first in the result goes first, so that the result needs no transpose.
    swap = bool(rows) and bool(columns) and out.index(columns[0]) < out.index(rows[0])
    if swap:
        x, y, rows, columns = y, x, columns, rows
    m, k, n = (math.prod(size[c] for c in group) for group in (rows, summed, columns))
    first, second, result = (*both, *rows, *summed), (*both, *summed, *columns), (*both, *rows, *columns)
    x_shape, y_shape, out_shape = (tuple(size[c] for c in group) for group in (first, second, result))
    loop = tuple(size[c] for c in both)
    return _Plan(
        "matmul",
        swap,
        _changed_order(x, first),
        _changed_shape(x_shape, (*loop, m, k)),
        _changed_order(y, second),
        _changed_shape(y_shape, (*loop, k, n)),
        _changed_shape((*loop, m, n), out_shape),
        _changed_order(result, out),
    )


def _contract(x: Any, y: Any, *, subscripts: str) -> Any:
    way, swap, x_order, x_shape, y_order, y_shape, shape, order = _plan(subscripts, x.shape, y.shape)
    if way == "vecdot" and not (x.__class__ is y.__class__ is np.ndarray and x.dtype.char == y.dtype.char == "d"):
        way = "einsum"  # which raises no flags
    if way == "einsum" or (LAZY and is_lazy(x, y)):  # whose chunks a reshape would merge
        return np.einsum(subscripts, x, y)
    if swap:
        x, y = y, x
    # Views where that is possible: BLAS reads transposes in place.
    if x_order is not None:
        x = x.transpose(x_order)
    if x_shape is not None:
        x = x.reshape(x_shape)
    if y_order is not None:
        y = y.transpose(y_order)
    if y_shape is not None:
        y = y.reshape(y_shape)
    out = fast.matmul(x, y) if way == "matmul" else x * y if way == "multiply" else np.vecdot(x, y)
    if shape is not None:
        out = out.reshape(shape)
    return out if order is None else out.transpose(order)


@functools.lru_cache(maxsize=1024)
def split_subscripts(subscripts: str) -> tuple[str, str, str]:
    """Return the letters of x, of y and of the result."""
    x, _, rest = subscripts.partition(",")
    y, _, out = rest.partition("->")
    return x, y, out


def sizes_of(labels: Sequence[str], shapes: Sequence[Shape]) -> dict[str, int]:
    """Return the length of every letter's axis; a length of 1 broadcasts to any other."""
    size: dict[str, int] = {}
    for letters, shape in zip(labels, shapes, strict=True):
        for c, n in zip(letters, shape, strict=True):
            if size.get(c, 1) == 1:
                size[c] = n
            elif n not in (1, size[c]):
                raise ShapeError(f"einsum: axis {c!r} has length {size[c]} in one operand and {n} in another")
    return size


def _cost(shapes: Sequence[Shape], out: Shape, params: Any) -> float:
    x, y, result = split_subscripts(params["subscripts"])
    size = sizes_of((x, y), shapes)
    return math.prod(size.values()) * (1 if set(size) <= set(result) else 2)


@functools.lru_cache(maxsize=1024)
def _adjoints(subscripts: str) -> tuple[str, str]:
    x, y, out = split_subscripts(subscripts)
    return f"{out},{y}->{x}", f"{x},{out}->{y}"


def _infer(x: ShapeDtype, y: ShapeDtype, *, subscripts: str) -> ShapeDtype:
    x_labels, y_labels, out = split_subscripts(subscripts)
    size = sizes_of((x_labels, y_labels), (x.shape, y.shape))
    return ShapeDtype(tuple(size[c] for c in out), np.result_type(x.dtype, y.dtype))


def _contract_batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Assign a new letter to the batch."""
    x, y, out = split_subscripts(params["subscripts"])
    new = next(c for c in _LETTERS if c not in x + y + out)
    x, y = (new + labels if b else labels for labels, b in zip((x, y), batched, strict=True))
    return op(*inputs, subscripts=f"{x},{y}->{new}{out}")


contract: Op = structural(
    "contract",
    _contract,
    lambda g, out, x, y, *, subscripts: contract(g, y, subscripts=_adjoints(subscripts)[0]),
    lambda g, out, x, y, *, subscripts: contract(x, g, subscripts=_adjoints(subscripts)[1]),
    saves=("y", "x"),
    infer=_infer,
    multilinear=True,
    batch=_contract_batch,
    glyph="Σ×",
    onnx="Einsum",
    cost=_cost,
)


# ---- einsum: what its arguments say ---------------------------------------------------------------------------------


@composes(np.einsum)
def _einsum(*operands: Any, out: Any = None, optimize: Any = False, **kwargs: Any) -> Any:
    if kwargs or out is not None:
        _refuse_arguments(out=out, **kwargs)
    text, operands = _read_operands(operands)
    arrays = [operand(a) for a in operands]
    return _run(_program(text, tuple([a.shape for a in arrays]), _path_option(optimize)), arrays)


def _refuse_arguments(dtype: Any = None, order: Any = None, casting: Any = None, **others: Any) -> None:
    refuse(
        "np.einsum",
        "cast with .astype first, and assign the result",
        dtype=dtype,
        order=None if order in ("K", "C") else order,
        casting=None if casting == "safe" else casting,
        **others,
    )


@composes(np.einsum_path)
def _einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    if einsum_call:
        raise UnsupportedError("np.einsum_path: einsum_call=True is not supported on Tensors; leave it out")
    text, arrays = _read_operands(operands)
    return np.einsum_path(text, *(_stand_in(np.shape(a)) for a in arrays), optimize=optimize)


def _stand_in(shape: Shape) -> Any:
    return np.broadcast_to(np.zeros(()), shape)


def _path_option(optimize: Any) -> Any:
    """Make the `optimize` argument hashable; by default, the best path for few operands and a greedy one for many."""
    if isinstance(optimize, (list, tuple)):
        return tuple(tuple(step) if isinstance(step, (list, tuple)) else step for step in optimize)
    return None if optimize is None or isinstance(optimize, (bool, np.bool_)) else optimize


def _read_operands(operands: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
    """Return the subscripts as one string, and the arrays; in the other form, a list of ints follows each array."""
    if not operands:
        raise ShapeError("einsum: expected subscripts and arrays; received nothing")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    arrays, lists = operands[: len(operands) // 2 * 2 : 2], operands[1::2]
    text = ",".join(map(_as_letters, lists))
    return (text + "->" + _as_letters(operands[-1]) if len(operands) % 2 else text), arrays


def _as_letters(labels: Sequence[Any]) -> str:
    return "".join("..." if label is Ellipsis else _LETTERS[label] for label in labels)


def _letters_of(text: str, shapes: tuple[Shape, ...]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, with letters for ellipses and implicit axes."""
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(shapes):
        raise ShapeError(f"einsum: expected {len(terms)} operands for {text!r}; received {len(shapes)}")
    free = [c for c in _LETTERS if c not in text]
    hidden = [len(s) - len(t.replace("...", "")) if "..." in t else 0 for t, s in zip(terms, shapes, strict=True)]
    dots = free[: max(hidden, default=0)]
    labels = [t.replace("...", "".join(dots[len(dots) - n :])) for t, n in zip(terms, hidden, strict=True)]
    for term, letters, shape in zip(terms, labels, shapes, strict=True):
        if len(letters) != len(shape) or not set(letters) <= set(_LETTERS):
            raise ShapeError(f"einsum: {term!r} of {text!r} does not fit an operand of shape {shape}")
    everything = "".join(labels)
    if not arrow:
        once = [c for c in sorted(set(everything)) if everything.count(c) == 1 and c not in dots]
        return labels, "".join([*dots, *once])
    if dots and "..." not in right:
        raise ShapeError(f"einsum: expected '...' in the result of {text!r}, since an operand has it")
    out = right.replace("...", "".join(dots))
    if len(set(out)) != len(out) or not set(out) <= set(everything):
        raise ShapeError(f"einsum: the result of {text!r} repeats a letter, or has one that no operand has")
    return labels, out


# ---- einsum: its program --------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    """Remove operands `i` and `j` from the list, simplify each, contract them; `j` is -1 for a single operand."""

    i: int
    j: int
    changes: tuple[tuple[tuple[str, Any], ...], ...]
    subscripts: str


@functools.lru_cache(maxsize=1024)
def _program(text: str, shapes: tuple[Shape, ...], optimize: Any) -> tuple[_Step, ...]:
    labels, out = _letters_of(text, shapes)
    size = sizes_of(labels, shapes)
    terms = list(zip(labels, shapes, strict=True))
    if len(terms) == 1:
        changes, left = _alone(*terms[0], out, size)
        order = tuple(left.index(c) for c in out)
        return (_Step(0, -1, (changes if left == out else (*changes, ("transpose", order)),), ""),)
    steps = []
    for i, j in _pairs(labels, shapes, out, optimize):
        second, first = terms.pop(max(i, j)), terms.pop(min(i, j))
        needed = out + "".join(letters for letters, _ in terms)
        before_x, x = _alone(*first, needed + _wide(second, size), size)
        before_y, y = _alone(*second, needed + _wide(first, size), size)
        result = "".join(dict.fromkeys(c for c in x + y if c in needed)) if terms else out
        steps.append(_Step(min(i, j), max(i, j), (before_x, before_y), f"{x},{y}->{result}"))
        terms.append((result, tuple(size[c] for c in result)))
    return tuple(steps)


def _wide(term: tuple[str, Shape], size: dict[str, int]) -> str:
    return "".join(c for c, n in zip(*term, strict=True) if n == size[c])


def _alone(letters: str, shape: Shape, needed: str, size: dict[str, int]) -> tuple[tuple[tuple[str, Any], ...], str]:
    """Return how to simplify one operand, and its letters then: diagonals, and sums over letters used nowhere else."""
    changes: list[tuple[str, Any]] = []
    while repeated := next((c for c in letters if letters.count(c) > 1), ""):
        i = letters.index(repeated)
        j = letters.index(repeated, i + 1)
        if shape[i] != shape[j]:
            raise ShapeError(f"einsum: the axes of {repeated!r} in one operand have lengths {shape[i]} and {shape[j]}")
        changes.append(("diagonal", (i, j)))
        letters = "".join(c for k, c in enumerate(letters) if k not in (i, j)) + repeated
        shape = (*(n for k, n in enumerate(shape) if k not in (i, j)), shape[i])
    # An axis of length 1 next to a longer one only broadcasts.
    narrow = [k for k, c in enumerate(letters) if shape[k] != size[c]]
    if narrow:
        letters = "".join(c for k, c in enumerate(letters) if k not in narrow)
        shape = tuple(n for k, n in enumerate(shape) if k not in narrow)
        changes.append(("reshape", shape))
    unwanted = tuple(k for k, c in enumerate(letters) if c not in needed)
    if unwanted:
        letters = "".join(c for c in letters if c in needed)
        changes.append(("sum", unwanted))
    return tuple(changes), letters


def _pairs(labels: list[str], shapes: tuple[Shape, ...], out: str, optimize: Any) -> list[tuple[int, int]]:
    """Return the order of contractions, as positions in a list: both operands leave it, and the result is appended."""
    n = len(labels)
    if n == 2:
        return [(0, 1)]
    # Without a memory limit: NumPy's default refuses any intermediate larger than the largest operand.
    option = ("optimal" if n <= 4 else "greedy", sys.maxsize) if optimize is None else optimize
    if isinstance(option, tuple) and option[0] == "einsum_path":
        path = list(option[1:])
    else:
        path = np.einsum_path(",".join(labels) + "->" + out, *map(_stand_in, shapes), optimize=option)[0][1:]
    pairs = []
    for step in path:
        group = sorted(step)
        for k in range(len(group) - 1):
            # The first of the group, then its result, which is last in the list.
            pairs.append((group[0], group[1]) if k == 0 else (group[k + 1] - k - 1, n - 1))
            n -= 1
    return pairs


def _run(steps: tuple[_Step, ...], arrays: list[Any]) -> Any:
    for i, j, changes, subscripts in steps:
        if j < 0:
            return _apply_changes(arrays[i], changes[0])
        y, x = arrays.pop(j), arrays.pop(i)
        arrays.append(contract(_apply_changes(x, changes[0]), _apply_changes(y, changes[1]), subscripts=subscripts))
    return arrays[0]


def _apply_changes(a: Any, changes: tuple[tuple[str, Any], ...]) -> Any:
    for change, value in changes:
        if change == "diagonal":
            a = np.diagonal(a, 0, *value)
        elif change == "sum":
            a = a.sum(axis=value)
        else:
            a = a.reshape(value) if change == "reshape" else a.transpose(value)
    return a


# ---- products that are cases of it ----------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def _tensordot_subscripts(a_axes: tuple[int, ...], b_axes: tuple[int, ...], a_ndim: int, b_ndim: int) -> str:
    a, b = _LETTERS[:a_ndim], list(_LETTERS[a_ndim : a_ndim + b_ndim])
    for i, j in zip(a_axes, b_axes, strict=True):
        b[j] = a[i]
    out = [c for c in a if c not in b] + [c for c in b if c not in a]
    return f"{a},{''.join(b)}->{''.join(out)}"


def _axes_of_tensordot(axes: Any, a: Any, b: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, (int, np.integer)):
        most = min(a.ndim, b.ndim)
        if not 0 <= axes <= most:
            raise ShapeError(
                f"tensordot: expected axes from 0 to {most}, as many as both arrays have; received axes={axes} with "
                f"shapes {a.shape} and {b.shape}"
            )
        pair: Any = (range(a.ndim - int(axes), a.ndim), range(int(axes)))
    else:
        pair = [x if isinstance(x, (list, tuple)) else (x,) for x in axes]
    a_axes, b_axes = (tuple(normalize_axis(i, x.ndim, "axes") for i in p) for p, x in zip(pair, (a, b), strict=True))
    if [a.shape[i] for i in a_axes] != [b.shape[j] for j in b_axes]:
        raise ShapeError(
            f"tensordot: expected axes {a_axes} of a and {b_axes} of b to have the same lengths; "
            f"received shapes {a.shape} and {b.shape}"
        )
    return a_axes, b_axes


@composes(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    a, b = operand(a), operand(b)
    a_axes, b_axes = _axes_of_tensordot(axes, a, b)
    if not a.ndim or not b.ndim:
        return np.multiply(a, b)
    return contract(a, b, subscripts=_tensordot_subscripts(a_axes, b_axes, a.ndim, b.ndim))


composed_as(np.linalg.tensordot, _tensordot)


@composes(np.inner)
def _inner(a: Any, b: Any, /) -> Any:
    a, b = operand(a), operand(b)
    if not a.ndim or not b.ndim:
        return np.multiply(a, b)
    return _tensordot(a, b, (-1, -1))


@composes(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    refuse("np.outer", "assign the result instead", out=out)
    return contract(_flat(a), _flat(b), subscripts="A,B->AB")


def _flat(a: Any) -> Any:
    a = operand(a)
    return a if a.ndim == 1 else a.reshape(-1)


@composes(np.linalg.outer)
def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ShapeError(f"outer: expected two vectors; received shapes {np.shape(x1)} and {np.shape(x2)}")
    return _outer(x1, x2)


def _conjugate(a: Any) -> Any:
    return np.conjugate(a) if a.dtype.kind == "c" else a


@composes(np.vdot)
def _vdot(a: Any, b: Any, /) -> Any:
    return np.matmul(_conjugate(_flat(a)), _flat(b))


@composes(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = operand(a), operand(b)
    ndim = max(a.ndim, b.ndim)
    a_shape, b_shape = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    product = a.reshape(tuple(n for k in a_shape for n in (k, 1))) * b.reshape(
        tuple(n for k in b_shape for n in (1, k))
    )
    return product.reshape(tuple(n * k for n, k in zip(a_shape, b_shape, strict=True)))


def _over(x1: Any, x2: Any, first: int, second: int) -> tuple[Any, Any]:
    """Return the operands, if the axes that are summed over have one length: a length of 1 is not broadcast."""
    x1, x2 = operand(x1), operand(x2)
    lengths = [x.shape[axis] if x.ndim >= -axis else None for x, axis in ((x1, first), (x2, second))]
    if lengths[0] != lengths[1] or None in lengths:
        raise ShapeError(
            f"expected axis {first} of the first operand and axis {second} of the second to have one length; received "
            f"shapes {x1.shape} and {x2.shape}"
        )
    return x1, x2


@composes(np.vecdot)
def _vecdot(x1: Any, x2: Any, /) -> Any:
    x1, x2 = _over(x1, x2, -1, -1)
    return _einsum("...i,...i", _conjugate(x1), x2)


@composes(*newer("matvec"))
def _matvec(x1: Any, x2: Any, /) -> Any:
    return _einsum("...ij,...j->...i", *_over(x1, x2, -1, -1))


@composes(*newer("vecmat"))
def _vecmat(x1: Any, x2: Any, /) -> Any:
    x1, x2 = _over(x1, x2, -1, -2)
    return _einsum("...i,...ij->...j", _conjugate(x1), x2)


@composes(np.linalg.vecdot)
def _linalg_vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return _vecdot(np.moveaxis(operand(x1), axis, -1), np.moveaxis(operand(x2), axis, -1))
