"""What linear algebra promises beyond the laws of the tables: singular points, conventions, costs, refusals."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..rows import for_every

RNG = np.random.default_rng(20)


def recorded(t: ag.Tensor) -> list[ag.Tensor]:
    """Return the tensors that `t` was made of, itself among them, leaves left out."""
    found = [t]
    for x in found:
        found += [
            y for y in x.inputs if isinstance(y, ag.Tensor) and y.op is not None and all(y is not z for z in found)
        ]
    return found


# ---- determinants of singular matrices ------------------------------------------------------------------------------


def leibniz(x: Any) -> Any:
    """The determinant as the sum over permutations that defines it, without any division."""
    n = x.shape[-1]
    total: Any = 0
    for p in itertools.permutations(range(n)):
        sign = np.linalg.det(np.eye(n)[list(p)])
        term = sign
        for i, j in enumerate(p):
            term = term * x[i, j]
        total = total + term
    return total


SINGULAR = {
    "zeros": np.zeros((3, 3)),
    "rank 1": np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 0.5]),
    "rank 2": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "one zero row": np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]),
    "rank 2 of 4": np.outer([1.0, 2, 3, 4], [1.0, 0, 1, 0]) + np.outer([0.0, 1, 0, 1], [2.0, 1, 0, 1]),
    "nearly singular": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0 + 1e-9]]),
    "regular": np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 4.0]]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_the_gradient_and_the_hessian_of_a_determinant_are_minors_everywhere(name: str) -> None:
    x = SINGULAR[name]
    for order in (ag.grad, lambda f: ag.jacobian(ag.grad(f))):
        found, expected = order(np.linalg.det)(x), order(leibniz)(x)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * max(1, np.abs(expected).max()))


def test_a_batch_of_determinants_may_be_singular_here_and_regular_there() -> None:
    x = np.stack([SINGULAR["rank 1"], SINGULAR["regular"], SINGULAR["zeros"]])
    found = ag.grad(lambda a: np.linalg.det(a).sum())(x)
    np.testing.assert_allclose(found, [ag.grad(leibniz)(a) for a in x], rtol=1e-12, atol=1e-13)


def test_the_gradient_of_a_determinant_with_nan_is_nan_and_no_error() -> None:
    x = np.full((3, 3), np.nan)
    with np.errstate(invalid="ignore"):
        assert np.isnan(ag.grad(np.linalg.det)(x)).all()


def test_logdet_has_the_inverse_as_its_gradient_and_nan_only_where_it_is_singular() -> None:
    x = np.stack([SINGULAR["regular"], SINGULAR["rank 1"]])
    found = ag.grad(lambda a: np.where(np.isfinite(v := np.linalg.slogdet(a)[1]), v, 0).sum())(x)
    np.testing.assert_allclose(found[0], np.linalg.inv(x[0]).T, rtol=1e-13)
    np.testing.assert_array_equal(found[1], np.zeros((3, 3)))  # its cotangent is zero
    assert np.isnan(ag.grad(lambda a: np.linalg.slogdet(a)[1])(x[1])).all()


# ---- equal eigenvalues ----------------------------------------------------------------------------------------------

DEGENERATE: list[tuple[str, Callable[[Any], Any]]] = [
    ("eigenvalues", lambda x: np.linalg.eigh(x)[1].sum()),
    ("eigenvalues", lambda x: np.real(np.linalg.eig(x)[1]).sum()),
    ("singular values", lambda x: np.abs(np.linalg.svd(x)[0]).sum()),
    ("singular values", lambda x: np.abs(np.linalg.svd(x)[2]).sum()),
]


@pytest.mark.parametrize(("of", "f"), DEGENERATE)
def test_vectors_of_equal_values_have_the_gradient_nan_and_a_warning(of: str, f: Callable[[Any], Any]) -> None:
    for create_graph in (False, True):
        x = ag.tensor(np.eye(2) if of == "eigenvalues" else np.eye(2)[::-1] * 3, requires_grad=True)
        out = f(x)  # the warning is about the gradient, so that it comes with it
        with pytest.warns(RuntimeWarning, match=f"degenerate {of}"):
            out.backward(create_graph=create_graph)
        assert np.isnan(x.grad.detach().numpy()).any()
        x.grad = None


def test_equality_is_a_matter_of_rounding() -> None:
    """The Laplacian of a ring has pairs of equal eigenvalues, which come out equal to some digits only."""
    ring = 2 * np.eye(6) - np.roll(np.eye(6), 1, 0) - np.roll(np.eye(6), -1, 0)
    with pytest.warns(RuntimeWarning, match="degenerate eigenvalues"):
        found = ag.grad(lambda a: (np.linalg.eigh(a)[1] ** 3).sum())(ring)
    assert np.isnan(found).any()


def test_vectors_that_are_apart_have_a_gradient_beside_others_that_are_equal() -> None:
    """Only the vectors that are used must be determined."""
    x = np.diag([1.0, 1.0, 5.0])
    found = ag.grad(lambda a: np.linalg.eigh(a)[1][0, 2] ** 2)(x)
    np.testing.assert_array_equal(found, np.zeros((3, 3)))
    found = ag.grad(lambda a: (np.linalg.eigh(a)[1][:, 2] * [1.0, 2.0, 3.0]).sum() ** 2)(x)
    assert np.isfinite(found).all()
    # d v₂ = Σ_j vⱼ (vⱼᵀ dA v₂) / (5 - 1), times 2 · 3 · [1, 2] for the square of the sum, over both triangles.
    np.testing.assert_allclose(found, np.array([[0, 0, 0.75], [0, 0, 1.5], [0.75, 1.5, 0]]), rtol=1e-14)


def _pair(k: int, m: Any) -> Any:
    """Return a number that depends on one eigenpair, whatever the sign or phase of its vector."""
    w, v = np.linalg.eigh(m)
    c = np.cos(np.arange(5.0))
    return (np.abs(np.sum(v[:, k] * c)) ** 2 * w[k]).sum()


SIMPLE: list[tuple[str, Callable[[Any], Any]]] = [
    ("vector", lambda m: np.abs(np.sum(np.linalg.eigh(m)[1][:, 0] * np.arange(5.0))) ** 2),
    ("pair", lambda m: _pair(4, m)),
    ("value", lambda m: np.linalg.eigh(m)[0][0] ** 3),
    ("value alone", lambda m: np.linalg.eigvalsh(m)[4] ** 3),
]


@pytest.mark.filterwarnings("ignore:degenerate eigenvalues")  # of tangents of vectors that are not used
@for_every(list(itertools.product(SIMPLE, ("real", "complex"))), name=lambda row: f"{row[0][0]} {row[1]}")
def test_a_simple_eigenpair_has_its_second_derivatives_beside_equal_eigenvalues(row: Any) -> None:
    (_, f), kind = row
    rng = np.random.default_rng(5)
    x, t, u = rng.normal(size=(3, 5, 5)) + 1j * rng.normal(size=(3, 5, 5)) * (kind == "complex")
    x, t, u = (a if kind == "complex" else a.real for a in (x, t, u))
    q = np.linalg.qr(x)[0]
    x, t, u = (q * [1.0, 2.0, 2.0, 2.0, 4.0]) @ q.conj().T, t + t.conj().T, u + u.conj().T
    x = (x + x.conj().T) / 2

    def along(m: Any) -> Any:
        return np.real(np.sum(np.conj(ag.grad(f)(m)) * t))

    h, size = 1e-4, np.abs(ag.grad(f)(x)).max()
    numeric = (8 * (f(x + h * t) - f(x - h * t)) - (f(x + 2 * h * t) - f(x - 2 * h * t))) / (12 * h)
    np.testing.assert_allclose(along(x), numeric, rtol=1e-8, atol=1e-8 * size)
    numeric = (8 * (along(x + h * u) - along(x - h * u)) - (along(x + 2 * h * u) - along(x - 2 * h * u))) / (12 * h)
    for second in (ag.jvp(along)((x,), (u,))[1], np.real(np.sum(np.conj(ag.grad(along)(x)) * u))):
        np.testing.assert_allclose(second, numeric, rtol=1e-7, atol=1e-7 * size)


# ---- one triangle ---------------------------------------------------------------------------------------------------

ONE_TRIANGLE: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (np.linalg.cholesky, np.tril),
    (lambda x: np.linalg.cholesky(x, upper=True), np.triu),
    (lambda x: np.linalg.eigh(x)[1], np.tril),
    (lambda x: np.linalg.eigh(x, "u")[1], np.triu),
    (np.linalg.eigvalsh, np.tril),
    (lambda x: np.linalg.eigvalsh(x, "U"), np.triu),
]


@pytest.mark.parametrize(("f", "half"), ONE_TRIANGLE)
def test_one_triangle_is_read_and_both_get_the_gradient(f: Callable[[Any], Any], half: Callable[[Any], Any]) -> None:
    x = np.array([[3.0, 0.5, 0.2], [0.5, 2.0, 0.4], [0.2, 0.4, 1.0]])
    lopsided = half(x)
    np.testing.assert_array_equal(f(ag.tensor(lopsided)).numpy(), f(ag.tensor(x)).numpy())
    v = RNG.normal(size=np.shape(f(x)))
    whole, gradient = (ag.grad(lambda a: (f(a) * v).sum())(a) for a in (x, lopsided))
    np.testing.assert_allclose(whole, whole.T, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(gradient, whole, rtol=1e-12, atol=1e-14)


# ---- large matrices: the ways that small ones do not take -----------------------------------------------------------


@pytest.mark.parametrize("n", [24, 25, 60, 101])
def test_triangles_of_any_size_are_inverted(n: int) -> None:
    x = np.triu(RNG.normal(size=(2, n, n)), 1) / n + np.eye(n) * RNG.uniform(1, 2, (2, n, 1))
    np.testing.assert_allclose(OPS["triangle_inverse"](x), np.linalg.inv(x), rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("n", [191, 192, 257])
def test_triangles_are_solved_as_any_matrix_is(n: int, shape: tuple[int, ...]) -> None:
    whole = RNG.normal(size=(n, n)) / n + np.eye(n) * RNG.uniform(1, 2, (n, 1))
    b, v = RNG.normal(size=(n, *shape)), RNG.normal(size=(n, *shape))
    for a in (whole, np.tril(whole), np.triu(whole), np.diag(np.diag(whole))):
        x = ag.tensor(a, requires_grad=True)
        out = np.linalg.solve(x, b)
        np.testing.assert_allclose(out.detach().numpy(), np.linalg.solve(a, b), rtol=1e-9, atol=1e-12)
        out.backward(v)
        outer = np.outer if b.ndim == 1 else lambda g, y: g @ y.T
        expected = -outer(np.linalg.solve(a.T, v), out.detach().numpy())
        np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-9, atol=1e-12)


def test_a_large_singular_triangle_is_an_error_and_a_misfit_too() -> None:
    a = np.tril(np.ones((250, 250)))
    a[100, 100] = 0
    with pytest.raises(ValueError, match="[Ss]ingular"):
        np.linalg.solve(ag.tensor(a), np.ones(250))
    with pytest.raises(ag.ShapeError, match="solve"):
        np.linalg.solve(ag.tensor(a), np.ones(249))


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("n", [1, 7, 31, 70, 130])
def test_the_gradient_of_a_large_cholesky_factor(n: int, upper: bool) -> None:
    """Along one direction, to first and second order, against finite differences of the extrapolated kind."""
    a = RNG.normal(size=(n, n))
    x, v = a @ a.T / n + np.eye(n), RNG.normal(size=(n, n))
    d = RNG.normal(size=(n, n))
    d = (d + d.T) / 2

    def loss(t: Any) -> Any:
        return (np.linalg.cholesky(t, upper=upper) ** 3 * v).sum()

    gradient = ag.grad(loss)
    h = 1e-3
    for f, found in [
        (loss, (gradient(x) * d).sum()),
        (lambda t: (gradient(t) * d).sum(), (ag.hvp(loss)(x, d) * d).sum()),
    ]:
        coarse, fine = ((f(x + k * d) - f(x - k * d)) / (2 * k) for k in (h, h / 2))
        np.testing.assert_allclose(found, (4 * fine - coarse) / 3, rtol=1e-6)


# ---- einsum ---------------------------------------------------------------------------------------------------------


def test_a_contraction_takes_the_cheap_way_and_makes_no_large_array() -> None:
    n = 30
    arrays = [RNG.normal(size=shape) for shape in ((n, n), (n, n), (n, n), (n,))]
    tensors = [ag.tensor(a, requires_grad=True) for a in arrays]
    for optimize in (False, True, "greedy", "optimal"):
        out = np.einsum("ij,jk,kl,l->i", *tensors, optimize=optimize)
        made = [t for t in recorded(out) if t.op is OPS["contract"]]
        assert len(made) == 3
        assert max(t.size for t in made) == n  # from the vector on, never a product of two matrices
    np.testing.assert_allclose(out.detach().numpy(), np.linalg.multi_dot(arrays), rtol=1e-12)


def test_a_pair_is_one_op_and_so_is_its_gradient() -> None:
    x, y = (ag.tensor(RNG.normal(size=shape), requires_grad=True) for shape in ((2, 3, 4), (4, 5, 2)))
    out = np.einsum("bij,jkb->kbi", x, y)
    assert [t.op.name for t in recorded(out)] == ["contract"]
    out.backward(np.ones(out.shape), create_graph=True)
    assert x.grad.op is y.grad.op is OPS["contract"]
    x.grad = y.grad = None


WRONG: list[tuple[str, tuple[tuple[int, ...], ...]]] = [
    ("ij,jk", ((2, 3),)),
    ("ij", ((2, 3), (3,))),
    ("ij,jk", ((2, 3), (4, 5))),
    ("ijk", ((2, 3),)),
    ("ij->ik", ((2, 3),)),
    ("ij->ii", ((2, 3),)),
    ("ii", ((2, 3),)),
    ("...ij->ij", ((2, 2, 3),)),
    ("i?", ((2, 3),)),
]


@pytest.mark.parametrize(("subscripts", "shapes"), WRONG)
def test_what_numpy_refuses_tensors_refuse(subscripts: str, shapes: Any) -> None:
    arrays = [np.ones(shape) for shape in shapes]
    with pytest.raises(ValueError, match="operand|subscript|collapsing|dim"):
        np.einsum(subscripts, *arrays)
    with pytest.raises(ag.ShapeError, match="einsum"):
        np.einsum(subscripts, *(ag.tensor(a) for a in arrays))


def test_a_chain_of_products_is_multiplied_in_the_cheap_order() -> None:
    shapes = ((10, 100), (100, 5), (5, 50))
    tensors = [ag.tensor(RNG.normal(size=shape)[:, :], requires_grad=True) for shape in shapes]
    out = np.linalg.multi_dot(tensors)
    sizes = sorted(t.shape for t in recorded(out))
    assert sizes == [(10, 5), (10, 50)]


# ---- what comes back ------------------------------------------------------------------------------------------------


def test_results_of_several_parts_are_numpys_own_tuples() -> None:
    x = SINGULAR["regular"]
    for f in (np.linalg.qr, np.linalg.svd, np.linalg.eigh, np.linalg.eig, np.linalg.slogdet):
        got, expected = f(ag.tensor(x)), f(x)
        assert type(got) is type(expected)
        assert got._fields == expected._fields
        assert all(isinstance(part, ag.Tensor) for part in got)


KEPT: list[Callable[[Any], Any]] = [
    lambda x: np.linalg.solve(x, x[0]),
    lambda x: np.linalg.lstsq(x[:, :2], x[:, 2])[0],
    lambda x: np.linalg.lstsq(x[:, :2], x[:, 2])[1],
    np.linalg.pinv,
    np.linalg.norm,
    lambda x: np.linalg.norm(x, "nuc"),
    lambda x: np.linalg.norm(x, 3, axis=0),
    lambda x: np.linalg.cond(x, 1),
    lambda x: np.linalg.slogdet(x)[1],
    lambda x: np.linalg.eigh(x + x.T)[1],
    lambda x: np.linalg.svd(x)[2],
    lambda x: np.linalg.qr(x[:2])[1],
    lambda x: np.linalg.matrix_power(x, -2),
    lambda x: np.einsum("ij,jk,ki->", x, x, x),
    lambda x: np.kron(x, x),
    lambda x: np.fft.irfft2(np.fft.rfft2(x) * 0.5),
    lambda x: np.abs(np.fft.fftn(x, norm="ortho")),
]


@pytest.mark.parametrize("f", KEPT)
def test_float32_stays_float32(f: Callable[[Any], Any]) -> None:
    x = ag.tensor(SINGULAR["regular"].astype(np.float32), requires_grad=True)
    out = f(x)
    assert out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad.numpy(), ag.grad(lambda a: f(a).sum())(SINGULAR["regular"]), rtol=1e-3, atol=1e-4)


def test_eigenvalues_of_any_matrix_are_complex_whatever_their_values() -> None:
    x = ag.tensor(SINGULAR["regular"], requires_grad=True)
    assert np.linalg.eigvals(x).dtype == np.linalg.eig(x)[0].dtype == np.complex128
    # The sum of the eigenvalues is the trace.
    np.real(np.linalg.eigvals(x)).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.eye(3), atol=1e-12)


def test_least_squares_of_less_than_full_rank_is_the_pseudoinverse() -> None:
    a, b = np.outer([1.0, 2.0, 3.0, 4.0], [1.0, 1.0]), np.array([1.0, 0.0, 2.0, 1.0])
    v = np.array([0.3, -1.2])
    one = ag.grad(lambda *xs: (np.linalg.lstsq(*xs)[0] * v).sum(), (0, 1))(a, b)
    # The default cutoff of pinv is smaller than the rounding of a product.
    other = ag.grad(lambda x, y: (np.linalg.pinv(x, 1e-12) @ y * v).sum(), (0, 1))(a, b)
    for g, h in zip(one, other, strict=True):
        np.testing.assert_allclose(g, h, rtol=1e-9, atol=1e-12)


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.linalg.svd(x[:2]), r"full_matrices=True .* pass full_matrices=False"),
    (lambda x: np.linalg.qr(x[:, :2], "complete"), r"mode='complete' .* use mode='reduced'"),
    (lambda x: np.linalg.qr(x, "raw"), r"mode='raw'"),
    (lambda x: np.einsum("ij", x, dtype="f"), r"np\.einsum: the argument dtype="),
    (lambda x: np.einsum("ij", x, order="F"), r"np\.einsum: the argument order="),
    (lambda x: np.einsum_path("ij", x, einsum_call=True), r"einsum_call=True"),
    (lambda x: np.linalg.norm(x, "max"), r"expected the order of a matrix norm.*'max'"),
    (lambda x: np.linalg.norm(x[0], "fro"), r"expected the order of a vector norm as a number.*'fro'"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_what_has_no_derivative_is_refused(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ag.UnsupportedError, match=message):
        call(ag.tensor(SINGULAR["regular"], requires_grad=True))


SHAPES: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: np.cross(x[:, :2], x[:, :2]), "cross: expected vectors of 3"),
    (lambda x: np.trace(x[0]), "diagonal: expected at least two axes"),
    (lambda x: np.diagonal(x, 0, 1, -1), "expected two different axes"),
    (lambda x: np.diag(x[None]), "diag: expected one or two axes"),
    (lambda x: np.vander(x), "vander: expected one axis"),
    (lambda x: np.linalg.multi_dot([x]), "multi_dot: expected at least two"),
    (lambda x: np.linalg.matrix_power(x[:2], 2), "matrix_power: expected square"),
    (lambda x: np.linalg.norm(x[None], 2), "norm: expected one or two axes"),
    (lambda x: np.linalg.norm(x, axis=(0, 1, 2)), "norm: expected one axis or two"),
    (lambda x: np.linalg.norm(x, axis=(0, 0)), "norm: expected two different axes"),
    (lambda x: np.linalg.outer(x, x), "outer: expected two vectors"),
    (lambda x: np.tensordot(x, x[:2], 1), "tensordot: expected axes"),
    (lambda x: np.linalg.tensorinv(x, 0), "tensorinv: expected a positive ind"),
    (lambda x: np.linalg.lstsq(x[0], x[0]), "lstsq: expected a matrix"),
    (lambda x: np.linalg.solve(x, x[:2]), "solve: "),
    (lambda x: np.fft.fft(x, 0), "fft: expected n of at least 1"),
    (lambda x: np.fft.fft(x, norm="mine"), "norm of .*'mine'"),
    (lambda x: np.fft.fftn(x, (2, 2), (0,)), "expected as many lengths as axes"),
]


@pytest.mark.parametrize(("call", "message"), SHAPES)
def test_shapes_that_do_not_fit_are_named(call: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ag.ShapeError, match=message):
        call(ag.tensor(SINGULAR["regular"], requires_grad=True))


# Decompositions and what of their results is 0 by definition.
WITH_ZEROS: list[tuple[str, Any, Any]] = [
    ("cholesky", np.linalg.cholesky, lambda m, n: ~np.tri(m, n, dtype=bool)),
    ("cholesky, upper", lambda a: np.linalg.cholesky(a, upper=True), lambda m, n: np.tri(m, n, -1, bool)),
    ("r of qr", lambda a: np.linalg.qr(a)[1], lambda m, n: np.tri(m, n, -1, bool)),
    ("r of qr alone", lambda a: np.linalg.qr(a, mode="r"), lambda m, n: np.tri(m, n, -1, bool)),
    ("r of a tall matrix", lambda a: np.linalg.qr(a[:, :-1])[1], lambda m, n: np.tri(m, n, -1, bool)),
    ("r of a wide matrix", lambda a: np.linalg.qr(a[:-1])[1], lambda m, n: np.tri(m, n, -1, bool)),
    ("q and r", lambda a: np.concatenate(np.linalg.qr(a)), lambda m, n: np.eye(m, n, -n - 1, dtype=bool)),
    ("triu", np.triu, lambda m, n: np.tri(m, n, -1, bool)),
    ("tril", np.tril, lambda m, n: ~np.tri(m, n, dtype=bool)),
]


@pytest.mark.parametrize("dtype", ["d", "D"])
@pytest.mark.parametrize("junk", [1e3, 1e300, np.inf, np.nan])
@pytest.mark.parametrize(("f", "zeros"), [row[1:] for row in WITH_ZEROS], ids=[row[0] for row in WITH_ZEROS])
def test_what_is_asked_of_constant_zeros_does_not_matter(f: Any, zeros: Any, junk: float, dtype: str) -> None:
    """The cotangent of an entry that is 0 by definition changes nothing, to second order as well."""
    rng = np.random.default_rng(3)
    a = rng.normal(size=(4, 4)) + (1j * rng.normal(size=(4, 4)) if dtype == "D" else 0)
    a = a @ a.conj().T + 4 * np.eye(4)
    fixed = zeros(*f(a).shape)
    assert not f(a)[fixed].any()
    g = np.where(fixed, 0, rng.normal(size=f(a).shape)).astype(a.dtype)

    def pulled(g: Any) -> Any:
        return lambda a: ag.vjp(f)(a)[1](g)

    expected, found = (ag.vjp(pulled(c))(a) for c in (g, np.where(fixed, junk, g)))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found[1](a), expected[1](a), rtol=1e-12, atol=1e-14)
