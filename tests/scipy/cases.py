"""All calls of SciPy's functions that the laws are tried on."""

from __future__ import annotations

from .case import Case
from .integrate_cases import INTEGRATE
from .interpolate_cases import INTERPOLATE
from .linalg_cases import LINALG
from .ndimage_cases import NDIMAGE
from .signal_cases import SIGNAL
from .special_cases import SPECIAL

__all__ = ["CASES", "OF_EACH", "Case"]

CASES = [*LINALG, *SIGNAL, *INTEGRATE, *INTERPOLATE, *NDIMAGE, *SPECIAL]
# The first row of each function, for laws that take long.
OF_EACH = list({case.name.split()[0]: case for case in reversed(CASES)}.values())[::-1]
