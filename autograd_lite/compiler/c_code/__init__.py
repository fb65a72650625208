"""C code of a plan: what its native segments do, as text for a compiler. What stands alone loads late."""

from typing import TYPE_CHECKING

from ...core.late import attach as _attach

if TYPE_CHECKING:
    from .standalone import (
        as_c_argument as as_c_argument,
        c_function as c_function,
        name_of_file as name_of_file,
        results_of as results_of,
        write_files as write_files,
    )
    from .standalone_block import plan_in_c as plan_in_c
    from .standalone_entry import make_entry as make_entry
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
