"""`autograd_lite.nn` in a checkout, where its folder lies beside this package; an installation has it inside."""

import os
import sys
from importlib.machinery import SourceFileLoader as _Loader

# This module becomes the package: other threads wait for it as for any that is being imported.
__package__ = __name__
__path__ = [os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "nn")]
__file__ = os.path.join(__path__[0], "__init__.py")
assert __spec__ is not None
__spec__.origin, __spec__.submodule_search_locations = __file__, __path__
__loader__ = __spec__.loader = _Loader(__name__, __file__)
__loader__.exec_module(sys.modules[__name__])
