"""Running a module on shapes alone, to build it: nothing is computed, unless `call` reads values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.ambient import CALL
from .building import RestoreOnError
from .tree import Tree


def on_shapes(module: Tree[Any], run: Callable[[list[Any]], Any], specs: Sequence[Any]) -> tuple[Any, bool]:
    """Return the result of `run` for Tensors without values, and True; (None, False) if that fails.

    It fails where values are read: then `run` needs some. The module is as it was before.

    Args:
        module: `run` calls it, and may build it.
        run: takes a list of Tensors.
        specs: arrays, or whatever else has a `shape` and a `dtype`, one for each Tensor.
    """
    around = CALL.get()
    if around.unit is not None:  # inside another such run, whose Tensors have no values either
        return None, False
    results: list[Any] = []
    before = RestoreOnError(module)
    try:

        def trace(unit: Any, tensors: list[Any]) -> None:
            CALL.set(around._replace(unit=unit))
            results.append(run(tensors))

        ag.eval_shape(trace, np.float32(0), list(specs))
    except Exception:  # whatever operation has no shape rule, or value is read: the run on values has the better error
        before.restore()
        return None, False
    finally:
        CALL.set(around)
    if any(_is_without_values(x) for _, part in module.named_modules() for x in _stored_values(part)):
        before.restore()  # a call that stores its results must compute them
        return None, False
    return results[0], True


def _stored_values(part: Tree[Any]) -> Iterator[Any]:
    """Yield what calls have stored on a module by names of the user's."""
    for name, value in vars(part).items():
        if not name.startswith("_"):
            yield from value if value.__class__ in (list, tuple) else (value,)


def _is_without_values(x: Any) -> bool:
    return isinstance(x, Tensor) and x.__class__ is not Tensor


def blank(shape: tuple[Any, ...], dtype: Any) -> Any:
    """Return an array of zeros that takes no memory, for its shape and dtype."""
    return np.broadcast_to(np.zeros((), dtype), shape)


# The shapes of the results of `nn.ops` that have no array among their arguments.
_CREATED: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("empty", "ones", "zeros", "full"), lambda shape, *_, **__: shape),
    **dict.fromkeys(("eye", "tri"), lambda N, M=None, *_, **__: (N, N if M is None else M)),
    "identity": lambda n, **_: (n, n),
}
_SMALL = 4096  # elements: such arrays are made, since code may read their values


def result_without_values(name: str, arguments: dict[str, Any]) -> Tensor | None:
    """Return the result of an operation of `nn.ops` without values, inside a run on shapes; None elsewhere.

    Args:
        name: of the operation.
        arguments: its arguments by name.
    """
    unit = CALL.get().unit
    if unit is None or name not in _CREATED:
        return None
    shape = _CREATED[name](**arguments)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if int(np.prod(shape, dtype=object)) <= _SMALL:
        return None
    result: Tensor = np.broadcast_to(unit.astype(arguments.get("dtype") or np.float32), shape)  # type: ignore[assignment]
    return result
