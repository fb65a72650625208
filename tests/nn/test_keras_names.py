"""docs/reference/keras_coverage.md says what is here of what Keras 3 documents. Computed, so that it cannot lie.

Write it anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path
from typing import Any

import pytest

from .keras_names import LAYER_ARGUMENTS, PAGE, SECTIONS, Section, page

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {section.keras: section for section in SECTIONS}
# Arguments that mean something else here, or nothing: no dtype; see the page.
NO_ARGUMENTS = {"dtype"}
# Sections where more may be left out: parts of them are about strings, files, or other frameworks.
OPEN = {f"keras.{name}" for name in ("layers", "models", "callbacks", "saving", "datasets", "ops", "random", "utils")}
OPEN |= {"keras", "keras.utils.bounding_boxes"}
# circle's further embeddings; Metric's order; custom classes are an argument of load_model.
OTHER_ARGUMENTS = {
    "keras.losses.circle",
    "keras.losses.deserialize",
    "keras.metrics.Metric",
    "keras.metrics.deserialize",
}
# Layers whose arguments come in another order, from before there was this test.
OTHER_ORDER = {"Conv3DTranspose", "SimpleRNN"}
# Defaults that are another way of writing Keras's.
OTHER_DEFAULTS = {"uniform": "random_uniform", "Zeros": "zeros", None: "channels_last"}


def test_the_page_is_up_to_date() -> None:
    file = ROOT / PAGE
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        file.write_text(page(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == page(), f"{PAGE} is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"


@pytest.mark.parametrize("section", SECTIONS, ids=BY_NAME)
def test_every_documented_name_is_here_or_has_a_reason(section: Section) -> None:
    ours = importlib.import_module(section.ours)
    assert list(section.names) == sorted(set(section.names))
    missing = [name for name in section.names if not hasattr(ours, name)]
    assert sorted(missing) == sorted(section.left_out)
    assert all(section.left_out.values())


def test_at_most_one_name_in_twenty_is_left_out() -> None:
    counted = [section for section in SECTIONS if section.keras not in OPEN]
    names = sum(len(section.names) for section in counted)
    assert sum(len(section.left_out) for section in counted) <= names / 20


@pytest.mark.ci
@pytest.mark.parametrize("section", SECTIONS, ids=BY_NAME)
def test_the_names_are_those_of_the_installed_keras(section: Section, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs = importlib.import_module(section.keras)
    things = {n: getattr(theirs, n) for n in dir(theirs) if not n.startswith("_")}
    # A class's further names, such as `zeros` for Zeros, are not documented; here they are strings.
    aliases = {n for n, thing in things.items() if inspect.isclass(thing) and thing.__name__ != n}
    known = {n for n, thing in things.items() if not inspect.ismodule(thing)} - aliases
    assert sorted(known - set(section.names)) == []


@pytest.mark.ci
@pytest.mark.parametrize("section", ["keras.layers", "keras.initializers"])
def test_every_further_name_of_a_class_is_here_too(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs, ours = importlib.import_module(section), importlib.import_module(BY_NAME[section].ours)
    classes = {n: thing.__name__ for n in dir(theirs) if inspect.isclass(thing := getattr(theirs, n))}
    further = {n: name for n, name in classes.items() if n != name and hasattr(ours, name)}
    assert len(further) > 15
    assert [n for n, name in further.items() if getattr(ours, n, None) is not getattr(ours, name)] == []


@pytest.mark.ci
@pytest.mark.parametrize("kind", ["losses", "metrics"])
def test_every_string_of_keras_names_something(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    known = importlib.import_module(f"keras.src.{kind}").ALL_OBJECTS_DICT
    bases = {"Loss", "LossFunctionWrapper", "MeanMetricWrapper", "mean_metric_wrapper", "Metric", "metric"}
    get = importlib.import_module(f"nn.{kind}").get
    unknown = []
    for name in set(known) - bases:
        try:
            get(name)
        except ValueError as error:
            unknown += [] if "Pass an object" in str(error) else [name]
    assert unknown == []


@pytest.mark.ci
@pytest.mark.parametrize("section", ["keras.losses", "keras.metrics"])
def test_losses_and_metrics_have_the_arguments_and_defaults_of_keras(
    section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    pytest.importorskip("keras")
    theirs, ours = importlib.import_module(section), importlib.import_module(BY_NAME[section].ours)
    for name in BY_NAME[section].names:
        if name in BY_NAME[section].left_out or f"{section}.{name}" in OTHER_ARGUMENTS:
            continue
        wanted = inspect.signature(getattr(theirs, name)).parameters
        got = inspect.signature(getattr(ours, name)).parameters
        assert [n for n in wanted if n not in NO_ARGUMENTS] == list(got), name
        for argument, parameter in got.items():
            if argument != "name" and (name, argument) != ("categorical_generalized_cross_entropy", "q"):
                assert parameter.default == wanted[argument].default, (name, argument)


def arguments(kind: Any) -> dict[str, Any]:
    """Return the arguments of a layer's constructor with their defaults, without those that all layers have."""
    shared = {"self", "kwargs", "name", "dtype", "activity_regularizer"}
    found = inspect.signature(kind.__init__).parameters
    rules = ("_regularizer", "_constraint")
    return {n: p.default for n, p in found.items() if n not in shared and not n.endswith(rules)}


def plain_default(value: Any) -> Any:
    """Return one number for several that are equal."""
    while isinstance(value, tuple) and value and all(part == value[0] for part in value):
        value = value[0]
    return value


@pytest.mark.ci
def test_layers_have_the_arguments_and_defaults_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    lacking = set()
    layers = importlib.import_module("nn.layers")
    for name in BY_NAME["keras.layers"].names:
        kind = getattr(keras.layers, name)
        if name in BY_NAME["keras.layers"].left_out or not inspect.isclass(kind):
            continue
        wanted, got = arguments(kind), arguments(getattr(layers, name))
        missing = set(wanted) - set(got)
        assert missing <= set(LAYER_ARGUMENTS), (name, missing - set(LAYER_ARGUMENTS))
        lacking |= missing
        order = [n for n in got if n in wanted]
        assert order == [n for n in wanted if n in got] or name in OTHER_ORDER, (name, order)
        for argument in order:
            theirs, ours = plain_default(wanted[argument]), plain_default(got[argument])
            must_be_given = inspect.Parameter.empty in (theirs, ours)
            same = must_be_given or ours == theirs or OTHER_DEFAULTS.get(theirs) == ours
            assert same, (name, argument, theirs, ours)
    assert lacking == set(LAYER_ARGUMENTS), "reasons for what is there"
