"""What the command line is asked to draw: a function in a file or a module, or a graph in a file."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.mode import record_source
from ..tensors.tensor import Tensor
from ..tree import leaves
from .graph import Graph
from .program import Program

# What a target gives: a graph, or something that still has its values.
Target = Graph | Program | list[Tensor]


class TargetError(Exception):
    """The command line names something that cannot be had; the message is for the user."""


class RunError(Exception):
    """The user's own code raised: see `__cause__`."""


def target_of(text: str) -> Any:
    """Return the function that a text such as "script.py:make_loss" names, or the graph in a .json file.

    Args:
        text: `file.py:function`, `package.module:function`, or the path of what `Graph.to_json` wrote.

    Raises:
        TargetError: if it cannot be found or read.
        RunError: if the user's code raises when it is loaded.
    """
    if text.lower().endswith(".json"):
        return _read(Path(text))
    where, _, name = text.rpartition(":")
    if not where or not name.isidentifier():
        has = _without_arguments(_file(Path(text))) if text.endswith(".py") and Path(text).is_file() else []
        hint = f". It has {', '.join(f'{text}:{name}' for name in has)}" if has else ""
        raise TargetError(f"expected script.py:function, module:function or graph.json; received {text!r}{hint}")
    module = _file(Path(where)) if where.endswith(".py") else _module(where)
    if not hasattr(module, name):
        raise TargetError(f"{where} has no function {name!r}{_near(name, _functions(module))}")
    return getattr(module, name)


def _read(path: Path) -> Graph:
    try:
        return Graph.from_json(path.read_bytes())
    except OSError as error:
        raise TargetError(f"cannot read {str(path)!r}: {error.strerror}{_near_file(path)}") from error
    except ValueError as error:
        raise TargetError(f"{path} holds no graph: {error}") from error


def _file(path: Path) -> Any:
    if not path.is_file():
        raise TargetError(f"there is no file {str(path)!r}{_near_file(path)}")
    # A script may be called as a module is that something else needs, such as random.py.
    name = path.stem if path.stem not in sys.modules else f"{path.stem} (script)"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:  # only for endings that Python does not know
        raise TargetError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # As `python script.py` does: what lies beside the file can be imported.
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RunError from error
    return module


def _module(name: str) -> Any:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise RunError from error  # the module is there, but not one of those that it imports
        hint = f". Did you mean {name}.py:…?" if Path(f"{name}.py").is_file() else ""
        raise TargetError(f"there is no module {error.name!r}{hint}") from error
    except Exception as error:
        raise RunError from error


def _functions(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]


def _without_arguments(module: Any) -> list[str]:
    """Return the functions of a script's own that can be called without arguments."""
    own = (name for name in _functions(module) if getattr(vars(module)[name], "__module__", "") == module.__name__)
    return [
        name for name in own if inspect.isfunction(vars(module)[name]) and not _required_arguments(vars(module)[name])
    ]


def _near(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, 2, 0.7)
    if near:
        return f". Did you mean {' or '.join(near)}?"
    return f"; it has {', '.join(names[:8])}{', …' if len(names) > 8 else ''}" if names else "; it defines none"


def _near_file(path: Path) -> str:
    try:
        beside = sorted(f.name for f in path.parent.iterdir() if f.suffix == path.suffix)
    except OSError:
        return f": there is no folder {str(path.parent)!r}"
    near = difflib.get_close_matches(path.name, beside, 2, 0.7)
    return f". Did you mean {' or '.join(near)}?" if near else ""


# ---- its results ----------------------------------------------------------------------------------------------------


def result_of(target: Any, name: str, *, backward: bool = False) -> Target:
    """Return what a target gives, when it is called without arguments and its lines are recorded.

    Args:
        target: from `target_of`.
        name: how the user calls it, for errors.
        backward: as of `trace`, for a function that is given back with its arguments.

    Raises:
        TargetError: if it gives no Tensor, Program, Graph, or `(function, arguments)` to trace.
        RunError: if the user's code raises.
    """
    if isinstance(target, (Graph, Program)):
        return target
    if isinstance(target, Tensor):
        return [target]
    if not callable(target):
        raise TargetError(f"{name} is of type {type(target).__name__}; {_WANTED}")
    needed = _required_arguments(target)
    if needed:
        raise TargetError(f"{name} needs the argument{'s' * (len(needed) > 1)} {', '.join(needed)}; {_WANTED}")
    try:
        with record_source():
            result = target()
    except Exception as error:
        raise RunError from error
    if isinstance(result, (Graph, Program)):
        return result
    if isinstance(result, tuple) and len(result) == 2 and callable(result[0]) and not isinstance(result[0], Tensor):
        f, args = result
        try:
            return Program.trace(f, *(args if isinstance(args, (tuple, list)) else (args,)), backward=backward)
        except Exception as error:
            raise RunError from error
    tensors = leaves(result)
    if not tensors or not all(isinstance(leaf, Tensor) for leaf in tensors):
        wrong = next((leaf for leaf in tensors if not isinstance(leaf, Tensor)), result)
        kind = type(wrong).__name__
        hint = (
            " without .item(), .numpy() or float()" if kind in ("float", "int", "ndarray", "float32", "float64") else ""
        )
        lost = " (does it lack a return?)" if result is None else ""
        raise TargetError(f"{name} returned {kind}{lost}; return the Tensor itself{hint}")
    return tensors


_WANTED = "expected a function without arguments that returns a Tensor"


def _required_arguments(f: Callable[..., Any]) -> list[str]:
    """Return the arguments that the function must have."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in variable]


def program_of(result: Target, name: str, *, backward: bool = False) -> Program:
    """Return the program of what a target gives.

    Raises:
        TargetError: if it is a mere graph, which has no values.
    """
    if isinstance(result, Graph):
        raise TargetError(f"{name} is a graph without values, which this needs; name a function that computes it")
    return result if isinstance(result, Program) else Program.build(result, backward=backward)
