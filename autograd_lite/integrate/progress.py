"""The progress of a long solve on the screen, and the solution up to there after Ctrl-C."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from ..core.late import needs

# Seconds between two pictures of the bar, before the first one, and characters of the bar.
_EVERY, _WIDTH = 0.1, 10
Report = Callable[..., None]


class Interrupted(KeyboardInterrupt):
    """A KeyboardInterrupt during a solve, with the solution up to there.

    Args:
        message: where it stopped.
        result: that of the function that was called, with `status` -2 and arrays; it has no derivatives.

    Example:
        >>> try:
        ...     raise Interrupted("solve_ivp: interrupted at t = 0.5", {"status": -2})
        ... except KeyboardInterrupt as stop:
        ...     stop.result["status"]
        -2
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message)
        self.result = result


class Bar:
    """A bar on the time, in a terminal or in a notebook; elsewhere a line for each tenth of the way.

    Args:
        start, end: the times between which the solve runs; `end` may be before `start`.

    Attributes:
        drawn: the last text.
    """

    def __init__(self, start: float, end: float) -> None:
        self.start, self.end, self.drawn = start, end, ""
        self.began = self.due = perf_counter()
        self.due += _EVERY
        self.live = _in_notebook() or sys.stderr.isatty()
        self._handle: Any = None
        self._tenths = 0

    def __call__(self, t: float, h: float = math.nan, accepted: int = 0, rejected: int = 0) -> None:
        """Show that the solve has come to a time.

        Args:
            t: the time.
            h: the length of the last step, if it is known.
            accepted, rejected: how many steps so far, if it is known.
        """
        now = perf_counter()
        if now < self.due:
            return
        self.due = now + _EVERY
        share = (t - self.start) / (self.end - self.start) if self.end != self.start else 1.0
        if self.live:
            self._draw(self._text(share, now - self.began, t, h, accepted, rejected))
        elif int(10 * share) > self._tenths:
            self._tenths = int(10 * share)
            print(self._text(share, now - self.began, t, h, accepted, rejected), file=sys.stderr, flush=True)

    def _text(self, share: float, seconds: float, t: float, h: float, accepted: int, rejected: int) -> str:
        # Imported here: a program that shows no bar should neither pay for tqdm nor need it.
        with needs("a progress bar", "tqdm", otherwise=", or pass progress=False"):
            from tqdm import tqdm
        facts = [f"t = {t:.6g} of {self.end:g}"]
        facts += [f"step {abs(h):.1e}"] if h == h else []
        facts += [f"{accepted:,} steps, {rejected:,} rejected"] if accepted else []
        unicode = (getattr(sys.stderr, "encoding", None) or "ascii").lower().startswith("utf")
        text: str = tqdm.format_meter(
            min(max(share, 0.0), 1.0),
            1,
            seconds,
            ncols=max(40, shutil.get_terminal_size().columns - 1),
            ascii=not unicode,
            bar_format=f"{{percentage:3.0f}}% {{bar:{_WIDTH}}} {{elapsed}}<{{remaining}} {', '.join(facts)}",
        )
        return text

    def _draw(self, text: str) -> None:
        if not _in_notebook():
            print(f"\r{text:<{len(self.drawn)}}", end="", file=sys.stderr, flush=True)
        else:
            from IPython.display import display

            content = {"text/plain": text}
            if self._handle is None:
                self._handle = display(content, raw=True, display_id=True)  # type: ignore[no-untyped-call]
            else:
                self._handle.update(content, raw=True)
        self.drawn = text

    def remove(self) -> None:
        """Take the bar away."""
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)
        elif self.drawn:
            print(f"\r{'':<{len(self.drawn)}}\r", end="", file=sys.stderr, flush=True)
        self.drawn = ""


@contextmanager
def progress_of(progress: bool | Report, start: float, end: float) -> Iterator[Report | None]:
    """Give what shows the progress of a solve, or None; whatever happens, the bar is gone in the end.

    Args:
        progress: whether to show it; or a function, which is called in the bar's place.
        start, end: the times between which the solve runs.

    Example:
        >>> with progress_of(False, 0.0, 10.0) as report:
        ...     report is None
        True
    """
    if not progress or callable(progress):
        yield progress or None
        return
    bar = Bar(float(start), float(end))
    try:
        yield bar
    finally:
        bar.remove()


def _in_notebook() -> bool:
    """Return whether output goes to a Jupyter kernel, which needs IPython to be loaded."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
