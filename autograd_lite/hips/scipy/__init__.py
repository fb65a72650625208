"""SciPy as HIPS has it: `autograd.scipy`; its modules load when they are asked for."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import integrate as integrate, linalg as linalg, signal as signal, special as special, stats as stats
else:

    def __getattr__(name: str) -> object:
        if name in ("integrate", "linalg", "signal", "special", "stats"):
            return _import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
