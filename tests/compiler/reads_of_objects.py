"""What Python code may read a number from, in objects and functions."""

from __future__ import annotations

import functools
import operator
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from .reading import READINGS as READINGS, Box, Instruction, Kind, Reading, Slotted, reading


def global_helper() -> float:
    return 2.0


# ---- attributes ------------------------------------------------------------------------------------------------------


@reading
def an_attribute() -> Reading:
    box = Box(rate=2.0)
    return lambda: box.rate, lambda: setattr(box, "rate", 5.0)


@reading
def an_attribute_that_hides_that_of_the_class() -> Reading:
    box = Box()
    return lambda: box.rate, lambda: setattr(box, "rate", 5.0)


@reading
def an_attribute_of_a_class() -> Reading:
    kind = type("Kind", (Box,), {"rate": 2.0})
    box = kind()
    return lambda: box.rate, lambda: setattr(kind, "rate", 5.0)


@reading
def an_attribute_of_a_class_by_its_name() -> Reading:
    kind = type("Kind", (Box,), {"rate": 2.0})
    return lambda: kind.rate, lambda: setattr(kind, "rate", 5.0)


@reading
def an_attribute_of_a_base() -> Reading:
    base = type("Base", (), {"rate": 2.0})
    box = type("Kind", (base,), {})()
    return lambda: box.rate, lambda: setattr(base, "rate", 5.0)


@reading
def a_slot() -> Reading:
    box = Slotted()
    return lambda: box.rate, lambda: setattr(box, "rate", 5.0)


@reading
def a_field_of_a_dataclass() -> Reading:
    record = Instruction()
    return lambda: record.rate, lambda: setattr(record, "rate", 5.0)


@reading
def an_attribute_of_an_attribute() -> Reading:
    record = Instruction(inner=Instruction())
    return lambda: record.inner.rate, lambda: setattr(record.inner, "rate", 5.0)


@reading
def an_object_in_a_list() -> Reading:
    records = [Instruction(), Instruction(rate=0.0)]
    return lambda: sum(record.rate for record in records), lambda: setattr(records[1], "rate", 3.0)


@reading
def a_simple_namespace() -> Reading:
    space = types.SimpleNamespace(rate=2.0)
    return lambda: space.rate, lambda: setattr(space, "rate", 5.0)


@reading
def an_attribute_by_a_computed_name() -> Reading:
    box, name = Box(rate=2.0), "ra"
    return lambda: getattr(box, name + "te"), lambda: setattr(box, "rate", 5.0)


@reading
def an_attribute_of_a_slotted_object_by_its_name() -> Reading:
    box, name = Slotted(), "ra"
    return lambda: getattr(box, name + "te"), lambda: setattr(box, "rate", 5.0)


@reading
def the_attributes_of_an_object() -> Reading:
    box = Box(rate=2.0)
    return lambda: sum(vars(box).values()), lambda: setattr(box, "other", 3.0)


@reading
def whether_there_is_an_attribute() -> Reading:
    box = Box()
    return lambda: 5.0 if hasattr(box, "other") else 2.0, lambda: setattr(box, "other", 3.0)


@reading
def whether_there_is_an_attribute_of_a_namespace() -> Reading:
    space = types.SimpleNamespace()
    return lambda: 5.0 if hasattr(space, "other") else 2.0, lambda: setattr(space, "other", 3.0)


@reading
def an_attribute_with_a_default_that_the_class_receives() -> Reading:
    kind = type("Kind", (), {})
    box = kind()
    return lambda: getattr(box, "rate", 2.0), lambda: setattr(kind, "rate", 5.0)


@reading
def an_attribute_that_a_method_tries() -> Reading:
    class Tried:
        def read(self) -> Any:
            try:
                return self.rate  # type: ignore[attr-defined]
            except AttributeError:
                return 2.0

    box = Tried()
    return lambda: box.read(), lambda: setattr(box, "rate", 5.0)


@reading
def an_attribute_of_a_class_by_a_computed_name() -> Reading:
    kind, name = type("Kind", (), {"rate": 2.0}), "ra"
    box = kind()
    return lambda: getattr(box, name + "te"), lambda: setattr(kind, "rate", 5.0)


@reading
def an_attribute_getter() -> Reading:
    box, get = Box(rate=2.0), operator.attrgetter("rate")
    return lambda: get(box), lambda: setattr(box, "rate", 5.0)


@reading
def a_property() -> Reading:
    class Doubled(Box):
        half = 1.0

        @property
        def rate(self) -> float:
            return 2 * self.half

    box = Doubled()
    return lambda: box.rate, lambda: setattr(box, "half", 2.5)


@reading
def another_property() -> Reading:
    kind = type("Kind", (), {"rate": property(lambda self: 2.0)})
    box = kind()
    return lambda: box.rate, lambda: setattr(kind, "rate", property(lambda self: 5.0))


@reading
def a_cached_property() -> Reading:
    class Cached(Box):
        @functools.cached_property
        def value(self) -> float:
            return 2.0

    box = Cached()
    return lambda: box.value, lambda: vars(box).update(value=5.0)


@reading
def what_getattr_finds() -> Reading:
    class Found:
        def __init__(self) -> None:
            self.values = {"rate": 2.0}

        def __getattr__(self, name: str) -> Any:
            return self.values[name]

    box = Found()
    return lambda: box.rate, lambda: box.values.update(rate=5.0)


@reading
def what_getitem_finds() -> Reading:
    class Found:
        values: ClassVar[list[float]] = [1.0]

        def __getitem__(self, k: int) -> float:
            return self.values[k] + 1

    box = Found()
    return lambda: box[0], lambda: operator.setitem(box.values, 0, 4.0)


@reading
def what_a_call_finds() -> Reading:
    class Called:
        values: ClassVar[list[float]] = [1.0]

        def __call__(self) -> float:
            return self.values[0] + 1

    box = Called()
    return box, lambda: operator.setitem(box.values, 0, 4.0)


@reading
def an_operator() -> Reading:
    class Number:
        value = 2.0

        def __mul__(self, other: float) -> float:
            return self.value * other

    number = Number()
    return lambda: number * 1.0, lambda: setattr(number, "value", 5.0)


@reading
def what_iteration_finds() -> Reading:
    class Many:
        value = 1.0

        def __iter__(self) -> Iterator[float]:
            yield from (1.0, self.value)

    many = Many()
    return lambda: sum(many), lambda: setattr(many, "value", 4.0)


@reading
def another_class() -> Reading:
    class Other(Box):
        rate = 5.0

    box = Box()
    return lambda: box.rate, lambda: setattr(box, "__class__", Other)


@reading
def a_descriptor() -> Reading:
    class Value:
        value = 2.0

        def __get__(self, owner: Any, kind: Any = None) -> Any:
            return self.value if owner is not None else self

    kind = type("Kind", (), {"rate": Value()})
    box = kind()
    return lambda: box.rate, lambda: setattr(vars(kind)["rate"], "value", 5.0)


@reading
def a_member_of_an_enum() -> Reading:
    box = Box(kind=Kind.LOW)
    return lambda: box.kind.value, lambda: setattr(box, "kind", Kind.HIGH)


@reading
def what_a_weak_reference_leads_to() -> Reading:
    box = Box(rate=2.0)
    this = weakref.ref(box)

    def change() -> None:
        box.rate = 5.0

    return lambda: this().rate, change  # type: ignore[union-attr]


# ---- functions -------------------------------------------------------------------------------------------------------


@reading
def what_a_helper_reads() -> Reading:
    rates = [2.0]

    def inner() -> float:
        return rates[0]

    def helper() -> float:
        return inner()

    return lambda: helper(), lambda: operator.setitem(rates, 0, 5.0)


@reading
def another_global_function() -> Reading:
    globals()["global_helper"] = lambda: 2.0
    return lambda: global_helper(), lambda: globals().update(global_helper=lambda: 5.0)


@reading
def another_function_in_a_dict() -> Reading:
    table = {"f": lambda: 2.0}
    return lambda: table["f"](), lambda: table.update(f=lambda: 5.0)


@reading
def what_a_function_in_a_dict_reads() -> Reading:
    rates = [2.0]
    table = {"f": lambda: rates[0]}
    name = "f"
    return lambda: table[name](), lambda: operator.setitem(rates, 0, 5.0)


@reading
def other_code() -> Reading:
    def helper() -> float:
        return 2.0

    def other() -> float:
        return 5.0

    return lambda: helper(), lambda: setattr(helper, "__code__", other.__code__)


@reading
def a_default() -> Reading:
    def helper(rate: float = 2.0) -> float:
        return rate

    return lambda: helper(), lambda: setattr(helper, "__defaults__", (5.0,))


@reading
def what_is_in_a_default() -> Reading:
    def helper(rates: list[float] = [2.0]) -> float:  # noqa: B006
        return rates[0]

    return lambda: helper(), lambda: operator.setitem(helper.__defaults__[0], 0, 5.0)  # type: ignore[index]


@reading
def a_default_of_a_keyword() -> Reading:
    def helper(*, rate: float = 2.0) -> float:
        return rate

    return lambda: helper(), lambda: helper.__kwdefaults__.update(rate=5.0)  # type: ignore[union-attr]


@reading
def an_attribute_of_a_function() -> Reading:
    def helper() -> float:
        return helper.rate  # type: ignore[attr-defined]

    helper.rate = 2.0  # type: ignore[attr-defined]
    return lambda: helper(), lambda: setattr(helper, "rate", 5.0)


@reading
def an_attribute_of_a_function_with_a_default() -> Reading:
    def helper() -> Any:
        return getattr(helper, "rate", 2.0)

    return lambda: helper(), lambda: setattr(helper, "rate", 5.0)


@reading
def a_partial() -> Reading:
    rates = {"rate": 2.0}
    helper = functools.partial(operator.getitem, rates, "rate")
    return lambda: helper(), lambda: rates.update(rate=5.0)


@reading
def a_keyword_of_a_partial() -> Reading:
    helper = functools.partial(lambda rate: rate, rate=2.0)
    return lambda: helper(), lambda: helper.keywords.update(rate=5.0)


@reading
def a_method() -> Reading:
    class Reads:
        value = 2.0

        def read(self) -> float:
            return self.value

    box = Reads()
    return lambda: box.read(), lambda: setattr(box, "value", 5.0)


@reading
def a_bound_method() -> Reading:
    class Reads:
        value = 2.0

        def read(self) -> float:
            return self.value

    box = Reads()
    return box.read, lambda: setattr(box, "value", 5.0)


@reading
def another_method() -> Reading:
    kind = type("Kind", (), {"read": lambda self: 2.0})
    box = kind()
    return lambda: box.read(), lambda: setattr(kind, "read", lambda self: 5.0)


@reading
def a_method_by_super() -> Reading:
    class Base:
        value = 2.0

        def read(self) -> float:
            return self.value

    class Derived(Base):
        def read(self) -> float:
            return super().read()

    box = Derived()
    return lambda: box.read(), lambda: setattr(box, "value", 5.0)


@reading
def a_static_method() -> Reading:
    rates = [2.0]

    class Reads:
        @staticmethod
        def read() -> float:
            return rates[0]

    return lambda: Reads.read(), lambda: operator.setitem(rates, 0, 5.0)


@reading
def a_class_method() -> Reading:
    class Reads:
        value = 2.0

        @classmethod
        def read(cls) -> float:
            return cls.value

    return lambda: Reads.read(), lambda: setattr(Reads, "value", 5.0)


@reading
def an_object_that_is_made_inside() -> Reading:
    defaults = [2.0]

    class Made:
        def __init__(self) -> None:
            self.rate = defaults[0]

    return lambda: Made().rate, lambda: operator.setitem(defaults, 0, 5.0)


@reading
def a_decorated_function() -> Reading:
    rates = [2.0]

    def decorated(f: Any) -> Any:
        @functools.wraps(f)
        def wrapper() -> Any:
            return f()

        return wrapper

    @decorated
    def helper() -> float:
        return rates[0]

    return lambda: helper(), lambda: operator.setitem(rates, 0, 5.0)


@reading
def a_function_with_a_cache() -> Reading:
    rates = [2.0]

    @functools.lru_cache
    def helper(k: int) -> float:
        return rates[k]

    def change() -> None:
        rates[0] = 5.0
        helper.cache_clear()

    return lambda: helper(0), change


@reading
def a_generator_that_is_made_inside() -> Reading:
    rates = [1.0, 1.0]

    def each() -> Iterator[float]:
        yield from rates

    return lambda: sum(each()), lambda: operator.setitem(rates, 0, 4.0)


@reading
def a_function_that_is_passed_on() -> Reading:
    rates = [2.0]

    def helper() -> float:
        return rates[0]

    def call(f: Callable[[], float]) -> float:
        return f()

    return lambda: call(helper), lambda: operator.setitem(rates, 0, 5.0)


@reading
def map_and_filter() -> Reading:
    rates, least = [1.0, 2.0], [1.5]
    return lambda: sum(filter(lambda r: r > least[0], rates)), lambda: operator.setitem(rates, 0, 3.0)
