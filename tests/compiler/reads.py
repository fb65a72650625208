"""A table of what Python code may read a number from, and how that may change between two calls."""

from __future__ import annotations

import contextvars
import operator
import sys
import threading
import types
from collections import ChainMap, Counter, OrderedDict, UserDict, defaultdict, deque
from typing import Any

import numpy as np

import autograd_lite as ag

from . import reads_of_libraries as reads_of_libraries, reads_of_objects as reads_of_objects
from .reading import READINGS as READINGS, Box, Pair, Reading, reading

RATE = 2.0
TABLE = {"rate": 2.0, "nested": {"rates": [1.0, 2.0]}}
THIS = types.ModuleType("a_module_of_settings")
THIS.RATE = 2.0  # type: ignore[attr-defined]
sys.modules[THIS.__name__] = THIS


# ---- variables -------------------------------------------------------------------------------------------------------


@reading
def a_global() -> Reading:
    globals()["RATE"] = 2.0
    return lambda: RATE, lambda: globals().update(RATE=5.0)


@reading
def a_variable_of_a_closure() -> Reading:
    rate = 2.0

    def change() -> None:
        nonlocal rate
        rate = 5.0

    return lambda: rate, change


@reading
def a_new_list_in_a_variable() -> Reading:
    rates = [2.0]

    def change() -> None:
        nonlocal rates
        rates = [5.0]

    return lambda: rates[0], change


@reading
def an_attribute_of_a_module() -> Reading:
    THIS.RATE = 2.0  # type: ignore[attr-defined]
    return lambda: THIS.RATE, lambda: setattr(THIS, "RATE", 5.0)  # type: ignore[attr-defined]


@reading
def a_module_that_is_imported_inside() -> Reading:
    THIS.RATE = 2.0  # type: ignore[attr-defined]

    def read() -> Any:
        import a_module_of_settings  # type: ignore[import-not-found]

        return a_module_of_settings.RATE

    return read, lambda: setattr(THIS, "RATE", 5.0)


@reading
def an_attribute_of_a_module_with_a_default() -> Reading:
    module = types.ModuleType("another_module_of_settings")
    return lambda: getattr(module, "rate", 2.0), lambda: setattr(module, "rate", 5.0)


@reading
def an_attribute_of_a_module_by_a_computed_name() -> Reading:
    module, name = types.ModuleType("another_module_of_settings"), "ra"
    vars(module).update(rate=2.0)
    return lambda: getattr(module, name + "te"), lambda: setattr(module, "rate", 5.0)


@reading
def a_context_variable() -> Reading:
    rate = contextvars.ContextVar("rate", default=2.0)
    return rate.get, lambda: rate.set(5.0)


@reading
def a_context_variable_by_a_function() -> Reading:
    rate = contextvars.ContextVar("rate", default=2.0)
    return lambda: rate.get(), lambda: rate.set(5.0)


@reading
def an_attribute_of_a_thread() -> Reading:
    here = threading.local()
    here.rate = 2.0
    return lambda: here.rate, lambda: setattr(here, "rate", 5.0)


# ---- containers ------------------------------------------------------------------------------------------------------


@reading
def an_item_of_a_dict() -> Reading:
    TABLE["rate"] = 2.0
    return lambda: TABLE["rate"], lambda: TABLE.update(rate=5.0)


@reading
def an_item_with_a_default() -> Reading:
    table: dict[str, float] = {}
    return lambda: table.get("rate", 2.0), lambda: table.update(rate=5.0)


@reading
def a_nested_item() -> Reading:
    table = {"a": {"b": [{"c": 2.0}]}}
    return lambda: table["a"]["b"][0]["c"], lambda: table["a"]["b"][0].update(c=5.0)


@reading
def an_item_by_a_computed_key() -> Reading:
    table, names = {"ab": 2.0}, ["a", "b"]
    return lambda: table["".join(names)], lambda: table.update(ab=5.0)


@reading
def the_key_itself() -> Reading:
    table, key = {"a": 2.0, "b": 5.0}, ["a"]
    return lambda: table[key[0]], lambda: operator.setitem(key, 0, "b")


@reading
def the_values_of_a_dict() -> Reading:
    table = {"a": 1.0, "b": 1.0}
    return lambda: sum(table.values()), lambda: table.update(c=3.0)


@reading
def the_order_of_a_dict() -> Reading:
    table = {"a": 2.0, "b": 5.0}
    return lambda: next(iter(table.values())), lambda: table.update(a=table.pop("a"))


@reading
def an_item_of_a_list() -> Reading:
    rates = [1.0, 2.0]
    return lambda: rates[1], lambda: operator.setitem(rates, 1, 5.0)


@reading
def the_last_item_of_a_list() -> Reading:
    rates = [1.0, 2.0]
    return lambda: rates[-1], lambda: rates.append(5.0)


@reading
def the_length_of_a_list() -> Reading:
    rates = [0.0, 0.0]
    return lambda: float(len(rates)), lambda: rates.append(0.0)


@reading
def the_items_of_a_list() -> Reading:
    rates = [1.0, 1.0]

    def read() -> float:
        total = 0.0
        for rate in rates:
            total += rate
        return total

    return read, lambda: operator.setitem(rates, 0, 4.0)


@reading
def a_comprehension() -> Reading:
    rates = [1.0, 1.0]
    return lambda: sum([rate for rate in rates if rate > 0]), lambda: operator.setitem(rates, 0, 4.0)


@reading
def an_unpacked_list() -> Reading:
    rates = [1.0, 1.0]

    def read() -> float:
        a, b = rates
        return a + b

    return read, lambda: operator.setitem(rates, 0, 4.0)


@reading
def a_loop_over_what_the_code_has_written_down() -> Reading:
    table = {"a": 1.0, "b": 1.0}

    def read() -> float:
        total = 0.0
        for x in (table["a"], table["b"]):
            total += x
        return total

    return read, lambda: table.update(b=4.0)


@reading
def unpacked_items() -> Reading:
    table = {"a": 1.0, "b": 2.0}

    def read() -> float:
        a, b = (table["a"], table["b"])
        a, b = b, a
        return a

    return read, lambda: table.update(b=4.0)


@reading
def an_attribute_of_an_item_by_a_computed_key() -> Reading:
    boxes = {"a": Box(rate=2.0)}
    return lambda: boxes["".join(("a",))].rate, lambda: setattr(boxes["a"], "rate", 5.0)


@reading
def arrays_in_a_list_one_after_the_other() -> Reading:
    rows = [np.array([2.0, 1.0]), np.array([1.0, 1.0])]

    def read() -> Any:
        total = 0.0
        for row in rows:
            total = total + row.prod()
        return total - 1.0

    return read, lambda: rows[1].fill(3.0)


@reading
def a_slice_of_a_list() -> Reading:
    rates = [1.0, 1.0, 9.0]
    return lambda: sum(rates[:2]), lambda: operator.setitem(rates, 0, 4.0)


@reading
def a_list_in_a_tuple() -> Reading:
    both = ([2.0], "x")
    return lambda: both[0][0], lambda: operator.setitem(both[0], 0, 5.0)


@reading
def a_starred_list() -> Reading:
    rates = [1.0, 2.0]
    return lambda: max(*rates), lambda: operator.setitem(rates, 0, 5.0)


@reading
def a_set() -> Reading:
    rates = {2.0}
    return lambda: max(rates), lambda: rates.add(5.0)


@reading
def whether_something_is_in_a_set() -> Reading:
    names = {"a"}
    return lambda: 5.0 if "b" in names else 2.0, lambda: names.add("b")


@reading
def whether_a_list_is_empty() -> Reading:
    names: list[str] = []
    return lambda: 5.0 if names else 2.0, lambda: names.append("b")


@reading
def a_deque() -> Reading:
    rates = deque([2.0])
    return lambda: rates[0], lambda: rates.appendleft(5.0)


@reading
def an_ordered_dict() -> Reading:
    table = OrderedDict(a=2.0)
    return lambda: table["a"], lambda: table.update(a=5.0)


@reading
def a_default_dict() -> Reading:
    table = defaultdict(float, a=2.0)
    return lambda: table["a"], lambda: table.update(a=5.0)


@reading
def a_counter() -> Reading:
    table = Counter(a=2)
    return lambda: float(table["a"]), lambda: table.update(a=3)


@reading
def a_user_dict() -> Reading:
    table = UserDict(a=2.0)
    return lambda: table["a"], lambda: table.update(a=5.0)


@reading
def a_chain_of_dicts() -> Reading:
    first: dict[str, float] = {}
    table = ChainMap(first, {"a": 2.0})
    return lambda: table["a"], lambda: first.update(a=5.0)


@reading
def a_view_of_a_dict() -> Reading:
    table = {"a": 2.0}
    shown = types.MappingProxyType(table)
    return lambda: shown["a"], lambda: table.update(a=5.0)


@reading
def a_named_tuple_of_lists() -> Reading:
    pair = Pair([2.0], 1.0)
    return lambda: pair.first[0], lambda: operator.setitem(pair.first, 0, 5.0)


@reading
def bytes_that_can_change() -> Reading:
    data = bytearray(b"\x02")
    return lambda: float(data[0]), lambda: operator.setitem(data, 0, 5)


# ---- arrays ----------------------------------------------------------------------------------------------------------


@reading
def an_element() -> Reading:
    a = np.array([1.0, 2.0])
    return lambda: a[1], lambda: operator.setitem(a, 1, 5.0)


@reading
def a_row_of_an_array() -> Reading:
    table = np.array([[2.0, 0.0], [3.0, 1.0]])
    return lambda: table[0].sum(), lambda: table[0].fill(2.5)


@reading
def a_sum_by_numpy() -> Reading:
    a = np.array([1.0, 1.0])
    return lambda: a.sum(), lambda: operator.setitem(a, 1, 4.0)


@reading
def an_array_of_numpy() -> Reading:
    a = np.array([1.0])
    return lambda: a + 1, lambda: a.fill(4.0)


@reading
def an_array_that_is_negated() -> Reading:
    a = np.array([-2.0])
    return lambda: -a, lambda: a.fill(-5.0)


@reading
def an_array_of_another_dtype() -> Reading:
    a = np.array([2.0])
    return lambda: a.astype(np.float32), lambda: a.fill(5.0)


@reading
def an_array_as_it_is() -> Reading:
    a = np.array([2.0])
    return lambda: a, lambda: a.fill(5.0)


@reading
def a_branch_on_an_element() -> Reading:
    a = np.array([2.0])
    return lambda: 5.0 if a[0] > 3 else 2.0, lambda: a.fill(4.0)


@reading
def one_element_of_many() -> Reading:
    a = np.full(8000, 2.0)
    return lambda: a.max(), lambda: operator.setitem(a, 4321, 5.0)


@reading
def an_array_in_a_dict() -> Reading:
    table = {"a": np.array([1.0])}
    return lambda: table["a"] * 2, lambda: table["a"].fill(2.5)


@reading
def an_array_in_a_helper() -> Reading:
    a = np.array([1.0])

    def helper(b: Any) -> Any:
        return b * 2

    return lambda: helper(a), lambda: a.fill(2.5)


@reading
def an_array_that_is_written_into_another() -> Reading:
    a = np.array([2.0])

    def read() -> Any:
        buffer = np.empty(1)
        buffer[:] = a
        return buffer

    return read, lambda: a.fill(5.0)


@reading
def a_mask_of_what_is_written() -> Reading:
    mask = np.array([True, False, False])

    def read() -> Any:
        buffer = np.full(3, 2.0)
        buffer[mask] = 0.0
        return buffer.sum() / 2

    return read, lambda: mask.fill(True)


@reading
def a_mask_of_what_is_written_in_a_tensor() -> Reading:
    mask = np.array([True, False, False])

    def read() -> Any:
        buffer = ag.tensor(np.full(3, 2.0)) * 1
        buffer[mask] = 0.0
        return buffer.sum() / 2

    return read, lambda: mask.fill(True)


@reading
def an_array_that_is_put_into_a_dict() -> Reading:
    a = np.array([2.0])

    def read() -> Any:
        table: dict[str, Any] = {}
        table["a"] = a
        return table["a"].sum()

    return read, lambda: a.fill(5.0)


@reading
def an_array_that_becomes_an_attribute() -> Reading:
    a, box = np.array([2.0]), Box()

    def read() -> Any:
        box.a = a
        return box.a.sum()

    read()
    return read, lambda: a.fill(5.0)


@reading
def a_scalar_of_numpy() -> Reading:
    box = Box(rate=np.float32(2.0))
    return lambda: box.rate, lambda: setattr(box, "rate", np.float32(5.0))


@reading
def the_shape_of_an_array() -> Reading:
    box = Box(a=np.zeros(2))
    return lambda: float(box.a.shape[0]), lambda: setattr(box, "a", np.zeros(5))


@reading
def an_array_through_two_names() -> Reading:
    a = np.array([2.0])
    part = a[:1]
    return lambda: part[0], lambda: a.fill(5.0)


@reading
def a_sign_of_zero() -> Reading:
    box = Box(rate=0.0)
    return lambda: 2.0 if str(box.rate) == "0.0" else 5.0, lambda: setattr(box, "rate", -0.0)


@reading
def true_for_one() -> Reading:
    box = Box(rate=1)
    return lambda: 5.0 if box.rate is True else 2.0, lambda: setattr(box, "rate", True)


@reading
def another_tensor() -> Reading:
    box = Box(w=ag.tensor(2.0))
    return lambda: box.w, lambda: setattr(box, "w", ag.tensor(5.0))


@reading
def the_values_of_a_tensor() -> Reading:
    box = Box(w=ag.tensor(2.0))
    return lambda: box.w, lambda: box.w.assign(5.0)
