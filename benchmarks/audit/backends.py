"""Other libraries that differentiate, as rows of a table: how each makes arrays, pulls back, pushes forward, prints.

A row's functions work on lists of the library's own arrays, and may be traced by the library itself, so that a gradient
can be differentiated again. Libraries are imported when a row is first used.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.testing.report import literal

Arrays = Sequence[Any]
Call = Callable[[Arrays], list[Any]]
Pulled = tuple[list[Any], list[Any]]  # results, and gradients


class Backend(NamedTuple):
    """One library.

    Attributes:
        name: what `check_elsewhere(backend=)` calls it.
        kind: the type of its arrays.
        array: makes one of a NumPy array, without a history; it may share its memory.
        pull: (call, leaves, argnums, weights) to (results, gradients of sum weight * result by these leaves), None
            where no gradient arrives. Complex gradients and weights are as PyTorch and we have them.
        push: (call, leaves, argnums, tangents) to the tangents of the results; None if it has no forward mode.
        again: whether a gradient can be differentiated.
        setting: a context manager in which all calls are made.
        namespaces: modules whose functions reproducers name, each with the name that it is imported by.
        literal: an array as code.
        script: a reproducer; see `reproducer`.
    """

    name: str
    kind: Any
    array: Callable[[np.ndarray], Any]
    pull: Callable[[Call, Arrays, Sequence[int], Arrays], Pulled]
    push: Callable[[Call, Arrays, Sequence[int], Arrays], list[Any]] | None
    again: bool
    setting: Callable[[], Any]
    namespaces: tuple[tuple[str, str], ...]
    literal: Callable[[np.ndarray], str]
    script: str

    def numpy(self, value: Any) -> np.ndarray:
        """Return the values of one of its arrays, or of anything that NumPy makes one of."""
        if self.name == "torch" and isinstance(value, self.kind):
            return np.array(value.numpy(force=True))
        return np.array(value.data if self.name == "mygrad" and isinstance(value, self.kind) else value)


def filled(leaves: Sequence[Any], argnums: Sequence[int], values: Sequence[Any]) -> list[Any]:
    """Return the leaves with other values at `argnums`."""
    full = list(leaves)
    for i, value in zip(argnums, values, strict=True):
        full[i] = value
    return full


def _by_their_names(*modules: str) -> tuple[tuple[str, str], ...]:
    """Return namespaces that are imported by their own names."""
    return tuple((module, module) for module in modules)


def _array_code(name: str, a: np.ndarray) -> str:
    """Return an array as code, by a function that takes nested lists."""
    text = repr(a.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
    return f"{name}({text if a.size else literal(a)}"


# ---- PyTorch --------------------------------------------------------------------------------------------------------


def _torch() -> Backend:
    torch = importlib.import_module("torch")
    func = importlib.import_module("torch.func")

    def pull(call: Call, leaves: Arrays, argnums: Sequence[int], weights: Arrays) -> Pulled:
        nested = any(t.requires_grad for t in (*leaves, *weights))
        with torch.enable_grad():
            by = [leaves[i] if leaves[i].requires_grad else leaves[i].detach().requires_grad_() for i in argnums]
            outs = call(filled(leaves, argnums, by))
            pairs = [(o, w) for o, w in zip(outs, weights, strict=True) if o.requires_grad]
            if not pairs:
                return outs, [None] * len(by)
            roots, given = zip(*pairs, strict=True)
            grads = torch.autograd.grad(roots, by, given, create_graph=nested, allow_unused=True)
        return outs, list(grads)

    def push(call: Call, leaves: Arrays, argnums: Sequence[int], tangents: Arrays) -> list[Any]:
        values = tuple(leaves[i] for i in argnums)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # which its forward mode raises about itself
            found = func.jvp(lambda *xs: tuple(call(filled(leaves, argnums, xs))), values, tuple(tangents))
        return list(found[1])

    def code(a: np.ndarray) -> str:
        return f"{_array_code('torch.tensor', a)}, dtype=torch.{a.dtype})"

    return Backend(
        name="torch",
        kind=torch.Tensor,
        array=lambda a: torch.from_numpy(np.require(a, requirements=["C", "W"])),
        pull=pull,
        push=push,
        again=True,
        setting=contextlib.nullcontext,
        namespaces=_by_their_names("torch", "torch.special", "torch.linalg", "torch.fft", "torch.nn.functional"),
        literal=code,
        script="import torch\n{imports}\n{values}\n{by}.requires_grad_()\n{loss}.backward()\nprint({by}.grad{index})",
    )


# ---- JAX ------------------------------------------------------------------------------------------------------------


def _conjugate(a: Any) -> Any:
    return a.conj() if np.dtype(a.dtype).kind == "c" else a


def _jax() -> Backend:
    jax = importlib.import_module("jax")
    jnp = importlib.import_module("jax.numpy")

    @contextlib.contextmanager
    def setting() -> Iterator[None]:
        # Under its new name, and the one that it had before.
        place = jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
        with place.enable_x64(True):
            yield

    def pull(call: Call, leaves: Arrays, argnums: Sequence[int], weights: Arrays) -> Pulled:
        outs, back = jax.vjp(lambda *xs: call(filled(leaves, argnums, xs)), *(leaves[i] for i in argnums))
        return outs, [_conjugate(g) for g in back([_conjugate(w) for w in weights])]

    def push(call: Call, leaves: Arrays, argnums: Sequence[int], tangents: Arrays) -> list[Any]:
        values = tuple(leaves[i] for i in argnums)
        return list(jax.jvp(lambda *xs: call(filled(leaves, argnums, xs)), values, tuple(tangents))[1])

    return Backend(
        name="jax",
        kind=jax.Array,
        array=jnp.asarray,
        pull=pull,
        push=push,
        again=True,
        setting=setting,
        namespaces=(
            ("jax.numpy", "jnp"),
            ("jax.numpy.linalg", "jnp.linalg"),
            ("jax.numpy.fft", "jnp.fft"),
            *_by_their_names("jax.scipy.special", "jax.scipy.linalg", "jax.nn", "jax.lax"),
        ),
        literal=lambda a: f"{_array_code('jnp.array', a)}, '{a.dtype}')",
        script=(
            "import jax\nimport jax.numpy as jnp\n{imports}\njax.config.update('jax_enable_x64', True)\n{values}\n"
            "g = jax.grad(lambda {by}: {loss})({by})\nprint({conj})"
        ),
    )


# ---- HIPS autograd --------------------------------------------------------------------------------------------------


def _autograd() -> Backend:
    core = importlib.import_module("autograd.core")
    anp = importlib.import_module("autograd.numpy")
    boxes = importlib.import_module("autograd.tracer").Box

    def pull(call: Call, leaves: Arrays, argnums: Sequence[int], weights: Arrays) -> Pulled:
        outs: list[Any] = []
        grads: list[Any] = [None] * len(argnums)
        for n, i in enumerate(argnums):
            for k, w in enumerate(weights):

                def one(x: Any, i: int = i, k: int = k) -> Any:
                    outs[:] = call(filled(leaves, [i], [x]))
                    return outs[k]

                back, _ = core.make_vjp(one, leaves[i])
                g = anp.conj(back(anp.conj(w)))
                grads[n] = g if grads[n] is None else grads[n] + g
        return [_unboxed(out, boxes) for out in outs], grads

    def push(call: Call, leaves: Arrays, argnums: Sequence[int], tangents: Arrays) -> list[Any]:
        count = len(call(leaves))
        totals: list[Any] = [0.0] * count
        for i, t in zip(argnums, tangents, strict=True):
            for k in range(count):
                forward = core.make_jvp(lambda x, i=i, k=k: call(filled(leaves, [i], [x]))[k], leaves[i])
                totals[k] = totals[k] + forward(t)[1]
        return totals

    @contextlib.contextmanager
    def setting() -> Iterator[None]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Output seems independent of input")
            yield

    return Backend(
        name="autograd",
        kind=np.ndarray,
        array=np.asarray,
        pull=pull,
        push=push,
        again=True,
        setting=setting,
        namespaces=(
            ("autograd.numpy", "np"),
            ("autograd.numpy.linalg", "np.linalg"),
            ("autograd.numpy.fft", "np.fft"),
            *_by_their_names("autograd.scipy.special", "autograd.scipy.linalg", "autograd.scipy.stats"),
        ),
        literal=literal,
        script=(
            "import autograd.numpy as np\nfrom autograd import grad\n{imports}\n{values}\n"
            "g = grad(lambda {by}: {loss})({by})\nprint({conj})"
        ),
    )


def _unboxed(value: Any, boxes: Any) -> Any:
    while isinstance(value, boxes):
        value = value._value
    return value


# ---- MyGrad ---------------------------------------------------------------------------------------------------------


def _mygrad() -> Backend:
    mg = importlib.import_module("mygrad")

    def pull(call: Call, leaves: Arrays, argnums: Sequence[int], weights: Arrays) -> Pulled:
        by = [mg.tensor(leaves[i].data, copy=True) for i in argnums]
        outs = call(filled(leaves, argnums, by))
        values = [np.array(getattr(out, "data", out)) for out in outs]
        total = sum((out * w).sum() for out, w in zip(outs, weights, strict=True))
        if not getattr(total, "constant", True):
            total.backward()
        return values, [x.grad for x in by]

    return Backend(
        name="mygrad",
        kind=mg.Tensor,
        array=lambda a: mg.tensor(np.array(a), constant=True),
        pull=pull,
        push=None,
        again=False,
        setting=contextlib.nullcontext,
        namespaces=(("mygrad", "mg"), ("mygrad.nnet", "mg.nnet"), ("mygrad.linalg", "mg.linalg")),
        literal=lambda a: f"{_array_code('mg.tensor', a)}, dtype='{a.dtype}')",
        script="import mygrad as mg\n{imports}\n{values}\n{loss}.backward()\nprint({by}.grad{index})",
    )


# ---- the table ------------------------------------------------------------------------------------------------------


_ROWS: dict[str, Callable[[], Backend]] = {"torch": _torch, "jax": _jax, "autograd": _autograd, "mygrad": _mygrad}
BACKENDS = tuple(_ROWS)


@functools.cache
def backend_of(name: str) -> Backend:
    """Return a row, and import its library.

    Raises:
        ValueError: if there is no such row.
        ImportError: if the library is not installed.
    """
    if name not in _ROWS:
        raise ValueError(f"check_elsewhere: expected a backend among {', '.join(BACKENDS)}; received {name!r}")
    try:
        return _ROWS[name]()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != name:
            raise
        raise ImportError(
            f"check_elsewhere(backend={name!r}): expected {name}, whose gradients are to be checked; it is not "
            f"installed. Run: pip install {name}"
        ) from None
