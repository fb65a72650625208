"""The NumPy calls in an op's forward function: what an op inherits from that states nothing about itself."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..core.mode import Mode, enter_mode, leave_mode
from ..core.op import Op
from ..tensors.tensor import Tensor


class InnerCall(NamedTuple):
    """A call of an op, with its arguments and its result as arrays."""

    op: Op
    inputs: Sequence[Any]
    out: Any
    params: dict[str, Any]


class _Calls(list[InnerCall]):
    """The `Watch` that notes the calls which are recorded."""

    def begin(self, mode: Mode) -> None:
        mode.source, mode.watch = True, self

    def see_record(self, op: Op, values: Sequence[Any], out: Any, params: dict[str, Any], edges: Sequence[Any]) -> None:
        self.append(InnerCall(op, values, out, params))

    def observer(self) -> Any:
        """Nothing watches a backward pass."""


def inner_calls(op: Op, inputs: Sequence[Any], params: dict[str, Any]) -> list[InnerCall]:
    """Run an op's forward function on Tensors, and return the calls that it makes, in order.

    There are none if it is a function of arrays alone, such as a kernel, or calls nothing but itself.

    Example:
        >>> import autograd_lite as ag
        >>> import numpy as np
        >>> f = ag.elementwise(lambda x: np.log(x) / x, lambda out, x: (1 - out * x) / x**2, name="f", saves="ox")
        >>> [call.op.name for call in inner_calls(f, [2.0], {})]
        ['log', 'divide']
    """
    calls = _Calls()
    entry = enter_mode(calls.begin)
    try:
        inspect.unwrap(op.forward)(*[Tensor(x, requires_grad=True) for x in inputs], **params)
    except Exception:  # whatever a function of arrays does to Tensors
        return []
    finally:
        leave_mode(entry)
    return [] if any(call.op is op for call in calls) else list(calls)
