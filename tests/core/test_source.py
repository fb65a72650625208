"""`record_source`: every recorded op knows the user's line, and errors and pictures can name it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def line_before() -> int:
    """Return the line before the caller's."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno - 1


def test_nothing_is_recorded_unless_asked() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    assert (x * 2).source is None
    with ag.record_source():
        pass
    assert (x * 2).source is None


WAYS: dict[str, Callable[[Any], Any]] = {
    "operator": lambda x: x * 2,
    "unary operator": lambda x: -x,
    "operator with the array on the left": lambda x: np.ones(2) + x,
    "ufunc": lambda x: np.sin(x),
    "numpy function": lambda x: np.sum(x),
    "method": lambda x: x.sum(),
    "composed function": lambda x: np.stack([x, x]),
    "function of ours": lambda x: ag.softmax(x),
    "index": lambda x: x[0],
    "comparison": lambda x: x > 0,
    "functional gradient": lambda x: ag.grad(lambda t: (t * t).sum())(x),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_users_line_is_recorded_by_every_way_to_an_op(way: Callable[[Any], Any]) -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.record_source():
        y = way(x)
    assert y.source is not None
    assert y.source.file == __file__
    assert y.source.line == way.__code__.co_firstlineno
    assert y.source.function == "<lambda>"


def test_the_line_is_the_one_of_the_call_and_the_function_the_users() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    with ag.record_source():
        y = x * 2
        expected = line_before()
        y += 1
        changed = line_before()
        z = y.source
        assert x.source is None
    assert z is not None
    assert z.line == changed
    assert y.inputs[0].source.line == expected
    assert z.function == "test_the_line_is_the_one_of_the_call_and_the_function_the_users"
    assert str(z) == f"{__file__}:{changed} in {z.function}"


def test_blocks_nest_and_end_with_an_exception() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    with ag.record_source():
        with ag.record_source():
            assert (x * 2).source is not None
        assert (x * 2).source is not None
    with pytest.raises(KeyError), ag.record_source():
        raise KeyError
    assert (x * 2).source is None


def test_the_module_path_is_recorded_beside_it() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    with ag.record_source(), ag.extend.module_scope("net"):
        y = x * 2
        with ag.extend.module_scope("layer.0"):
            z = x * 2
            with ag.extend.module_scope("shared", absolute=True):
                u = x * 2
        w = x * 2
    assert [t._node.scope for t in (y, z, u, w)] == ["net", "net.layer.0", "shared", "net"]
    with ag.extend.module_scope("net.layer1"):
        assert (x * 2)._node.note is None


def test_the_backward_pass_is_not_recorded_as_the_users_line_is() -> None:
    """A recorded backward has lines too: those of the call of backward."""
    x = ag.tensor(2.0, requires_grad=True)
    with ag.record_source():
        y = np.sin(x)
        y.backward(create_graph=True)
        expected = line_before()
    assert x.grad is not None
    assert x.grad.source.line == expected
    x.grad = None


def test_a_random_draw_knows_its_line() -> None:
    with ag.record_source():
        drawn = ag.random.normal((2,))
        expected = line_before()
    assert drawn.source.line == expected
