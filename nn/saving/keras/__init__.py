"""Files of Keras: `.keras`, a zip archive, and `.weights.h5`, read and written.

- `tables` has all names in which Keras's files differ from nn: classes, arguments, parts, operations.
- `reading` makes our configurations, and graphs of calls on symbols, of Keras's; `writing` the other way round.
- `weights` knows the path and order of each weight in a file.
- `archive` and `hdf5` read and write the containers, and trust nothing in them: no code is run, no other file opened.
- `files` puts the parts together. It is loaded when the first such file is touched, and h5py with it.
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from . import files as files, reading as reading
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
