"""From operators on functions of one argument to operators on functions of several: `autograd.wrap_util`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def get_name(f: Any) -> str:
    """Return the name of a function, or what stands for it."""
    return getattr(f, "__name__", "[unknown name]")


def get_doc(f: Any) -> str:
    """Return the docstring of a function."""
    return getattr(f, "__doc__", None) or ""


def wraps(fun: Any, namestr: str = "{fun}", docstr: str = "{doc}", **kwargs: Any) -> Callable[[Any], Any]:
    """Return a decorator that names a function after another; `namestr` and `docstr` are formats of fun and doc."""

    def with_name(f: Any) -> Any:
        try:
            f.__name__ = namestr.format(fun=get_name(fun), **kwargs)
            f.__doc__ = docstr.format(fun=get_name(fun), doc=get_doc(fun), **kwargs)
        except (AttributeError, LookupError, TypeError, ValueError):
            pass  # a name is a courtesy
        return f

    return with_name


def unary_to_nary(unary_operator: Callable[..., Any]) -> Callable[..., Any]:
    """Let an operator on functions of one argument choose an argument, or several, of a function of many.

    Args:
        unary_operator: takes a function of one argument, that argument, and options.

    Returns:
        A function (fun, argnum=0, options) that returns a function of fun's arguments. A tuple or list of `argnum`
        makes one argument of those arguments: their tuple.

    Example:
        >>> twice = unary_to_nary(lambda fun, x: 2 * fun(x))
        >>> twice(lambda a, b: a - b, 1)(10, 3)
        14
    """

    def nary_operator(fun: Callable[..., Any], argnum: int | Sequence[int] = 0, *options: Any, **named: Any) -> Any:
        if type(argnum) not in (int, tuple, list):
            raise AssertionError(f"argnum: expected an int, a tuple or a list of them; received {argnum!r}")

        def nary_f(*args: Any, **kwargs: Any) -> Any:
            if argnum.__class__ is int and len(args) == 1 and not (argnum or kwargs):
                return unary_operator(fun, args[0], *options, **named)

            def unary_f(x: Any) -> Any:
                full_args = list(args)
                if isinstance(argnum, int):
                    full_args[argnum] = x
                else:
                    for i, part in zip(argnum, x, strict=True):
                        full_args[i] = part
                return fun(*full_args, **kwargs)

            unary_f.__name__ = get_name(fun)
            x = args[argnum] if isinstance(argnum, int) else tuple([args[i] for i in argnum])
            return unary_operator(unary_f, x, *options, **named)

        operator = get_name(unary_operator)
        nary_f.__name__ = f"{operator}_of_{get_name(fun)}_wrt_argnum_{argnum}"
        nary_f.__doc__ = f"{operator} of {get_name(fun)} by positional argument {argnum}; takes the same arguments."
        return nary_f

    return wraps(unary_operator)(nary_operator)
