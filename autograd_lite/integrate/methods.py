"""All methods for initial value problems, by the names that users say."""

from __future__ import annotations

from .backward_differentiation import BDF
from .radau import RADAU
from .rosenbrock import RODAS5P
from .runge_kutta import RUNGE_KUTTA
from .trajectories import Method

METHODS: dict[str, Method] = {**RUNGE_KUTTA, **{method.name: method for method in (BDF, RADAU, RODAS5P)}}
