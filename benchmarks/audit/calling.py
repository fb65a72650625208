"""How a function about which nothing is known can be called: found out by calling it."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.core import batching
from autograd_lite.core.op import OPS, Op
from autograd_lite.testing.arrays import MATRICES, arrays_for, grid, signature_shapes
from autograd_lite.testing.deferred import hypothesis
from autograd_lite.testing.ops import arguments, count_inputs, repeatable
from autograd_lite.testing.pairs import results_of

from .backends import Backend

# Round numbers first, so that what is found first is shown best; then those where formulas lose their digits.
_EXTREMES = (1e-3, 1e-5, 1e-8, 1e-12, 4.0, 6.5, 10.5, 20.25, 50.5, 200.5, 1e3, 1e5)
POINTS = (*grid(-2.0, 2.0), *(s * v for v in _EXTREMES for s in (1.0, -1.0)))
_WHOLE = (1, 2, 0, 3)
# What other libraries call the parameters of NumPy's names.
_KEYWORDS = {"torch": {"axis": "dim", "keepdims": "keepdim", "ddof": "correction"}}
_ALONG: tuple[dict[str, int], ...] = ({}, {"axis": -1}, {"dim": -1})
# Functions that would change the process or a file rather than compute, by how libraries name them.
UNWANTED = re.compile(
    r"(set|save|load|use|enable|disable|init|get|is|fork|wait|seed|clear|import|register|parse|prepare|autocast|from|"
    r"eig|eigh|eigvals|svd|qr|ldl|lu|geqrf|"  # eigenvectors have any sign; the others are made for each other
    r"manual|initial|compile|export|print|exec|promote|shape|size|jit|vmap|grad|array2|to|asserts?|testing|test)"
    r"(_.*|z.*|txt|)|.*_|.*(file|string|buffer|info|random.*|dropout.*|rrelu|printoptions|dlpack|empty.*|memmap)",
)
# The shapes of arguments where trying cannot find them, or finds ones that are less interesting.
SIGNATURES: dict[str, tuple[str, Any]] = {
    **dict.fromkeys(("inv", "pinv", "inverse", "matrix_exp", "expm", "logdet"), ("(n,n)", "invertible")),
    **dict.fromkeys(("cond", "svdvals", "matrix_power", "sqrtm"), ("(n,n)", "invertible")),
    **dict.fromkeys(("det", "slogdet"), ("(n,n)", "real")),
    **dict.fromkeys(("cholesky", "cholesky_ex", "cholesky_inverse", "eigvalsh"), ("(n,n)", "spd")),
    **dict.fromkeys(("solve", "tensorsolve", "lstsq"), ("(n,n),(n)", ["invertible", "real"])),
    **dict.fromkeys(("qr", "matmul", "tensordot", "mm", "multi_dot"), ("(n,n),(n,n)", "invertible")),
    **dict.fromkeys(("outer", "ger", "convolve", "correlate", "kron"), ("(n),(m)", "real")),
    **dict.fromkeys(("cross",), ("(3),(3)", "real")),
}
_SAWTEETH = ("mod", "remainder", "fmod", "floor_divide")
# Functions of a symmetric matrix, of which they read one triangle: their gradient is that of the symmetric part.
SYMMETRIC = ("cholesky", "cholesky_ex", "eigvalsh")


class Plan(NamedTuple):
    """How a function is called.

    Attributes:
        kinds: "f" for a number, "i" for a whole one, for each argument of a function that works element by element.
        rows: otherwise, a strategy for (inputs, kwargs).
        text: how it is said.
        calm: whether numbers of very different size are to be left out, as of mod(x, y), which has x / y jumps.
    """

    kinds: str
    rows: Any
    text: str
    calm: bool = False

    def points(self, examples: int) -> Iterator[tuple[Any, ...]]:
        """Yield arguments for a function that works element by element, the same in every run."""
        if self.kinds == "f":
            yield from ((np.array(v),) for v in POINTS)
            return
        rng = np.random.default_rng(0)
        near = [v for v in POINTS if abs(v) <= 4 and v * 2 == round(v * 2)]
        seen = set()
        for n in range(2 * examples):
            pool = near if n % 2 or self.calm else POINTS
            point = tuple(float(rng.choice(pool)) if kind == "f" else int(rng.choice(_WHOLE)) for kind in self.kinds)
            if point not in seen:
                seen.add(point)
                yield tuple(np.array(v) for v in point)


def plan_of(f: Callable[..., Any], name: str, backend: Backend | None) -> Plan | None:
    """Find out how to call a function, or return None.

    Args:
        f: the function.
        name: what it is called in its module, which may be the name of one of our operations.
        backend: the library whose arrays it takes; NumPy if None.
    """
    if name in SIGNATURES:
        signature, domain = SIGNATURES[name]
        if _works(f, _typical(signature, domain), {}, backend):
            return planned(signature, domain)
    for kinds in _kinds(name):
        if _is_elementwise(f, kinds, backend):
            text = f"{len(kinds)} numbers" if len(kinds) > 1 else "a number"
            return Plan(kinds, None, text, calm=name in _SAWTEETH)
    op = OPS.get(name)
    if op is not None and op.ufunc is not None and not op.ufunc.signature:
        return None
    if op is not None and op.batch is batching.reduction and _works(f, [np.array([0.5, 1.5])], {}, backend):
        rows = arguments(op, kinks="avoid").map(functools.partial(_row_of, op, backend))
        with contextlib.suppress(TypeError):  # a parameter of which nothing is known
            simplest(rows, lambda row: False, 1)
            return Plan("", rows, "an array")
    for signature, domain in (
        ("(n)", "distinct"),
        ("(n,n)", "invertible"),
        ("(n),(n)", "real"),
        ("(n,n),(n,n)", "real"),
        ("(n,n),(n)", ["invertible", "real"]),
    ):
        for kwargs in _ALONG:
            if _works(f, _typical(signature, domain), kwargs, backend):
                return planned(signature, domain, kwargs)
    return None


def planned(signature: str, domain: Any = "real", kwargs: dict[str, Any] | None = None) -> Plan:
    """Return a plan for arrays of the shapes that a signature as of a generalized ufunc allows."""
    count = signature.partition("->")[0].count("(")
    domains = domain if isinstance(domain, list) else [domain] * count
    kinks = "avoid" if "distinct" in domains else "any"
    shapes = signature_shapes(signature, loops=False, min_side=1)
    rows = shapes.flatmap(lambda found: arrays_for(found, domains, kinks=kinks)).map(
        lambda found: (found, kwargs or {})
    )
    return Plan("", rows, signature)


def _kinds(name: str) -> Iterable[str]:
    """Return the kinds of arguments to try: as many as our operation of this name has, or one to three."""
    op = OPS.get(name)
    known = count_inputs(op) if op is not None else None
    counts = (1, 2, 3) if known is None else (known,)
    found = ["".join(k) for n in counts for k in itertools.product("fi", repeat=n) if "f" in k and k.count("i") < 2]
    return sorted(found, key=lambda kinds: (len(kinds), kinds.count("i")))


def _row_of(op: Op, backend: Backend | None, row: Any) -> tuple[list[np.ndarray], dict[str, Any]]:
    names = _KEYWORDS.get(backend.name if backend else "", {})
    given = {names.get(key, key): value for key, value in row.params.items() if value is not None and key != "dtype"}
    return list(row.inputs), {key: value for key, value in given.items() if value is not False and value != 0}


def _typical(signature: str, domain: Any) -> list[np.ndarray]:
    domains = domain if isinstance(domain, list) else [domain] * signature.count("(")
    found = []
    for k, (part, each) in enumerate(zip(signature.split("(")[1:], domains, strict=True)):
        shape = tuple(int(c) if c.isdigit() else 2 for c in part.partition(")")[0].split(",") if c)
        values = 0.5 + 0.125 * (np.arange(np.prod(shape)) + k).reshape(shape)
        found.append(values + 3 * np.eye(shape[0]) if each in MATRICES else values)
    return found


def called(
    f: Callable[..., Any], inputs: Sequence[np.ndarray], kwargs: Any, backend: Backend | None
) -> list[np.ndarray]:
    """Return the floating results of a call; raises what the function raises."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if backend is None:
            return [np.asarray(a) for a in results_of(f(*inputs, **kwargs))]
        with backend.setting():
            made = [_argument(x, backend) for x in inputs]
            return [backend.numpy(a) for a in results_of(f(*made, **kwargs))]


def _argument(x: np.ndarray, backend: Backend) -> Any:
    return int(x) if x.ndim == 0 and x.dtype.kind == "i" else backend.array(np.array(x))


def _works(f: Callable[..., Any], inputs: Sequence[np.ndarray], kwargs: Any, backend: Backend | None) -> bool:
    try:
        return bool(called(f, inputs, kwargs, backend))
    except Exception:  # whatever a function raises that is called in a way it does not know
        return False


def _is_elementwise(f: Callable[..., Any], kinds: str, backend: Backend | None) -> bool:
    """Return whether a function does to arrays what it does to numbers."""
    values = (0.5, 0.625, 0.875)
    whole = [np.array(2) for _ in kinds]
    vectors = [np.array(values[k % 3 :] + values[: k % 3]) if kind == "f" else whole[k] for k, kind in enumerate(kinds)]
    try:
        together = called(f, vectors, {}, backend)
        if len(together) != 1 or together[0].shape != (3,):
            return False
        for n in range(3):
            alone = called(f, [v[n] if v.ndim else v for v in vectors], {}, backend)
            if len(alone) != 1 or alone[0].shape != () or not np.allclose(alone[0], together[0][n], equal_nan=True):
                return False
    except Exception:  # as above
        return False
    return True


def simplest(rows: Any, fails: Callable[[Any], bool], examples: int) -> Any:
    """Return the simplest drawn row that fails, as far as Hypothesis finds one, or None; the same in every run."""
    last: list[Any] = []

    def look(row: Any) -> None:
        if fails(row):
            last[:] = [row]
            raise AssertionError

    try:
        repeatable(examples)(hypothesis.given(row=rows)(lambda row: look(row)))()
    except hypothesis.errors.Unsatisfiable:
        return None
    except (AssertionError, hypothesis.errors.Flaky):
        return last[0] if last else None
    return None
