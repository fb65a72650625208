"""A plugin of pytest, `-p tests.native.instead`: the build AUTOGRAD_LITE_LIBRARY in place of the extension."""

from __future__ import annotations

import importlib.util
import os
import sys

NAME = "autograd_lite.native.library"

if path := os.environ.get("AUTOGRAD_LITE_LIBRARY"):
    assert NAME not in sys.modules
    spec = importlib.util.spec_from_file_location(NAME, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
