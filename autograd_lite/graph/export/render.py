"""Pictures by Graphviz: PNG, PDF, and SVG on request. The programs are optional, and none of them can hang a caller.

`dot` from the search path comes first, then the executable of the package graphviz-pure (the extra `viz`), which writes
no PDF. What a program gives is looked at: a half-installed `dot` exits with 0 and prints nothing of use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from typing import Literal, NamedTuple

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
    """No program could draw the picture; the message says what was tried, and how to get one that can."""


class _Program(NamedTuple):
    """A program that draws DOT: what it is called, where it is, what it cannot write."""

    name: str
    path: str
    lacks: tuple[str, ...]


def rendered(
    dot: str, form: Format, *, renderer: Renderer = "auto", dpi: float = 144.0, timeout: float = 30.0
) -> bytes:
    """Return DOT drawn as a picture.

    Args:
        dot: the text.
        form: "png", "pdf" or "svg".
        renderer: "auto" for whatever is there; "dot" or "graphviz-pure" for that one alone.
        dpi: dots per inch, for PNG.
        timeout: seconds after which a program is killed.

    Raises:
        RenderError: if no program gives a picture.
        ValueError: if there is no such renderer.
    """
    if renderer not in RENDERERS:
        raise ValueError(f"save: expected renderer {', '.join(RENDERERS)}; received {renderer!r}")
    tried: list[str] = []
    for program in _programs(renderer):
        if form in program.lacks:
            tried.append(f"{program.name} writes no {form.upper()}")
            continue
        picture, trouble = _run(program, dot, form, dpi, timeout)
        if picture:
            return picture
        tried.append(f"{program.name} {trouble}")
    raise RenderError(_advice(form, renderer, tried))


def _programs(renderer: Renderer) -> list[_Program]:
    found = []
    if renderer in ("auto", "dot") and (path := shutil.which("dot")):
        found.append(_Program("dot", path, ()))
    if renderer in ("auto", "graphviz-pure"):
        # Beside this interpreter, for an environment that runs without being activated.
        beside = os.path.dirname(sys.executable)
        path = shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=beside)
        if path:
            found.append(_Program("graphviz-pure", path, ("pdf",)))
    return found


def _run(program: _Program, dot: str, form: str, dpi: float, timeout: float) -> tuple[bytes, str]:
    """Return the picture, or what went wrong."""
    command = [program.path, f"-T{form}", *([f"-Gdpi={dpi:g}"] if form == "png" else [])]
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
        picture, said = process.communicate(dot.encode("utf-8"), timeout)
    except subprocess.TimeoutExpired:
        _kill(process)
        return b"", f"took longer than {timeout:g} s"
    except BaseException:
        _kill(process)
        raise
    if process.returncode:
        first = said.decode("utf-8", "replace").strip().partition("\n")[0][:200]
        return b"", f"failed with code {process.returncode}{f' ({first})' if first else ''}"
    begins, end = _MARKS[form]
    if not picture.startswith(begins) or end not in picture[-_TAIL:]:
        return b"", f"gave no {form.upper()}"
    return picture, ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program and what it has started: a shell script's `sleep` would keep the pipes open."""
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # whoever left the group may still hold the pipes
        process.communicate(timeout=1)


def _advice(form: str, renderer: Renderer, tried: list[str]) -> str:
    """Return one short message: what happened, what to install, what works without."""
    looked_for = {"auto": "neither dot nor graphviz-pure was found", "builtin": "the built-in renderer draws SVG alone"}
    why = "; ".join(tried) or looked_for.get(renderer, f"{renderer} was not found")
    pure = 'pip install "autograd-lite[viz]"' + (", which draws PNG but no PDF" if form == "pdf" else "")
    return (
        f"{form.upper()} needs Graphviz, and {why}. Install it (apt install graphviz, brew install graphviz, "
        f"graphviz.org), or {pure}; .svg, .html, .dot, .mmd, .md, .txt and .json need neither"
    )
