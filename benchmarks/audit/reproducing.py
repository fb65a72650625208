"""Scripts that show a wrong gradient in the syntax of the library that it belongs to."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd_lite.testing import GradientMismatch, GradReport
from autograd_lite.testing.explain import snippet
from autograd_lite.testing.pairs import is_floating
from autograd_lite.testing.report import number
from autograd_lite.testing.subject import cotangents_like, name_of

from .backends import Backend
from .elsewhere import Elsewhere, in_numpy

# Larger inputs are not written out.
_MOST = 200


def expression_of(f: Callable[..., Any], backend: Backend) -> tuple[str, str] | None:
    """Return (import, expression) for a function that code can name, such as ("", "torch.sin"), or None."""
    for path, alias in backend.namespaces:
        for name, value in list(vars(importlib.import_module(path)).items()):
            if value is f and not name.startswith("_"):
                loaded = alias != path or backend.name == "torch"
                return ("" if loaded else f"import {path}"), f"{alias}.{name}"
    module, name = getattr(f, "__module__", None), getattr(f, "__qualname__", "")
    if module not in (None, "__main__") and name.isidentifier():
        return f"from {module} import {name}", name
    return None


def script(
    subject: Elsewhere,
    f: Callable[..., Any],
    inputs: Sequence[Any],
    kwargs: dict[str, Any] | None,
    weights: Sequence[np.ndarray],
    failure: GradientMismatch,
) -> str:
    """Return a script that prints the wrong gradient, or "" where one cannot be written.

    Args:
        subject: the function as it was checked.
        f: the function.
        inputs: its arguments, each floating one an array of NumPy.
        kwargs: its keyword arguments.
        weights: the cotangent.
        failure: what was found.
    """
    backend = subject.backend
    named = expression_of(f, backend) or _by_path(subject.path, backend)
    arrays = [np.asarray(x) for x in inputs if isinstance(x, (np.ndarray, float, complex))]
    flat = len(arrays) == len(subject.leaves) and not any(isinstance(x, dict) for x in inputs)
    if not backend.script or not flat or sum(a.size for a in arrays) > _MOST or failure.name not in subject.names:
        return ""
    imports, called = named or (_where(f), name_of(f) if name_of(f).isidentifier() else "f")
    names = [name if name.isidentifier() else f"x{n}" for n, name in enumerate(subject.names)]
    values, arguments, k = [], [], 0
    for x in inputs:
        if isinstance(x, (np.ndarray, float, complex)):
            values.append(f"{names[k]} = {backend.literal(subject.leaves[k])}")
            arguments.append(names[k])
            k += 1
        else:
            arguments.append(backend.literal(backend.numpy(x)) if hasattr(x, "dtype") else repr(x))
    arguments += [f"{key}={value!r}" for key, value in (kwargs or {}).items()]
    result = f"{called}({', '.join(arguments)})"
    loss, constants = _loss(subject, f, inputs, kwargs, result, weights)
    by = names[subject.names.index(failure.name)]
    index = "" if not failure.index else f"[{', '.join(map(str, failure.index))}]"
    complex_input = subject.leaves[subject.names.index(failure.name)].dtype.kind == "c"
    text = backend.script.format(
        imports=imports,
        values="\n".join([*values, *constants]),
        by=by,
        loss=loss,
        index=index,
        conj=f"g.conj(){index}" if complex_input else f"g{index}",
    )
    if "np." in "".join(values) and backend.name != "autograd":
        text = "import numpy as np\n" + text
    lines = list(dict.fromkeys(line for line in text.splitlines() if line))
    return "\n".join([*lines, f"# {_truth(failure)}"])


def _by_path(path: str, backend: Backend) -> tuple[str, str] | None:
    module = (
        path.rpartition(".")[0].rpartition(" ")[2].partition("(")[0] if "lambda" in path else path.rpartition(".")[0]
    )
    return (f"import {module}" if module != backend.name else "", path) if module else None


def in_their_syntax(
    report: GradReport, subject: Elsewhere, f: Callable[..., Any], inputs: Sequence[Any], kwargs: Any, seed: int = 0
) -> None:
    """Give each failure of a report a script in the syntax of the library it is about."""
    if not report.failures:
        return
    weights = cotangents_like(subject.on_arrays(*(np.array(a) for a in subject.leaves)), seed)
    with subject.backend.setting():
        given = [in_numpy(subject.backend, x) for x in inputs]
    for failure in report.failures:
        failure.snippet = script(subject, f, given, kwargs, weights, failure)
        if not failure.snippet and subject.path:
            code = again(np.add, inputs, {"kwargs": kwargs, "backend": subject.backend.name})
            module = subject.path.rpartition(".")[0]
            failure.snippet = code.replace("np.add", subject.path).replace("np\n", f"np\nimport {module}\n", 1)


def again(f: Callable[..., Any], inputs: Sequence[Any], options: dict[str, Any]) -> str:
    """Return code that runs `check_elsewhere` again."""
    code = snippet(f, inputs, {key: value for key, value in options.items() if value is not None}, "check_elsewhere")
    return code.replace("from autograd_lite.testing import", "from benchmarks.audit.checking import")


def _where(f: Callable[..., Any]) -> str:
    code = getattr(f, "__code__", None)
    name = name_of(f) if name_of(f).isidentifier() else "f"
    return f"# {name} is the function at {code.co_filename}:{code.co_firstlineno}" if code else f"# {name} is {f!r}"


def _truth(failure: GradientMismatch) -> str:
    if failure.verdict not in ("wrong", "kink", "jump"):
        return failure.title.partition(": ")[2]
    printed = f"prints {number(failure.analytic)}"
    if failure.verdict in ("kink", "jump"):
        return f"{printed}, which does not lie between the slopes of the two sides"
    return f"{printed}; by differences of the function itself it is {number(failure.numeric)} ± {failure.error_bar:.1e}"


def _loss(
    subject: Elsewhere,
    f: Callable[..., Any],
    inputs: Sequence[Any],
    kwargs: dict[str, Any] | None,
    result: str,
    weights: Sequence[np.ndarray],
) -> tuple[str, list[str]]:
    """Return the loss as code, and the constants in it."""
    if len(weights) == 1 and weights[0].shape == () and weights[0].dtype.kind == "f":
        places = _places(subject, f, inputs, kwargs)
        return f"{result}{places[0]}", []
    terms, constants = [], []
    for k, (w, place) in enumerate(zip(weights, _places(subject, f, inputs, kwargs), strict=True)):
        name = "c" if len(weights) == 1 else f"c{k}"
        constants.append(f"{name} = {subject.backend.literal(w)}")
        real = ".real" if w.dtype.kind == "c" else ""
        terms.append(f"({name}{'.conj()' if real else ''} * {result}{place}).sum(){real}")
    return (terms[0] if len(terms) == 1 else f"({' + '.join(terms)})"), constants


def _places(subject: Elsewhere, f: Any, inputs: Sequence[Any], kwargs: dict[str, Any] | None) -> list[str]:
    """Return for each floating result how it is taken out of what the function returns."""
    backend = subject.backend
    with backend.setting():
        made = [backend.array(np.asarray(x)) if isinstance(x, (np.ndarray, float, complex)) else x for x in inputs]
        with np.errstate(all="ignore"):
            out = f(*made, **(kwargs or {}))
    if not isinstance(out, (tuple, list)):
        return [""]
    return [f"[{n}]" for n, part in enumerate(out) if is_floating(part)]
