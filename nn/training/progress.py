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

    def summary(self, values: _Values, done: int) -> str:
        """Return time and values as text: "1s 2ms/step - loss: 0.2565"."""
        seconds = time.perf_counter() - self.started
        return " - ".join(
            [
                f"{_timing(seconds, done)}/{self.unit}",
                *(f"{name}: {_number(v)}" for name, v in values.items() if not np.ndim(v)),
            ]
        )


class _Line(Progress):
    """Prints one line at the end, without control characters."""

    def close(self, values: _Values) -> None:
        parts = [self.title, f"{self.steps}/{self.steps}", self.summary(values, self.steps or 0)]
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

    def draw(self, text: str) -> None:
        """Replace the last text by this one."""
        raise NotImplementedError

    def show(self, done: int, values: _Values) -> None:
        now = time.perf_counter()
        self.due = now + self.every
        if self.steps is None:
            self.draw(f"{done}/? {self.summary(values, done)}")
            return
        text = self._meter(
            done,
            self.steps,
            now - self.started,
            ncols=_columns(),
            ascii=not _draws_unicode(),
            bar_format=f"{{n_fmt}}/{{total_fmt}} {{bar:{self.width}}} {{desc}}",
            prefix=self.summary(values, done),
        )
        self.draw(text)

    def close(self, values: _Values) -> None:
        bar = ("━" if _draws_unicode() else "=") * self.width
        self.draw(f"{self.steps}/{self.steps} {bar} {self.summary(values, self.steps or 0)}")
        self.abandon()


class _Terminal(_Live):
    """A bar in a terminal: a carriage return brings the cursor back to the start of its line."""

    def __init__(self, title: str, steps: int | None) -> None:
        super().__init__(title, steps)
        self._drawn = 0
        if title:
            print(title, flush=True)

    def draw(self, text: str) -> None:
        print(f"\r{text:<{self._drawn}}", end="", flush=True)
        self._drawn = len(text)

    def abandon(self) -> None:
        if self._drawn:
            print(flush=True)
            self._drawn = 0


class _Notebook(_Live):
    """A bar in a notebook: one output of the cell, updated, so that a saved notebook holds only its last state."""

    def __init__(self, title: str, steps: int | None) -> None:
        super().__init__(title, steps)
        self._handle: Any = None

    def draw(self, text: str) -> None:
        from IPython.display import display

        content = {"text/plain": "\n".join(filter(None, [self.title, text]))}
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


def _columns() -> int:
    """Return how long a line may get without wrapping, which a carriage return could not undo."""
    return max(40, shutil.get_terminal_size().columns - 1)


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
