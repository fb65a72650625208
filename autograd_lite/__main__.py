"""The command line: `autograd-lite`, or `python -m autograd_lite`, `draw|explain|nan script.py:make_loss`.

Exit codes: 0 if all is well, 1 if `nan` found something, 2 if the question could not be answered, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pydoc
import shutil
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from . import GradError, __version__
from .core.addresses import SITE
from .graph import Graph, Program, RenderError, explain, find_nan
from .graph.export.render import RENDERERS, RenderOptions
from .graph.export.save import ENDINGS, SaveOptions, contents, write
from .graph.overlays import overlay_of
from .graph.target import RunError, TargetError, program_of, result_of, target_of
from .manual.answers import UnknownWord, answer, contents as list_of_pages

_FORMATS = [*(ending[1:] for ending in ENDINGS), "onnx", "tree"]
_EXPLANATIONS = ["txt", "md", "html"]
_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_TARGET = "script.py:make_loss, package.module:make_loss, or a graph's .json file"
# What each command does, and an example.
_COMMANDS = {
    "draw": ("draw the graph of a computation, or list it", "script.py:make_loss -o graph.html --backward"),
    "explain": ("explain a gradient, step by step", "script.py:make_loss --wrt w"),
    "nan": ("find where NaN, or an infinity, begins", "script.py:make_loss"),
    "help": ("print a page of the manual: on a function, an error, a subject", "grad"),
}
_SCREEN = """\
autograd_lite {version}: write NumPy, get gradients, see the graph.

usage: {called} COMMAND ...

With this in script.py,

  import numpy as np
  import autograd_lite as ag

  def make_loss():
      w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
      return np.sum(np.sin(w) * w**2)

these are the commands, each with an example:

{commands}

make_loss takes no arguments. It returns a Tensor, such as a loss; or a Program
or a Graph; or (f, arguments), and f is then traced with these arguments.

{called} help start     how to begin
{called} help           all pages of the manual
{called} draw -h        the options of a command
{called} --version      the version{site}
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line. That of all commands has the screen as its help."""

    def error(self, message: str) -> NoReturn:
        """Print the message and the command that shows the options."""
        self.exit(2, f"autograd_lite: {message}; see `{self.prog} -h`\n")


class _Screen(_Parser):
    def format_help(self) -> str:
        """Return the screen: a sentence, the commands with examples, and further places."""
        lines = [
            f"  {name:9} {purpose}\n      {self.prog} {name} {example}"
            for name, (purpose, example) in _COMMANDS.items()
        ]
        site = f"\n\nThe site: {SITE}" if SITE else ""
        return _SCREEN.format(version=__version__, called=self.prog, commands="\n".join(lines), site=site)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: those of the command line if None.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # characters that the terminal lacks must not end the program
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if "run" not in options:  # no command
            print(parser.format_help(), end="")
            return 0
        with np.errstate(all="ignore"):  # NumPy's warnings would come first, and say less than the report
            return int(options.run(options))
    except RunError as error:
        _show(error.__cause__)
        print(f"autograd_lite: {options.target} raised {type(error.__cause__).__name__}, see above", file=sys.stderr)
    except (TargetError, RenderError, UnknownWord, GradError, ValueError, OSError, KeyError) as error:
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"autograd_lite: {text}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nautograd_lite: interrupted", file=sys.stderr)
        return 130  # as shells have it
    return 2


def _show(error: BaseException | None) -> None:
    """Print the traceback of the user's code, without the frames between that code and ours."""
    if error is None:
        return
    shown = traceback.TracebackException.from_exception(error)
    between = (_HERE, "<frozen ", os.path.dirname(os.__file__))
    first = next((i for i, frame in enumerate(shown.stack) if not frame.filename.startswith(between)), len(shown.stack))
    shown.stack = traceback.StackSummary.from_list(shown.stack[first:])
    print("".join(shown.format()), end="", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    called = "autograd-lite" if Path(sys.argv[0]).stem == "autograd-lite" else "python -m autograd_lite"
    parser = _Screen(prog=called)
    parser.add_argument("--version", action="version", version=f"autograd_lite {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=_Parser)
    draw, why, nan, manual = (
        commands.add_parser(
            name, description=f"{purpose[0].upper()}{purpose[1:]}.", epilog=f"example: {called} {name} {example}"
        )
        for name, (purpose, example) in _COMMANDS.items()
    )

    draw.add_argument("target", help=_TARGET)
    draw.add_argument(
        "-o", "--output", metavar="FILE", help="the file to write, in the form of its ending; - for the terminal"
    )
    draw.add_argument(
        "--format", choices=_FORMATS, metavar="FORM", help=f"{', '.join(_FORMATS)}; by default that of the ending"
    )
    draw.add_argument("--backward", action="store_true", help="include the backward pass")
    draw.add_argument(
        "--overlay",
        choices=["flops", "bytes", "saved", "time", "values"],
        help="color the nodes by their cost, or show their ranges",
    )
    draw.add_argument("--measure", action="store_true", help="run it, and show the sizes of values and gradients")
    draw.add_argument("--dynamic-batch", action="store_true", help="leave the batch size of an ONNX model open")
    draw.add_argument("--depth", type=int, metavar="N", help="fold modules below this depth")
    draw.add_argument("--theme", choices=["light", "dark"], help="the colors of PNG, PDF, DOT and Mermaid")
    draw.add_argument("--renderer", choices=RENDERERS, default="auto", help="what draws PNG, PDF and, on request, SVG")
    draw.add_argument("--dpi", type=float, default=144.0, help="dots per inch of a PNG (144)")
    draw.add_argument("--timeout", type=float, default=30.0, metavar="S", help="the most seconds for that program (30)")
    draw.set_defaults(run=_draw)

    why.add_argument("target", help=_TARGET)
    why.add_argument("--wrt", action="append", metavar="NAME", help="a tensor's name or id; all parameters by default")
    why.add_argument("--format", choices=_EXPLANATIONS, help="by default that of the ending, or txt")
    why.add_argument("-o", "--output", metavar="FILE", help="the file; - for the terminal")
    why.set_defaults(run=_explain)

    nan.add_argument("target", help=_TARGET)
    nan.add_argument("-o", "--output", metavar="FILE", help="also draw it, in the form of the ending")
    nan.set_defaults(run=_nan)

    manual.add_argument("word", nargs="*", help="a name, a word, or a whole message; nothing for the list of pages")
    manual.set_defaults(run=_help)
    return parser


# ---- commands -------------------------------------------------------------------------------------------------------


def _draw(options: argparse.Namespace) -> int:
    to_terminal = options.output in (None, "-")
    form = _form(options, _FORMATS)
    if options.dynamic_batch and form != "onnx":
        raise TargetError(f"--dynamic-batch is for onnx, not {form}")
    if form == "onnx" and (options.overlay or options.depth is not None):
        raise TargetError("an ONNX model has no --overlay and no --depth: it is to be run, not looked at")
    source = _with_passes(_load(options), options)
    if form == "onnx":
        with _warnings_told():
            data = program_of(source, options.target).to_onnx(dynamic_batch=options.dynamic_batch)
        return _write(data, options.output)
    graph = source if isinstance(source, Graph) else source.graph
    picture: SaveOptions = {}
    if options.overlay:
        picture["overlay"] = overlay_of(graph, options.overlay)
    if options.depth is not None:
        picture["depth"] = options.depth
    if options.theme:
        picture["theme"] = options.theme
    if form in ("txt", "tree"):
        if "depth" in picture:
            raise TargetError(f"a {form} has no --depth; it has all of the graph. Try svg, html or mmd")
        style: Any = "tree" if form == "tree" else "listing"
        color = None if to_terminal else False  # None: colors if the terminal shows them, and NO_COLOR is not set
        ascii = to_terminal and "utf" not in (sys.stdout.encoding or "utf-8").lower()
        text = graph.to_text(style=style, ascii=ascii, color=color, overlay=picture.get("overlay"), sources=True)
        return _write(f"{text}\n".encode(), options.output)
    rendering = RenderOptions(options.renderer, options.dpi, options.timeout)
    with _warnings_told():
        data = contents(graph, f".{form}", rendering, picture)
    return _write(data, options.output)


@contextlib.contextmanager
def _warnings_told() -> Iterator[None]:
    """Print each warning on one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        print(f"autograd_lite: {warning.message}", file=sys.stderr)


def _form(options: argparse.Namespace, forms: Sequence[str]) -> str:
    """Return the form that --format or the ending of the file asks for; the two must not differ."""
    if options.output in (None, "-"):
        return options.format or "txt"
    ending = Path(options.output).suffix[1:].lower()
    if options.format is None:
        if ending not in forms or ending == "tree":
            received = f"the ending .{ending}" if ending else "a path without an ending"
            endings = ", ".join(f".{form}" for form in forms if form != "tree")
            raise TargetError(
                f"expected a path ending in {endings}, or --format; received {received}: {options.output}"
            )
        return ending
    if ending in _FORMATS and ending != ("txt" if options.format == "tree" else options.format):
        raise TargetError(f"--format {options.format} and the ending of {options.output} name two forms; leave one out")
    return str(options.format)


def _with_passes(result: Any, options: argparse.Namespace) -> Graph | Program:
    """Return the graph or program to draw, with the backward pass and the numbers that the options ask for."""
    shows_numbers = options.overlay in ("time", "values")
    measured = options.measure or shows_numbers
    if isinstance(result, Graph):
        if options.backward and not result.flows:
            _no_backward(options.target, "Graph")
        return result if not measured or shows_numbers else program_of(result, options.target).graph
    if isinstance(result, Program) and options.backward and not result.graph.flows:
        _no_backward(options.target, "Program")
    program = program_of(result, options.target, backward=options.backward)
    if not measured or options.format == "onnx":
        return program
    return program.measure(values=options.measure or options.overlay == "values", seconds=True)


def _no_backward(target: str, kind: str) -> NoReturn:
    raise TargetError(f"{target} gives a {kind} without a backward pass; make it with backward=True")


def _explain(options: argparse.Namespace) -> int:
    form = _form(options, _EXPLANATIONS)
    result = _load(options, backward=True)
    loss = result[0] if isinstance(result, list) and len(result) == 1 else result
    wrt = options.wrt[0] if options.wrt and len(options.wrt) == 1 else options.wrt
    explanation = explain(loss, wrt)
    if form == "html":
        graph = result if isinstance(result, Graph) else program_of(result, options.target, backward=True).graph
        text = graph.to_html(explain=explanation)
    else:
        text = explanation.to_markdown() if form == "md" else explanation.to_text()
    return _write(f"{text.rstrip()}\n".encode(), options.output)


def _nan(options: argparse.Namespace) -> int:
    result = _load(options, backward=True)
    report = find_nan(result if isinstance(result, list) else program_of(result, options.target))
    if report is None:
        print("every value that matters is finite")
        return 0
    print(report)
    if options.output:
        report.graph.save(options.output, overlay=report.overlay())
    return 1


def _help(options: argparse.Namespace) -> int:
    words, width = " ".join(options.word), min(shutil.get_terminal_size().columns - 1, 100)
    text = answer(words, width) if words else list_of_pages(width)
    if sys.stdout.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        pydoc.pager(text)
        return 0
    return _write(f"{text}\n".encode(), None)


def _load(options: argparse.Namespace, *, backward: bool = False) -> Any:
    backward = backward or bool(getattr(options, "backward", False))
    return result_of(target_of(options.target), options.target, backward=backward)


def _write(data: bytes, output: str | None) -> int:
    if output not in (None, "-"):
        write(output, data)
        return 0
    out = getattr(sys.stdout, "buffer", None)
    if b"\0" in data and sys.stdout.isatty():
        raise TargetError("that would fill the terminal with bytes; name a file with -o")
    sys.stdout.flush()
    try:
        if out is None:  # standard output has been replaced by a text stream
            sys.stdout.write(data.decode("utf-8"))
        else:
            out.write(data)
            out.flush()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
