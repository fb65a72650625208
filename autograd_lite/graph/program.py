"""The program that users see: a graph with what fills its slots, which can be written to files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack, cast

from ..core.messages import checked
from ..ir.pure_program import PureProgram
from .export.onnx import OnnxOptions, onnx_model
from .export.render import Renderer, RenderOptions
from .export.save import SaveOptions, save_graph, write
from .graph import Graph


class ProgramSaveOptions(SaveOptions, OnnxOptions, total=False):
    """The keywords of `Program.save`: those of `Graph.save`, and those of `to_onnx`."""


class Program(PureProgram):
    """A graph and its bindings: a `PureProgram` that can be written to files, and whose graph has faces.

    Attributes:
        graph: the structure.
        inputs: for each argument of `__call__` the id of its slot, or None for one that the graph does not read.
        names: of the arguments.
        bindings: for every slot its tensor, array, number or generator. Tensors are read when the program runs, so it
            follows `assign` and `optimizer.step()`.
        recorded_values: of operations, as far as the record held them when the program was made, such as draws.
        calls: for every operation its op, the ids of its array arguments, and its parameters.
        fixed: the ids of slots that will always hold what they hold.
        late: the ids of operations that were recorded after the last backward pass.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> w = ag.tensor([2.0, 3.0], requires_grad=True, name="w")
        >>> program = Program.trace(lambda x: (w * x).sum(), np.array([1.0, 1.0]), backward=True)
        >>> float(program(np.array([10.0, 1.0])))
        23.0
        >>> program.gradients(np.array([10.0, 1.0]))
        {'w': array([10.,  1.])}
    """

    __slots__ = ()
    _kind = Graph

    graph: Graph

    def measure(self, *inputs: Any, values: bool = True, seconds: bool = False, repeats: int = 3) -> Graph:
        """Return the graph with numbers at its nodes.

        Args:
            inputs: as of `__call__`.
            values: measure how large the elements of every array are, and of every cotangent, if there is a backward
                pass.
            seconds: run each operation alone and measure how long it takes, the shortest of `repeats` times.
        """
        return Graph.of(super().measure(*inputs, values=values, seconds=seconds, repeats=repeats))

    def save(
        self,
        path: str | Path,
        *,
        renderer: Renderer = "auto",
        dpi: float = 144.0,
        timeout: float = 30.0,
        **options: Unpack[ProgramSaveOptions],
    ) -> Path:
        """Write the program to a file: .onnx holds the values too; every other ending is one of `Graph.save`.

        Args:
            path: the file; one that is there is replaced.
            renderer, dpi, timeout: of pictures, as of `Graph.save`.
            options: of pictures, as of `Graph.save`; of .onnx `opset`, `gradients`, `dynamic_batch`, `custom_domain`
                and `name`, as of `to_onnx`.

        Returns:
            The path.

        Raises:
            ValueError: if there is no such ending or renderer, or the form does not have one of the options.
            RenderError: if nothing can draw a PNG or a PDF.
        """
        if Path(path).suffix.lower() == ".onnx":
            wrong = [name for name in options if name not in OnnxOptions.__annotations__]
            if wrong:
                takes = ", ".join(OnnxOptions.__annotations__)
                raise ValueError(f"save: expected options of .onnx ({takes}); received {', '.join(wrong)}")
            return write(path, self.to_onnx(**cast(OnnxOptions, options)))
        return save_graph(self.graph, path, RenderOptions(renderer, dpi, timeout), options, (".onnx",))

    def to_onnx(
        self,
        *,
        opset: int = 17,
        gradients: bool = False,
        dynamic_batch: bool = False,
        custom_domain: bool = False,
        name: str = "autograd_lite",
    ) -> bytes:
        """Return the program as an ONNX model (IR version 8), which other runtimes load.

        Parameters and constants are stored in it; the arguments are its inputs, under their names. Every node says
        which line and module it comes from. Nothing but NumPy is needed. `python -m autograd_lite help onnx` lists the
        operators.

        Args:
            opset: the version of the operators, 17 or 18.
            gradients: make the gradients of the parameters outputs too, called as they are with `.grad` behind.
            dynamic_batch: leave the length of axis 0 of the inputs open; the example arguments must have been of one
                length there, of 2 at least.
            custom_domain: write what ONNX lacks as operators of the domain "autograd_lite", with a warning, for
                readers that have such.
            name: of the graph in the file.

        Raises:
            UnsupportedError: if ONNX has no counterpart of an operation or a dtype, naming all of them; or with
                `dynamic_batch`, if the graph depends on the batch size.
            GradError: with `gradients`, if there is no backward pass.
            ValueError: if the opset is another, or the model too large for the format (2 GB).

        Example:
            >>> import numpy as np
            >>> program = Program.trace(lambda x: np.tanh(x).sum(), np.ones(3))
            >>> model = program.to_onnx()
            >>> model[:17]
            b'\\x08\\x08\\x12\\rautograd_lite'
        """
        return onnx_model(
            self,
            opset=opset,
            gradients=gradients,
            dynamic_batch=dynamic_batch,
            custom_domain=custom_domain,
            name=name,
        )


@checked
def trace(f: Callable[..., Any], *args: Any, backward: bool = False) -> Graph:
    """Run a function once on example arguments and return the graph of its operations.

    Args:
        f: a function of arrays and Tensors, or of dicts, lists, tuples and dataclasses of them; it returns a Tensor,
            or such a container.
        args: arrays become inputs, named as the parameters of `f`, and numbers are passed as they are; Tensors keep
            their names, and those that require a gradient are parameters, as are those that `f` finds elsewhere, such
            as a module's weights.
        backward: add the backward pass to the parameters; if there are none, to the floating arrays among `args`.

    Returns:
        The graph, with the user's lines and the module paths.

    Raises:
        TypeError: if `f` returns no Tensor.
        GradError: with `backward`, if the result does not depend on anything that can have a gradient.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> print(trace(lambda x: np.tanh(x).sum(), np.ones(3)))
        # 2 operations, 1 input, 6 FLOP
        n0 : (3,) float64 = input 'x'
        n1 : (3,) float64 = tanh n0
        n2 : ()   float64 = sum[axis=None, dtype=None, keepdims=False] n1
        return n2
    """
    return Program.trace(f, *args, backward=backward).graph
