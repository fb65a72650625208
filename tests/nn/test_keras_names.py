"""docs/keras_coverage.md says what is here of what Keras 3 documents. Computed, so that it cannot lie.

Write it anew with AUTOGRAD_LITE_WRITE_GOLDEN=1.
"""

from __future__ import annotations

import importlib
import inspect
import os
from pathlib import Path

import pytest

from .keras_names import PAGE, SECTIONS, Section, page

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {section.keras: section for section in SECTIONS}
# Arguments that mean something else here, or nothing: no dtype; see the page.
NO_ARGUMENTS = {"dtype"}
# circle's further embeddings; Metric's order.
OTHER_ARGUMENTS = {"keras.losses.circle", "keras.metrics.Metric"}


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
    names = sum(len(section.names) for section in SECTIONS)
    assert sum(len(section.left_out) for section in SECTIONS) <= names / 20


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
