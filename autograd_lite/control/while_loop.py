"""`while_loop` and `fori_loop`: loops whose number of steps depends on values; as an operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import described, function_given
from ..core.errors import GradError, TraceError, more_on
from ..core.foreign import as_array, innermost, is_foreign
from ..core.mode import MODE
from ..core.op import OPS, Op, structural
from ..core.shapes import ShapeDtype
from ..functional.batched import Batched, unbatched
from ..tensors.lifted import Level, face
from ..tensors.record import apply
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild
from .bodies import Body, Runner, rearranged, widened
from .closure import aligned, close, recorded
from .cond import known_now
from .derivatives import batched as batched_body, is_floating, pushed
from .flow import Flow, filled, room, tangent_or_zeros
from .scan import as_data, as_tensor, check_carry, number_of_steps, operands, returned, scan, with_a_tensor
from .scan_op import Scan

_CHANGES = (
    "while_loop: expected functions that compute and change nothing, since the number of steps is known only when the "
    "compiled function runs; received one that assigns to a Tensor from outside. Carry it instead"
)
_NO_WAY_BACK = (
    "while_loop: expected no gradient to flow back through it, since the number of steps whose values would be kept is "
    "unknown; received a cotangent. State the most steps that it takes, max_steps=…, use scan for a number of steps "
    "that is known, or jvp for forward mode" + more_on("loop-without-a-bound")
)


def while_loop(
    cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init_val: Any, *, max_steps: int | None = None
) -> Any:
    """Run `carry = body_fun(carry)` as long as `cond_fun(carry)` is true.

    Forward mode and vmap work, in which examples that are finished stay as they are while others go on. Reverse mode
    needs to know how much to keep: give it `max_steps`.

    Args:
        cond_fun: a function of the carry that returns one bool.
        body_fun: a function of the carry that returns one of the same structure, shapes and dtypes.
        init_val: the first carry, an array or a container of arrays.
        max_steps: stop after this many steps; with it, gradients flow back through the loop. A step that is not taken
            costs its share of the memory, and no time.

    Returns:
        The last carry, as Tensors.

    Raises:
        ShapeError, DtypeError, TypeError: if a function does not return what it must.
        TraceError: if one asks for the value of a Tensor, as `if x > 0` does.
        GradError: if a gradient flows back through a loop without `max_steps`.

    Example:
        >>> import autograd_lite as ag
        >>> def root(a):  # by Newton's method
        ...     return ag.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a, max_steps=20)
        >>> round(float(root(2.0)), 6), round(float(ag.grad(root)(2.0)), 6)
        (1.414214, 0.353553)
    """
    function_given("while_loop", cond_fun)
    function_given("while_loop", body_fun)
    if max_steps is not None:
        return _bounded(cond_fun, body_fun, init_val, max_steps)
    carry = map_leaves(as_tensor, operands("while_loop", "init_val", init_val))
    first = True
    while isinstance(go_on := _condition(cond_fun(carry)), bool):
        if not go_on:
            return map_leaves(lambda t: _without_reverse_mode(returned(t)), carry)
        new = map_leaves(as_tensor, body_fun(carry))
        if first:
            check_carry("while_loop", carry, new, leaves(new))
        carry, first = new, False
    return _op(cond_fun, body_fun, carry)  # the condition is known only when the compiled function runs, or in a batch


def _bounded(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any, max_steps: Any) -> Any:
    """Run a scan that ends when the condition is false."""
    steps = number_of_steps(None, max_steps)
    carry = map_leaves(as_tensor, operands("while_loop", "init_val", init_val))
    go_on = _condition(cond_fun(carry))

    def step(whole: Any, _: Any) -> tuple[Any, None]:
        before, count, _ = whole
        new = map_leaves(as_tensor, body_fun(before))
        check_carry("while_loop", before, new, leaves(new))
        return (new, count + 1, as_tensor(_condition(cond_fun(new)))), None

    known = isinstance(go_on, bool)
    whole = carry, np.int64(0), np.bool_(go_on) if known else go_on
    foreign = any(map(is_foreign, map(innermost, leaves(carry))))
    as_it_is = known and (not steps or not go_on or foreign or MODE.get().watch is not None)
    closed = None if as_it_is else as_data(step, whole, None, not known, cond_fun, body_fun)
    if closed is not None:
        flat = leaves(whole)
        scan_op = Scan(closed.body, len(flat), 0, steps, False, until=len(flat) - 1)
        return rebuild(closed.out[0], iter(scan_op.apply(with_a_tensor([*flat, *closed.captured]))))[0]
    if not known:
        raise TraceError(_CHANGES)
    for _ in range(steps):
        if not known_now(whole[2]):
            break
        whole, _ = step(whole, None)
    return map_leaves(returned, whole[0])


def _condition(test: Any) -> Any:
    """Return a bool, or a Tensor if it is not known now."""
    dtype = test.dtype if isinstance(test, Tensor | np.ndarray | np.generic) else np.dtype(type(test))
    if np.shape(test) != () or dtype != np.bool_:
        raise TypeError(
            f"while_loop: expected cond_fun to return one bool; received {described(test)}. Compare, as in x > 0, and "
            "reduce with .any() or .all()"
        )
    return known_now(test)


def _op(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init: Any) -> Any:
    refused = TraceError(
        "while_loop: expected functions that compute and change nothing, since the number of steps is known only "
        "when the compiled function runs; received one that assigns to a Tensor from outside. Carry it instead"
    )
    test, body = (close("while_loop", f, (init,), refused) for f in (cond_fun, body_fun))
    n = check_carry("while_loop", init, body.out, body.body.specs)
    (again, step), captured = aligned([test, body], n)
    return rebuild(body.out, iter(While(again, step, n).apply(with_a_tensor([*leaves(init), *captured]))))


def _no_way_back(*_: Any) -> NoReturn:
    raise GradError(_NO_WAY_BACK)


def _without_reverse_mode(t: Tensor) -> Tensor:
    """Return the same values, through which no gradient flows back: as it will be in the compiled function."""
    return apply(_ONWARD, (t,), {}) if t.requires_grad else t


_ONWARD = structural(
    "while_loop",
    lambda x: as_array(x).view(),
    _no_way_back,
    infer=lambda x: x,
    linear=True,
    batch=lambda op, inputs, batched, params: op(*inputs),
)
del OPS["while_loop"]  # it is of use here alone


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """Run `carry = body_fun(i, carry)` for i from lower up to upper, which is left out.

    Args:
        lower, upper: integers. If both are known when a function is compiled, this is a `scan`, through which gradients
            flow; otherwise a `while_loop`.
        body_fun: a function of an integer and the carry that returns the new carry.
        init_val: the first carry, an array or a container of arrays.

    Returns:
        The last carry, as Tensors.

    Raises:
        TypeError: if a bound is not an integer.

    Example:
        >>> fori_loop(1, 5, lambda i, product: product * i, 1)
        Tensor(24)
    """
    function_given("fori_loop", body_fun)
    bounds = [_bound(name, x) for name, x in (("lower", lower), ("upper", upper))]
    if not any(isinstance(b, Tensor) for b in bounds):
        numbers = np.arange(bounds[0], max(bounds))
        return scan(lambda carry, i: (body_fun(i, carry), None), init_val, numbers)[0]
    one = np.int64(1)
    _, _, carry = while_loop(
        lambda s: s[0] < s[1], lambda s: (s[0] + one, s[1], body_fun(s[0], s[2])), (*map(as_tensor, bounds), init_val)
    )
    return carry


def _bound(name: str, x: Any) -> Any:
    if isinstance(x, (int, np.integer)) and not isinstance(x, bool):
        return int(x)
    if isinstance(x, Tensor) and x.shape == () and x.dtype.kind in "iu":
        return x.astype(np.int64) if x.dtype != np.int64 else x
    raise TypeError(f"fori_loop: expected {name} to be an integer; received {described(x)}")


# ---- as an operation ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class While(Flow):
    """A body and the condition under which it runs again, of the same arguments.

    Attributes:
        test: returns the condition.
        body: returns the new carry.
        carried: how many arrays that is; further arguments are the same at all steps.
    """

    test: Body
    body: Body
    carried: int

    @property
    def bodies(self) -> tuple[Body, Body]:  # type: ignore[override]
        """The body, and the condition."""
        return self.body, self.test

    @property
    def specs(self) -> tuple[ShapeDtype, ...]:  # type: ignore[override]
        """Of the carry."""
        return self.body.specs[: self.carried]

    @property
    def params(self) -> dict[str, Any]:  # type: ignore[override]
        """What graphs show of it."""
        return {"test": self.test, "body": self.body}

    def forward(self, *arrays: Any, **_: Any) -> tuple[Any, ...]:
        """Run the body until the condition is false."""
        n, rows = self.carried, room(self.specs)
        carry, rest = arrays[:n], arrays[n:]
        test, body = Runner(self.test, n, 0), Runner(self.body, n, n)
        while test(*carry, *rest)[0]:
            carry = body(*carry, *rest)[:n]
        test.end()
        body.end()
        for row, a in zip(rows, carry, strict=True):
            row[...] = a
        return filled(rows)

    def pull(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse reverse mode."""
        raise GradError(_NO_WAY_BACK)

    def push(self, tangents: Sequence[Any], out: Any, *inputs: Any, **_: Any) -> list[Any]:
        """Return the tangents of the results."""
        n, total = self.carried, len(inputs)
        carries = [i for i in range(n) if is_floating(self.body.specs[i])]
        rest = [i for i in range(n, total) if tangents[i] is not None and is_floating(inputs[i])]
        active = (*carries, *rest)
        place = {i: total + k for k, i in enumerate(active)}
        order = [*range(n), *(place[i] for i in carries), *range(n, total), *(place[i] for i in rest)]
        body = rearranged(pushed(self.body, active), order, range(n + len(carries)))
        where = [*range(n), *range(n + len(carries), total + len(carries))]
        test = widened(self.test, where, body.examples)
        given = [*inputs, *(tangent_or_zeros(tangents[i], inputs[i]) for i in active)]
        found = iter(While(test, body, n + len(carries)).apply([given[i] for i in order])[n:])
        return [next(found) if is_floating(s) else None for s in self.specs]

    def batch(self, op: Op, inputs: tuple[Any, ...], flags: Sequence[bool], params: Any) -> tuple[Any, ...]:
        """Run all examples as long as one of them goes on; what is finished stays as it is."""
        n, size = self.carried, next(x.shape[0] for x, flag in zip(inputs, flags, strict=True) if flag)
        now = list(flags)
        while True:
            (_, differs) = batched_body(self.test, tuple(now), size, frozenset())
            every = frozenset(i for i in range(n) if now[i] or differs[0])
            body, out = batched_body(self.body, tuple(now), size, every)
            if list(out) == now[:n]:
                break
            now[:n] = out
        test = batched_body(self.test, tuple(now), size, frozenset())[0]
        if differs[0]:
            test, body = _masked(self, tuple(now), size)
        pairs = zip(inputs, flags, now, strict=True)
        given = [np.copy(np.broadcast_to(x, (size, *x.shape))) if new and not old else x for x, old, new in pairs]
        found = zip(While(test, body, n).apply(given), out, self.specs, strict=True)
        return tuple([x if flag else np.broadcast_to(x, (size, *s.shape)) for x, flag, s in found])


def _masked(loop: While, flags: tuple[bool, ...], size: int) -> tuple[Body, Body]:
    """Return the condition that any example goes on, and a body that leaves those alone that do not."""
    key = "masked", id(loop.test), flags, size
    if key not in loop.body.made:

        def lifted(values: Sequence[Tensor], level: Level) -> list[Tensor]:
            return [face(Batched(t, level), None) if flag else t for t, flag in zip(values, flags, strict=True)]

        def test(*values: Tensor) -> list[Tensor]:
            level = Level()
            (goes_on,) = loop.test(*lifted(values, level))
            return [face(unbatched(goes_on, size, level), None).any()]

        def body(*values: Tensor) -> list[Tensor]:
            level = Level()
            inputs = lifted(values, level)
            (goes_on,) = loop.test(*inputs)
            new = [np.where(goes_on, t, x) for t, x in zip(loop.body(*inputs), inputs, strict=False)]
            return [face(unbatched(t, size, level), None) for t in new]

        pairs = zip(loop.body.examples, flags, strict=True)
        examples = [np.repeat(np.asarray(a)[None], size, axis=0) if flag else a for a, flag in pairs]
        loop.body.made[key] = (
            recorded(loop.test.name, test, examples),
            recorded(loop.body.name, body, examples),
            loop.test,  # whose id must not be given to another one
        )
    found: tuple[Body, Body, Body] = loop.body.made[key]
    return found[:2]
