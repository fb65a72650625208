"""`check_module`: the gradients of a layer or a model by its inputs and by every parameter."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.docstrings import arguments_from
from ..core.messages import checked
from ..core.mode import no_grad
from ..random import Generator, default_generator
from ..tensors.tensor import Tensor
from .check import check_grads, check_subject
from .explain import conclude
from .report import GradientMismatch, GradReport, literal, number
from .subject import Arguments, Run, bare, differentiate, outputs_of
from .tracebacks import plainly

Array = np.ndarray


class ModuleSubject:
    """A module as a function of its floating inputs and of its parameters, which replace those it has.

    Before every run the running statistics and the random generators are set back, so that a dropout drops the same
    entries each time and can be differentiated.

    Args:
        module: works on copies only: a callable with `named_parameters()`.
        inputs: its inputs.
        wrt: names of parameters and inputs to differentiate by; all if None.
    """

    plain = False

    def __init__(self, module: Any, inputs: Sequence[Any], wrt: Sequence[str] | None = None) -> None:
        self.module = module
        self.title = type(module).__name__
        names = _input_names(module, len(inputs))
        self.arguments = Arguments(module, inputs, names=names, may_be_none=True)
        self.n_inputs = len(self.arguments.leaves)
        named = list(module.named_parameters())
        self._places = [places_of(module, parameter) for _, parameter in named]
        self._own = [parameter for _, parameter in named]
        self._state = _state(module)
        self._generators = [(g, g.state) for g in [default_generator, *_generators(module)]]
        self.leaves = [*self.arguments.leaves, *(np.array(p.data) for p in self._own)]
        self.names = [*self.arguments.names, *(name for name, _ in named)]
        self.argnums = [i for i, name in enumerate(self.names) if wrt is None or name in wrt]

    def on_tensors(self, tensors: Sequence[Any]) -> list[Any]:
        """Return the floating results, with these Tensors in place of inputs and parameters."""
        for holder, key, value, content in self._state:
            holder[key] = np.array(content) if isinstance(value, np.ndarray) else value
            if isinstance(value, Tensor):
                value.assign(content)
        for generator, state in self._generators:
            generator.state = state
        self._insert(tensors[self.n_inputs :])
        try:
            out = self.module(*self.arguments.fill(tensors[: self.n_inputs]))
        finally:
            self._insert(self._own)
        outputs = outputs_of(out)
        if not outputs:
            raise TypeError(f"check_module: expected {self.title} to return floating arrays; received {out!r:.80}")
        return outputs

    def _insert(self, parameters: Sequence[Any]) -> None:
        for places, parameter in zip(self._places, parameters, strict=True):
            for holder, key in places:
                holder[key] = parameter

    def on_arrays(self, *arrays: Array) -> list[Array]:
        """Return the results as plain arrays."""
        with no_grad():
            return [np.array(bare(a)) for a in self.on_tensors([Tensor(a, copy=False) for a in arrays])]

    def variables(self) -> list[Tensor]:
        """Return fresh Tensors for the leaves."""
        pairs = enumerate(zip(self.leaves, self.names, strict=True))
        return [Tensor(a, requires_grad=i in self.argnums or i >= self.n_inputs, name=name) for i, (a, name) in pairs]


def _input_names(module: Any, n: int) -> list[str] | None:
    try:
        parameters = inspect.signature(getattr(module, "call", module.__call__)).parameters.values()
    except (TypeError, ValueError):
        return ["input"] if n == 1 else [f"input[{k}]" for k in range(n)]
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return plain[:n] if len(plain) >= n else [f"input[{k}]" for k in range(n)]


def _walk(module: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield (holder, key, value) for everything that hangs below a module, through lists, dicts and objects."""
    seen = {id(module)}
    stack: list[Any] = [module]
    while stack:
        owner = stack.pop()
        holder: Any = owner if isinstance(owner, (list, dict)) else getattr(owner, "__dict__", None)
        if holder is None:
            continue
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            yield holder, key, value
            inside = value if isinstance(value, tuple) else [value]
            for part in inside:
                is_module = hasattr(part, "named_parameters") or isinstance(part, (list, dict))
                if is_module and id(part) not in seen:
                    seen.add(id(part))
                    stack.append(part)


def places_of(module: Any, parameter: Tensor) -> list[tuple[Any, Any]]:
    """Return every attribute, list entry and dict entry that holds a parameter: more than one if it is shared."""
    places = [(holder, key) for holder, key, value in _walk(module) if value is parameter]
    if not places:
        raise TypeError(
            f"check_module: expected the parameter '{parameter.name}' among the attributes of a module, or in a list "
            "or dict there; it was found in none, so it cannot be varied"
        )
    return places


def _state(module: Any) -> list[tuple[Any, Any, Any, Any]]:
    """Return (holder, key, value, copy of its content) for all that a run may change: buffers, arrays and counters."""
    entries: list[tuple[Any, Any, Any, Any]] = []
    for holder, key, value in _walk(module):
        if isinstance(value, Tensor) and not value.requires_grad:
            entries.append((holder, key, value, np.array(value.data)))
        elif isinstance(value, (np.ndarray, np.generic, int, float)):
            entries.append((holder, key, value, np.array(value)))
    return entries


def _tensors(module: Any) -> list[Tensor]:
    tensors = {id(value): value for _, _, value in _walk(module) if isinstance(value, Tensor)}
    return list(tensors.values())


def _generators(module: Any) -> list[Generator]:
    generators = {id(value): value for _, _, value in _walk(module) if isinstance(value, Generator)}
    return list(generators.values())


def _in_double(module: Any) -> Any:
    """Return a copy that computes in double precision: its tensors, and the dtype to which it casts its inputs."""
    twin = copy.deepcopy(module)
    for owner in [twin, *(value for _, _, value in _walk(twin))]:
        dtype = getattr(owner, "_dtype", None)
        if hasattr(owner, "named_parameters") and isinstance(dtype, np.dtype) and dtype.kind == "f":
            owner._dtype = np.dtype(np.float64)
    for value in _tensors(twin):
        if value.dtype.kind == "f":
            double = Tensor(value.data.astype(np.float64), requires_grad=value.requires_grad, name=value.name)
            for place, name in places_of(twin, value):
                place[name] = double
    return twin


@arguments_from(check_grads)
@plainly
@checked
def check_module(
    module: Any,
    *inputs: Any,
    modes: Sequence[str] = ("train", "eval"),
    wrt: Sequence[str] | None = None,
    order: int = 1,
    mode: str = "auto",
    kinks: str = "subgradient",
    rtol: float | None = None,
    seed: int = 0,
    invariants: bool = True,
    raise_: bool = True,
) -> GradReport:
    """Check the gradients of a layer or model by its floating inputs and every parameter, in training and evaluation.

    Works on copies in double precision, so that finite differences are sharp whatever the module's dtype; a copy in
    its own dtype must then give the same gradients within that dtype's precision. Before each evaluation random
    generators and running statistics are set back: dropout drops the same entries each time. The module is left as it
    was.

    Args:
        module: a callable with `named_parameters()`; `train()` and `eval()` are used where it has them.
        inputs: its inputs, batch first; integers are passed on.
        modes: which modes to check.
        wrt: names of parameters and inputs to differentiate by; all if None.

    Returns:
        A `GradReport` with an entry for each mode and parameter, as "train: conv1.kernel".

    Raises:
        GradientMismatch: if a gradient is wrong or a contract broken.

    Example:
        >>> import numpy as np, nn
        >>> report = check_module(nn.layers.Dense(2, activation="tanh"), np.ones((3, 4)))
        >>> report.ok, sorted(report.inputs)[:2]
        (True, ['eval: bias', 'eval: kernel'])
    """
    start = time.perf_counter()
    state = default_generator.state
    report = GradReport(type(module).__name__)
    try:
        single = _built_copy(module, inputs)
        double = _in_double(single)
        for name in [m for m in modes if hasattr(module, m)] or [""]:
            subjects = [ModuleSubject(_in_mode(m, name), inputs, wrt) for m in (double, single)]
            leaves, n = subjects[0].leaves, subjects[0].n_inputs
            leaves[:n] = [a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in leaves[:n]]
            outcome = check_subject(
                subjects[0], order=order, mode=mode, kinks=kinks, rtol=rtol, seed=seed, invariants=invariants
            )
            if outcome.ok:
                outcome.failures += _in_own_dtype(subjects[1], subjects[0], seed)
            for failure in outcome.failures:
                failure.title += f" (in {name} mode)" if name else ""
            report.merge(outcome, f"{name}: " if name else "")
    finally:
        default_generator.state = state
    report.seconds = time.perf_counter() - start
    return conclude(report, getattr(type(module), "call", module), inputs, _snippet(module, inputs), raise_=raise_)


def _built_copy(module: Any, inputs: Sequence[Any]) -> Any:
    """Return a copy, run once if it has to see its inputs before it has parameters."""
    twin = copy.deepcopy(module)
    try:
        list(twin.named_parameters())
    except ValueError:
        with no_grad():
            twin(*inputs)
    return twin


def _in_mode(module: Any, name: str) -> Any:
    if name:
        getattr(module, name)()
    return module


def _in_own_dtype(own: ModuleSubject, double: ModuleSubject, seed: int) -> list[GradientMismatch]:
    """Compare the gradients in the module's own precision with those in double precision."""
    runs: list[Run] = []
    for subject in (own, double):
        first = differentiate(subject, None, seed)
        runs.append(first)
    failures = [
        GradientMismatch(f"{own.title}: {item.verdict}: {item.message}", verdict=item.verdict)
        for item in runs[0].broken
    ]
    for i in own.argnums:
        a, b = runs[0].grads[i], runs[1].grads[i]
        if a is None or b is None:
            continue
        eps = float(np.finfo(a.dtype).eps)
        largest = float(np.max(np.abs(b), initial=0))
        if eps < 1e-10 or not np.all(np.isfinite(b)):
            continue
        apart = np.abs(a - b)
        if not float(np.max(apart, initial=0)) <= 1e4 * eps * largest:
            k = tuple(int(n) for n in np.unravel_index(int(np.argmax(np.nan_to_num(apart, nan=np.inf))), a.shape))
            name = own.names[i]
            failures.append(
                GradientMismatch(
                    f"the gradient of {own.title} by {name} in {a.dtype} is not the one in float64",
                    verdict="wrong",
                    name=name,
                    index=k,
                    analytic=float(a[k]),
                    numeric=float(b[k]),
                    error_bar=1e4 * eps * largest,
                    facts=[(str(a.dtype), number(float(a[k]))), ("float64", number(float(b[k])))],
                )
            )
    return failures


def _snippet(module: Any, inputs: Sequence[Any]) -> str:
    size = sum(np.size(a) for a in inputs if isinstance(a, np.ndarray))
    arguments = ", ".join(map(literal, inputs)) if size <= 200 else "*error.args"
    named = getattr(module, "named_modules", None)
    kinds = {type(m) for _, m in named()} if named else {type(module)}
    imports = sorted(f"from {k.__module__} import {k.__name__}" for k in kinds if k.__qualname__.isidentifier())
    lines = ["import numpy as np", "from autograd_lite.testing import check_module", *imports]
    return "\n".join([*lines, f"check_module({module!r}, {arguments})"])
