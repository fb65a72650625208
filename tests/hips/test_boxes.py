"""How libraries know boxes: by class, by name, by their values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd_lite import Tensor
from autograd_lite.hips import grad, installed, jacobian, make_jvp
from autograd_lite.hips.builtins import DictBox, SequenceBox, isinstance as ag_isinstance, type as ag_type
from autograd_lite.hips.core import VJPNode, backward_pass
from autograd_lite.hips.numpy.numpy_boxes import ArrayBox
from autograd_lite.hips.tracer import Box, getval, isbox, new_box, notrace_primitive

X = np.array([1.0, 2.0])


def test_a_tensor_is_a_box_where_a_gradient_flows() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.append((isbox(x), isbox(x > 0), isinstance(x, ArrayBox), isinstance(x, Box), type(x) == ArrayBox))  # noqa: E721
        seen.append(not isinstance(x, SequenceBox) and not isinstance([x], DictBox) and issubclass(type(x), ArrayBox))
        seen.append(np.array_equal(getval(x), X) and np.array_equal(x._value, X) and type(x._value) is np.ndarray)
        seen.append(ag_isinstance(x, np.ndarray) and ag_type(x) is np.ndarray and ag_type([x]) is list)
        return (x**2).sum()

    grad(f)(X)
    assert seen[:4] == [(True, False, True, True, True), True, True, True]
    make_jvp(f)(X)(X)
    assert seen[4:] == seen[:4]
    assert not isbox(X)
    assert getval("s") == "s"


@pytest.mark.usefixtures("no_autograd")
def test_libraries_find_the_names_of_the_class() -> None:
    assert Tensor.__name__ == "Tensor"
    with installed():
        assert str(Tensor) == "<class 'autograd.numpy.numpy_boxes.ArrayBox'>"
        assert Tensor.__module__.startswith("autograd.")
    assert str(Tensor) == "<class 'autograd_lite.tensors.tensor.Tensor'>"


def test_boxes_can_be_made_and_pulled_back() -> None:
    x = new_box(X, 0, VJPNode.new_root())
    y = x**3
    assert np.array_equal(backward_pass(np.array([1.0, 10.0]), y._node), [3.0, 120.0])
    twin = ArrayBox(y._value, y._trace, y._node)
    assert np.array_equal(backward_pass(np.ones(2), (twin * 1.0)._node), 3 * X**2)


def test_values_of_boxes_are_constants() -> None:
    constant = notrace_primitive(lambda x: x * 10)
    assert grad(lambda x: x * constant(x))(2.0) == 20.0


def test_arrays_of_registered_classes_leave_ufuncs_to_tensors() -> None:
    class Marked(np.ndarray):
        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
            return np.asarray(getattr(ufunc, method)(*[np.asarray(x) for x in inputs], **kwargs), dtype=object)

    ArrayBox.register(Marked)
    try:
        g = grad(lambda x: (np.ones(2).view(Marked) * x).sum())(X)
    finally:
        del Box.type_mappings[Marked]
    assert np.array_equal(g, [1.0, 1.0])


def test_a_library_may_refuse_arrays_of_its_class() -> None:
    class Marked(np.ndarray):
        trainable = True

    def boxed(x: Any, *args: Any) -> Any:
        if not x.trainable:
            raise ZeroDivisionError("not trainable")
        return ArrayBox(x, *args)

    x = np.array([0.0, 1.0]).view(Marked)
    Box.type_mappings[Marked] = boxed
    try:
        assert np.array_equal(grad(lambda x: np.sum(x**2))(x), [0.0, 2.0])
        x.trainable = False
        for is_differentiated in (grad(lambda x: np.sum(x**2)), jacobian(np.sin)):
            with pytest.raises(ZeroDivisionError, match="not trainable"):
                is_differentiated(x)
        with pytest.raises(ZeroDivisionError, match="not trainable"):
            grad(lambda p: np.sum(p["x"]))({"x": x})
    finally:
        del Box.type_mappings[Marked]
