"""Products of sparse and dense arrays, by the entries of the sparse one and by the dense one.

`sparse_matmul` multiplies a sparse matrix by dense columns, and `sampled_matmul` two dense matrices at the places of a
pattern alone. Both are multilinear, and each is the derivative of the other, so nothing dense arises at any order. What
is constant of a sparse matrix, all but its entries, is a `Layout`, and a parameter of both.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any
from weakref import WeakValueDictionary
from zlib import crc32

import numpy as np
import numpy.typing as npt

from ..core.late import needs
from ..core.op import OPS, Op, structural
from ..core.shape_arithmetic import ShapeDtype

with needs("autograd_lite.sparse", "scipy", "'autograd-lite[scipy]'"):
    import scipy.sparse as _sparse

original: Any = _sparse  # for the other files here
_SAMPLE = 64  # elements of an array by which another one that may be equal is looked up
_BLOCK = 1 << 16  # elements that are multiplied at a time
_ARRAYS: WeakValueDictionary[Any, npt.NDArray[Any]] = WeakValueDictionary()
_LAYOUTS: WeakValueDictionary[Any, Layout] = WeakValueDictionary()


def own_copy(a: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a read-only array with these elements: the same one each time, by which compiled code knows it again."""
    key = a.shape, a.dtype, a.reshape(-1)[:: max(1, a.size // _SAMPLE)].tobytes()
    other = _ARRAYS.get(key)
    if other is not None and np.array_equal(a, other):
        return other
    own = np.array(a)
    own.flags.writeable = False
    _ARRAYS[key] = own
    return own


class Layout:
    """All of a sparse matrix of SciPy's but its entries; those of equal arrays are the same object.

    Attributes:
        shape: of the matrix.
        format: SciPy's name of it, such as "csr".
        pairs: the pairs of entries in the last product with this matrix on the left, see `pair_products`.
    """

    __slots__ = (
        "__weakref__",
        "_attributes",
        "_blocks",
        "_digest",
        "_kind",
        "_rows",
        "_transpose",
        "_turned",
        "format",
        "pairs",
        "shape",
    )

    def __init__(self, matrix: Any) -> None:
        self.shape: tuple[int, int] = matrix.shape
        self.format: str = matrix.format
        self._kind = type(matrix)
        self._attributes = {name: value for name, value in vars(matrix).items() if name != "data"}
        self._digest: int | None = None
        self._rows: Any = None
        self._blocks: tuple[int, Layout] | None = None
        self._turned: Layout | None = None
        self._transpose: tuple[Layout, Any] | None = None
        self.pairs: Any = None

    def __repr__(self) -> str:
        """Return a text that other patterns do not have, since graphs compare parameters by these."""
        if self._digest is None:
            arrays = [part for name in sorted(self._attributes) for part in _arrays_in(self._attributes[name])]
            self._digest = functools.reduce(lambda digest, a: crc32(np.ascontiguousarray(a).data, digest), arrays, 0)
        return f"<{self.format} {self.shape[0]} x {self.shape[1]}, {self._digest:08x}>"

    def matrix(self, data: Any, transposed: bool = False) -> Any:
        """Return SciPy's matrix with these entries, or its transpose, in the memory of `data`."""
        if transposed and self._turned is not None:
            return self._turned.matrix(data)
        matrix = object.__new__(self._kind)
        vars(matrix).update(self._attributes)
        matrix.data = data
        if not transposed:
            return matrix
        turned = matrix.T
        if self.format in ("csr", "csc") and all(
            a.size == b.size and np.may_share_memory(a, b)
            for a, b in ((turned.indices, self.indices), (turned.indptr, self.indptr))
        ):
            turned.indices, turned.indptr = self.indices, self.indptr  # of which SciPy has made views
            self._turned = Layout(turned)
        return turned

    @property
    def arrays(self) -> list[Any]:
        """Its arrays, which say where the entries are."""
        values = [value if isinstance(value, tuple) else (value,) for _, value in sorted(self._attributes.items())]
        return [part for parts in values for part in parts if isinstance(part, np.ndarray)]

    @property
    def indices(self) -> Any:
        """The columns of the entries, row by row; of "csr"."""
        return self._attributes["indices"]

    @property
    def indptr(self) -> Any:
        """Where each row begins among the entries, and the end; of "csr"."""
        return self._attributes["indptr"]

    @property
    def rows(self) -> Any:
        """The rows of the entries; of "csr"."""
        if self._rows is None:
            counts = np.diff(self.indptr)
            self._rows = own_copy(np.repeat(np.arange(self.shape[0], dtype=self.indices.dtype), counts))
        return self._rows

    def transpose(self) -> tuple[Layout, Any]:
        """Return the layout of the transposed matrix, and which entry comes where in it; of "csr"."""
        if self._transpose is None:
            turned = original.csr_array(self.matrix(np.arange(len(self.indices)), transposed=True))
            layout = layout_of(turned.indices, turned.indptr, (self.shape[1], self.shape[0]))
            self._transpose = layout, own_copy(turned.data)
        return self._transpose

    def blocks(self, count: int) -> Layout:
        """Return the layout of a matrix with as many of these along its diagonal, whose entries follow each other."""
        if self._blocks is None or self._blocks[0] != count:
            (m, n), nnz = self.shape, len(self.indices)
            dtype = index_dtype(count * max(m, n, nnz))
            step = np.arange(count, dtype=dtype)[:, None]
            indptr = np.append(self.indptr[:-1] + step * nnz, [count * nnz]).astype(dtype)
            self._blocks = count, layout_of((self.indices + step * n).reshape(-1), indptr, (count * m, count * n))
        return self._blocks[1]


def _arrays_in(value: Any) -> list[npt.NDArray[Any]]:
    parts = value if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def index_dtype(largest: int) -> Any:
    """Return the dtype of indices up to a number, as SciPy chooses it."""
    return np.int32 if largest <= np.iinfo(np.int32).max else np.int64


def layout_of(indices: Any, indptr: Any, shape: tuple[int, int]) -> Layout:
    """Return the layout of a matrix in CSR, whose indices are in order, and none is there twice in a row."""
    indices, indptr = own_copy(indices), own_copy(indptr)
    key = id(indices), id(indptr), shape
    layout = _LAYOUTS.get(key)
    if layout is None:
        data = np.broadcast_to(np.float64(0), indices.shape)
        matrix = original.csr_array((data, indices, indptr), shape)
        matrix.indices, matrix.indptr = indices, indptr
        matrix.has_canonical_format = True
        layout = _LAYOUTS[key] = Layout(matrix)
    return layout


def layout_of_constant(matrix: Any) -> Layout:
    """Return the layout of one of SciPy's matrices, in the memory of its arrays."""
    key: list[Any] = [type(matrix), matrix.shape]
    for name, value in vars(matrix).items():
        if name != "data":
            parts = value if value.__class__ is tuple else (value,)
            key += [id(part) for part in parts if part.__class__ is np.ndarray]
    layout = _LAYOUTS.get(tuple(key))
    if layout is None:
        layout = _LAYOUTS[tuple(key)] = Layout(matrix)
    return layout


# ---- the ops --------------------------------------------------------------------------------------------------------


@functools.cache
def _product_dtype(*dtypes: np.dtype[Any]) -> Any:
    data, x = (np.zeros(1, np.float32 if dtype == np.float16 else dtype) for dtype in dtypes)
    return (original.csr_array((data, ([0], [0])), (1, 1)) @ x).dtype


def _sample_dtype(*dtypes: np.dtype[Any]) -> Any:
    dtype = np.result_type(*dtypes)
    return np.float32 if dtype == np.float16 else dtype  # as SciPy's products, of which these are the derivatives


def _multiply(data: Any, x: Any, *, layout: Layout, transposed: bool) -> Any:
    data, x = np.asarray(data), np.asarray(x)
    return layout.matrix(data, transposed) @ x


def _infer_product(data: ShapeDtype, x: ShapeDtype, *, layout: Layout, transposed: bool) -> ShapeDtype:
    return ShapeDtype((layout.shape[transposed], *x.shape[1:]), _product_dtype(data.dtype, x.dtype))


def _batched_product(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Multiply columns of all examples by one matrix; of several make blocks along a diagonal."""
    (data, x), layout, rows = inputs, params["layout"], params["layout"].shape[params["transposed"]]
    if batched[0]:
        count = data.shape[0]
        x = x if batched[1] else np.broadcast_to(x, (count, *np.shape(x)))
        out = op(data.reshape(-1), x.reshape(-1, *x.shape[2:]), **{**params, "layout": layout.blocks(count)})
        return out.reshape(count, rows, *x.shape[2:])
    if x.ndim == 2:
        return np.transpose(op(data, np.transpose(x), **params))
    count, n, width = x.shape
    out = op(data, np.moveaxis(x, 0, 1).reshape(n, count * width), **params)
    return np.moveaxis(out.reshape(rows, count, width), 1, 0)


def _sample(u: Any, v: Any, *, layout: Layout) -> Any:
    u, v, rows, columns = np.asarray(u), np.asarray(v), layout.rows, layout.indices
    if (dtype := _sample_dtype(u.dtype, v.dtype)) != u.dtype:
        u = u.astype(dtype)
    if u.ndim == 1:
        return u[rows] * v[columns]
    out = np.empty(len(columns), dtype)
    step = max(1, _BLOCK // max(1, u.shape[1]))
    for k in range(0, len(columns), step):
        part = slice(k, k + step)
        np.einsum("ek,ek->e", u[rows[part]], v[columns[part]], out=out[part])
    return out


def _batched_sample(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    count = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    u, v = (x if b else np.broadcast_to(x, (count, *np.shape(x))) for x, b in zip(inputs, batched, strict=True))
    u, v = (x.reshape(-1, *x.shape[2:]) for x in (u, v))
    return op(u, v, layout=params["layout"].blocks(count)).reshape(count, -1)


def _by_entries(g: Any, out: Any, data: Any, x: Any, *, layout: Layout, transposed: bool) -> Any:
    return sampled_matmul(x, g, layout=layout) if transposed else sampled_matmul(g, x, layout=layout)


def _product_depends(
    i: int, inputs: Sequence[ShapeDtype], out: ShapeDtype, *, layout: Layout, transposed: bool
) -> tuple[Any, Any]:
    data, width = inputs[0], math.prod(out.shape[1:])
    numbers = np.arange(1, data.size + 1).reshape(data.shape)
    matrix = original.csr_array(layout.matrix(numbers, transposed))
    if i == 1:
        matrix = original.kron(matrix, original.eye_array(width), "csr") if width != 1 else matrix
        return matrix.indptr, matrix.indices
    matrix = original.csr_array((matrix.data, matrix.data - 1, matrix.indptr), (matrix.shape[0], data.size))
    matrix = original.kron(matrix, np.ones((width, 1)), "csr") if width != 1 else matrix
    return matrix.indptr, matrix.indices


def _sample_depends(i: int, inputs: Sequence[ShapeDtype], out: ShapeDtype, *, layout: Layout) -> tuple[Any, Any]:
    width = math.prod(inputs[0].shape[1:])
    places = (layout.indices if i else layout.rows)[:, None] * width + np.arange(width)
    return np.arange(out.size + 1) * width, places.reshape(-1)


# The product of a sparse matrix, given its entries, or of its transpose, and a vector or columns.
sparse_matmul: Op = structural(
    "sparse_matmul",
    _multiply,
    _by_entries,
    lambda g, out, data, x, *, layout, transposed: sparse_matmul(data, g, layout=layout, transposed=not transposed),
    infer=_infer_product,
    saves=("y", "x"),
    multilinear=True,
    batch=_batched_product,
    depends=_product_depends,
    cost=lambda shapes, out, params: 2 * math.prod(shapes[0]) * math.prod(out[1:]),
    glyph="@",
)
# The entries of u vᵀ at the places of a pattern.
sampled_matmul: Op = structural(
    "sampled_matmul",
    _sample,
    lambda g, out, u, v, *, layout: sparse_matmul(g, v, layout=layout, transposed=False),
    lambda g, out, u, v, *, layout: sparse_matmul(g, u, layout=layout, transposed=True),
    infer=lambda u, v, *, layout: ShapeDtype((len(layout.indices),), _sample_dtype(u.dtype, v.dtype)),
    saves=("y", "x"),
    multilinear=True,
    batch=_batched_sample,
    depends=_sample_depends,
    cost=lambda shapes, out, params: 2 * math.prod(out) * math.prod(shapes[0][1:]),
)
for _op in (sparse_matmul, sampled_matmul):
    del OPS[_op.name]  # the tables have what needs NumPy alone
