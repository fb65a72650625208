"""All methods for initial value problems, by the names that users say."""

from __future__ import annotations

from .backward_differentiation import BDF
from .explicit_methods import EXPLICIT
from .radau import RADAU
from .rosenbrock import RODAS5P
from .trajectories import Method

METHODS: dict[str, Method] = {**EXPLICIT, **{method.name: method for method in (BDF, RADAU, RODAS5P)}}
