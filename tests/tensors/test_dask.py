"""Dask's arrays in Tensors: what computes and what does not, chunks, one pass over the data, parameters of NumPy."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

pytestmark = [
    pytest.mark.ci,
    pytest.mark.skipif(importlib.util.find_spec("dask") is None, reason="Dask is not installed: pip install dask"),
]

ROWS, COLUMNS, CHUNKS = 12, 3, 4
X = np.random.default_rng(0).normal(size=(ROWS, COLUMNS))
Y = np.random.default_rng(1).normal(size=ROWS)
W = np.array([0.5, -1.0, 2.0])


@pytest.fixture
def runs() -> Iterator[Any]:
    """Count the computations, and how often each chunk of the data is made."""
    import dask

    seen = SimpleNamespace(count=0, made=[])

    def counting(graph: Any, keys: Any, **_: Any) -> Any:
        seen.count += 1
        return dask.get(graph, keys)

    with dask.config.set(scheduler=counting):
        yield seen


def data(made: list[int] | None = None) -> tuple[Any, Any]:
    """Return X and Y in chunks of rows; `made` is told each chunk of X that is read."""
    import dask.array as da

    def read(block_info: Any = None) -> Any:
        (first, last), _ = block_info[None]["array-location"]
        if made is not None:
            made.append(first)
        return X[first:last]

    n = ROWS // CHUNKS
    x = da.map_blocks(read, chunks=((n,) * CHUNKS, (COLUMNS,)), dtype=float, meta=np.empty((0, 0)))
    return x, da.from_array(Y, chunks=n)


def loss(w: Any, x: Any, y: Any) -> Any:
    return ((np.tanh(x @ w) - y) ** 2).mean()


def test_recording_and_backward_compute_nothing(runs: Any) -> None:
    x, y = data(runs.made)
    t = ag.tensor(x, requires_grad=True)
    w = ag.tensor(W, requires_grad=True)
    value = loss(w, t, y)
    value.backward()
    assert (value.shape, value.dtype, value.ndim, t.size, len(t)) == ((), float, 0, X.size, ROWS)
    assert t.grad is not None
    assert w.grad is not None
    assert t.grad.data.chunks == x.chunks
    assert w.grad.shape == W.shape
    repr(t), str(value), f"{t}", repr(t.grad)
    assert runs.count == 0
    np.testing.assert_allclose(value.item(), loss(W, X, Y), rtol=1e-12)
    assert runs.count == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.sum().item(),
        lambda t: t.numpy(),
        lambda t: float(t.sum()),
        lambda t: bool(t.sum() > 0),
        lambda t: t.tolist(),
        np.asarray,
    ],
)
def test_what_asks_for_values_computes_once(ask: Callable[[Any], Any], runs: Any) -> None:
    ask(ag.tensor(data()[0]))
    assert runs.count == 1


def test_printing_shows_the_shape_and_the_chunks() -> None:
    assert repr(ag.tensor(data()[0])) == "Tensor(shape=(12, 3), chunks=((3, 3, 3, 3), (3,)))"


CALLS: dict[str, Callable[[Any], Any]] = {
    "sum of a change": lambda x: (-(x * 2)).sum(),
    "mean of means": lambda x: np.exp(-x).mean(axis=1).sum(),
    "differences": lambda x: ((x[1:] - x[:-1]) ** 2).sum(),
    "new axes": lambda x: (x[:, None] * x[..., None]).sum(),
    "taken": lambda x: (x[np.array([0, 0, 5])] ** 2).sum(),
    "column": lambda x: (x[:, 1] * x[:, 2]).sum(),
    "product": lambda x: np.tanh(x.T @ Y).sum(),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x).sum(),
    "softmax": lambda x: (ag.softmax(x) ** 2).sum(),
    "log of a sum": lambda x: ag.logsumexp(x, axis=1).sum(),
    "largest": lambda x: x.max(axis=1).sum(),
    "norm": lambda x: np.linalg.norm(x),
    "variance": lambda x: x.var(axis=0).sum(),
    "stacked": lambda x: (np.stack([x, x * x]) ** 2).sum(),
    "joined": lambda x: (np.concatenate([x, x * x]) ** 2).sum(),
    "chosen": lambda x: np.where(x > 0, x * x, x).sum(),
    "clipped": lambda x: np.clip(x, -1, 1).sum(),
    "cumulative": lambda x: (np.cumsum(x, axis=0) ** 2).sum(),
}


@pytest.mark.parametrize("f", CALLS.values(), ids=CALLS)
def test_gradients_are_numpys_in_chunks_no_larger_than_the_datas(f: Callable[[Any], Any], runs: Any) -> None:
    import dask.array as da

    gradient = ag.grad(f)(data()[0])
    assert runs.count == 0
    assert isinstance(gradient, da.Array)
    np.testing.assert_allclose(gradient.compute(), ag.grad(f)(X), rtol=1e-12, atol=1e-12)


def test_a_gradient_that_repeats_a_number_has_the_chunks_of_the_data() -> None:
    x, _ = data()
    for f in (lambda x: x.sum(), lambda x: (-x).sum(), lambda x: (2 * x).mean(axis=1).sum()):
        assert ag.grad(f)(x).chunks == x.chunks


def test_a_value_and_its_gradient_are_one_pass_over_the_data(runs: Any) -> None:
    import dask

    x, y = data(runs.made)
    value, gradient = dask.compute(*ag.value_and_grad(loss)(W, x, y))
    assert sorted(runs.made) == [0, 3, 6, 9]
    expected = ag.value_and_grad(loss)(W, X, Y)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12)


def test_a_container_of_parameters_too(runs: Any) -> None:
    import dask

    x, y = data(runs.made)
    parameters = {"w": W, "b": 0.1}

    def f(p: Any, x: Any, y: Any) -> Any:
        return loss(p["w"], x, y - p["b"])

    found = dask.compute(ag.value_and_grad(f)(parameters, x, y))[0]
    assert sorted(runs.made) == [0, 3, 6, 9]
    expected = ag.value_and_grad(f)(parameters, X, Y)
    for a, b in zip(ag.tree.leaves(found), ag.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_solve_passes_over_the_data_once_for_each_evaluation(runs: Any) -> None:
    x, y = data(runs.made)
    found = ag.optimize.minimize(loss, W, args=(x, y), method="L-BFGS-B")
    expected = ag.optimize.minimize(loss, W, args=(X, Y), method="L-BFGS-B")
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)
    assert runs.count == found.nfev
    assert len(runs.made) == CHUNKS * found.nfev


@pytest.mark.parametrize("transform", [ag.jvp, ag.hvp, ag.vjp])
def test_forward_mode_and_second_order_compute_nothing(transform: Any, runs: Any) -> None:
    x, y = data()
    arguments = {ag.jvp: ((W,), (W,)), ag.hvp: (W, W), ag.vjp: (W,)}[transform]
    lazy, bare = (transform(lambda w, x=x, y=y: loss(w, x, y))(*arguments) for x, y in ((x, y), (X, Y)))
    if transform is ag.vjp:
        lazy, bare = lazy[1](1.0), bare[1](1.0)
    assert runs.count == 0
    for a, b in zip(ag.tree.leaves(lazy), ag.tree.leaves(bare), strict=True):
        np.testing.assert_allclose(a.compute(), b, rtol=1e-12)


@pytest.mark.parametrize("transform", [ag.jacobian, ag.hessian, lambda f: ag.jacobian(f, mode="forward")])
@pytest.mark.parametrize("chunks", [2, 4])
def test_matrices_of_derivatives_compute_nothing(transform: Any, chunks: int, runs: Any) -> None:
    import dask.array as da

    f = lambda x: np.sum(x[:2] ** 3) * x if transform is not ag.hessian else np.sum(x**3) * np.sum(x * x)  # noqa: E731
    lazy, bare = transform(f)(da.from_array(X[0, :4], chunks)), transform(f)(X[0, :4])
    assert runs.count == 0
    np.testing.assert_allclose(lazy.compute(), bare, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # from the threads of Dask's
def test_zero_times_infinity_is_zero_although_threads_of_others_compute() -> None:
    """An error in a thread of Dask's sounds no alarm, so every result of a rule is masked, chunk by chunk."""
    import dask.array as da

    x = da.from_array(np.array([-1.0, 0.0, 0.0, 2.0]), chunks=2)
    for f in (
        lambda x: np.where(x > 0, x * np.log(x), 0).sum(),
        lambda x: np.where(x > 0, np.sqrt(x), 0).sum(),
        lambda x: np.sqrt(np.maximum(x, 0)).sum() * 0,
    ):
        with np.errstate(all="ignore"):
            gradient = ag.grad(f)(x).compute(scheduler="threads")
            expected = ag.grad(f)(np.asarray(x))
        np.testing.assert_array_equal(gradient, expected)
        assert np.isfinite(gradient).all()


def test_compile_and_checkpoint_leave_lazy_arrays_lazy(runs: Any) -> None:
    x, y = data()

    def f(w: Any) -> Any:
        return loss(w, x, y)

    expected = ag.grad(loss)(W, X, Y)
    for g in (ag.compile(ag.grad(f)), ag.grad(lambda w: ag.checkpoint(f)(w))):
        found = g(W)
        assert runs.count == 0
        np.testing.assert_allclose(found.compute(scheduler="synchronous"), expected, rtol=1e-12)


def test_a_picture_of_the_graph_computes_nothing(runs: Any) -> None:
    x, y = data()
    graph = ag.build_graph(loss(ag.tensor(W, requires_grad=True), x, y), backward=True)
    assert "tanh" in graph.to_svg()
    assert runs.count == 0


@pytest.mark.parametrize("wrap", [ag.tensor, lambda x: x])
def test_a_checkpoint_makes_chunks_again_rather_than_keep_them(wrap: Callable[[Any], Any], runs: Any) -> None:
    import dask

    def f(w: Any, x: Any) -> Any:
        return np.sqrt(ag.checkpoint(lambda w, x: (np.tanh(x @ w) ** 2).sum())(w, x))

    x, _ = data(runs.made)
    value, gradient = dask.compute(*ag.value_and_grad(lambda w: f(w, wrap(x)))(W))
    assert sorted(runs.made) == sorted(2 * [0, 3, 6, 9])
    expected = ag.value_and_grad(lambda w: f(w, X))(W)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-12)


def test_assigning_changes_the_tensor_and_not_the_array(runs: Any) -> None:
    x, _ = data()
    t = ag.tensor(x)
    t += 1
    t[0] = 5.0
    assert runs.count == 0
    expected = X + 1
    expected[0] = 5.0
    np.testing.assert_array_equal(t.numpy(), expected)
    np.testing.assert_array_equal(x.compute(), X)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: ag.tensor(x[x[:, 0] > 0]), ValueError, r"compute_chunk_sizes\(\)"),
        (lambda x: ag.grad(lambda x: x.sum())(x[x[:, 0] > 0]), ValueError, r"compute_chunk_sizes\(\)"),
        (lambda x: ag.tensor(x)[x > 0], TypeError, r"np\.where\(mask, t, 0\)"),
        (lambda x: ag.tensor(x)[np.array([0, 1]), np.array([0, 1])], TypeError, "one axis at a time"),
        (lambda x: ag.tensor(x)[0, :, None, np.array([0, 1])], TypeError, "one axis at a time"),
        (lambda x: ag.grad(lambda x: x[np.array([[0, 1]]), :].sum())(x), (TypeError, NotImplementedError), "."),
    ],
)
def test_what_dask_cannot_do_is_an_error_that_says_so(call: Any, error: Any, words: str, runs: Any) -> None:
    with pytest.raises(error, match=words):
        call(data()[0])
    assert runs.count == 0


LIMITED = """
    import resource
    import dask
    import dask.array as da
    import numpy as np
    import autograd_lite as ag

    BASE = np.random.default_rng(0).normal(size=(20_000, 50))

    def rows(n):
        def block(block_info):
            return BASE * (1 + block_info[None]["chunk-location"][0] / 40)

        return da.map_blocks(block, chunks=((20_000,) * n, (50,)), dtype=float, meta=np.empty((0, 0)))

    def loss(w, x):
        return (np.tanh(x @ w) ** 2).mean()

    def norm(w, x):
        return np.sqrt((np.tanh(x @ w) ** 2).sum())

    w = np.linspace(-1, 1, 50)
    dask.compute(*ag.value_and_grad(loss)(w, rows(2)), num_workers=2)  # imports, and the memory of threads
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 120_000_000,) * 2)
    x = rows(40)
    def twice(w, x):
        return np.sqrt(ag.checkpoint(lambda w, x: (np.tanh(x @ w) ** 2).sum())(w, x))

    for what in (*(ag.value_and_grad(f)(w, x) for f in (loss, norm, twice)), (x,)):
        try:
            value, gradient = dask.compute(*what, num_workers=2)
            print(float(value), *gradient)
        except MemoryError:
            print("MemoryError")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is held to on Linux alone")
def test_320_megabytes_under_a_limit_of_120() -> None:
    """The mean of a function of rows fits; a gradient that needs the result of a reduction fits in a checkpoint."""
    command = [sys.executable, "-c", textwrap.dedent(LIMITED)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    mean, norm, twice, whole = done.stdout.splitlines()
    assert norm == whole == "MemoryError"
    value, gradient, w = 0.0, np.zeros(50), np.linspace(-1, 1, 50)
    base = np.random.default_rng(0).normal(size=(20_000, 50))
    for chunk in range(40):
        x = base * (1 + chunk / 40)
        t = np.tanh(x @ w)
        value += (t * t).sum() / (40 * 20_000)
        gradient += x.T @ (2 * t * (1 - t * t)) / (40 * 20_000)
    np.testing.assert_allclose(np.array(mean.split(), float), [value, *gradient], rtol=1e-10)
    root, count = np.sqrt(value * 40 * 20_000), 40 * 20_000
    np.testing.assert_allclose(np.array(twice.split(), float), [root, *(gradient * count / (2 * root))], rtol=1e-10)
