"""What other programs take of a compiled function: graphs of ONNX, files of traces, and C."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from ..core.errors import AssumptionFailed, Obstacle, UnsupportedError
from ..core.hooks import HOOKS
from ..tree import map as map_leaves
from . import c_code
from .abstract_values import ARRAYS
from .compile_report import named_arguments
from .passes.pass_pipeline import optimize
from .trace_cache import Trace


class Exports:
    """The methods of `Compiled` that write it for other programs."""

    exact: bool
    max_bytes: int | None
    _f: Callable[..., Any]
    _name: str
    _record: Callable[..., Any]
    _nth_replayed: Callable[[str, int], Trace]
    _entry: Any = None  # of `address`

    def to_onnx(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        trace: int = -1,
        opset: int = 17,
        dynamic_batch: bool = False,
        custom_domain: bool = False,
        name: str = "autograd_lite",
    ) -> bytes:
        """Return the results of the function, as the passes compute them, as an ONNX model; effects are left out.

        Args:
            path: of a file to write it to as well.
            trace: as of `changes`.
            opset, dynamic_batch, custom_domain, name: as of `Program.to_onnx`.

        Raises:
            UnsupportedError: if ONNX has no counterpart of an operation or a dtype, naming all of them.
            ValueError: if there is no such trace.

        Example:
            >>> import numpy as np, autograd_lite as ag
            >>> double = ag.compile(lambda x: 2.0 * x)
            >>> for _ in range(2):
            ...     _ = double(np.ones(2))
            >>> double.to_onnx()[:17]
            b'\\x08\\x08\\x12\\rautograd_lite'
        """
        one = self._nth_replayed("to_onnx", trace)
        options = {"opset": opset, "dynamic_batch": dynamic_batch, "custom_domain": custom_domain, "name": name}
        model: bytes = HOOKS.compiled().onnx_of(one, named_arguments(one.arguments, self._f), path, options)
        return model

    def save_compiled(self, path: str | os.PathLike[str]) -> None:
        """Write the traces to a file, with all that they capture; `load_compiled` reads it.

        The file holds the operations, the parameters, states and constants that they read, `.grad` where that is read,
        and the states of random generators; no code. Checks of values, as those of the labels that a loss is given,
        are left out. The plans are made anew where it is loaded. Results that have a history have none there.

        Args:
            path: of the file, in the form of safetensors with a description in its metadata, whatever its ending is.

        Raises:
            ValueError: if nothing is replayed so far.
            TypeError: if it holds something that has no form in a file, such as a custom op, or a function that
                `observe` calls; the message says where.

        Example:
            >>> import os, tempfile
            >>> import numpy as np, autograd_lite as ag
            >>> w = ag.tensor([1.0, 2.0], name="w")
            >>> scaled = ag.compile(lambda x: w * x)
            >>> for _ in range(2):
            ...     _ = scaled(np.ones(2))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = os.path.join(folder, "scaled.safetensors")
            ...     scaled.save_compiled(path)
            ...     loaded = ag.load_compiled(path)
            >>> loaded.captured["w"].assign([3.0, 4.0])
            >>> loaded(np.ones(2))
            array([3., 4.])
        """
        HOOKS.compiled().save_compiled(self, path)

    def to_c(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write what the function does with arguments like these as C99 that needs no library but libm.

        There are two files: the source, and a header of the same name beside it, with the sizes of all arrays. The C
        function has the name of the file. It takes the arguments that are arrays (numbers by value), the results, and
        memory to work in; it allocates nothing, and may run in several threads. Arrays and `scan` are loops.
        Compiled with `-DNAME_MAIN`, NAME the file's in capitals, the file is a program that compares its results for
        these arguments with those in Python, and says what differs. `f` runs once.

        Args:
            path: of the source, such as "step.c".
            args, kwargs: arguments of the function, of which the shape and the dtype of each array count. A float is an
                argument of C, too; all else is a constant. Parameters and other arrays that the
                function reads become tables of constants.

        Raises:
            UnsupportedError: if the function does more than compute, or an operation has no counterpart in C: one that
                draws, calls Python, works on complex numbers, sorts or decomposes. The message names it and the line.
            TypeError, ValueError: if the path is not that of a C file, or the function does not take these arguments.

        Example:
            >>> import os, tempfile
            >>> import numpy as np, autograd_lite as ag
            >>> slope = ag.compile(ag.grad(lambda x: (np.sin(x) * x).sum()))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     slope.to_c(os.path.join(folder, "slope.c"), np.ones(3))
            ...     sorted(os.listdir(folder))
            ['slope.c', 'slope.h']
        """
        name = c_code.name_of_file("to_c", path)
        args, kwargs = map_leaves(c_code.as_c_argument, (args, kwargs))
        try:
            function = self._in_c(name, args, kwargs)
        except Obstacle as error:
            raise UnsupportedError(
                f"to_c: expected a function that only computes; received one of which {error}"
            ) from None
        except AssumptionFailed:
            raise UnsupportedError(
                "to_c: expected arguments at which all derivatives are numbers; received some at which one is NaN in a "
                "backward pass. Pass others as the example"
            ) from None
        c_code.write_files(function, path)

    def _in_c(self, name: str, args: Any, kwargs: Any) -> Any:
        recording, _, _ = self._record(args, kwargs, {})
        arguments = [(path, x) for path, x in named_arguments((args, kwargs), self._f) if isinstance(x, ARRAYS)]
        program = optimize(recording.program, exact=self.exact, max_bytes=self.max_bytes)[-1].program
        plan = c_code.plan_in_c(program, program.graph.outputs[: len(recording.results)])
        results = c_code.results_of(recording.out)
        return c_code.c_function("to_c", name, self._name, recording, program, plan, arguments, results)

    @property
    def address(self) -> int:
        """The address of a C function that does what the function does, for what calls it without Python.

        It is built of the last trace that is replayed, so call the function twice before, with numbers as `np.float64`
        or arrays of them. If the result is one number, it is a `double (int n, double *x)`, as
        `scipy.LowLevelCallable` takes for `scipy.integrate.quad`: x has all arguments one after the other, n is their
        number, and NaN is returned where Python raises an exception. Otherwise it is an
        `int (int n, double *x, double *out)`, which returns 0, and 1 there. It may run in several threads, and is there
        as long as the compiled function. What the function reads elsewhere has the values of now.

        Raises:
            ValueError: if nothing is replayed so far.
            UnsupportedError: as in `to_c`; if an argument is a float; or if there is no C compiler.

        Example:
            >>> import ctypes
            >>> import numpy as np, autograd_lite as ag
            >>> bell = ag.compile(lambda x, a: np.exp(-a * x * x))
            >>> for _ in range(2):
            ...     _ = bell(np.float64(0.5), np.float64(2.0))
            >>> kind = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double))
            >>> round(kind(bell.address)(2, (ctypes.c_double * 2)(0.5, 4.0)), 6)
            0.367879
        """
        trace = self._nth_replayed("address", -1)
        if self._entry is None or self._entry.replay is not trace.replay:
            self._entry = c_code.make_entry(trace.replay, named_arguments(trace.arguments, self._f), self._name)
        return self._entry.address
