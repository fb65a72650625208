"""What the array API standard asks of an array, and NumPy's protocols do not: its namespace, device and DLPack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..core.arguments import describe
from ..core.errors import GradError, more_on
from ..core.hooks import HOOKS
from ..core.mode import TAPES
from .conversions import leaving


class Standard:
    """The members of an array that Python's array API standard adds to those of NumPy's arrays."""

    __slots__ = ()

    if TYPE_CHECKING:
        _data: Any

        @property
        def requires_grad(self) -> bool: ...

    def __array_namespace__(self, *, api_version: Any = None) -> Any:
        if api_version is not None:
            np.empty(0).__array_namespace__(api_version=api_version)  # raises for versions that NumPy does not have
        return HOOKS.namespace()

    @property
    def device(self) -> Any:
        """The device of the values, as their array names it: "cpu" for NumPy's."""
        return getattr(self._data, "device", "cpu")

    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """Return the tensor, which is on the one device that it can be on.

        Raises:
            ValueError: for another device, or a stream.
        """
        if device != self.device or stream is not None:
            raise ValueError(
                f"to_device: expected the tensor's own device, {self.device!r}, and no stream; received "
                f"{describe(device)}{'' if stream is None else f' and stream={stream!r}'}"
            )
        return self

    def __dlpack_device__(self) -> tuple[Any, Any]:
        device: tuple[Any, Any] = _lender(self._data).__dlpack_device__()
        return device

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, Any] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if TAPES:
            leaving("t.__dlpack__(), as in from_dlpack(t)")
        if self.requires_grad:
            raise GradError(
                "__dlpack__: a tensor that requires a gradient was about to become another library's array and lose "
                "its gradient. Say t.detach() if that is meant" + more_on("bare-array")
            )
        # Others may write into what they get, as PyTorch may where it is told not to: a copy, unless that is forbidden.
        lender = _lender(self._data)
        values = lender.view() if copy is False else lender.copy()
        if copy is False and max_version is not None and max_version >= (1, 0) and isinstance(values, np.ndarray):
            values.flags.writeable = False
        asked = {"stream": stream, "max_version": max_version, "dl_device": dl_device, "copy": None if copy else copy}
        return values.__dlpack__(**{name: value for name, value in asked.items() if value is not None})


def _lender(data: Any) -> Any:
    """Return an array that can be lent: a scalar of NumPy's cannot."""
    return data if hasattr(data, "__dlpack__") else np.asarray(data)
