"""When C code is compiled, by an environment variable."""

from __future__ import annotations

import os

VARIABLE = "AUTOGRAD_LITE_FUSED"
WAIT, OFF = "wait", "off"


def mode() -> str:
    """Return when code is compiled, by AUTOGRAD_LITE_FUSED: "" in the background, "wait" at once, "off" never.

    Raises:
        ValueError: if it is another one.
    """
    choice = os.environ.get(VARIABLE, "")
    if choice not in ("", WAIT, OFF):
        raise ValueError(
            f"{VARIABLE}: expected off, or wait, which compiles before the first call; received {choice!r}"
        )
    return choice
