"""Where a user's caches are."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder(topic: str) -> Path:
    """Return the folder of this user's cache for a topic; it need not exist yet.

    It is in `~/.cache`, or $XDG_CACHE_HOME; on macOS in `~/Library/Caches`, on Windows in %LOCALAPPDATA%.

    Args:
        topic: the name of the folder.

    Returns:
        The folder.

    Raises:
        RuntimeError: if the user has no home.

    Example:
        >>> from autograd_lite.extend import cache_folder
        >>> cache_folder("mnist").parts[-2:]
        ('autograd_lite', 'mnist')
    """
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "autograd_lite" / topic
