"""`raise_on_nan`: it raises at the operation or the derivative, names the line, and leaves everything as it was."""

from __future__ import annotations

import asyncio
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite import NonFiniteError
from autograd_lite.core.mode import MODE
from autograd_lite.graph import build_graph, find_nan, trace

from ..graph.analysis import test_nan
from ..graph.analysis.test_nan import (
    BACKWARD,
    FORWARD,
    POINTS,
    Share,
    every_share,
    floating_results,
    leaves,
    parameters_of,
    results_in,
)

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

inf, nan = np.inf, np.nan


def caught(f: Any, *args: Any) -> NonFiniteError:
    with pytest.raises(NonFiniteError) as info, ag.raise_on_nan():
        f(*args)
    return info.value


@pytest.mark.parametrize(("f", "arguments", "reason", "sentence"), FORWARD)
def test_planted_forward(f: Any, arguments: list[float], reason: str, sentence: str) -> None:
    error = caught(f, *leaves(arguments, f))
    assert (error.reason, error.index, error.backward) == (reason, (1,), False)
    assert sentence in str(error)
    assert error.source is not None
    assert error.source.file in (__file__, test_nan.__file__)
    assert isinstance(error, FloatingPointError)


@pytest.mark.parametrize(("f", "arguments", "op", "reason", "sentence"), BACKWARD)
def test_planted_backward(f: Any, arguments: list[float], op: str | None, reason: str, sentence: str) -> None:
    tensors = [ag.tensor(a, requires_grad=True, name=n) for a, n in zip(arguments, "xy", strict=False)]
    with ag.raise_on_nan():
        result = f(*tensors)
    if op is None:
        with ag.raise_on_nan():
            result.backward()
        return
    error = caught(result.backward)
    assert (error.op, error.backward) == (op, True)
    assert op in str(error)
    assert error.source is not None
    assert error.source.function in ("test_planted_backward", "<lambda>")


@every_share
def test_it_raises_where_numpy_leaves_the_finite_numbers_and_nowhere_else(share: Share) -> None:
    op = share.op
    for arguments in share.points(max(7, len(POINTS) ** len(op.rules) // 400 | 1)):  # type: ignore[arg-type]
        params = parameters_of(op)
        for k in floating_results(op, arguments, params):
            tensors = [ag.tensor(a, requires_grad=True) for a in arguments]
            out = results_in(op(*tensors, **params))
            out[k].backward(np.ones(out[k].shape))
            gradients = [t.grad.data for t in tensors if t.grad is not None]
            sound = all(np.isfinite(x.data) for x in out), all(np.isfinite(g) for g in gradients)
            error = None
            try:
                with ag.raise_on_nan():
                    results_in(op(*tensors, **params))[k].backward(np.ones(out[k].shape))
            except NonFiniteError as raised:
                error = raised
            assert (error is None) == (sound == (True, True)), (arguments, str(error))
            if error is not None:
                assert (error.op.partition("[")[0], error.backward) == (op.name, bool(sound[0]))


def test_the_message() -> None:
    x = ag.tensor([1.0, 0.0], requires_grad=True, name="x")
    with ag.extend.module_scope("outside"):
        error = caught(np.log, x)
    lines = str(error).splitlines()
    assert lines[0] == "raise_on_nan: log(0) is -inf"
    assert lines[1] == "  in log, element [1], the first of 1 of 2"
    assert lines[2] == "  'x' = 0"
    assert lines[3].startswith(f"  at {__file__}:")
    assert lines[4].startswith("  Keep the argument above 0")
    assert error.scope == ""


def test_the_module_is_named() -> None:
    layer = nn.layers.Dense(2)
    layer(np.ones((1, 3)))
    layer.kernel.assign(np.full((3, 2), 3e38, "float32"))
    error = caught(layer, np.full((1, 3), 1e10, "float32"))
    assert (error.op, error.scope) == ("matmul", layer._path or "")
    assert error.reason == "overflow in matmul"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 0 * np.sqrt(x),
        lambda x: np.sqrt(x)[1:],
        lambda x: np.where(x > 0, np.sqrt(x), 0),
        lambda x: np.exp(np.where(x > 0, x, -inf)),
        lambda x: ag.softmax(np.where(x > 0, x, -inf)),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_derivative_that_nothing_depends_on_is_no_fault(f: Any, create_graph: bool) -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)
    with ag.raise_on_nan():
        (g,) = [ag.grad(lambda x: f(x).sum())(x)]
        result = f(x).sum()
        result.backward(create_graph=create_graph)
    assert np.isfinite(g.data).all()
    x.grad = None


def test_recorded_backward_passes_are_watched_too() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)

    def f() -> None:
        np.sqrt(x).sum().backward(create_graph=True)

    assert caught(f).reason == "sqrt'(0) = inf"
    assert x.grad is None


def test_what_is_added_up_in_place_is_watched() -> None:
    """The engine adds to large cotangents in place; the last addition of a pass and those before it are seen."""
    for order in range(3):
        x = ag.tensor(np.full(2000, 0.0), requires_grad=True)
        parts = [x * 2.0, x * 3.0, x * 4.0]
        parts.insert(order, np.sqrt(x))
        total = sum(parts[1:], parts[0]).sum()
        error = caught(total.backward)
        assert (error.op, error.reason) == ("sqrt", "sqrt'(0) = inf")


def test_gradients_too_large_to_add_up() -> None:
    x = ag.tensor(0.0, requires_grad=True, name="x")
    y = x * 1.7e308 + x * 1.7e308
    error = caught(y.backward)
    assert "added up" in str(error)
    assert "'x'" in str(error)


def test_gradients_too_large_for_their_dtype() -> None:
    x = ag.tensor(np.ones(2, "float16"), requires_grad=True, name="x")
    error = caught((x.astype("float64") * 1e6).sum().backward)
    assert "the gradient 1e+06 is too large for float16" in str(error)
    error = caught((x * np.full(2, 1e6)).sum().backward)
    assert "the gradient of 'x' is too large for float16" in str(error)


def test_products_in_the_backward_pass() -> None:
    x = ag.tensor([0.0, 0.0], requires_grad=True)
    error = caught((x @ np.array([1e200, 1e200]) * 1e150).backward)
    assert (error.op, error.backward) == ("matmul", True)
    assert error.reason == "overflow in the derivative of matmul by x"


@pytest.mark.parametrize(("value", "raises"), [(nan, True), (inf, False)])
def test_inputs_that_came_so(value: float, raises: bool) -> None:
    x, w = ag.tensor([value, 1.0], name="x"), ag.tensor(2.0, requires_grad=True, name="w")
    if raises:
        error = caught(lambda: x * w)
        assert "'x' came with nan into multiply: no recorded operation made it" in str(error)
    else:
        with ag.raise_on_nan():
            x * w
    assert "'w' came with" in str(caught(lambda: np.ones(2) * ag.tensor(value, requires_grad=True, name="w")))


def test_it_is_off_outside_and_after_an_error() -> None:
    before = MODE.get()
    x = ag.tensor(0.0, requires_grad=True)
    caught(np.log, x)
    with pytest.raises(ValueError, match="mine"), ag.raise_on_nan():
        raise ValueError("mine")
    assert MODE.get() == before
    assert np.log(x).item() == -inf


def test_blocks_nest() -> None:
    x = ag.tensor(0.0, requires_grad=True)
    with ag.raise_on_nan():
        with ag.raise_on_nan(), ag.record_source():
            pass
        with pytest.raises(NonFiniteError), ag.record_source():
            np.log(x)
        with pytest.raises(NonFiniteError):
            np.log(x)


def test_it_is_a_decorator_too() -> None:
    @ag.raise_on_nan()
    def f(x: Any) -> Any:
        return np.log(x)

    with pytest.raises(NonFiniteError):
        f(ag.tensor(0.0, requires_grad=True))


def test_what_is_not_recorded_is_not_watched_until_it_is_read() -> None:
    x, w = ag.tensor([0.0], name="x"), ag.tensor([1.0], requires_grad=True)
    with ag.raise_on_nan():
        y = 0 * np.log(x)
        with ag.no_grad():
            assert np.log(w * 0).item() == -inf
        with pytest.raises(NonFiniteError, match="no recorded operation made it"):
            y * w


def test_another_thread_is_not_watched() -> None:
    results: list[Any] = []

    def work() -> None:
        x = ag.tensor(0.0, requires_grad=True)
        y = np.log(x)
        y.backward()
        results.append((y.item(), x.grad))

    with ag.raise_on_nan():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert results[0][0] == -inf


def test_each_task_for_itself() -> None:
    async def watching() -> bool:
        with ag.raise_on_nan():
            await asyncio.sleep(0)
            try:
                np.log(ag.tensor(0.0, requires_grad=True))
            except NonFiniteError:
                return True
            return False

    async def other() -> bool:
        await asyncio.sleep(0)
        return np.log(ag.tensor(0.0, requires_grad=True)).item() == -inf

    async def both() -> list[bool]:
        return await asyncio.gather(watching(), other())

    assert asyncio.run(both()) == [True, True]


def test_transformations_work_inside() -> None:
    def f(x: Any) -> Any:
        return (np.sin(x) * x).sum()

    x = np.array([1.0, 2.0])
    with ag.raise_on_nan():
        inside = ag.grad(f)(x), ag.hessian(f)(x), ag.jvp(f)((x,), (x,))[1], ag.vmap(np.sin)(x)
    outside = ag.grad(f)(x), ag.hessian(f)(x), ag.jvp(f)((x,), (x,))[1], ag.vmap(np.sin)(x)
    for a, b in zip(inside, outside, strict=True):
        np.testing.assert_array_equal(a, b)


def test_results_are_the_same_inside() -> None:
    def gradient() -> Any:
        x = ag.tensor(np.linspace(0.1, 1.0, 3000), requires_grad=True)
        ((x * x + np.exp(x)) / (x + x)).sum().backward()
        assert x.grad is not None
        return x.grad.data

    with ag.raise_on_nan():
        inside = gradient()
    np.testing.assert_array_equal(inside, gradient())


def test_graphs_can_be_built_inside() -> None:
    x = ag.tensor([0.0, 1.0], requires_grad=True)
    loss = np.sqrt(x).sum()
    with ag.raise_on_nan():
        assert build_graph(loss, backward=True) == build_graph(loss, backward=True)
        trace(lambda x: np.sin(x).sum(), np.ones(2), backward=True)


def test_training_stops_with_the_line_and_the_weights_of_the_step_before() -> None:
    model = nn.models.Sequential([nn.layers.Dense(3, activation="relu"), nn.layers.Dense(1)])
    model.compile(optimizer=nn.optimizers.SGD(1e30), loss="mse")
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    with pytest.raises(NonFiniteError) as info, ag.raise_on_nan():
        model.fit(x, y, epochs=20, verbose=0)
    assert info.value.source is not None
    assert info.value.source.file == __file__
    assert all(p.grad is None for p in model.parameters())


def test_the_error_pickles() -> None:
    error = caught(np.log, ag.tensor([1.0, 0.0], requires_grad=True))
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.reason, again.source, again.index) == (
        str(error),
        error.reason,
        error.source,
        error.index,
    )


CURES = [
    (np.log, 0.0, "np.log(x + 1e-12)", "x"),
    (np.log2, 0.0, "np.log2(x + 1e-12)", "x"),
    (np.log, -3.0, "Find what made the argument negative", "x"),
    (np.log, 0j, "np.log(np.where(x != 0, x, 1))", "x"),
    (np.sqrt, 0.0, "np.sqrt(x + 1e-12)", "x"),
    (np.sqrt, -1.0, "Find what made the argument negative", "x"),
    (np.reciprocal, 0.0, "1 / (x + 1e-12)", "x"),
    (lambda y: 1 / y, 0.0, "x / (y + 1e-12)", "y"),
    (lambda x: x**-1.5, 0.0, "(x + 1e-12) ** y", "x"),
]


@pytest.mark.parametrize(("f", "value", "said", "name"), CURES)
def test_what_is_recommended_is_accepted_and_fits_the_value(f: Any, value: Any, said: str, name: str) -> None:
    """Every expression in the tip is computed and differentiated at the faulty value, inside raise_on_nan."""

    def run(f: Any) -> None:
        np.real(f(ag.tensor([value, 4.0], requires_grad=True))).sum().backward()

    report = find_nan(f(ag.tensor([value, 4.0], requires_grad=True)))
    assert report is not None
    tip = str(caught(run, f)).splitlines()[-1].strip()
    assert report.hint == tip
    assert said in tip
    assert ("1e-12" in tip) == (value == 0 and not isinstance(value, complex))
    for expression in tip.partition(": ")[2].partition(". ")[0].split(", or "):
        with ag.raise_on_nan():
            run(lambda t, code=expression: eval(code, {"np": np, "x": 1.0, "y": -1.5, name: t}))


@pytest.mark.parametrize("f", [np.sin, lambda x: x - x, lambda x: x / x, lambda x: np.zeros(2) @ x])
def test_an_input_that_was_infinite_is_blamed_and_not_the_operation(f: Any) -> None:
    error = caught(f, ag.tensor([1.0, inf], requires_grad=True, name="x"))
    assert "raise_on_nan: 'x' was not finite to begin with: it came with inf, and " in str(error)
    assert "(~np.isfinite(x)).any()" in str(error)


def test_a_value_made_before_is_told_from_one_made_inside() -> None:
    x = ag.tensor([-1.0], requires_grad=True)
    y = np.log(x)
    assert "x (from log) came with nan into multiply: it was made before raise_on_nan" in str(caught(lambda: y * 2))


def test_weights_that_have_grown_are_said_to_have() -> None:
    w = ag.tensor(np.full((2, 2), 1e30, "float32"), requires_grad=True, name="w")
    small = ag.tensor(np.ones(2, "float32"), requires_grad=True, name="small")

    def loss() -> Any:
        return np.square((np.ones(2, "float32") * small) @ w)

    said = "The weights have grown, 'w' to 1e+30: train with a smaller learning rate"
    assert said in str(caught(loss))
    report = find_nan(loss())
    assert report is not None
    assert said in report.hint
    assert "learning rate" not in str(caught(lambda: np.square(small * np.float32(1e30))))
