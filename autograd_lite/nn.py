"""`autograd_lite.nn` in a checkout, where its folder lies beside this package; an installation has it inside."""

import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

# This module becomes the package: other threads wait for it as for any that is being imported.
__package__ = __name__
__file__ = str(Path(__file__).resolve().parents[1] / "nn" / "__init__.py")
__path__ = [str(Path(__file__).parent)]
assert __spec__ is not None
__spec__.origin, __spec__.submodule_search_locations = __file__, __path__
__loader__ = __spec__.loader = SourceFileLoader(__name__, __file__)
__loader__.exec_module(sys.modules[__name__])
