"""What `check_grads` compares, how it names it, and each verdict that it gives."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import GradientMismatch, check_grads

from .wrong_ops import clipped, double_square, writes

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))


def affine(x: Any, w: Any) -> Any:
    return np.tanh(x @ w)


def fails(f: Any, *inputs: Any, **options: Any) -> GradientMismatch:
    with pytest.raises(GradientMismatch) as caught:
        check_grads(f, *inputs, **options)
    return caught.value


# ---- what is compared -----------------------------------------------------------------------------------------------


def test_a_right_function_passes_and_is_reported() -> None:
    report = check_grads(affine, X, W)
    assert report.ok
    assert bool(report)
    assert {name: entry.n_checked for name, entry in report.inputs.items()} == {"x": 12, "w": 8}
    assert report.worst is not None
    assert report.worst[2] == max(entry.max_rel_err for entry in report.inputs.values()) < 1e-6
    assert report.evals > 80
    assert report.seconds > 0
    lines = repr(report).splitlines()
    assert lines[0].startswith("check_grads(affine): ok, ")
    assert lines[1].split() == ["input", "max", "rel.", "err", "checked", "kinks", "inconclusive"]
    assert lines[2].split()[0] == "x"
    assert "worst" in lines[4]


def test_it_is_fast() -> None:
    """A correct function of two arguments: the issue allows a tenth of a second; this is twenty times less."""
    check_grads(affine, X, W)
    assert min(check_grads(affine, X, W).seconds for _ in range(3)) < 0.1


def test_second_and_third_order() -> None:
    report = check_grads(lambda x, y: x**3 * np.sin(y), np.array([1.0, 2.0]), 0.5, order=3)
    assert {"x", "y", "x (order 2)", "cotangent (order 2)", "y (order 3)"} <= set(report.inputs)

    def half(x: Any) -> Any:  # right to first order; its gradient has lost its history
        return (
            np.sin(x)
            if isinstance(x, np.ndarray)
            else ag.tensor(np.sin(x.detach().numpy())) + x * np.cos(x.detach()) - (x * np.cos(x)).detach()
        )

    check_grads(half, np.array([0.3, 0.4]), invariants=False)
    error = fails(half, np.array([0.3, 0.4]), order=2, invariants=False)
    assert "the gradient of the gradient of half by x" in str(error)


@pytest.mark.parametrize("share", [1.0, 1e-2, 1e-4])
def test_one_wrong_element_of_a_second_derivative_is_found_along_directions(share: float) -> None:
    """The first derivative is right in value; only what is recorded of it is off, by a share of one element in 48."""

    @ag.custom_vjp
    def cube(x: Any) -> Any:
        return x**3

    @cube.def_vjp
    def rule(g: Any, out: Any, x: Any) -> Any:
        right, here = 3 * x * x, np.arange(x.size).reshape(x.shape) == 17
        return (g * (right + share * here * (right - ag.stop_gradient(right))),)

    x = np.random.default_rng(0).normal(size=(6, 8))
    assert check_grads(cube, x).ok
    error = fails(cube, x, order=2)
    assert (error.name, error.index) == ("x", (2, 1))


def test_trees_have_named_leaves() -> None:
    @dataclasses.dataclass
    class Point:
        x: Any
        y: Any

    def f(params: Any, point: Any, k: Any) -> Any:
        return params["w"] @ params["b"][0] * point.x + double_square(params["b"][1]) * point.y * k

    params = {"w": X, "b": [W[:, 0], np.array([0.5, 1.0, 2.0])]}
    error = fails(f, params, Point(2.0, np.array(3.0)), 2)
    assert error.name == "params['b'][1]"
    assert "params['b'][1][2]" in str(error)
    report = check_grads(f, params, Point(2.0, np.array(3.0)), 2, raise_=False)
    assert set(report.inputs) == {"params['w']", "params['b'][0]", "params['b'][1]", "point.x", "point.y"}


def test_numbers_lists_tensors_and_integers() -> None:
    def f(x: Any, rows: Any, n: Any, table: Any, t: Any) -> Any:
        return x * rows.sum() * n + table[0] * t

    report = check_grads(f, 2.0, [[1.0, 2.0], [3.0, 4.0]], 3, np.array([1, 2]), ag.tensor([1.0, 2.0]))
    assert {name: e.n_checked for name, e in report.inputs.items()} == {"x": 1, "rows": 4, "t": 2}


def test_wrt_names_and_kwargs() -> None:
    def f(x: Any, w: Any, *, scale: float) -> Any:
        return double_square(x) * w * scale

    x = np.array([1.0, 2.0])
    assert set(check_grads(f, x, x, wrt="w", kwargs={"scale": 2.0}).inputs) == {"w"}
    assert set(check_grads(f, x, x, wrt=(1,), kwargs={"scale": 2.0}).inputs) == {"w"}
    assert fails(f, x, x, names=["a", "b"], kwargs={"scale": 2.0}).name == "a"
    with pytest.raises(ValueError, match="expected wrt among x, w"):
        check_grads(f, x, x, wrt="z")
    with pytest.raises(ValueError, match="at least one floating input"):
        check_grads(lambda n: n * 1.0, 3)
    with pytest.raises(ValueError, match="expected mode among"):
        check_grads(f, x, x, mode="some")


def test_results_may_be_trees_and_integers_among_them_are_left_out() -> None:
    report = check_grads(lambda x: {"a": x * 2, "b": (x.sum(), x > 0)}, np.array([1.0, -2.0]))
    assert report.inputs["x"].n_checked == 2
    with pytest.raises(TypeError, match="did it forget to return"):
        check_grads(lambda x: None, 1.0)


def test_empty_and_0d_arrays() -> None:
    assert check_grads(lambda x, y: x * y, np.zeros((0, 3)), 2.0).ok
    assert check_grads(lambda x: x * x, np.array(2.0)).inputs["x"].n_checked == 1


def test_methods_of_tensors_will_do() -> None:
    assert check_grads(lambda x: x.exp().sum() if hasattr(x, "exp") else x.detach(), np.array([1.0, 2.0])).ok


def test_complex_inputs() -> None:
    z = np.array([1 + 2j, 0.3 - 1j])
    assert check_grads(lambda z: np.exp(z) * np.conj(z), z, order=2).ok
    conjugate = ag.tensor(0.0)  # a constant, so that f is the identity on values and the conjugate on gradients
    error = fails(lambda z: np.conj(np.conj(z).detach()) + conjugate if isinstance(z, ag.Tensor) else z, z)
    assert error.name == "z"


@pytest.mark.parametrize("method", ["auto", "richardson", "central", "complex", "longdouble"])
def test_every_method_passes_what_is_right_and_finds_what_is_wrong(method: str) -> None:
    x = np.array([0.5, 1.5])
    assert check_grads(lambda x: np.exp(x) * x, x, method=method).ok
    assert fails(lambda x: double_square(x) * x, x, method=method).verdict == "wrong"


def test_directions_find_the_element() -> None:
    x = RNG.normal(size=(40, 30))
    report = check_grads(lambda x: np.sin(x) * x, x)
    assert report.inputs["x"].n_checked == 1200
    assert report.evals < 60

    def f(x: Any) -> Any:
        wrong = x[17, 5] * 0.0 if isinstance(x, np.ndarray) else x[17, 5] - x[17, 5].detach()
        return np.sin(x).sum() + wrong

    error = fails(f, x)
    assert (error.name, error.index) == ("x", (17, 5))
    assert error.analytic - error.numeric == pytest.approx(1.0)
    assert fails(f, x, mode="full").index == (17, 5)


# ---- precision ------------------------------------------------------------------------------------------------------


def test_single_precision_is_compared_with_double() -> None:
    x, w = X.astype(np.float32), W.astype(np.float32)
    report = check_grads(affine, x, w)
    assert 1e-9 < report.inputs["x"].max_rel_err < 1e-4
    check_grads(lambda x: np.sin(100 * x), x)
    assert fails(lambda x: double_square(x), x).verdict == "wrong"
    nearly = fails(lambda x: x + (1e-3 * x if isinstance(x, np.ndarray) else (1e-3 * x).detach()), x)
    assert nearly.verdict == "wrong"


def test_a_function_that_rounds_to_single_is_told_so() -> None:
    report = check_grads(lambda x: np.sin(x.astype(np.float32)), RNG.normal(size=5))
    assert "single precision" in report.notes[0]
    assert "note: " in repr(report)
    assert fails(lambda x: double_square(x.astype(np.float32)), RNG.normal(size=5)).verdict == "wrong"


def test_small_gradients_are_as_strict_as_large_ones() -> None:
    for scale in (1e-12, 1e-6, 1e6):
        assert check_grads(lambda x, s=scale: s * x**2, np.array([1.0, 2.0])).ok
        assert fails(lambda x, s=scale: s * x.detach() * x if isinstance(x, ag.Tensor) else s * x * x, np.ones(2))


def test_rtol_is_honoured() -> None:
    def f(x: Any) -> Any:
        return x * 1.001 if isinstance(x, np.ndarray) else x + (0.001 * x).detach()

    x = np.array([1.0, 2.0])
    assert fails(f, x).verdict == "wrong"
    assert check_grads(f, x, rtol=1e-2).ok


def test_noise_is_measured_where_results_do_not_show_it() -> None:
    def f(x: Any) -> Any:
        return (np.sin(x).astype(np.float32) * np.pi).astype(np.float64) * x

    for seed in range(8):
        report = check_grads(f, np.random.default_rng(seed).normal(size=5), rtol=1e-3, raise_=False)
        assert all(failure.verdict == "inconclusive" for failure in report.failures), report


def test_an_output_that_saturates_hides_no_change() -> None:
    """The outputs near 1 move by less than their last digit, and yet they decide about the gradient."""

    def softmax(x: Any) -> Any:
        e = np.exp(x - np.max(x))
        return e / np.sum(e)

    for seed in range(6):
        x = 10 * np.random.default_rng(seed).normal(size=12)
        assert check_grads(softmax, x).ok
        assert check_grads(softmax, x, method="richardson", raise_=False).ok


# ---- contracts ------------------------------------------------------------------------------------------------------


def test_non_deterministic() -> None:
    error = fails(lambda x: x * ag.random.normal(()), 2.0)
    assert error.verdict == "non-deterministic"
    assert "make a Generator(seed) inside it" in str(error)
    assert check_grads(lambda x: x * ag.random.normal((), generator=ag.Generator(3)), 2.0).ok
    count = iter(range(1000))
    assert check_grads(lambda x: x * (1 + 1e-13 * next(count)), 2.0, nondet_tol=1e-9).ok


def test_an_input_that_is_written_to() -> None:
    def f(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            x += 1.0
            return x * x
        return (x + 1.0) * (x + 1.0)

    error = fails(f, np.array([1.0, 2.0]))
    assert (error.verdict, error.name) == ("contract broken", "x")
    assert "f writes to it" in str(error)


def test_a_cotangent_that_is_written_to() -> None:
    error = fails(lambda x: writes(x), np.array([1.0, 2.0]))
    assert error.verdict == "contract broken"
    assert "the cotangent was changed" in str(error)


def test_a_backward_that_is_not_linear() -> None:
    error = fails(lambda x: clipped(x), np.array([1.0, 2.0]))
    assert error.verdict == "contract broken"
    assert "not linear in its cotangent" in str(error)


def test_a_graph_that_is_kept() -> None:
    history = []

    def f(x: Any) -> Any:
        loss = (x * x).sum()
        history.append(loss)
        return loss

    error = fails(f, np.array([1.0, 2.0]))
    assert error.verdict == "contract broken"
    assert "keeps Tensors somewhere" in str(error)
    assert check_grads(f, np.array([1.0, 2.0]), invariants=False).ok

    class KeepsTheLast:
        def __call__(self, x: Any) -> Any:
            self.last = x * x
            return self.last

    assert check_grads(KeepsTheLast(), np.array([1.0, 2.0])).ok


def test_two_functions_in_one() -> None:
    error = fails(lambda x: x * 2 if isinstance(x, ag.Tensor) else x * 3, np.array([1.0, 2.0]))
    assert error.verdict == "contract broken"
    assert "on plain arrays and" in str(error)
    error = fails(lambda x: x.sum() if isinstance(x, ag.Tensor) else x, np.array([1.0, 2.0]))
    assert "shapes" in str(error)


def test_nothing_is_left_behind() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    state = ag.random.default_generator.state
    check_grads(lambda x: x * x, x)
    assert x.grad is None
    assert ag.random.default_generator.state == state


# ---- the error ------------------------------------------------------------------------------------------------------


def test_the_error_carries_its_facts() -> None:
    x = np.array([1.0, 2.0])
    error = fails(double_square, x)
    assert isinstance(error, AssertionError)
    assert (error.verdict, error.name) == ("wrong", "inputs[0]")
    assert error.index in [(0,), (1,)]
    assert error.analytic == pytest.approx(2 * error.numeric)
    assert 0 < error.error_bar < 1e-9
    assert error.args[0] is x
    assert "double_square" in error.snippet
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_without_raising_the_errors_are_in_the_report() -> None:
    report = check_grads(double_square, np.array([1.0, 2.0]), raise_=False)
    assert not report.ok
    assert not report
    assert report.failures[0].verdict == "wrong"
    assert "1 FAILED" in repr(report)
