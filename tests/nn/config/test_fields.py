"""Declared arguments: the constructors that they make, and one policy of errors for all classes that have them."""

from __future__ import annotations

import ast
import contextlib
import copy
import importlib
import inspect
import pickle
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import InitVar
from typing import Any

import pytest

import autograd_lite as ag
import nn
from nn.config.arguments import flag, number, optional, or_else, positive
from nn.config.config import Configurable, Registered
from nn.config.fields import attribute, field, fields_of, option, weight
from nn.layers.layer import LayerOptions

from ..layers.layer_cases import all_cases
from ..losses.loss_cases import CASES as LOSSES
from ..metrics.metric_cases import CASES as METRICS

# ---- the mechanism --------------------------------------------------------------------------------------------------


class Ring(Configurable):
    """Fields, one of which is given by name only, and one that is not kept."""

    inner: float = field(number(0))
    outer: float = field(or_else(number(0), lambda ring: ring.inner + 1), default=None)
    closed: bool = field(flag, default=True, kw_only=True)
    scale: InitVar[float] = field(number(above=0), default=1.0)

    def __post_init__(self, scale: Any) -> None:
        self.width = (self.outer - self.inner) * scale


class Gear(Ring):
    teeth: int = field(positive, default=12)
    axle: Any = weight()
    turns: int = attribute(0)


class Sprocket(Gear):
    """Has 9 teeth, no longer an argument."""

    teeth: int = attribute(9)


class Written(Configurable):
    """A base class that writes its `__init__`."""

    def __init__(self, name: str | None = None, **rest: Any) -> None:
        self.name, self.rest = name or type(self).__name__.lower(), rest


class Handing(Written):
    size: int = field(positive)
    name: str | None = field(default=None)
    color: str = option(default="red", kw_only=True)


def test_fields_make_a_constructor_in_their_order_those_of_base_classes_first() -> None:
    assert list(inspect.signature(Ring).parameters) == ["inner", "outer", "scale", "closed"]
    assert list(inspect.signature(Gear).parameters) == ["inner", "outer", "scale", "teeth", "closed"]
    assert inspect.signature(Gear).parameters["teeth"].default == 12
    assert vars(Gear(1, 3, 2, 5)) == {"inner": 1.0, "outer": 3.0, "closed": True, "teeth": 5, "width": 4.0}
    assert Ring(1).outer == 2.0  # which its check has from `inner`
    with pytest.raises(TypeError, match=r"Ring.__init__\(\) missing 1 required positional argument: 'inner'"):
        Ring()
    with pytest.raises(TypeError, match="positional argument"):
        Ring(1, 2, 1, True)


def test_attributes_are_no_arguments_and_leave_the_class_as_it_was_written() -> None:
    assert Gear.turns == 0
    assert not any(hasattr(Gear, name) for name in ("axle", "teeth", "inner"))
    assert list(inspect.signature(Sprocket).parameters) == ["inner", "outer", "scale", "closed"]
    assert Sprocket(1).teeth == 9
    assert "teeth" not in Sprocket(1).get_config()
    assert "_own_fields" not in vars(Gear(1))


def test_an_unknown_keyword_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(TypeError, match=r"^Gear: got an unexpected keyword argument 'teths'. Did you mean 'teeth'\?$"):
        Gear(1, teths=3)
    with pytest.raises(TypeError, match=r"^Dense: .* 'kernel_regulariser'. Did you mean 'kernel_regularizer'"):
        nn.layers.Dense(8, kernel_regulariser="l2")
    with pytest.raises(TypeError, match=r"^huber: .* 'dleta'. Did you mean 'delta'\?"):
        nn.losses.huber([[1.0]], [[1.0]], dleta=2.0)


def test_what_a_written_constructor_takes_is_handed_on_to_it() -> None:
    made = Handing(3, "disk", color="blue", weight=2)
    assert vars(made) == {"name": "disk", "rest": {"color": "blue", "weight": 2}, "size": 3}
    assert Handing(3).name == "handing"
    assert list(inspect.signature(Handing).parameters) == ["size", "name", "color", "rest"]


def test_a_written_constructor_has_the_last_word() -> None:
    class Keras(Gear):
        def __init__(self, teeth: int, **kwargs: Any) -> None:
            super().__init__(1, teeth=teeth, **kwargs)
            self.twice = 2 * teeth

    class Below(Keras):
        load: float = field(number(), default=0.0)

    assert Keras(4, closed=False).get_config() == {"teeth": 4, "closed": False}
    below = Below(2.5, teeth=3)
    assert (below.load, below.twice, below.inner) == (2.5, 6, 1.0)


def test_bare_annotations_of_users_classes_are_left_alone() -> None:
    class Scale(nn.layers.Layer):
        kernel: ag.Tensor
        power: int = 2

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(input_shape[-1:], "ones")

        def call(self, x: Any) -> Any:
            return x**self.power * self.kernel

    layer = Scale(name="scale", kernel_regularizer="l2")
    assert layer([[1.0, 3.0]]).tolist() == [[1.0, 9.0]]
    assert [round(float(p), 3) for p in layer.losses] == [0.02]
    assert layer.get_config().items() >= {"name": "scale", "kernel_regularizer": "l2"}.items()


def test_configurations_have_options_if_they_were_given() -> None:
    assert Gear(1).get_config() == {"inner": 1, "outer": None, "scale": 1.0, "teeth": 12}
    config = Gear(1, closed=False).get_config()
    assert config["closed"] is False
    assert vars(Gear.from_config(config)) == vars(Gear(1, closed=False))


def test_objects_are_copied_and_pickled() -> None:
    for made in (Gear(1, teeth=4), nn.losses.Huber(2.0), nn.layers.Dense(3)):
        for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert type(again) is type(made)
            assert again.get_config() == made.get_config()


def test_an_error_says_what_was_called_expected_and_received() -> None:
    with pytest.raises(ValueError, match=r"^Gear: expected teeth to be a positive integer; received teeth=0$"):
        Gear(1, teeth=0)
    with pytest.raises(TypeError, match=r"^Gear: expected inner to be a finite number of at least 0; received inner='"):
        Gear("1")
    with pytest.raises(ValueError, match=r"to be a finite number of at least 0, or None; received x=-1"):
        optional(number(0))("Ring", "x", -1)


# ---- laws over all classes of nn ------------------------------------------------------------------------------------


def _classes(kind: type = Registered) -> Iterator[type]:
    for cls in kind.__subclasses__():
        yield from _classes(cls)
        if cls.__module__.startswith("autograd_lite.nn."):
            yield cls


def _all_classes() -> list[type]:
    for module in pkgutil.walk_packages(nn.__path__, "nn."):
        if not module.name.endswith(("__main__", "make_sample")):
            importlib.import_module(module.name)
    return list(dict.fromkeys(_classes()))


def test_every_annotation_in_a_class_with_fields_is_one_or_says_that_it_is_none() -> None:
    """Type checkers take a bare annotation, or one with a plain value, for an argument of the constructor."""
    bare = []
    for cls in _all_classes():
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        for line in body.body if isinstance(body, ast.ClassDef) else ():
            if not isinstance(line, ast.AnnAssign) or "ClassVar" in ast.unparse(line.annotation):
                continue
            if not isinstance(line.value, ast.Call):  # of `field`, `weight`, or one that makes a descriptor
                bare.append(f"{cls.__name__}: {ast.unparse(line)}")
    assert bare == []


def test_the_options_of_written_constructors_are_those_of_declared_ones() -> None:
    assert list(LayerOptions.__annotations__) == list(fields_of(nn.layers.Layer))


def test_docstrings_tell_of_the_arguments_as_those_of_base_classes_do() -> None:
    for layer in (nn.layers.Conv1D, nn.layers.Conv3D):
        assert "groups: number of groups into which" in str(layer.__doc__)
    assert str(nn.layers.Conv2D.__doc__).count("Args:") == 1
    assert "input_dim: D, which means input_shape=(D,)." in str(nn.layers.Identity.__doc__)  # of `Layer`


def test_every_argument_is_told_of_by_its_class_by_a_base_or_by_their_modules() -> None:
    silent = []
    for cls in _all_classes():
        bases = [*cls.__mro__, *getattr(cls, "makes", cls).__mro__]  # a recurrent layer has its cell's arguments
        told = " ".join(f"{base.__doc__} {sys.modules[base.__module__].__doc__}" for base in bases)
        for name, declared in fields_of(cls).items():
            shared = name == "reduction" or declared.handed_on or name.endswith(("_regularizer", "_constraint"))
            if not cls.__name__.startswith("_") and not shared and not re.search(rf"\b{name}\b", told):
                silent.append(f"{cls.__name__}: {name}")
    assert silent == []


def _made() -> dict[str, Any]:
    made = [case.make() for case in all_cases()] + [case.loss() for case in LOSSES.values()]
    made += [case.metric() for case in METRICS.values()]
    return {type(one).config_name: one for one in made}


MADE = _made()


@pytest.mark.parametrize("name", MADE)
def test_a_wrong_type_is_a_type_error_and_a_wrong_number_a_value_error(name: str) -> None:
    made = MADE[name]
    cls, config = type(made), made.get_config()
    for argument, declared in fields_of(cls).items():
        if declared.check is not None:
            with pytest.raises(TypeError, match=": expected "):
                cls.from_config({**config, argument: object()})
    for argument, parameter in inspect.signature(cls).parameters.items():
        kinds = set(str(parameter.annotation).split(" | ")) - {"None"}
        if len(kinds) != 1 or not kinds <= {"int", "float", "bool", "InitVar[int]", "InitVar[float]", "InitVar[bool]"}:
            continue
        said = rf"{cls.__name__}: .*{argument}"
        for wrong in ("3", object(), [1], 1j):
            with pytest.raises(TypeError, match=said):
                cls.from_config({**config, argument: wrong})
        if not kinds & {"bool", "InitVar[bool]"}:
            with pytest.raises(TypeError, match=said):
                cls.from_config({**config, argument: True})
            wrong = -(10**9) if kinds & {"int", "InitVar[int]"} else float("nan")
            with contextlib.suppress(ValueError):  # or it is in range
                cls.from_config({**config, argument: wrong})
