"""All methods for initial value problems, by the names that users say."""

from __future__ import annotations

from .rosenbrock import RODAS5P
from .runge_kutta import RUNGE_KUTTA
from .trajectories import Method

METHODS: dict[str, Method] = {**RUNGE_KUTTA, RODAS5P.name: RODAS5P}
