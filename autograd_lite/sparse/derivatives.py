"""Sparse Jacobians and Hessians: pattern and colors are found while a function is traced, and products replayed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.compiled_function import compile as compiled_form
from ..core.arguments import require_function
from ..core.depth import outside
from ..core.docstrings import arguments_from
from ..core.errors import TraceError
from ..core.late import load
from ..core.messages import checked
from ..core.mode import no_grad
from ..core.traceback_folding import folding
from ..functional.reverse_mode import grad
from ..ir.pure_program import PureProgram
from ..tree import map as map_leaves
from .colorings import Coloring, color, color_both
from .compressed_products import check_matrix, compress
from .pattern import Pattern, as_pattern, symmetrize
from .patterns import detect, symmetric, trace
from .points import Point, as_arrays, concrete, of_point, plain, point_of
from .structures import Key, Structure

if TYPE_CHECKING:
    from ..graph.picture import DrawnPicture

# How a pattern is colored in each mode.
_COLORINGS: dict[str, Callable[[Pattern], Coloring]] = {
    "auto": color,
    "forward": functools.partial(color, products="columns"),
    "reverse": functools.partial(color, products="rows"),
    "both": color_both,
}


# Structures that one function keeps; beyond it, the oldest goes.
_MOST = 64


class SparseDerivative:
    """A function that returns a sparse matrix of derivatives, as `jacobian` and `hessian` make it.

    Args:
        called: which of them, for messages.
        f: the user's function.
        argnums: the arguments to differentiate by.
        transform: makes the function whose Jacobian the matrix is of f.
        color: colors a pattern.
        sparsity: the pattern, if it is known.
        verify: whether to compare each matrix with products.
        compiled: whether to compile the products.

    Example:
        >>> import autograd_lite as ag
        >>> J = ag.sparse.jacobian(np.sin)
        >>> isinstance(J, SparseDerivative), J.pattern(np.ones(3)).nnz
        (True, 3)
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
        self.transform = transform
        self._call = called, f, argnums
        self._kinds = "fc" if transform is _itself else "f"
        self.sparsity = None if sparsity is None else as_pattern(called, sparsity)
        self.verify = verify
        self.differentiated = transform(of_point(f, argnums))
        self._structures: list[Structure] = []
        self._run = self._evaluation()

    @folding
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the matrix at these arguments, as `scipy.sparse.csr_array`."""
        inputs = as_arrays(*self._call, args, self._kinds)
        structure, products = self._run(*inputs, **kwargs)
        if structure.watched and not structure.is_current() and self._changes(structure, inputs, kwargs):
            structure, products = self._run(*inputs, **kwargs)
        nonzeros = structure.read(products if products.__class__ is np.ndarray else plain(products))
        del products  # before more memory is taken, so that the C library has it for the next call
        matrix = structure.matrix(nonzeros)
        if self.verify or not structure.is_checked:
            point = point_of(*self._call, inputs, kwargs)
            check_matrix(self.called, self.differentiated, point, matrix, self.sparsity is not None)
            structure.is_checked = True
        return matrix

    def __repr__(self) -> str:
        return f"<{self.called} of {getattr(self.f, '__name__', type(self.f).__name__)}>"

    @property
    def traces(self) -> tuple[Any, ...]:
        """The traces of the compiled evaluation, oldest first."""
        return getattr(self._run, "traces", ())

    def pattern(self, *inputs: Any, **keywords: Any) -> Pattern:
        """Return the pattern of the matrix for arguments of these shapes and dtypes; it holds for all their values."""
        return self._structure_at(inputs, keywords).pattern

    def colors(self, *inputs: Any, **keywords: Any) -> Coloring:
        """Return the coloring by which the matrix is computed for arguments of these shapes and dtypes."""
        return self._structure_at(inputs, keywords).coloring

    def picture(self, *inputs: Any, **keywords: Any) -> DrawnPicture:
        """Return a picture of the pattern, with a color for each product that computes the matrix.

        It has `.save`, for files that end in .svg, .png or .pdf; a notebook shows it.
        """
        structure = self._structure_at(inputs, keywords)
        name = getattr(self.f, "__name__", "<>")
        title = f"{self.called.partition('.')[2].capitalize()}{'' if '<' in name else f' of {name}'}"
        drawn: DrawnPicture = load(".pictures", __package__).picture(structure.pattern, structure.coloring, title)
        return drawn

    def _structure_at(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Structure:
        return self._structure(point_of(*self._call, as_arrays(*self._call, args, self._kinds), keywords))

    def _changes(self, structure: Structure, inputs: Sequence[Any], keywords: dict[str, Any]) -> bool:
        """Return whether another pattern follows from constants that have changed, which is compiled anew."""
        if self._structure(point_of(*self._call, inputs, keywords)) is structure:
            return False
        self._structures.clear()
        self._run = self._evaluation()
        return True

    def _evaluation(self) -> Callable[..., Any]:
        """Return the function that gives the structure and the products in which the nonzeros are."""

        def evaluate(*args: Any, **kwargs: Any) -> Any:
            point = point_of(*self._call, args, kwargs)
            structure = self._structure(point, watches=self.compiled)
            with no_grad():  # so that a replay keeps nothing for what no matrix has
                shape, coloring = structure.pattern.shape, structure.coloring
                return structure, compress(self.called, self.differentiated, point, shape, coloring)

        evaluate.__name__ = self.differentiated.__name__  # for messages
        return compiled_form(evaluate) if self.compiled else evaluate

    def _structure(self, point: Point, watches: bool = False) -> Structure:
        """Return the structure of the matrix, one from before if the function does the same.

        Args:
            point: where it is.
            watches: whether it is for a replay, so that it must stay true.
        """
        if (pattern := self.sparsity) is not None:
            return self._find_structure(Key(None, []), lambda: pattern)
        structure: Structure = outside(self._trace, (Point(*map_leaves(concrete, tuple(point))), watches), {})
        return structure

    def _trace(self, point: Point, watches: bool) -> Structure:
        try:
            program, slots = trace(self.differentiated, point)
        except TraceError as error:
            reason = str(error).removeprefix("trace: ")
            raise TraceError(f"{self.called}: {reason}. Or pass sparsity= and compiled=False") from None
        values = {i: concrete(v) for i, v in program.bindings.items() if i not in program.inputs}
        arrays = {i: v for i, v in values.items() if isinstance(v, np.ndarray)} | _places_of_matrices(program)

        def find(constants: Mapping[str, Any] = values) -> Pattern:
            pattern = detect(program, slots, constants).sets.to_pattern()
            return pattern if self.transform is _itself else symmetric(pattern)

        structure = self._find_structure(Key(program.graph, [*arrays.values()]), find)
        if watches and (places := structure.watch([*arrays.values()])):
            changing = {i for k, i in enumerate(arrays) if k in places}
            if _same_pattern(find({i: v for i, v in values.items() if i not in changing}), structure.pattern):
                structure.watched = structure.watched[len(changing & values.keys()) :]  # it holds for all their values
        return structure

    def _find_structure(self, key: Key, find: Callable[[], Pattern]) -> Structure:
        for structure in self._structures:
            if structure.is_of(key):
                return structure
        pattern = find()
        for structure in self._structures:
            if structure.key.graph == key.graph and _same_pattern(structure.pattern, pattern):
                structure.keep(key)
                return structure
        structure = Structure(pattern, self.color(pattern), self.sparsity is None, key)
        self._structures[: -_MOST + 1] = []
        self._structures.append(structure)
        return structure


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
    """Return a function that computes the Jacobian of `f` as a sparse matrix: J[i, j] = d out[i] / d x[j].

    Where it may have nonzeros is found in the operations of f, and holds for all values of the arguments. Columns that
    have no row in common share one product of forward mode, rows that have no column in common one of reverse mode; all
    products are computed together. Pattern, colors and compiled code are made in the first calls with arguments of
    these shapes and dtypes, and made anew when something has changed that f reads.

    Args:
        f: a function that returns an array, or a container of arrays, which may not depend on values in Python, as in
            `if x > 0`.
        argnums: which positional arguments to differentiate by, each a floating array or a container of them.
        sparsity: the pattern, if it is known: a sparse matrix of SciPy or an array, whose entries other than 0 count,
            or a `Pattern`. A product with random vectors tells in the first call whether it is too small.
        verify: whether to compare each matrix with the function's own products with two random vectors.
        mode: "forward", "reverse", "both", for products of both kinds, or "auto", which needs the fewest.
        compiled: whether to compile the products; a function that cannot be compiled runs as it is in any case.

    Returns:
        A function of f's arguments that returns a new `scipy.sparse.csr_array` of shape (size of the result, size of
        the argument), in C order; of a container, and of several arguments, the elements come one after the other.
        Entries that happen to be 0 are stored like the others. Its methods `pattern` and `colors` take f's arguments
        and return how the matrix is computed.

    Raises:
        DtypeError: if an argument to differentiate by is not floating.
        GradError: if the pattern is too small, with an entry that is missing, or if the call is inside of another
            transformation.
        ModuleNotFoundError: without SciPy.
        ShapeError: if the pattern has another shape than the matrix.
        TraceError: if f depends on values in Python, with the line.

    Example:
        >>> J = jacobian(lambda x: x[1:] * x[:-1])
        >>> J(np.array([1.0, 2.0, 3.0])).toarray()
        array([[2., 1., 0.],
               [0., 3., 2.]])
        >>> J.colors(np.ones(1000)).count
        2
    """
    require_function("sparse.jacobian", f)
    if mode not in _COLORINGS:
        raise ValueError(f"sparse.jacobian: expected mode 'auto', 'forward', 'reverse' or 'both'; received {mode!r}")
    return SparseDerivative("sparse.jacobian", f, argnums, _itself, _COLORINGS[mode], sparsity, verify, compiled)


@arguments_from(jacobian)
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
    """Return a function that computes the Hessian of `f` as a sparse matrix: H[i, j] = d²f / dx[i] dx[j].

    As `jacobian` of the gradient; an entry may be read at either of its two places, which takes fewer products. The
    matrix is symmetric to the bit where the coloring is: each entry and its mirror image are the same number.

    Args:
        f: a function of real arguments that returns a real scalar, such as a Lagrangian (x, multipliers).
        argnums: which positional arguments to differentiate by.
        of: the same, as solvers call it. The pattern holds for all values of the other arguments.

    Returns:
        A function of f's arguments that returns a new symmetric `scipy.sparse.csr_array`; see `jacobian`.

    Raises:
        GradError: if f does not return a real scalar; and as `jacobian`.

    Example:
        >>> H = hessian(lambda x, weight: weight * (x[1:] * x[:-1]).sum(), of=0)
        >>> H(np.ones(3), 2.0).toarray()
        array([[0., 2., 0.],
               [2., 0., 2.],
               [0., 2., 0.]])
    """
    require_function("sparse.hessian", f)
    pattern = None if sparsity is None else symmetrize(as_pattern("sparse.hessian", sparsity))
    numbers = argnums if of is None else of
    return SparseDerivative("sparse.hessian", f, numbers, grad, _color_symmetric, pattern, verify, compiled)


def _places_of_matrices(program: PureProgram) -> dict[str, Any]:
    """Return the arrays that say where constant matrices of SciPy have their nonzeros."""
    params = ((i, value) for i, (_, _, params) in program.calls.items() for value in params.values())
    return {f"{i} {k}": a for i, value in params for k, a in enumerate(getattr(value, "arrays", ()))}


def _same_pattern(a: Pattern, b: Pattern) -> bool:
    return a.shape == b.shape and np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices)


def _itself(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def _color_symmetric(pattern: Pattern) -> Coloring:
    return color(pattern, symmetric=True)
