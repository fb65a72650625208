"""Sparse Jacobians and Hessians: pattern and colors are found while a function is traced, then products are replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..compiler.compiled_function import compile as compiled_form
from ..core.arguments import require_function
from ..core.depth import DEPTH, outside
from ..core.dynamic_scalars import DynamicScalar
from ..core.errors import DtypeError, GradError
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.traceback_folding import folding
from ..functional.argument_selection import array_like, floating, positions
from ..functional.reverse_mode import grad
from ..tensors.tensor import Tensor
from ..tree import items, leaves, map as map_leaves, rebuild
from .colorings import Coloring, color, color_both, color_columns, color_rows
from .compressed_products import check_matrix, compress
from .pattern import Pattern, as_pattern, symmetrize
from .patterns import detect, symmetric, trace

MODES = ("auto", "forward", "reverse", "both")


class Structure:
    """The structure of a matrix of derivatives, with which products become the matrix.

    Attributes:
        pattern: of the matrix.
        coloring: of its columns and rows.
        source: the place of each nonzero in the products; None where they are the nonzeros in order.
        is_checked: whether a matrix with this pattern needs no look at whether the pattern is too small.
        constants: the arrays from outside whose values the pattern depends on, each with a copy.
    """

    __slots__ = ("_template", "coloring", "constants", "is_checked", "pattern", "source")

    def __init__(self, pattern: Pattern, coloring: Coloring, is_checked: bool, constants: list[Any]) -> None:
        self.pattern, self.coloring, self.is_checked, self.constants = pattern, coloring, is_checked, constants
        in_order = np.array_equal(coloring.source, np.arange(pattern.nnz))
        self.source = None if in_order else np.asarray(coloring.source, np.intp)
        self._template: Any = None

    def matrix(self, values: Any) -> Any:
        """Return the matrix with these nonzeros, which shares no memory with others."""
        if self._template is None:
            self._template = self.pattern.to_scipy(np.empty(self.pattern.nnz))
            self._template.has_canonical_format = True
            self._template.data = np.empty(0)
        a = object.__new__(self._template.__class__)  # its constructor would take most of the time
        attributes = vars(a)
        attributes.update(vars(self._template))
        attributes["data"] = values
        attributes["indices"], attributes["indptr"] = attributes["indices"].copy(), attributes["indptr"].copy()
        return a

    def is_current(self) -> bool:
        """Return whether all that the pattern depends on is as it was."""
        return all(np.array_equal(a, before) for a, before in self.constants)


class _Point(NamedTuple):
    """The arguments of a call: those to differentiate by, and the others."""

    chosen: tuple[Any, ...]
    others: tuple[Any, ...]
    keywords: dict[str, Any]


class SparseDerivative:
    """The function that `jacobian` and `hessian` return; see there.

    Args:
        called: which of them, for messages.
        f: the user's function.
        argnums: the arguments to differentiate by.
        transform: makes the function whose Jacobian the matrix is of f.
        color: colors a pattern.
        sparsity, verify, compiled: as of `jacobian`.
    """

    _unguarded = ("_run", "_structures")

    def __init__(
        self,
        called: str,
        f: Callable[..., Any],
        argnums: int | Sequence[int],
        transform: Callable[[Callable[..., Any]], Callable[..., Any]],
        color: Callable[[Pattern], Coloring],
        sparsity: Any,
        verify: bool,
        compiled: bool,
    ) -> None:
        functools.update_wrapper(self, f, updated=())
        self.called, self.f, self.argnums, self.color, self.compiled = called, f, argnums, color, compiled
        self.sparsity = None if sparsity is None else as_pattern(called, sparsity)
        self.verify = verify
        self.differentiated = transform(_of_point(f, argnums))
        self._structures: list[tuple[Any, Structure]] = []
        self._run = self._evaluation()

    @folding
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the matrix at these arguments, as `scipy.sparse.csr_array`."""
        args = self._arguments(args)
        structure, values = self._run(*args, **kwargs)
        if structure.constants and not structure.is_current():
            self._structures.clear()
            self._run = self._evaluation()
            structure, values = self._run(*args, **kwargs)
        matrix = structure.matrix(values)
        if self.verify or not structure.is_checked:
            check_matrix(self.called, self.differentiated, self._point(args, kwargs), matrix, self.sparsity is not None)
            structure.is_checked = True
        return matrix

    def pattern(self, *args: Any, **kwargs: Any) -> Pattern:
        """Return the pattern of the matrix at these arguments, of which only shapes and dtypes matter."""
        return self._structure(self._point(self._arguments(args), kwargs)).pattern

    def colors(self, *args: Any, **kwargs: Any) -> Coloring:
        """Return the coloring by which the matrix at these arguments is computed."""
        return self._structure(self._point(self._arguments(args), kwargs)).coloring

    def _arguments(self, args: tuple[Any, ...]) -> Sequence[Any]:
        """Return the arguments as they are evaluated: those to differentiate by as arrays."""
        if DEPTH.get().all or (TAPES and MODE.get().tape is not None):
            raise GradError(
                f"{self.called}: expected to be called on its own; received a call inside of another transformation or "
                "a compiled function. Its result is a matrix of SciPy, through which no derivative flows: call it "
                "outside, or take products there, with ag.jvp or ag.vjp"
            )
        if self.argnums == 0 and args and args[0].__class__ is np.ndarray and args[0].dtype.kind in "fc":
            return args
        inputs = list(args)
        for i in positions(self.called, self.f, self.argnums, args):
            x = inputs[i]
            if x.__class__ is np.ndarray and x.dtype.kind in "fc":
                continue
            x = array_like(x)
            inputs[i] = rebuild(
                x, iter([_plain(floating(self.called, a, f"argument {i}{path}")) for path, a in items(x)])
            )
        return inputs

    def _point(self, args: Sequence[Any], keywords: dict[str, Any]) -> _Point:
        numbers = positions(self.called, self.f, self.argnums, tuple(args))
        others = tuple([a for i, a in enumerate(args) if i not in numbers])
        return _Point(tuple([args[i] for i in numbers]), others, keywords)

    def _evaluation(self) -> Callable[..., Any]:
        """Return the function that gives the structure and the nonzeros."""

        def evaluate(*args: Any, **kwargs: Any) -> Any:
            point = self._point(args, kwargs)
            structure = self._structure(point)
            values = compress(self.called, self.differentiated, point, structure.pattern.shape, structure.coloring)
            return structure, values if structure.source is None else values[structure.source]

        return compiled_form(evaluate) if self.compiled else evaluate

    def _structure(self, point: _Point) -> Structure:
        """Return the structure of the matrix, one that was made before if the function has done the same."""
        point = _Point(*map_leaves(_concrete, tuple(point)))
        if self.sparsity is not None:
            key: Any = "sparsity"
        else:
            program, slots = outside(trace, (self.differentiated, point), {})
            key = program.graph
        for other, structure in self._structures:
            if other == key:
                return structure
        pattern = self.sparsity
        if pattern is None:
            pattern = outside(detect, (program, slots), {}).sets.to_pattern()
            if self.is_symmetric:
                pattern = symmetric(pattern)
        structure = Structure(pattern, self.color(pattern), self.sparsity is None, [])
        self._structures.append((key, structure))
        return structure


def _of_point(f: Callable[..., Any], argnums: int | Sequence[int]) -> Callable[..., Any]:
    """Return a function as one of the arguments that are differentiated by, the others, and those by keyword."""

    def of_point(chosen: tuple[Any, ...], others: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        n = len(chosen) + len(others)
        numbers = [i % n for i in ((argnums,) if isinstance(argnums, int) else argnums)]
        args = list(others)
        for i, a in sorted(zip(numbers, chosen, strict=True), key=lambda pair: pair[0]):
            args.insert(i, a)
        return f(*args, **keywords)

    of_point.__name__ = getattr(f, "__name__", type(f).__name__)
    return of_point


def _plain(a: Any) -> Any:
    """Return an array to differentiate by without a history."""
    return a.detach() if isinstance(a, Tensor) else np.asarray(a)


def _concrete(a: Any) -> Any:
    """Return an argument as an array whose values do not count."""
    if isinstance(a, Tensor):
        return a._data
    return np.asarray(a.value) if isinstance(a, DynamicScalar) else a


@checked
def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    sparsity: Any = None,
    verify: bool = False,
    mode: str = "auto",
    compiled: bool = True,
) -> SparseDerivative:
    """Return a function that computes the Jacobian of `f` as a sparse matrix: J[i, j] = d out[i] / d x[j]."""
    require_function("sparse.jacobian", f)
    if mode not in MODES:
        raise ValueError(f"sparse.jacobian: expected mode 'auto', 'forward', 'reverse' or 'both'; received {mode!r}")
    color = functools.partial(color_jacobian, mode=mode)
    return SparseDerivative("sparse.jacobian", f, argnums, lambda g: g, color, sparsity, verify, compiled)


@checked
def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    of: int | Sequence[int] | None = None,
    sparsity: Any = None,
    verify: bool = False,
    compiled: bool = True,
) -> SparseDerivative:
    """Return a function that computes the Hessian."""
    require_function("sparse.hessian", f)
    numbers = argnums if of is None else of
    pattern = None if sparsity is None else symmetrize(as_pattern("sparse.hessian", sparsity))
    return SparseDerivative("sparse.hessian", f, numbers, grad, color_hessian, pattern, verify, compiled)
