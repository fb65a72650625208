"""What Python code may read a number from, in objects of Python's, NumPy's and SciPy's classes, and in classes."""

from __future__ import annotations

import abc
import array
import configparser
import functools
import operator
import weakref
from collections import ChainMap, OrderedDict, UserList
from typing import Any

import numpy as np
import scipy.interpolate
import scipy.sparse

from .reading import Box, Reading, reading


@reading
def an_object_in_a_dictionary_of_weak_references() -> Reading:
    box, table = Box(rate=2.0), weakref.WeakValueDictionary[str, Box]()
    table["a"] = box
    return lambda: table["a"].rate, lambda: setattr(box, "rate", 5.0)


@reading
def memory_seen_in_another_way() -> Reading:
    numbers = array.array("d", [2.0, 1.0])
    view = memoryview(numbers)
    return lambda: view[0], lambda: operator.setitem(numbers, 0, 5.0)


@reading
def an_array_of_pythons() -> Reading:
    numbers = array.array("d", [2.0, 1.0])
    return lambda: numbers[0], lambda: operator.setitem(numbers, 0, 5.0)


@reading
def a_list_of_a_users_class() -> Reading:
    numbers = UserList([2.0, 1.0])
    return lambda: numbers[0], lambda: operator.setitem(numbers, 0, 5.0)


@reading
def the_first_of_several_dicts() -> Reading:
    table = ChainMap({}, {"a": 2.0})
    return lambda: table["a"], lambda: table.maps[0].update(a=5.0)


@reading
def the_order_of_an_ordered_dict() -> Reading:
    table = OrderedDict(a=2.0, b=5.0)
    return lambda: next(iter(table.values())), lambda: table.move_to_end("a")


@reading
def the_settings_of_a_parser() -> Reading:
    parser = configparser.ConfigParser()
    parser["a"] = {"rate": "2.0"}
    return lambda: float(parser["a"]["rate"]), lambda: parser.set("a", "rate", "5.0")


@reading
def attributes_by_a_getter_of_several() -> Reading:
    box, getter = Box(inner=Box(rate=2.0)), operator.attrgetter("inner.rate")
    return lambda: getter(box), lambda: setattr(box.inner, "rate", 5.0)


@reading
def a_method_by_its_name() -> Reading:
    class Scaled:
        rate = 2.0

        def factor(self) -> float:
            return self.rate

    box, call = Scaled(), operator.methodcaller("factor")
    return lambda: call(box), lambda: setattr(box, "rate", 5.0)


@reading
def an_attribute_of_a_metaclass() -> Reading:
    class Meta(type):
        rate = 2.0

    class Plain(metaclass=Meta):
        pass

    return lambda: Plain.rate, lambda: setattr(Meta, "rate", 5.0)


@reading
def the_subclasses_of_an_abstract_class() -> Reading:
    class Fast(abc.ABC):  # noqa: B024
        pass

    class Plain:
        pass

    box = Plain()
    return lambda: 5.0 if isinstance(box, Fast) else 2.0, lambda: Fast.register(Plain)


@reading
def a_method_with_an_argument() -> Reading:
    class Scaled:
        rate = 1.0

        def times(self, k: float) -> float:
            return self.rate * k

        twice = functools.partialmethod(times, 2.0)

    box = Scaled()
    return lambda: box.twice(), lambda: setattr(box, "rate", 2.5)


@reading
def a_name_of_pythons_that_becomes_a_global() -> Reading:
    space: dict[str, Any] = {}
    exec("def read():\n    return abs(-2.0)\n", space)
    return space["read"], lambda: space.update(abs=lambda _: 5.0)


@reading
def a_spline() -> Reading:
    spline = scipy.interpolate.CubicSpline([0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 2.0])
    return lambda: float(spline(1.5)), lambda: spline.c[-1].fill(5.0)


@reading
def a_sparse_matrix() -> Reading:
    matrix = scipy.sparse.csr_array(np.diag([1.0, 1.0]))
    return lambda: float(matrix.sum()), lambda: matrix.data.fill(2.5)


@reading
def a_polynomial() -> Reading:
    line = np.polynomial.Polynomial([2.0, 0.0])
    return lambda: float(line(1.0)), lambda: line.coef.fill(2.5)
