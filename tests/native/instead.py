"""A plugin of pytest, `-p tests.native.instead`: the build AUTOGRAD_LITE_LIBRARY in place of the extension."""

from __future__ import annotations

import importlib.util
import os
import sys

NAME = "autograd_lite.native.library"
if "AUTOGRAD_LITE_LIBRARY" in os.environ:  # what collects examples imports this too
    spec = importlib.util.spec_from_file_location(NAME, os.environ["AUTOGRAD_LITE_LIBRARY"])
    assert spec is not None
    assert spec.loader is not None
    assert NAME not in sys.modules
    sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
