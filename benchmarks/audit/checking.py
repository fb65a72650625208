"""`check_elsewhere`: `check_grads` for the gradients of other libraries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd_lite.testing import GradReport
from autograd_lite.testing.check import check_subject
from autograd_lite.testing.explain import conclude

from .elsewhere import subject_elsewhere
from .reproducing import again, in_their_syntax


def check_elsewhere(
    f: Callable[..., Any],
    *inputs: Any,
    backend: str,
    wrt: Any = None,
    names: Sequence[str] | None = None,
    kwargs: dict[str, Any] | None = None,
    raise_: bool = True,
    **options: Any,
) -> GradReport:
    """Check the gradient that another library has for a function of its arrays, as `check_grads` checks ours.

    Args:
        f: a function of the library's arrays.
        inputs: its arguments: the library's arrays or NumPy's, in dicts and lists as well.
        backend: the library: "torch", "jax", "autograd" (HIPS) or "mygrad".
        wrt, names, kwargs, raise_, options: as for `check_grads`: order, mode, method, kinks, rtol, seed and so on.

    Returns:
        A `GradReport`; the `.snippet` of a failure is a script for that library.
    """
    subject = subject_elsewhere(f, inputs, wrt, names, kwargs, backend)
    report = check_subject(subject, **options)
    in_their_syntax(report, subject, f, inputs, kwargs, options.get("seed", 0))
    code = again(f, inputs, {"wrt": wrt, "kwargs": kwargs, "backend": backend, **options})
    return conclude(report, f, inputs, code, raise_=raise_)
