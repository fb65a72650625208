"""Functions with derivatives of their own: `primitive`, of which `custom_vjp` and `custom_jvp` are special cases.

A call is recorded as one node. The function runs on bare arrays, as if outside of all transformations. Its rules run on
arrays in a first backward pass, and on Tensors where they are themselves differentiated, batched or recorded. A rule
that takes arrays alone (`opaque=True`) is a primitive there too, so that all that is said here holds for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import MethodType
from typing import Any, NoReturn

import numpy as np

from ..core.arguments import require_function
from ..core.depth import outside
from ..core.duck_arrays import as_array
from ..core.dynamic_scalars import plain_number
from ..core.errors import GradError, MissingRule, ShapeError, more_on
from ..core.mode import MODE, TAPES
from ..core.multi_result import Several
from ..core.node import LEAF, Node
from ..core.op import Kind as OpKind, Op, Rule as OpRule, by_need
from ..core.ownership import SMALL
from ..core.shape_arithmetic import ShapeDtype
from ..ops import barrier
from ..random import rehearse_draws
from ..tensors.record import record, results_with, wrap
from ..tensors.tensor import Tensor
from ..tensors.tracers import Tracer
from ..tensors.user_rules import alike
from ..tree import leaves, map as map_leaves, rebuild
from .argument_selection import name_of
from .call_signature import (
    PLAIN_TYPES,
    Call,
    ResultsWithResiduals,
    are_inputs,
    are_plain,
    as_constant,
    results_in,
    take_ownership,
    traced_like,
    with_results,
)
from .derivative_rules import KeepSame, Rule, Stated, sum_of, zeros, zeros_like
from .dual import transpose_linear
from .transposition import inner, pull_through, push_through, transpose_by_units

_NUMBERS = frozenset({float, int, complex, bool})
Placeholder = Callable[..., Any] | None
_NO_KWARGS: dict[str, Any] = {}
_NO_PARAMS: dict[str, Any] = {}


class Primitive(Stated):
    """A function with derivatives of its own; see `primitive`, which makes it.

    Args:
        f: a function of arrays or Tensors, or of containers of them; without one, a decorator is returned.
        rest: nothing: further positional arguments are refused, so that options are written by name.
        options: by name, those of `primitive`. `opaque=True`: the function and its rules take arrays alone, as SciPy's
            solvers do. `residuals=True`: the function returns `(result, residuals)`, and rules get the residuals as a
            keyword. `name`: of the operation in pictures and messages, by default the function's. `placeholder`: for a
            function that does more than to compute, one of the same arguments that returns an array like its result.

    Example:
        >>> import numpy as np
        >>> import autograd_lite as ag
        >>> cube = Primitive(lambda x: x**3)
        >>> rule = cube.def_vjp(lambda g, out, x: 3 * x**2 * g)
        >>> ag.grad(cube)(2.0)
        np.float64(12.0)
    """

    _unguarded = ("_ops", "_ruled")  # made of the rest when they are first asked for
    caller = "primitive"

    def __new__(cls, f: Any = None, *rest: Any, **options: Any) -> Any:
        """Return one, or without a function a decorator."""
        return super().__new__(cls) if f is not None else functools.partial(cls, **options)

    def __init__(
        self,
        f: Any = None,
        *,
        opaque: bool = False,
        residuals: bool = False,
        name: str | None = None,
        placeholder: Placeholder = None,
    ) -> None:
        require_function(self.caller, f)
        self._has_residuals = residuals
        self._on_any = alike(f, arrays_stay=True)
        self._placeholder = placeholder
        functools.update_wrapper(self, f)
        self._f = f
        self._opaque = opaque
        self._name = name or name_of(f)
        self._vjps: dict[int, Rule | None] = {}
        self._jvps: dict[int, Rule | None] = {}
        self._all_vjps: Rule | None = None
        self._all_jvps: Rule | None = None
        self._linear: frozenset[int] | None = frozenset()  # None: in all arguments
        self._may_be_traced = not opaque and placeholder is None
        self._version = 0
        self._ops: dict[tuple[int, bool, bool, int], Op] = {}
        self._ruled: dict[Any, Primitive] = {}

    # ---- calls ------------------------------------------------------------------------------------------------------

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        return getattr(self, "__qualname__", self._name)

    def __repr__(self) -> str:
        return f"<{self.caller} {self._name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; numbers among `args` with a floating or complex dtype are differentiable."""
        call: Call | None = None
        inputs: Sequence[Any] = args
        if kwargs or not are_inputs(args):
            call = Call(args, kwargs, inputs := [])
        values: list[Any] = []
        edges: list[Any] = []
        needs: list[int] = []
        none, lent = True, False
        for i, x in enumerate(inputs):
            if x.__class__ is Tensor:
                none, node = False, x._node
                values.append(x._data)
                edges.append(x if node is None or node is LEAF else node)
                if node is not None and node.needs:
                    needs.append(i)
            elif x.__class__ in PLAIN_TYPES:
                values.append(x)
                edges.append(x)
                lent = lent or x.__class__ is np.ndarray
            elif isinstance(x, (Tensor, Tracer)):  # of a transformation
                call = call or Call(args, kwargs, [])
                out = self._op(len(inputs), several=True)(*inputs, call=call)
                return self._trace(inputs, call, call.outputs(out))
            else:
                lent = True
                values.append(plain_number(x))
                edges.append(x)
        if none:
            return self._split_residuals(outside(self._f, args, kwargs))[0]
        if self._has_residuals and self._opaque and TAPES and MODE.get().tape is not None:
            call = call or Call(args, kwargs, [])
            call.keeps = True
        held = self._run(values, call)
        if held[0].__class__ in _NUMBERS:
            held[0] = as_array(held[0])
        if call is None and (len(held) > 1 or held[0].__class__ not in PLAIN_TYPES):
            call = Call(args, kwargs, [])
        out = take_ownership(held, 0) if call is None else call.note_results(held)
        node = self._node(out, values, edges, needs, _NO_PARAMS if call is None else {"call": call}, lent)
        if self._placeholder is not None and (tape := MODE.get().tape) is not None:
            tape.does_more(wrap(out, node))
        if call is None:
            return wrap(out, node) if not TAPES else self._trace(inputs, Call(args, kwargs, []), wrap(out, node))
        result = call.outputs(results_with(node, out) if isinstance(out, Several) else wrap(out, node))
        return result if not TAPES else self._trace(inputs, call, result)

    def _trace(self, inputs: Sequence[Any], call: Call, result: Any) -> Any:
        """Return the result of a call in a function that is being compiled: traced, if the function takes Tensors.

        Args:
            inputs: Tensors, arrays and numbers.
            call: the rest of the arguments.
            result: of the call of the function with arrays, which is to have the same bits.
        """
        tape = MODE.get().tape
        if tape is None or not self._may_be_traced:
            return result
        results = None
        with suppress(Exception), tape.trying(), rehearse_draws(), np.errstate(all="ignore"):
            args, kwargs = call.arguments(map(as_constant, inputs))
            results = traced_like(self._split_residuals(self._f(*args, **kwargs))[0], result)
        if results is None:
            return result
        call.tree, call.specs = map_leaves(lambda _: 0, result), tuple([ShapeDtype(t.shape, t.dtype) for t in results])
        op = self._op(len(inputs), several=call.tree.__class__ is not int, num_results=len(results))
        return call.outputs(op(*inputs, *results, call=call))

    def _node(
        self, out: Any, values: list[Any], edges: list[Any], needs: list[int], params: dict[str, Any], lent: bool
    ) -> Node | None:
        """Record a call, unless nothing is; `lent` if the caller's arrays are among the inputs."""
        mode = MODE.get()
        if needs and not lent and mode.record and not mode.source and out.dtype.kind in "fc":  # a tape sets source
            n, several = len(values), params is not _NO_PARAMS and isinstance(out, Several)
            op = self._ops.get((n, not params, several, 0)) or self._op(n, not params, several)
            return Node(op, tuple(edges), params, (out, *values), tuple(needs), out.shape, out.dtype, None)
        if needs or mode.tape is not None or any(edge.__class__ is Node for edge in edges):
            op = self._op(len(values), not params, isinstance(out, Several))
            return record(op, out, values, edges, needs, params)
        return None

    def _run(self, values: Sequence[Any], call: Call | None) -> dict[int, Any]:
        """Run the function as if outside of all transformations, since none can reach into it."""
        args, kwargs = (tuple(values), _NO_KWARGS) if call is None else call.arguments(values)
        returned = outside(self._f, args, kwargs)
        return self._split_residuals(returned) if self._has_residuals else {0: returned}

    def _split_residuals(self, returned: Any) -> dict[int, Any]:
        """Return what the function returned, without another name for it: the result, and residuals if it has any."""
        if not self._has_residuals:
            return {0: returned}
        if returned.__class__ is not tuple or len(returned) != 2:
            raise TypeError(
                f"{self.caller}: expected {self._name} to return (result, residuals), as residuals=True says; received "
                f"{type(returned).__name__}"
            )
        return dict(enumerate(returned))

    def _with_residuals(self, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords of a rule: without the residuals of the call, the function runs for them again."""
        if not self._has_residuals or "residuals" in kwargs:
            return kwargs
        if are_plain(args, kwargs):
            return {**kwargs, "residuals": self._split_residuals(outside(self._f, args, kwargs))[1]}
        try:
            return {**kwargs, "residuals": self._split_residuals(self._on_any(*args, **kwargs))[1]}
        except Exception as error:
            raise GradError(
                f"{self.caller}: the residuals of {self._name} were asked for with a derivative, as in a second "
                f"derivative or a batch. For that the function runs on Tensors, and it raised {type(error).__name__}. "
                "Write it with NumPy functions that Tensors support, or leave out residuals=True"
            ) from error

    # ---- the op -----------------------------------------------------------------------------------------------------

    def _op(self, n: int, plain: bool = False, several: bool = False, num_results: int = 0) -> Op:
        """Return the op of calls with n inputs.

        Args:
            n: their number.
            plain: whether these are the arguments.
            several: whether it gives a tuple.
            num_results: how many results it takes as further inputs, which the function has computed on a tape.
        """
        op = self._ops.get((n, plain, several, num_results))
        if op is None:
            rules = self._single_rules(n) if plain else None
            pushes = self._jvps or self._all_jvps or self._linear != frozenset() or self._opaque
            jvp = self._push if pushes else None
            op = Op(
                self._name,
                self._results if several else self._forward,
                rules or by_need(self._pull),
                self._infer_several if several else self._infer,
                jvp=jvp,
                keeps=KeepSame.first(n),
                results=(lambda *, call: len(leaves(call.tree))) if several else None,
            )
            if num_results:
                op = with_results(op, n, num_results)
            self._ops[n, plain, several, num_results] = op
        return op

    def _single_rules(self, n: int) -> tuple[OpRule, ...] | None:
        """Return the rules by single arguments as the engine reads them fastest, if each argument has its own."""
        rules = [self._vjps.get(i) for i in range(n)]
        if self._opaque or None in rules:
            return None

        def rule_of(i: int, read: Callable[..., Any]) -> OpRule:
            return OpRule(OpKind.VJP, lambda g, *saved: self._fit({i: read(g, *saved)}, i, saved[i + 1], i))

        return tuple(
            [rule_of(i, alike(rule.user, self.arrays_stay)) for i, rule in enumerate(rules) if rule is not None]
        )

    def _forward(self, *values: Any, call: Call | None = None) -> Any:
        """Run the function."""
        for value in values:
            if value.__class__ not in PLAIN_TYPES:
                np.asarray(value)  # refuses what stands for an array; the function gets arrays alone
        held = self._run([plain_number(value) for value in values], call)
        return results_in(held)[1] if call is None else call.note_results(held)

    def _results(self, *values: Any, call: Call) -> tuple[Any, ...]:
        """Run the function; a single array is one of several results."""
        out = self._forward(*values, call=call)
        return out if isinstance(out, Several) else (out,)

    def _infer(self, *specs: ShapeDtype, call: Call | None = None) -> ShapeDtype:
        return self._specs(specs, call)[0]

    def _infer_several(self, *specs: ShapeDtype, call: Call) -> tuple[ShapeDtype, ...]:
        return self._specs(specs, call)

    def _specs(self, specs: Sequence[ShapeDtype], call: Call | None) -> tuple[ShapeDtype, ...]:
        """Return what the results of a call are; before the function has run, it, or the placeholder, runs on ones."""
        if call is not None and call.specs is not None:
            return call.specs
        ones = [np.ones(s.shape, s.dtype) for s in specs]
        call = Call(tuple(ones), {}, []) if call is None else call
        args, kwargs = call.arguments(ones)
        call.note_results(
            self._run(ones, call) if self._placeholder is None else {0: self._placeholder(*args, **kwargs)}
        )
        assert call.specs is not None
        return call.specs

    def _pull(self, needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
        """Return the cotangents of the inputs in `needs`."""
        call = params.get("call")
        out, *values = saved
        residuals = {"residuals": out.residuals} if out.__class__ is ResultsWithResiduals else _NO_KWARGS
        if call is not None:
            if call.keeps:
                residuals = {"residuals": call.whole(out)[1]}
            if isinstance(g, tuple):
                g = tuple([zeros(x) if c is None else c for c, x in zip(g, out, strict=True)])
            g, out = call.outputs(g), call.outputs(out)
        if call is None or call.plain:
            kwargs = residuals if call is None else {**call.kwargs, **residuals}
            gs = self._pull_all(tuple(needs), g, out, tuple(values), kwargs)
            return [self._fit(gs, j, values[i], i) for j, i in enumerate(needs)]
        args, kwargs = call.arguments(values)
        asked = tuple(dict.fromkeys(call.owners[k] for k in needs))
        gs = self._pull_all(asked, g, out, args, {**kwargs, **residuals})
        by_input: dict[int, Any] = {}
        for i, cotangent in zip(asked, gs, strict=True):
            places = [k for k, owner in enumerate(call.owners) if owner == i]
            parts = [None] * len(places) if cotangent is None else leaves(cotangent)
            if len(parts) != len(places) and len(parts) == len(leaves(args[i])):  # some of its leaves are not inputs
                parts = [parts[place] for place in call.inputs_of(i)]
            if len(parts) != len(places):
                raise ShapeError(
                    f"{self.caller}: expected {len(places)} cotangents for argument {i} of {self._name}; received "
                    f"{len(leaves(cotangent))}"
                )
            by_input.update(zip(places, parts, strict=True))
        return [self._fit(by_input, k, values[k], call.owners[k]) for k in needs]

    def _fit(self, held: Any, key: Any, x: Any, argument: int) -> Any:
        """Return a cotangent that nothing else holds, of a shape that broadcasting may have made of the input's."""
        c = held[key]
        if c.__class__ is np.ndarray and c.size <= SMALL and c.shape == x.shape:
            return c.copy()
        if c is None:
            return np.zeros(np.shape(x), getattr(x, "dtype", None))
        if not hasattr(c, "shape"):
            c = held[key] = as_array(c)
        if c.shape != (shape := np.shape(x)):
            try:
                fits = np.broadcast_shapes(c.shape, shape) == c.shape
            except ValueError:
                fits = False
            if not fits:
                raise ShapeError(
                    f"{self.caller}: expected a cotangent of shape {shape} for argument {argument} of "
                    f"{self._name}; received {c.shape}"
                )
        del c
        return take_ownership(held, key)

    def _push(self, tangents: Sequence[Any], out: Any, *values: Any, call: Call | None = None) -> Any:
        """Return the tangent of the result; tangents are None where they are zero."""
        if call is None:
            along = {i: t for i, t in enumerate(tangents) if t is not None}
            t = self._push_all(along, out, values, _NO_KWARGS)
            return None if t is None else take_ownership({0: t}, 0)
        args, kwargs = call.arguments(values)
        arguments = (*args, *kwargs.values())
        if out.__class__ is ResultsWithResiduals:
            kwargs = {**kwargs, "residuals": out.residuals}
        along = {}
        by_input = iter(tangents)
        for i, arg in enumerate(arguments):
            ts_of_argument = [next(by_input) for _ in call.inputs_of(i)]
            if any(t is not None for t in ts_of_argument):
                each = dict(zip(call.inputs_of(i), ts_of_argument, strict=True))
                whole = [zeros(a) if each.get(k) is None else each[k] for k, a in enumerate(leaves(arg))]
                along[i] = rebuild(arg, whole)
        t = self._push_all(along, call.outputs(out), args, kwargs)
        if t is None:
            return None
        ts = dict(enumerate(leaves(t)))
        del t
        total = [take_ownership(ts, k) for k in ts]
        return total + [None] * (len(out) - len(total)) if isinstance(out, tuple) else total[0]

    # ---- what the rules say -----------------------------------------------------------------------------------------

    def _pull_all(self, argnums: tuple[int, ...], g: Any, out: Any, args: Any, kwargs: Any) -> list[Any]:
        """Return the cotangents of some arguments, in their structure; None is zero."""
        if max(argnums) >= len(args):
            self._refuse("VJP", max(argnums), args, kwargs)
        by_argument: dict[int, Any] = {}
        together = tuple([i for i in argnums if i not in self._vjps]) if self._vjps else argnums
        if together and self._all_vjps is not None:
            by_argument = dict(zip(together, self._read(self._all_vjps, together, g, out, args, kwargs), strict=True))
        for i in argnums:
            if i not in by_argument:
                by_argument[i] = self._pull_to(i, g, out, args, kwargs)
        return [by_argument[i] for i in argnums]

    def _pull_to(self, i: int, g: Any, out: Any, args: Any, kwargs: Any) -> Any:
        if i in self._vjps:
            rule = self._vjps[i]
            return None if rule is None else self._read(rule, (i,), g, out, args, kwargs)
        if not self._has_jvp(i):
            self._refuse("VJP", i, args, kwargs)
        return self._transpose_rule(
            f"{self._name} has no VJP rule for argument {i}",
            lambda t: inner(self._push_all({i: t}, out, args, kwargs), g),
            args[i],
            by_units=self._opaque or not (i in self._jvps or self._all_jvps),
        )

    def _push_all(self, tangents: dict[int, Any], out: Any, args: Any, kwargs: Any) -> Any:
        """Return the tangent of the result, in its structure, for tangents of some arguments; None is zero."""
        total = None
        joint: dict[int, Any] = {}
        for i, t in tangents.items():
            rule = self._jvps.get(i)
            if i >= len(args):
                self._refuse("JVP", i, args, kwargs)
            if rule is not None:
                term = self._read(rule, (i,), t, out, args, kwargs)
            elif i in self._jvps:
                continue
            elif self._linear is None or i in self._linear:
                term = self(*args[:i], t, *args[i + 1 :], **_without_residuals(kwargs))
            elif self._all_jvps is not None:
                joint[i] = t
                continue
            elif i in self._vjps or self._all_vjps is not None:
                term = self._transpose_rule(
                    f"{self._name} has no JVP rule for argument {i}",
                    lambda c, i=i, t=t: inner(self._pull_all((i,), c, out, args, kwargs)[0], t),  # type: ignore[misc]
                    out,
                    by_units=self._opaque,
                )
            else:
                self._refuse("JVP", i, args, kwargs)
            total = sum_of(total, term)
        if joint:
            assert self._all_jvps is not None
            term = self._read(self._all_jvps, tuple(joint), tuple(joint.values()), out, args, kwargs)
            total = sum_of(total, term)
        return total

    def _has_jvp(self, i: int) -> bool:
        return i in self._jvps or self._all_jvps is not None or self._linear is None or i in self._linear

    def _transpose_rule(self, reason: str, linear: Callable[[Any], Any], like: Any, by_units: bool) -> Any:
        """Return the gradient of a linear function of a tree of arrays, which are like those in `like`."""
        every = leaves(like)
        slopes = []
        for k, x in enumerate(every):

            def along(t: Any, k: int = k) -> Any:
                return linear(rebuild(like, [t if j == k else zeros(a) for j, a in enumerate(every)]))

            if getattr(x, "dtype", None) is None or x.dtype.kind not in "fc":
                slopes.append(zeros(x))
            elif by_units:
                slopes.append(transpose_by_units(along, x, f"{self.caller}: {reason}"))
            else:
                slope = transpose_linear(along, x)
                slopes.append(zeros(x) if slope is None else slope)
        return rebuild(like, slopes)

    def _refuse(self, kind: str, i: int, args: Any, kwargs: Any) -> NoReturn:
        if i >= len(args):
            name = tuple(kwargs)[i - len(args)]
            raise MissingRule(
                f"{self.caller}: {self._name} has no derivative by the keyword {name}=, to which a tensor was given "
                f"that one was asked for. Pass it by position, or {name}.detach()"
            )
        define = f"{self._name}.def_{kind.lower()}(rule, argnums=({i},))"
        raise MissingRule(
            f"{self.caller}: {self._name} has no {kind} rule for argument {i}, and a derivative by it was asked for. "
            f"Define one with {define}, with None in place of the rule if the derivative is zero"
            + more_on("missing-rule")
        )

    # ---- reading a rule ---------------------------------------------------------------------------------------------

    def _read(self, rule: Rule, argnums: tuple[int, ...], first: Any, out: Any, args: Any, kwargs: Any) -> Any:
        """Return what a rule says, for any kind of arrays."""
        if not self._opaque:
            return rule.alike(argnums, first, out, *args, **self._with_residuals(args, kwargs))
        plain = _without_residuals(kwargs)
        if are_plain(first, out, args, plain):
            return outside(rule.call, (argnums, first, out, *args), self._with_residuals(args, kwargs))
        key = id(rule), argnums
        ruled = self._ruled.get(key)
        if ruled is None:
            ruled = self._ruled[key] = _OpaqueRule(self, rule, argnums)
        if "residuals" in kwargs:  # by the arguments, the rule makes them anew
            plain = {**plain, "residuals": map_leaves(barrier.stop_gradient, kwargs["residuals"])}
        return ruled(first, out, *args, **plain)


def _without_residuals(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: x for name, x in kwargs.items() if name != "residuals"} if "residuals" in kwargs else kwargs


class _OpaqueRule(Primitive):
    """A rule that takes arrays alone, as a function of `(first, out, *args)` that may be differentiated itself.

    It is linear in `first`, where the rule in the other direction is its transpose. By its other arguments it is
    differentiated by running the rule on Tensors, if it can take them after all.
    """

    def __init__(self, owner: Primitive, rule: Rule, argnums: tuple[int, ...]) -> None:
        self._owner, self._stated, self._argnums = owner, rule, argnums
        super().__init__(self._call_rule, opaque=False, name=f"{owner._name}_{'vjp' if rule.pulls else 'jvp'}")
        self._may_be_traced = False
        self._all_vjps = Rule(self._of_pulling, rule.user, self._of_pulling, True, True)
        self._all_jvps = Rule(self._of_pushing, rule.user, self._of_pushing, False, True)

    def _call_rule(self, first: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the rule says, with zeros in place of None."""
        rule = self._stated
        derivative = rule.call(self._argnums, first, out, *args, **self._owner._with_residuals(args, kwargs))
        if not rule.pulls:
            return zeros_like(out) if derivative is None else derivative
        each = derivative if rule.joint else [derivative]
        whole = [zeros_like(args[i]) if c is None else c for i, c in zip(self._argnums, each, strict=True)]
        return whole if rule.joint else whole[0]

    def _is_free(self, k: int) -> bool:
        """Return whether what the rule says does not depend on its k-th argument."""
        linear = self._owner._linear
        stated = linear is None or linear.issuperset(self._argnums)
        return stated and (k == 1 or self._argnums == (k - 2,))

    def _of_pulling(self, asked: Any, h: Any, result: Any, first: Any, out: Any, *args: Any, **kwargs: Any) -> Any:
        if all(k == 0 or self._is_free(k) for k in asked):
            return [None if k else self._pull_first(h, out, args, kwargs) for k in asked]
        kwargs = _without_residuals(kwargs)
        arguments = (first, out, *args, *kwargs.values())
        flat = leaves(arguments)
        owners = [k for k, tree in enumerate(arguments) for _ in leaves(tree)]
        places = [
            j for j, k in enumerate(owners) if k in asked and getattr(flat[j], "dtype", np.dtype(int)).kind in "fc"
        ]
        slope_of = dict(zip(places, self._again(pull_through, flat, arguments, kwargs, places, h), strict=True))
        slopes = [zeros(x) if slope_of.get(j) is None else slope_of[j] for j, x in enumerate(flat)]
        trees = rebuild(arguments, slopes)
        return [trees[k] for k in asked]

    def _pull_first(self, h: Any, out: Any, args: Any, kwargs: Any) -> Any:
        rule, owner = self._stated, self._owner
        if rule.pulls:
            return owner._push_all(dict(zip(self._argnums, h if rule.joint else [h], strict=True)), out, args, kwargs)
        cotangents = owner._pull_all(self._argnums, h, out, args, kwargs)
        whole = [zeros_like(args[i]) if c is None else c for i, c in zip(self._argnums, cotangents, strict=True)]
        return tuple(whole) if rule.joint else whole[0]

    def _of_pushing(
        self, asked: Any, tangents: Any, result: Any, first: Any, out: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if all(k == 0 or self._is_free(k) for k in asked):
            return self(tangents[asked.index(0)], out, *args, **kwargs) if 0 in asked else None
        kwargs = _without_residuals(kwargs)
        arguments = (first, out, *args, *kwargs.values())
        flat = leaves(arguments)
        owners = [k for k, tree in enumerate(arguments) for _ in leaves(tree)]
        along: dict[int, Any] = {}
        for k, t in zip(asked, tangents, strict=True):
            along.update(zip([j for j, owner in enumerate(owners) if owner == k], leaves(t), strict=True))
        return self._again(push_through, flat, arguments, kwargs, along)

    def _again(self, through: Callable[..., Any], flat: Any, arguments: Any, kwargs: Any, *how: Any) -> Any:
        """Run the rule on Tensors."""

        def derivative_of(*values: Any) -> Any:
            first, out, *others = rebuild(arguments, values)
            n = len(others) - len(kwargs)
            return self._call_rule(first, out, *others[:n], **dict(zip(kwargs, others[n:], strict=True)))

        try:
            return through(derivative_of, flat, *how)
        except Exception as error:
            kind = "VJP" if self._stated.pulls else "JVP"
            raise GradError(
                f"primitive: a derivative of the {kind} rule of {self._owner._name} was asked for, as for a second "
                f"derivative. The rule takes bare arrays (opaque=True), and raised {type(error).__name__} on Tensors. "
                "Write it with NumPy functions that Tensors support and without opaque=True, or make what it calls a "
                "primitive"
            ) from error
