"""PNG and PDF: our own pictures painted with matplotlib, or drawn by Graphviz, which also draws SVG on request.

All of these are optional, and no program can hang a caller. `dot` from the search path comes first, then the executable
of the package graphviz-pure (the extra `viz`), which writes no PDF. What a program gives is looked at: a half-installed
`dot` exits with 0 and prints nothing of use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from typing import Literal, NamedTuple

from ..pictures.dot import ThemeName
from ..pictures.sheet import Scene
from ..pictures.style import THEMES
from .paint import paint

try:
    import subprocess
except ImportError:  # in a browser, where there is no other program either
    subprocess = None  # type: ignore[assignment]

Format = Literal["png", "pdf", "svg"]
Renderer = Literal["auto", "dot", "graphviz-pure", "builtin"]
RENDERERS: tuple[Renderer, ...] = ("auto", "dot", "graphviz-pure", "builtin")

# What a whole file of each format begins with, and what stands near its end.
_MARKS: dict[str, tuple[tuple[bytes, ...], bytes]] = {
    "png": ((b"\x89PNG\r\n\x1a\n",), b"IEND"),
    "pdf": ((b"%PDF-",), b"%%EOF"),
    "svg": ((b"<?xml", b"<svg"), b"</svg>"),
}
_TAIL = 1024


class RenderError(RuntimeError):
    """Nothing could draw the picture; the message says which programs were tried, and how to get one that can.

    Example:
        >>> issubclass(RenderError, Exception)
        True
    """


class RenderOptions(NamedTuple):
    """How a picture is drawn.

    Attributes:
        renderer: "auto", "dot", "graphviz-pure" or "builtin".
        dpi: dots per inch of a PNG.
        timeout: seconds after which a program that draws is killed.
    """

    renderer: Renderer = "auto"
    dpi: float = 144.0
    timeout: float = 30.0

    def check(self) -> None:
        """Raise ValueError if one of them cannot be."""
        if self.renderer not in RENDERERS:
            raise ValueError(f"save: expected renderer {', '.join(RENDERERS)}; received {self.renderer!r}")
        if not 0 < self.dpi < float("inf"):
            raise ValueError(f"save: expected dpi above 0; received {self.dpi!r}")


class _Program(NamedTuple):
    """A program that draws DOT: its name, its path, and the formats that it cannot write."""

    name: str
    path: str
    lacks: tuple[str, ...]


def render(
    form: Literal["png", "pdf"],
    options: RenderOptions,
    scene: Callable[[], Scene],
    dot: Callable[[], str],
    theme: ThemeName = "light",
) -> bytes:
    """Return a picture as PNG or PDF: our own, painted; without matplotlib or on request, Graphviz's.

    Args:
        form: "png" or "pdf".
        options: who draws, and how.
        scene, dot: make our own picture, and the text for Graphviz.
        theme: the colors of our own.

    Raises:
        RenderError: if nothing gives a picture.
        ValueError: if there is no such renderer or theme, or the dots per inch are not above 0.
    """
    options.check()
    if theme not in THEMES:
        raise ValueError(f"save: expected theme to be {' or '.join(THEMES)}; received {theme!r}")
    if options.renderer in ("auto", "builtin"):
        with contextlib.suppress(ImportError):
            return paint(scene(), form, dpi=options.dpi, theme=theme)
    return render_dot(dot(), form, options)


def render_dot(dot: str, form: Format, options: RenderOptions) -> bytes:
    """Return DOT drawn by Graphviz.

    Args:
        dot: the text.
        form: "png", "pdf" or "svg".
        options: how; with "auto" by whatever is there.

    Raises:
        RenderError: if no program gives a picture.
        ValueError: if there is no such renderer, or the dots per inch are not above 0.
    """
    options.check()
    tried: list[str] = []
    for program in _programs(options.renderer):
        if form in program.lacks:
            tried.append(f"{program.name} writes no {form.upper()}")
            continue
        picture, trouble = _run(program, dot, form, options)
        if picture:
            return picture
        tried.append(f"{program.name} {trouble}")
    raise RenderError(_advice(form, options.renderer, tried))


def _programs(renderer: Renderer) -> list[_Program]:
    programs = []
    if renderer in ("auto", "dot") and (path := shutil.which("dot")):
        programs.append(_Program("dot", path, ()))
    if renderer in ("auto", "graphviz-pure"):
        # Beside this interpreter, for an environment that runs without being activated.
        beside = os.path.dirname(sys.executable)
        path = shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=beside)
        if path:
            programs.append(_Program("graphviz-pure", path, ("pdf",)))
    return programs


def _run(program: _Program, dot: str, form: str, options: RenderOptions) -> tuple[bytes, str]:
    """Return the picture, or what went wrong."""
    command = [program.path, f"-T{form}", *([f"-Gdpi={options.dpi:g}"] if form == "png" else [])]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a group of its own, which can be ended as one
        )
    except OSError as error:
        return b"", f"does not start ({error.strerror})"
    try:
        picture, message = process.communicate(dot.encode("utf-8"), options.timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        return b"", f"took longer than {options.timeout:g} s"
    except BaseException:
        _kill(process)
        raise
    if process.returncode:
        first = message.decode("utf-8", "replace").strip().partition("\n")[0][:200]
        return b"", f"failed with code {process.returncode}{f' ({first})' if first else ''}"
    begins, end = _MARKS[form]
    if not picture.startswith(begins) or end not in picture[-_TAIL:]:
        return b"", f"gave no {form.upper()}"
    return picture, ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and those that it has started: a shell script's `sleep` would keep the pipes open."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # whoever left the group may still hold the pipes
        process.communicate(timeout=1)


def _advice(form: str, renderer: Renderer, tried: list[str]) -> str:
    """Return one short message: what happened, what to install, what works without."""
    paints = 'matplotlib, which is not there: pip install "autograd-lite[plot]"'
    named = "neither dot nor graphviz-pure was found" if renderer == "auto" else f"{renderer} was not found"
    why = "; ".join(tried) or named
    needs = {
        "auto": f"{paints}. Graphviz does not help: {why}",
        "builtin": paints,
        "dot": f"Graphviz, and {why}. Install it (apt install graphviz, brew install graphviz, graphviz.org)",
        "graphviz-pure": f'graphviz-pure, and {why}: pip install "autograd-lite[viz]"',
    }
    return f"{form.upper()} needs {needs[renderer]}; .svg, .html, .dot, .mmd, .md, .txt and .json need nothing"
