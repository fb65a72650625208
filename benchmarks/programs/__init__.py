"""Twenty programs as the literature writes them, here and in JAX: `python -m benchmarks.programs`."""

from __future__ import annotations

from . import (
    circuits as circuits,
    densities as densities,
    fields as fields,
    particles as particles,
    recurrences as recurrences,
)
from .space import PROGRAMS as PROGRAMS, Program as Program, Space as Space
