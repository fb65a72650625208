"""FLOPs of ops that stand for loops: what the loops, written out op by op, count."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS
from autograd_lite.ir.flops import flops_of

from ..recurrent_cases import CASES as RECURRENT
from ..window_cases import FORMS

Formula = Callable[..., Any]


def counted(f: Formula, *arrays: Any) -> int:
    """Return the FLOPs of everything that a function does with Tensors."""
    out = f(*(ag.tensor(a, requires_grad=True) for a in arrays))
    graph = ag.build_graph(out if isinstance(out, list) else [out])
    return int(sum(graph.cost().numbers))


def own(name: str, *shapes: tuple[int, ...], **params: Any) -> int:
    """Return the FLOPs of one op."""
    out = OPS[name](*(ag.tensor(np.ones(shape), requires_grad=True) for shape in shapes), **params)
    return flops_of(out[0]._node.inputs[0] if isinstance(out, tuple) else out._node)


# ---- windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [form for form in FORMS if form[0]])
def test_convolutions(form: tuple[Any, ...]) -> None:
    n, size, kernel, c, f, stride, padding, dilation, groups = form
    params = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    axes = zip(size, kernel, stride, padding, dilation, strict=True)
    places = [len(range(0, m + sum(p) - d * (k - 1), s)) for m, k, s, p, d in axes]
    loop = itertools.product(*map(range, (n, *places, *kernel, c // groups, f)))
    expected = sum(2 for _ in loop)  # a multiplication and an addition
    x, w, y = (n, *size, c), (*kernel, c // groups, f), (n, *places, f)
    assert own("convolution", x, w, **params) == expected
    assert own("convolution_input", y, w, size=size, **params) == expected
    assert own("convolution_kernel", x, y, kernel=kernel, **params) == expected


def test_pooling_looks_at_each_element_of_each_window() -> None:
    params = {"window": (3, 2), "stride": (2, 2), "padding": ((0, 0), (1, 1))}
    x, y = (2, 7, 4, 5), (2, 3, 3, 5)
    expected = sum(1 for _ in itertools.product(*map(range, (*y, 3, 2))))
    assert own("window_max", x, **params) == own("window_sum", x, **params) == expected
    assert own("window_take", x, y, **params) == own("window_put", y, y, size=(7, 4), **params) == expected
    assert own("window_spread", y, size=(7, 4), **params) == expected


@pytest.mark.ci
def test_convolutions_as_torch_counts() -> None:
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    for groups, stride, padding, dilation in ((1, 1, 0, 1), (2, 2, 1, 1), (4, 1, 2, 2)):
        x, w = torch.ones(2, 4, 9, 8), torch.ones(8, 4 // groups, 3, 2)
        with FlopCounterMode(display=False) as counter:
            torch.conv2d(x, w, stride=stride, padding=padding, dilation=dilation, groups=groups)
        params = {"stride": (stride,) * 2, "padding": ((padding,) * 2,) * 2, "dilation": (dilation,) * 2}
        got = own("convolution", (2, 9, 8, 4), (3, 2, 4 // groups, 8), groups=groups, **params)
        assert got == counter.get_total_flops()


def test_standardizing() -> None:
    def rows(x: Any, center: bool) -> Any:
        c = x - x.mean(axis=-1, keepdims=True) if center else x
        return c * (1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5))

    for center in (True, False):
        expected = counted(lambda x, center=center: rows(x, center), np.ones((4, 3, 7)))
        assert own("standardize", (4, 3, 7), epsilon=1e-5, center=center) == expected


def test_the_pullback_of_standardizing() -> None:
    def pullback(g: Any, x: Any, center: bool) -> Any:
        c = x - x.mean(axis=-1, keepdims=True) if center else x
        r = 1 / np.sqrt((c * c).mean(axis=-1, keepdims=True) + 1e-5)
        s, h = c * r, g - g.mean(axis=-1, keepdims=True) if center else g
        return (h - s * (g * s).mean(axis=-1, keepdims=True)) * r

    for center in (True, False):
        expected = counted(lambda g, x, center=center: pullback(g, x, center), np.ones((4, 3, 7)), np.ones((4, 3, 7)))
        assert own("standardize_pullback", *2 * ((4, 3, 7),), epsilon=1e-5, center=center) == expected


def test_the_pullback_of_softmax() -> None:
    def pullback(g: Any, y: Any) -> Any:
        return y * (g - (g * y).sum(axis=-1, keepdims=True))

    assert own("softmax_pullback", (4, 7), (4, 7), axis=1) == counted(pullback, np.ones((4, 7)), np.ones((4, 7)))


def test_the_pullback_of_log_softmax() -> None:
    def pullback(g: Any, y: Any) -> Any:
        return g - np.exp(y) * g.sum(axis=-1, keepdims=True)

    assert own("log_softmax_pullback", (4, 7), (4, 7), axis=1) == counted(pullback, np.ones((4, 7)), np.ones((4, 7)))


# ---- recurrent networks ---------------------------------------------------------------------------------------------


def s(a: Any) -> Any:
    return ag.sigmoid(a)


def apart(a: Any, parts: int) -> list[Any]:
    return [a[..., k * (a.shape[-1] // parts) : (k + 1) * (a.shape[-1] // parts)] for k in range(parts)]


def lstm(z: Any, r: Any, b: Any, h: Any, c: Any) -> Any:
    found: list[Any] = []
    for t in range(z.shape[0]):
        i, f, g, o = apart(z[t] + b + h @ r, 4)
        c = s(f) * c + s(i) * np.tanh(g)
        h = s(o) * np.tanh(c)
        found.append(h)
    return [*found, c]


def gru(z: Any, r: Any, b: Any, h: Any, reset_after: bool) -> Any:
    n, both = r.shape[0], b[0].detach() + b[1].detach()
    for t in range(z.shape[0]):
        (u, reset, new), c = apart(z[t], 3), both
        if reset_after:
            y = h @ r
            u, reset = s(u + y[:, :n] + c[:n]), s(reset + y[:, n : 2 * n] + c[n : 2 * n])
            new = np.tanh(new + c[2 * n :] + reset * (y[:, 2 * n :] + c[2 * n :]))
        else:
            y = h @ r[:, : 2 * n]
            u, reset = s(u + y[:, :n] + c[:n]), s(reset + y[:, n:] + c[n : 2 * n])
            new = np.tanh(new + c[2 * n :] + c[2 * n :] + (reset * h) @ r[:, 2 * n :])
        h = u * h + (1 - u) * new
    return h


def simple_rnn(z: Any, r: Any, b: Any, h: Any, activation: str) -> Any:
    for t in range(z.shape[0]):
        a = z[t] + b + h @ r
        h = np.tanh(a) if activation == "tanh" else ag.relu(a)
    return h


def sums(parts: list[Any]) -> Any:
    return np.concatenate(parts).sum(axis=0)


def kernel(rows: list[Any], cotangents: list[Any]) -> Any:
    return np.concatenate(rows).T @ np.concatenate(cotangents)


def befores(h: Any, first: Any) -> list[Any]:
    return [first, *(h[t] for t in range(h.shape[0] - 1))]


def lstm_adjoint(gh: Any, gc: Any, h: Any, c: Any, gates: Any, r: Any, first_h: Any, first_c: Any) -> Any:
    later = (first_h, first_c)  # as many as there are
    found: list[Any] = []
    for t in reversed(range(h.shape[0])):
        i, f, new, o = (gates[t, :, k] for k in range(4))
        of_h, v = gh[t] + later[0], np.tanh(c[t])
        d = gc[t] + later[1] + of_h * o * (1 - v * v)
        parts = [d * new * i * (1 - i), d * befores(c, first_c)[t] * f * (1 - f)]
        parts += [d * i * (1 + new) * (1 - new), of_h * v * o * (1 - o)]
        found.insert(0, np.concatenate(parts, axis=1))
        later = found[0] @ r.T, d * f
    return [sums(found), kernel(befores(h, first_h), found), *later]


def gru_adjoint(gh: Any, h: Any, gates: Any, r: Any, first: Any, reset_after: bool) -> Any:
    n, later = h.shape[2], first
    both: list[Any] = []
    news: list[Any] = []
    through: list[Any] = []
    for t in reversed(range(h.shape[0])):
        (u, reset, new, q), before = (gates[t, :, k] for k in range(4)), befores(h, first)[t]
        of_h = gh[t] + later
        an, au = (1 - u) * of_h * (1 - new * new), (before - new) * of_h * (1 - u) * u
        d = reset * an if reset_after else an @ r[:, 2 * n :].T
        ar = (q * an if reset_after else before * d) * (1 - reset) * reset
        both.insert(0, np.concatenate([au, ar], axis=1))
        later = u * of_h + both[0] @ r[:, : 2 * n].T + (d @ r[:, 2 * n :].T if reset_after else reset * d)
        news.insert(0, an)
        through.insert(0, d if reset_after else an)
    last = befores(h, first) if reset_after else [gates[t, :, 3] for t in range(h.shape[0])]
    own_bias = sums([np.concatenate(p, axis=1) for p in zip(both, news, strict=True)])
    other = sums([np.concatenate(p, axis=1) for p in zip(both, through, strict=True)])
    return [own_bias, other, kernel(befores(h, first), both), kernel(last, through), later]


def simple_rnn_adjoint(g: Any, h: Any, r: Any, first: Any, activation: str) -> Any:
    found, later = list[Any](), first
    for t in reversed(range(h.shape[0])):
        total = g[t] + later
        found.insert(0, total * (1 - h[t] * h[t]) if activation == "tanh" else total * (h[t] > 0))
        later = found[0] @ r.T
    return [sums(found), kernel(befores(h, first), found), later]


LOOPS: dict[str, Formula] = {
    f.__name__: f for f in (lstm, lstm_adjoint, gru, gru_adjoint, simple_rnn, simple_rnn_adjoint)
}


@pytest.mark.parametrize("case", RECURRENT, ids=lambda case: f"{case.op}-{case.shapes[0]}-{case.params[0]}")
def test_recurrent_networks(case: Any) -> None:
    shapes, params = case.shapes[0], case.params[0]
    arrays = [np.ones(shape) for shape in shapes]
    assert own(case.op, *shapes, **params) == counted(lambda *xs: LOOPS[case.op](*xs, **params), *arrays)
