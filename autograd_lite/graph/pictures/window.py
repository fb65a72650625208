"""How much a picture may show."""

from __future__ import annotations

# Beyond this many nodes a static picture is no picture any more.
PICTURE_LIMIT = 1500
