"""For libraries built on this one, `nn` among them: errors, late and deprecated names, and more.

Programs need none of this. Decorate public functions with `checked` and classes with `checked_class`: a call that fails
on its arguments then names the argument that does not match its annotation. `attach` lets a package load its names when
they are first asked for.

Example:
    >>> @checked
    ... def area(width: float, height: float) -> float:
    ...     return width * height
    >>> area(None, 2.0)
    Traceback (most recent call last):
    TypeError: area: expected width to be a number; received width=None
"""

from typing import TYPE_CHECKING

from .core.arguments import (
    NAMES as NAMES,
    Kind as Kind,
    bind_arguments as bind_arguments,
    describe as describe,
    is_numbers as is_numbers,
    kinds_of as kinds_of,
    numbers as numbers,
    refusal as refusal,
    require_function as require_function,
)
from .core.errors import more_on as more_on
from .core.host_state import callback as callback, same_objects as same_objects
from .core.late import ATTACHED as ATTACHED, alias as alias, attach as attach, load as load, needs as needs
from .core.malloc import keeps_freed_memory as keeps_freed_memory
from .core.messages import (
    checked as checked,
    checked_class as checked_class,
    explain_error as explain_error,
    missing_name as missing_name,
    problem_of as problem_of,
)
from .core.mode import module_scope as module_scope
from .core.traceback_folding import fold_error as fold_error, folds_tracebacks as folds_tracebacks

if TYPE_CHECKING:
    from .core.deprecations import deprecated as deprecated, overdue as overdue, redirect as redirect
    from .core.docstrings import (
        arguments_from as arguments_from,
        described_arguments as described_arguments,
        with_arguments as with_arguments,
    )
    from .core.function_objects import FunctionObject as FunctionObject
    from .files.atomic_writes import write_file as write_file
    from .files.caches import cache_folder as cache_folder
    from .functions.moment_estimates import (
        over_root as over_root,
        running_mean as running_mean,
        running_mean_square as running_mean_square,
    )
    from .ir.observing import assume as assume, is_compiling as is_compiling
    from .native.blockwise import blockwise as blockwise
    from .native.threaded_functions import product as product
else:
    __getattr__, __dir__, __all__ = attach(__name__)
