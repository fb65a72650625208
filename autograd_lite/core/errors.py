"""Exceptions of the engine. Every message has the call, the expectation, the received value, and a fix."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addresses import manual


class GradError(RuntimeError):
    """A gradient was asked for that the recorded graph cannot give.

    Example:
        >>> import autograd_lite as ag
        >>> try:
        ...     ag.tensor(1.0).backward()
        ... except GradError:
        ...     print("a tensor without a history")
        a tensor without a history
    """


class MissingRule(GradError, NotImplementedError):
    """A derivative was asked for that no rule of a custom function gives."""


class ShapeError(ValueError):
    """Shapes do not fit together.

    Example:
        >>> import autograd_lite as ag
        >>> try:
        ...     ag.tensor([1.0, 2.0], requires_grad=True) @ ag.tensor([1.0, 2.0, 3.0])
        ... except ShapeError:
        ...     print("lengths differ")
        lengths differ
    """


class AxisError(ShapeError, np.exceptions.AxisError):
    """An axis that an array does not have; as NumPy's error of this name, also an IndexError."""


class DtypeError(TypeError):
    """A dtype does not allow the operation, such as the gradient of an integer tensor.

    Example:
        >>> import autograd_lite as ag
        >>> try:
        ...     ag.tensor([1, 2], requires_grad=True)
        ... except DtypeError:
        ...     print("integers have no gradient")
        integers have no gradient
    """


class NonFiniteError(FloatingPointError):
    """An operation made NaN or an infinity; raised inside `raise_on_nan`, at the operation.

    Args:
        message: the text of the error.

    Attributes:
        op: the name of the operation; in the backward pass, of the operation whose derivative it was.
        reason: a short text, such as "log(0)".
        source: the user's line, where the operation was called.
        scope: the path of the `nn` module that it ran in.
        index: of the first element that is not finite.
        backward: whether it happened in the backward pass.

    Example:
        >>> import autograd_lite as ag
        >>> try:
        ...     with ag.raise_on_nan():
        ...         np.log(ag.tensor([0.0], requires_grad=True))
        ... except NonFiniteError as error:
        ...     print(error.op, error.index)
        log (0,)
    """

    def __init__(
        self,
        message: str,
        *,
        op: str = "",
        reason: str = "",
        source: Any = None,
        scope: str = "",
        index: tuple[int, ...] = (),
        backward: bool = False,
    ) -> None:
        super().__init__(message)
        self.op = op
        self.reason = reason
        self.source = source
        self.scope = scope
        self.index = index
        self.backward = backward


class ImplicitError(GradError):
    """The derivative of a solution is not certain to the digits that are asked for, or there is none.

    Args:
        message: the text of the error.
        sensitivity: the certificate of the solution, kept as an attribute; None for none.

    Attributes:
        sensitivity: the certificate of the solution, as far as it was computed; None if there is none.

    Example:
        >>> import autograd_lite as ag
        >>> root = ag.implicit(lambda a: 0.0 * a, lambda x, a: x * x - a)
        >>> try:
        ...     ag.grad(root)(0.0)
        ... except ImplicitError:
        ...     print("two solutions meet")
        two solutions meet
    """

    def __init__(self, message: str, sensitivity: Any = None) -> None:
        super().__init__(message)
        self.sensitivity = sensitivity


class TraceError(RuntimeError):
    """In a function that `compile` or `trace` runs, a value was about to become a constant of the program.

    Example:
        >>> import autograd_lite as ag
        >>> try:
        ...     ag.compile(lambda x: x if float(x.sum()) > 0 else -x)(np.ones(2))
        ... except TraceError:
        ...     print("the branch would become a constant")
        the branch would become a constant
    """


class ReplayError(RuntimeError):
    """With `compile(f, validate=True)`: a replay returned other values than the function.

    Example:
        >>> issubclass(ReplayError, RuntimeError)
        True
    """


class AssumptionFailed(Exception):
    """Raised in a replay, before it has any effect, so that the function itself runs.

    Attributes:
        seen: the number of observers that had been called by then, which must not be called again.
    """

    seen = 0


class Obstacle(AssumptionFailed):
    """Raised while compiling a function that could run, where it does something that a replay cannot repeat."""


class Rejected(Exception):
    """Raised where a recorded run is unusable, after it has been undone."""


class CompileWarning(UserWarning):
    """Warns once that a compiled function is not replayed, or is traced again and again, with the reason.

    Example:
        >>> issubclass(CompileWarning, Warning)
        True
    """


class UnsupportedError(TypeError):
    """A NumPy call, or an argument of one, that Tensors do not support; the message names what to use.

    Example:
        >>> issubclass(UnsupportedError, Exception)
        True
    """


def more_on(entry: str) -> str:
    """Return the end of a message: the section of the manual that explains it, with an example and a cure.

    Args:
        entry: the anchor of a section of the error index.

    Example:
        >>> more_on("freed-values")
        ' (see `python -m autograd_lite help freed-values`)'
    """
    return f" (see {manual(f'help/errors.md#{entry}')})"


def refuse(function: str, instead: str, **arguments: Any) -> None:
    """Raise if any of `arguments` was passed: a NumPy argument that cannot be honored is never ignored.

    Raises:
        UnsupportedError: naming the argument and what to do instead.
    """
    for name, value in arguments.items():
        if value is not None and value is not np._NoValue:
            raise UnsupportedError(f"{function}: the argument {name}= is not supported on Tensors; {instead}")


# Exceptions of a function that is tried on values that it may refuse. All others, as from a signal handler, are passed
# on to the caller.
REFUSALS = (ArithmeticError, AssertionError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
