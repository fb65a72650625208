"""Matrices of derivatives, and products with them: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.arguments import require_function
from ..core.depth import inside, inside_tracers
from ..core.duck_arrays import array_namespace, as_array, asarray_like
from ..core.errors import GradError, ShapeError
from ..core.indices import indices_in
from ..core.messages import checked
from ..core.mode import enable_grad
from ..core.op import Op
from ..core.traceback_folding import folding
from ..engine.paths import paths_from
from ..engine.walk import cotangents, edge_of
from ..ops import arith
from ..ops.contract import contract, split_subscripts
from ..ops.diagonals import diagonal_matrix
from ..ops.index import scatter_add
from ..ops.matrix_products import matmul
from ..ops.reduce import sum_ as reduce_sum
from ..ops.shape import astype
from ..ops.zero_mask import zero_mask
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, wrap_any
from ..tree import items, leaves, map as map_leaves, rebuild
from .argument_selection import (
    Traced,
    array_like,
    arrays_returned,
    floating,
    has_history,
    leave,
    like_argument,
    plain_value,
    positions,
    scalar,
    tensors_in,
    trace,
    zip_trees,
)
from .dual import Dual, ForwardLevel, primal_of, tangent_of
from .reverse_mode import grad, like_input, one_for, pairs_of, pull_back, vjp
from .vmap_transform import Batched, unbatch

_BY_ELEMENT = frozenset((arith.add, arith.subtract, arith.negative, arith.positive, astype, zero_mask))
_MATMUL = {(1, 1): "j,j->", (1, 2): "j,jk->k", (2, 1): "ij,j->i", (2, 2): "ij,jk->ik"}


class Units(Batched):
    """Examples that are zero but for some elements, no two of which are at one place, as unit vectors are.

    They stay so in operations element by element and in views; products and sums add up the elements there are. By the
    law of zero cotangents, what a zero is multiplied with does not count.

    Attributes:
        values: the elements, in the shape of one example.
        rows: for each the number of the example that has it.
        count: of examples.
    """

    __slots__ = ("count", "rows", "values")

    def __init__(self, values: Any, rows: Any, count: int, level: Level) -> None:
        self.values, self.rows, self.count, self.level = values, rows, count, level

    shape = property(lambda self: self.values.shape)
    dtype = property(lambda self: self.values.dtype)
    inner = property(lambda self: self.values)

    @property
    def array(self) -> Any:
        """All examples."""
        return _spread(self.values, self.rows, range(self.rows.ndim), self.count)

    def apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply the op to the elements that are not zero if that is all it takes; else to all of them."""
        own = [isinstance(x, Batched) and x.level is self.level for x in inputs]
        units = [x for x, is_own in zip(inputs, own, strict=True) if is_own]
        out = None
        if all(x.__class__ is Units and (x.rows is self.rows or np.array_equal(x.rows, self.rows)) for x in units):
            plain = [x.values if is_own else x for x, is_own in zip(inputs, own, strict=True)]
            out = self._apply_to_elements(op, plain, own, params)
        return Batched.apply(self, op, inputs, params) if out is None else out

    def _apply_to_elements(self, op: Op, inputs: list[Any], own: list[bool], params: dict[str, Any]) -> Any:
        if op is arith.multiply or (op in _BY_ELEMENT and all(own)) or (op is arith.divide and own == [True, False]):
            values = op(*inputs, **params)
            rows = self.rows if values.shape == self.shape else np.broadcast_to(self.rows, values.shape)
            return Units(values, rows, self.count, self.level)
        # Which rows elements get to is read here and now: not where a later replay has another index.
        moves = op.linear and op.view and len(inputs) == 1 and next(indices_in(params), None) is None
        if moves:
            return Units(op(*inputs, **params), op.forward(self.rows, **params), self.count, self.level)
        if op is reduce_sum:
            axis = range(self.ndim) if params["axis"] is None else params["axis"]
            summed = _spread(self.values, self.rows, [k for k in range(self.ndim) if k not in axis], self.count)
            if params["keepdims"]:
                summed = summed.reshape((self.count, *[1 if k in axis else n for k, n in enumerate(self.shape)]))
            return Batched(summed, self.level)
        subscripts = _MATMUL.get(tuple(map(np.ndim, inputs))) if op is matmul else params.get("subscripts")  # type: ignore[arg-type]
        if op not in (matmul, contract) or subscripts is None or all(own):
            return None
        x, y, out = split_subscripts(subscripts)
        ours, other = (x, y) if own[0] else (y, x)
        rest = "".join([c for c in other if c not in ours])
        products = contract(*inputs, subscripts=f"{x},{y}->{ours}{rest}")
        axes = [k for k, c in enumerate(ours) if c in out]
        whole = _spread(products, np.broadcast_to(self.rows, products.shape[: len(ours)]), axes, self.count)
        letters = "".join([ours[k] for k in axes]) + rest
        return Batched(whole.transpose((0, *[1 + letters.index(c) for c in out])), self.level)


def _spread(values: Any, rows: Any, axes: Sequence[int], count: int) -> Any:
    """Return sums of elements by example and by their places along some axes, over the other axes of `rows`.

    `values` may have further axes, which the result has too: shape `(count, *axes, *further)`.
    """
    further, in_order = values.shape[rows.ndim :], np.array_equal(rows.reshape(-1), np.arange(count))
    if in_order and not axes:
        return values.reshape(-1).reshape((count, *further))  # rows whose elements lie together, for what comes next
    if in_order and rows.ndim == 1 and not further:
        return diagonal_matrix(values)
    places = np.ogrid[tuple(map(slice, rows.shape))]
    index = (rows, *[np.asarray(places[k]) for k in axes])
    return scatter_add(values, index=index, shape=(count, *[rows.shape[k] for k in axes], *further))


def _units_of(x: Any, start: int, count: int, level: Level) -> Any:
    """Return unit vectors in the shape of x, beside zeros: example `start` has the first element."""
    if array_namespace(x) is np and x.size:
        return Units(np.ones(x.shape, x.dtype), start + np.arange(x.size).reshape(x.shape), count, level)
    units = np.zeros((count, x.size), x.dtype)
    units[start + np.arange(x.size), np.arange(x.size)] = 1
    return Batched(asarray_like(units.reshape((count, *x.shape)), x), level)


_recorded = enable_grad()(pull_back)  # decorated, which restores the mode wherever an interrupt comes


@checked
def jacobian(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, mode: str = "auto", has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of `f`: J[i, j] = d out[i] / d x[j], for multi-indices i and j.

    Rows (reverse mode) are computed in batched passes, all in one unless they are large; all columns (forward mode) in
    one.

    Args:
        f: a function that returns an array, or a container of arrays.
        argnums: which positional arguments to differentiate by, each an array or a container of arrays.
        mode: "reverse", whose cost grows with the size of the output, "forward", whose cost grows with the size of the
            input, or "auto", which chooses reverse mode unless the output is larger than the input.
        has_aux: f returns `(out, anything)`; the result is then `(jacobian, aux)`.

    Returns:
        A function of f's arguments that returns, for each output, for each argument, an array of shape
        `out.shape + argument.shape`; where both are plain arrays, just that array. For complex arguments it is the
        holomorphic derivative; there f must be holomorphic. Arrays or Tensors as from `value_and_grad`.

    Example:
        >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """
    require_function("jacobian", f)
    if mode not in ("auto", "forward", "reverse"):
        raise ValueError(f"jacobian: expected mode 'auto', 'forward' or 'reverse'; received {mode!r}")

    @functools.wraps(f)
    @folding
    def of_arguments(*args: Any, **kwargs: Any) -> Any:
        if mode == "forward":
            return _forward(f, argnums, args, kwargs, has_aux)
        traced = trace("jacobian", f, argnums, args, kwargs)
        out, aux = _outputs(traced.out, has_aux)
        tall = sum(np.size(o) for o in leaves(out)) > sum(v.size for v in leaves(traced.variables))
        if mode == "auto" and tall:
            return _forward(f, argnums, args, kwargs, has_aux)
        result = map_leaves(lambda o: rows(o, traced, isinstance(argnums, int)), out)
        return (result, like_input(aux, traced)) if has_aux else result

    return of_arguments


def _outputs(out: Any, has_aux: bool) -> tuple[Any, Any]:
    if not has_aux:
        return arrays_returned("jacobian", out), None
    if not isinstance(out, tuple) or len(out) != 2:
        raise GradError(f"jacobian: with has_aux=True expected the function to return (out, aux); received {out!r}")
    return arrays_returned("jacobian", out[0]), out[1]


# The elements of the largest cotangent in one pass: few enough for a cache, and enough that the passes cost little.
_BLOCK = 1 << 17


def rows(out: Any, traced: Traced, single: bool) -> Any:
    """Return the Jacobian of one output by reverse mode: batches of unit cotangents, each in one pass."""
    by_variable: dict[Any, Any] = {}
    as_tensors, ours = traced.as_tensors or traced.create_graph, False
    if isinstance(out, Tensor) and out.requires_grad:
        # An outer transformation keeps all rows anyway, and the history of each pass costs time.
        whole = traced.create_graph or traced.level is not None
        largest = max([out.size, *(node.size for node in traced.paths.order)])
        count = out.size if whole else min(out.size, max(1, _BLOCK // max(1, largest)))
        ours = count < out.size
        for start in range(0, out.size, max(1, count)):
            block = _block_of_rows(out, traced, start, min(count, out.size - start))
            if not ours:
                by_variable = block
                break
            for v, part in block.items():
                if v not in by_variable:
                    by_variable[v] = array_namespace(part).empty((out.size, *part.shape[1:]), part.dtype)
                by_variable[v][start : start + count] = part
    grads = []
    for v, a in pairs_of(traced):
        shape = (*np.shape(out), *v.shape)
        g = array_namespace(a).zeros(shape, v.dtype) if by_variable.get(v) is None else by_variable[v].reshape(shape)
        grads.append(g if ours and not as_tensors else like_argument(g, None, as_tensors, traced.ends))
    each = iter(grads)
    results = tuple(rebuild(vs, each) for vs in traced.variables)
    return results[0] if single else results


def _block_of_rows(out: Tensor, traced: Traced, start: int, count: int) -> dict[Any, Any]:
    """Return some consecutive rows of the Jacobian by each variable that they depend on."""
    batch = Level()
    if count == out.size:
        units = _units_of(out, 0, count, batch)
    else:
        some = array_namespace(out).eye(count, M=out.size, k=start, dtype=out.dtype)
        units = Batched(some.reshape((count, *out.shape)), batch)
    pulled = cotangents(
        {edge_of(out): units},
        traced.paths.targets,
        retain_graph=True,
        create_graph=traced.create_graph and not traced.ends,
        level=traced.level,
        paths=traced.paths,
    )
    return {v: unbatch(pulled[v], count, batch) for v, _ in pairs_of(traced) if pulled.get(v) is not None}


def _forward(
    f: Callable[..., Any], argnums: int | Sequence[int], args: tuple[Any, ...], kwargs: dict[str, Any], has_aux: bool
) -> Any:
    """Return the Jacobian by forward mode: a batch of unit tangents along with the values."""
    numbers = positions("jacobian", f, argnums, args)
    forward, batch = ForwardLevel(), Level()
    inputs = [array_like(a) for a in args]
    named = [(f"argument {i}{path}", a) for i in numbers for path, a in items(inputs[i])]
    points = [plain_value(floating("jacobian", a, where)) for where, a in named]
    total = sum(x.size for x in points)
    start, lifted = 0, []
    for x in points:
        lifted.append(wrap_any(Dual(x, _units_of(x, start, total, batch), forward), None))
        start += x.size
    each = iter(lifted)
    for i in numbers:
        inputs[i] = rebuild(inputs[i], each)
    with inside(tape=False) as depth:
        out, aux = _outputs(f(*inputs, **kwargs), has_aux)

    def columns(o: Any) -> Any:
        rows = unbatch(tangent_of(o, forward), total, batch)
        parts, begin = [], 0
        for x in points:
            parts.append(np.moveaxis(rows[begin : begin + x.size], 0, -1).reshape((*np.shape(o), *x.shape)))
            begin += x.size
        each = iter(parts)
        trees = tuple(rebuild(array_like(args[i]), each) for i in numbers)
        return trees[0] if isinstance(argnums, int) else trees

    parts = map_leaves(columns, out)
    out, aux = map_leaves(lambda x: primal_of(x, forward), (out, aux))
    as_tensors = depth.all > 0 or bool(tensors_in(args, kwargs)) or has_history(parts, out, aux)
    result = map_leaves(lambda part: like_argument(part, None, as_tensors), parts)
    return (result, aux if as_tensors else leave(aux)) if has_aux else result


@checked
def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return a function that computes the matrix of second derivatives of a scalar function.

    H[i, j] = d²f / dx[i] dx[j]; the gradient once, then all its rows in one batched pass.

    Args:
        f: a function that returns a real scalar.
        argnums: which positional arguments to differentiate by; a sequence gives the blocks of the matrix.

    Returns:
        A function of f's arguments that returns an array of shape `x.shape + x.shape`, or for a container of arrays,
        or several arguments, a container of containers of blocks. Arrays or Tensors as from `value_and_grad`.

    Example:
        >>> hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0]))
        array([[ 6.,  0.],
               [ 0., 12.]])
    """
    require_function("hessian", f)
    return jacobian(grad(f, argnums), argnums, mode="reverse")


@checked
def hvp(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return a function that multiplies the Hessian of `f` by a vector, at the cost of a few gradients.

    Computed as the vector-Jacobian product of the gradient with v, with no matrix.

    Args:
        f: a function that returns a real scalar.
        argnums: the positional argument to differentiate by, an array or a container of arrays.

    Returns:
        A function of f's arguments and, last, the vector v, with the structure and shapes of that argument; it returns
        H v, with the same structure. Arrays or Tensors as from `value_and_grad`.

    Raises:
        ShapeError: if v has another shape than the argument.

    Example:
        >>> hvp(lambda x: (x**3).sum())(np.array([1.0, 2.0]), np.array([1.0, 10.0]))
        array([  6., 120.])
    """
    require_function("hvp", f)
    gradient = grad(f, argnums)

    @functools.wraps(f)
    @folding
    def product(*args: Any, **kwargs: Any) -> Any:
        *point, v = args
        if inside_tracers():
            _, pullback = vjp(lambda *inputs: gradient(*inputs, **kwargs), argnums)(*point)
            return pullback(v)
        # One tape: f and its gradient are recorded once, and v is pulled back through both.
        traced = trace("hvp", f, argnums, tuple(point), kwargs)
        out = scalar("hvp", traced.out)
        (slopes,) = _recorded(traced._replace(as_tensors=True, create_graph=True, ends=False), [(out, one_for(out))])
        roots = _along(slopes, v)
        edges = [edge_of(g) for g, _ in roots if g.requires_grad]
        (result,) = pull_back(traced._replace(paths=paths_from(edges, traced.paths.targets)), roots)
        return result

    return product


def _along(slopes: Any, v: Any) -> list[tuple[Any, Any]]:
    """Return each gradient with its part of the vector."""
    roots = []
    for _, g, d in zip_trees("hvp", "a vector", slopes, v):
        d = d if isinstance(d, Tensor) else as_array(d)
        if d.shape != g.shape:
            raise ShapeError(f"hvp: expected a vector of shape {g.shape}; received {d.shape}")
        roots.append((g, d if d.dtype == g.dtype else d.astype(g.dtype)))
    return roots
