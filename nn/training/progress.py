"""What `fit` and `evaluate` print: a live bar in a terminal or notebook, a line for each epoch anywhere else."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from autograd_lite.extend import needs

_Values = Mapping[str, float]


class Progress:
    """One pass over the data that prints nothing.

    Attributes:
        due: the time, on the clock of `time.perf_counter`, from which the next `show` is worth calling.
        width: characters of the bar.
        every: seconds between two pictures of the bar.
        unit: what a step is called.

    Args:
        title: "Epoch 1/5", or nothing.
        steps: number of batches, None if unknown; it must be set before `close`.
    """

    width, every, unit = 20, 0.1, "step"

    def __init__(self, title: str, steps: int | None) -> None:
        self.title = title
        self.steps = steps
        self.started = time.perf_counter()
        self.due = float("inf")

    def show(self, done: int, values: _Values) -> None:
        """Show that `done` batches are done."""

    def close(self, values: _Values) -> None:
        """Show the end of the pass."""

    def abandon(self) -> None:
        """Tidy the screen after an error."""

    def parts(self, values: _Values, done: int) -> list[str]:
        """Return time and values as texts: "1s 2ms/step", "loss: 0.2565"."""
        seconds = time.perf_counter() - self.started
        metrics = [f"{name}: {_number(v)}" for name, v in values.items() if not np.ndim(v)]
        return [f"{_timing(seconds, done)}/{self.unit}", *metrics]


class _Line(Progress):
    """Prints one line at the end, without control characters and however long, as programs read it."""

    def close(self, values: _Values) -> None:
        parts = [self.title, f"{self.steps}/{self.steps}", *self.parts(values, self.steps or 0)]
        print(" - ".join(filter(None, parts)), flush=True)


class _Live(Progress):
    """Draws a bar again and again in one place."""

    def __init__(self, title: str, steps: int | None) -> None:
        super().__init__(title, steps)
        self.due = self.started
        # Imported here: a program that shows no bar should neither pay for tqdm nor need it.
        with needs("a progress bar", "tqdm", otherwise=", or pass verbose=2"):
            from tqdm import tqdm
        self._meter = tqdm.format_meter

    def draw(self, lines: list[str]) -> None:
        """Replace the last text by lines, or where one line is all that can be replaced, by the first."""
        raise NotImplementedError

    def finish(self, lines: list[str]) -> None:
        """Replace the last text by all lines."""
        self.draw(lines)

    def columns(self) -> int:
        """Return how long a line may be."""
        return 80

    def show(self, done: int, values: _Values) -> None:
        self.due = time.perf_counter() + self.every
        self.draw(self._lines(done, values))

    def close(self, values: _Values) -> None:
        self.finish(self._lines(self.steps or 0, values, ends=True))
        self.abandon()

    def _lines(self, done: int, values: _Values, ends: bool = False) -> list[str]:
        """Return the bar and the values on as few lines as they fit; a shorter bar is better than a second line."""
        timing, *parts = self.parts(values, done)
        if self.steps is None:
            return _lines_of([f"{done}/? {timing}"], parts, self.columns())
        heads = [f"{done}/{self.steps} {self._bar(done, n, ends)}{timing}" for n in (self.width, self.width // 2, 0)]
        return _lines_of(heads, parts, self.columns())

    def _bar(self, done: int, width: int, ends: bool) -> str:
        if width == 0:
            return ""
        if ends:
            return ("━" if _draws_unicode() else "=") * width + " "
        form = f"{{bar:{width}}} "
        return self._meter(done, self.steps, 1.0, ascii=not _draws_unicode(), bar_format=form)


class _Terminal(_Live):
    """A bar in a terminal: a carriage return brings the cursor back to the start of its line."""

    def __init__(self, title: str, steps: int | None) -> None:
        super().__init__(title, steps)
        self._drawn = 0
        if title:
            print(title, flush=True)

    def columns(self) -> int:
        """Return how long a line may be without wrapping, which a carriage return could not undo."""
        return max(10, shutil.get_terminal_size().columns - 1)

    def draw(self, lines: list[str]) -> None:
        columns, text = self.columns(), lines[0]
        if len(lines) > 1:
            text = f"{text[: columns - 2]} …" if _draws_unicode() else f"{text[: columns - 4]} ..."
        print(f"\r{text:<{min(self._drawn, columns)}}", end="", flush=True)
        self._drawn = len(text)

    def finish(self, lines: list[str]) -> None:
        self.draw(lines[:1])
        print(*(f"\n{line}" for line in lines[1:]), sep="", end="")

    def abandon(self) -> None:
        if self._drawn:
            print(flush=True)
            self._drawn = 0


class _Notebook(_Live):
    """A bar in a notebook: one output of the cell, updated, so that a saved notebook holds only its last state."""

    def __init__(self, title: str, steps: int | None) -> None:
        super().__init__(title, steps)
        self._handle: Any = None

    def draw(self, lines: list[str]) -> None:
        from IPython.display import display

        content = {"text/plain": "\n".join(filter(None, [self.title, *lines]))}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(content, raw=True)


def open_progress(verbose: int | str, title: str, steps: int | None) -> Progress:
    """Return what shows one pass over the data.

    Args:
        verbose: 0 for nothing, 1 or "auto" for a bar where one can be drawn and a line elsewhere, 2 for a line.
        title: printed before it; may be empty.
        steps: number of batches, None if unknown.

    Raises:
        ValueError: for any other verbose.
        ModuleNotFoundError: if a bar is to be drawn and tqdm is not installed.

    Example:
        >>> open_progress(0, "Epoch 1/5", 469).close({"loss": 0.5})
    """
    if verbose not in (0, 1, 2, "auto"):
        raise ValueError(
            f"expected verbose to be 0 (silent), 1 (bar), 2 (a line per epoch) or 'auto'; received verbose={verbose!r}"
        )
    if verbose == 0:
        return Progress(title, steps)
    if verbose != 2:
        if _in_notebook():
            return _Notebook(title, steps)
        if sys.stdout.isatty():
            return _Terminal(title, steps)
    return _Line(title, steps)


def _in_notebook() -> bool:
    """Return whether output goes to a Jupyter kernel, which needs IPython to be loaded."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _lines_of(heads: list[str], parts: list[str], columns: int) -> list[str]:
    """Return a head and parts on as few lines as they fit; values of the validation begin one, if there are several.

    Args:
        heads: what the first line may begin with, the best first.
        parts: texts "name: value".
        columns: the most characters of a line.
    """
    for head in heads:
        if len(line := " - ".join([head, *parts])) <= columns:
            return [line]
    lines = [next((head for head in heads if len(head) <= columns), heads[-1][:columns])]
    indent, is_validation = " " * 4 if columns > 30 else "", False
    for part in parts:
        follows = part.startswith("val_") == is_validation
        is_validation = part.startswith("val_")
        if follows and len(lines[-1]) + 3 + len(part) <= columns:
            lines[-1] += f" - {part}"
        else:
            lines.append(f"{indent}{_abbreviate(part, columns - len(indent))}")
    return lines


def _abbreviate(part: str, columns: int) -> str:
    """Return a part that fits, with the middle of its name left out if it does not."""
    name, _, value = part.rpartition(": ")
    room = max(columns - len(value) - 5, 2)
    return part if len(part) <= columns else f"{name[: (room + 1) // 2]}...{name[-(room // 2) :]}: {value}"


def _draws_unicode() -> bool:
    return (getattr(sys.stdout, "encoding", None) or "ascii").lower().startswith("utf")


def _timing(seconds: float, steps: int) -> str:
    each = seconds / max(steps, 1)
    if each >= 1:
        unit = f"{each:.0f}s"
    elif each >= 1e-3:
        unit = f"{each * 1e3:.0f}ms"
    else:
        unit = f"{each * 1e6:.0f}us"
    return f"{seconds:.0f}s {unit}"


def _number(value: float) -> str:
    return f"{value:.4f}" if value == 0 or abs(value) > 1e-3 else f"{value:.4e}"
