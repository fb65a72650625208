"""Files of Keras: `.keras`, a zip archive, and `.weights.h5`, read and written.

- `tables` has all names in which Keras's files differ from nn: classes, arguments, parts, operations.
- `reading` makes our configurations, and graphs of calls on symbols, of Keras's; `writing` the other way round.
- `weights` knows the path and order of each weight in a file.
- `archive` and `hdf5` read and write the containers, and trust nothing in them: no code is run, no other file opened.
- `files` puts the parts together. It is loaded when the first such file is touched, and h5py with it.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

_LATE = ("files", "reading")

if TYPE_CHECKING:
    from . import files as files, reading as reading
else:

    def __getattr__(name):
        if name in _LATE:
            return _import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
