"""All methods for initial value problems, by the names that users say."""

from __future__ import annotations

from .runge_kutta import RUNGE_KUTTA
from .trajectories import Method

METHODS: dict[str, Method] = {**RUNGE_KUTTA}
