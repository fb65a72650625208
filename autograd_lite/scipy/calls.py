"""What the functions of this package share: SciPy's function where there is no Tensor, ours where there is one.

`takes_tensors` puts ours in the place of SciPy's: the signature stays SciPy's, an argument that ours cannot honor is
refused, and the row of the function's facts enters `ROWS`, from which the page on SciPy is made.
"""

from __future__ import annotations

import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.arguments import bind_arguments, kinds_of
from ..core.errors import TraceError, UnsupportedError
from ..core.messages import explain_error
from ..ops.operands import values
from ..tree import leaves
from .examples import EXAMPLES


class Row(NamedTuple):
    """One function: its name, its derivatives and both implementations.

    Attributes:
        name: as in SciPy, with the module: "linalg.expm".
        by: the arguments by which there are derivatives.
        note: what should be known besides; empty if nothing.
        original: SciPy's function.
        ours: what runs where an argument is a Tensor.
    """

    name: str
    by: str
    note: str
    original: Any
    ours: Any


ROWS: dict[str, Row] = {}


def has_tensors(*trees: Any) -> bool:
    """Return whether a Tensor, or a value that stands for several, is among the leaves of some arguments."""
    return any(hasattr(x, "__apply_op__") for x in leaves(trees))


# Accepted, and of no effect here: our functions never overwrite, and do not check for NaN.
IGNORED = frozenset({"check_finite", "driver", "lapack_driver", "lwork", "workers"})


def takes_tensors(original: Callable[..., Any], by: str, note: str = "", *, always: bool = False) -> Callable[..., Any]:
    """Decorate a function that takes the place of one of SciPy's where an argument is a Tensor.

    Args:
        original: SciPy's function.
        by: the arguments by which there are derivatives, for the table.
        note: for the table.
        always: whether ours runs without Tensors among the arguments too, as where a callable may hold some.
    """
    signature = inspect.signature(original)

    def decorate(ours: Callable[..., Any]) -> Callable[..., Any]:
        module = ours.__module__.split(".scipy.", 1)[1].partition(".")[0]
        name = f"{module}.{ours.__name__}"
        parameters = inspect.signature(ours).parameters
        spread = any(p.kind is p.VAR_POSITIONAL for p in parameters.values())

        @functools.wraps(ours)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not always and not has_tensors(args, kwargs):
                return original(*args, **kwargs)
            try:
                bound = signature.bind(*args, **kwargs)
                if spread:
                    return ours(*args, **kwargs)
                return ours(**_check_options(name, bound.arguments, parameters, signature))
            except Exception as error:
                raise explain_error(
                    f"scipy.{name}", error, bind_arguments(ours, args, kwargs), kinds_of(ours), final=False
                ) from None

        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = ours.__doc__ or _text(name, original, by, note)
        ROWS[name] = Row(name, by, note, original, ours)
        return call

    return decorate


def _text(name: str, original: Any, by: str, note: str) -> str:
    """Return the docstring of a function: SciPy's first sentence, the derivatives, and an example."""
    sentence = " ".join((original.__doc__ or f"Do as `scipy.{name}` does.").strip().partition("\n\n")[0].split())
    lines = [
        f"{sentence.rstrip('.')}.",
        f"The same as `scipy.{name}`, whose documentation describes the arguments, for Tensors too. There are "
        f"derivatives of any order by {by}{f': {note}' if note else ''}.",
    ]
    if name in EXAMPLES:
        module = name.partition(".")[0]
        head = [
            ">>> import numpy as np",
            ">>> import autograd_lite as ag",
            f">>> from autograd_lite.scipy import {module}",
        ]
        lines.append("\n    ".join(["Example:", *head, *EXAMPLES[name].split("\n")]))
    return "\n\n".join(textwrap.fill(line, 100) if ">>>" not in line else line for line in lines)


def _check_options(
    name: str, arguments: dict[str, Any], parameters: Any, signature: inspect.Signature
) -> dict[str, Any]:
    """Return the arguments that ours takes.

    Raises:
        UnsupportedError: if there is another one, and it is not what SciPy takes by default.
    """
    spread = {name for name, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD}
    for options in spread & arguments.keys():
        arguments |= arguments.pop(options)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return arguments
    for key, value in arguments.items():
        if key in parameters or key in IGNORED or key.startswith("overwrite_"):
            continue
        default = signature.parameters[key].default if key in signature.parameters else inspect.Parameter.empty
        if value is not default and not (type(value) is type(default) and value == default):
            raise UnsupportedError(
                f"scipy.{name}: the argument {key}= is not supported on Tensors; leave it out, or detach the Tensors"
            )
    return {key: value for key, value in arguments.items() if key in parameters}


def values_or_none(x: Any) -> Any:
    """Return bare values for a check, or None where there are none: inside of `vmap`, and while `compile` traces."""
    try:
        return values(x)
    except (TypeError, TraceError):
        return None


def plain(x: Any) -> Any:
    """Return an argument as SciPy takes it: the values of a Tensor, anything else as it is."""
    return values(x) if hasattr(x, "__apply_op__") else x


def floating(x: Any) -> Any:
    """Return an array with a floating or complex dtype; integers become float64."""
    return x.astype(np.float64) if x.dtype.kind in "biu" else x
