"""Programs that a reader of Keras's guides would write run here with the import changed, and compute the same.

Each file of `programs/` is run twice: as it is, and with each import of `keras` answered by `nn`. What it puts into its
dict `results` is compared: numbers to 1e-5 of the largest of an array, all else exactly.
"""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .. import peers
from ..keras_values.rows import array, same, their_warnings

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def swapped(name: str, *args: Any, **kwargs: Any) -> Any:
    """Import what a program asks for, `nn` in the place of `keras`."""
    first, dot, rest = name.partition(".")
    return builtins.__import__("nn" + dot + rest if first == "keras" else name, *args, **kwargs)


def results_of(program: Path, swap: bool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a program in a new folder, and return its results."""
    folder.mkdir()
    monkeypatch.chdir(folder)
    names = {"__name__": "__main__", "__builtins__": {**vars(builtins), **({"__import__": swapped} if swap else {})}}
    exec(compile(program.read_text(encoding="utf-8"), str(program), "exec"), names)
    results: dict[str, Any] = names["results"]  # type: ignore[assignment]
    assert results
    return results


def equal(ours: Any, theirs: Any, where: str) -> None:
    """Assert that two results are equal, numbers within rounding."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), where
        for key in theirs:
            equal(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), where
        for n, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            equal(a, b, f"{where}[{n}]")
    elif theirs is None or isinstance(theirs, (str, bool)) or array(theirs).dtype.kind not in "fiubc":
        assert ours == theirs, where
    else:
        same(np.asarray(array(ours)), np.asarray(array(theirs)), where)


@pytest.mark.ci
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_computes_the_same(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peers.keras().utils.clear_session()  # which counts the names of layers and metrics
    with their_warnings():
        expected = results_of(program, False, tmp_path / "theirs", monkeypatch)
        found = results_of(program, True, tmp_path / "ours", monkeypatch)
    equal(found, expected, "results")


def test_an_import_is_swapped_and_a_difference_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import keras.ops as o\nfrom keras import layers\nresults = {'m': [o.__name__, layers.__name__]}"
    )
    found = results_of(program, True, tmp_path / "ours", monkeypatch)
    assert found == {"m": ["autograd_lite.nn.ops", "autograd_lite.nn.layers"]}
    for other in ({"m": [1.0, "b"]}, {"m": [1.001, "a"]}, {"n": [1.0, "a"]}, {"m": [1.0]}):
        with pytest.raises(AssertionError):
            equal(other, {"m": [1.0, "a"]}, "results")


def test_there_are_sixty_programs() -> None:
    assert len(PROGRAMS) >= 60
    assert all('"""' in p.read_text(encoding="utf-8").splitlines()[0] for p in PROGRAMS)
