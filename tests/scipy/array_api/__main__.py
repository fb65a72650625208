"""`python -m tests.scipy.array_api [names…]`: the calls of `rows` on Tensors, as JSON: SCIPY_ARRAY_API must be 1."""

from __future__ import annotations

import importlib
import json
import os
import sys
import warnings
from typing import Any

os.environ["SCIPY_ARRAY_API"] = "1"  # read when SciPy is imported

import numpy as np
from scipy._lib._array_api import xp_capabilities_table

import autograd_lite as ag
import autograd_lite.numpy as xnp
from autograd_lite.testing import check_grads

from .rows import VALUES, calls

PLACES = """
    cluster.hierarchy cluster.vq constants differentiate fft integrate interpolate linalg ndimage optimize
    optimize.elementwise signal signal.windows spatial.transform special stats
"""
MODULES = {place.rpartition(".")[2]: importlib.import_module(f"scipy.{place}") for place in PLACES.split()}


MERGED = ([0.0, 2.0, 4.0], [1.0, 3.0, 5.0], [2.0, 2.0, 4.0])  # which clusters, and how many are in the new one


def helpers(xp: Any) -> dict[str, Any]:
    """Return the functions that calls name besides SciPy's, for one namespace."""
    transform = MODULES["transform"]

    def with_first(group: Any, first: Any) -> Any:
        group[0] = first
        return group

    def copy_line(line: Any, out: Any) -> None:
        out[:] = line[1:-1]

    def difference(image: Any, axis: int, out: Any, *_: Any) -> Any:
        return MODULES["ndimage"].correlate1d(image, [-1.0, 0.0, 1.0], axis, out)

    return {
        **MODULES,
        "np": np,
        "xp": xp,
        "VALUES": VALUES,
        "linkage_of": lambda heights: xp.stack([*map(xp.asarray, MERGED[:2]), heights, xp.asarray(MERGED[2])], axis=1),
        "sections_of": lambda q: xp.concat([q[:3], xp.ones(1), q[3:]])[None, :],
        "generator": np.random.default_rng,
        "halton": lambda d: MODULES["stats"].qmc.Halton(d, rng=np.random.default_rng(2)),
        "reduced": lambda group, m, *around: group.from_rotvec(m).reduce(*map(group.from_rotvec, around)),
        "normal_draws": lambda size: xp.asarray(np.random.default_rng(5).normal(size=size)),
        "mean_gap": lambda x, y, axis: xp.mean(x, axis=axis) - xp.mean(y, axis=axis),
        "ttest_value": lambda x, y, axis: MODULES["stats"].ttest_ind(x, y, axis=axis).pvalue,
        "with_first": with_first,
        "copy_line": copy_line,
        "difference": difference,
        "pose_of": lambda c, e: transform.RigidTransform.from_components(c, transform.Rotation.from_rotvec(e)),
    }


HELPERS = {np: helpers(np), xnp: helpers(xnp)}


def leaves(result: Any) -> list[Any]:
    """Return the numbers and arrays of a result: of tuples, dicts, and objects."""
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in leaves(part)]
    if isinstance(result, dict):
        return leaves(list(result.values()))
    if isinstance(result, (np.ndarray, np.generic, ag.Tensor, int, float, complex, bool)):
        return [result]
    return leaves([v for v in vars(result).values() if v is not result]) if hasattr(result, "__dict__") else []


def evaluated(call: str, arrays: dict[str, Any], xp: Any) -> list[Any]:
    return leaves(eval(call, {**HELPERS[xp], **arrays}))


def agree(ours: Any, theirs: Any) -> bool:
    ours, theirs = (np.asarray(x.data if isinstance(x, ag.Tensor) else x) for x in (ours, theirs))
    return ours.shape == theirs.shape and np.allclose(ours, theirs, rtol=1e-7, atol=1e-9, equal_nan=True)


def is_floating(x: Any) -> bool:
    return isinstance(x, (np.ndarray, np.generic, ag.Tensor)) and x.dtype.kind in "fc"


def names_in(call: str) -> list[str]:
    return [n for n in compile(call, "", "eval").co_names if n in VALUES]


def used(call: str) -> list[str]:
    """Return the variables of a call that it is differentiated by, also those inside of its functions."""
    names: list[str] = []
    pending = [compile(call, "", "eval")]
    while pending:
        code = pending.pop()
        names += [n for n in code.co_names if len(n) == 1 and n in VALUES and VALUES[n].dtype.kind in "fc"]
        pending += [c for c in code.co_consts if hasattr(c, "co_names")]
    return list(dict.fromkeys(names))


def tried(call: str) -> dict[str, str]:
    """Return how a call went: its value, and its first and second derivatives."""
    expected = evaluated(call, VALUES, np)
    try:
        found = evaluated(call, {n: ag.tensor(v) for n, v in VALUES.items()}, xnp)
    except Exception as error:
        return {"value": "raises", "why": told(error)}
    if len(found) != len(expected) or not all(map(agree, found, expected)):
        return {"value": "differs"}
    kind = "Tensor" if any(isinstance(leaf, ag.Tensor) for leaf in found) else "array"
    names = used(call)
    if not names or not any(map(is_floating, expected)):
        return {"value": kind}
    inputs = [VALUES[n] for n in names]
    places: list[int] = []

    def f(*xs: Any) -> Any:
        xp = xnp if isinstance(xs[0], ag.Tensor) else np
        rest = {n: ag.tensor(v) for n, v in VALUES.items()} if xp is xnp else VALUES
        out = evaluated(call, {**rest, **dict(zip(names, xs, strict=True))}, xp)
        return tuple(out[i] for i in places)

    def looked_at(*xs: Any) -> Any:
        rest = {n: ag.tensor(v) for n, v in VALUES.items()}
        out = evaluated(call, {**rest, **dict(zip(names, xs, strict=True))}, xnp)
        places.extend(i for i, leaf in enumerate(out) if getattr(leaf, "requires_grad", False))
        return np.real(xs[0]).sum()

    try:
        ag.grad(looked_at, tuple(range(len(inputs))))(
            *inputs
        )  # inside of a transformation nothing becomes a bare number unnoticed
    except Exception as error:
        return {"value": kind, "first": "raises", "why": told(error)}
    if not places:
        return {"value": kind, "first": "none"}
    answer = {"value": kind, "first": "right", "second": "right"}
    for order, name in ((1, "first"), (2, "second")):
        try:
            report = check_grads(f, *inputs, order=order, mode="directional", raise_=False, invariants=False)
        except Exception as error:
            return answer | {name: "raises", "why": told(error)}
        if not report.ok:
            return answer | {name: "differs", "why": told(report.failures[0])}
    return answer | {"forward": forward(f, inputs)}


def forward(f: Any, inputs: list[Any]) -> str:
    """Return whether forward mode gives what reverse mode gives, in one direction."""
    if any(x.dtype.kind == "c" for x in inputs):
        return "complex"
    along = [np.cos(np.arange(x.size) + 1.0).reshape(x.shape) for x in inputs]

    def total(*xs: Any) -> Any:
        return sum((np.real(part) * (1 + 0.1 * i)).sum() for i, part in enumerate(f(*xs)))

    slopes = ag.grad(total, tuple(range(len(inputs))))(*inputs)
    expected = sum((slope * t).sum() for slope, t in zip(slopes, along, strict=True))
    found = ag.jvp(total)(tuple(inputs), tuple(along))[1]
    return "right" if np.allclose(found, expected, rtol=1e-7, atol=1e-12) else "differs"


def told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]


def in_scope() -> set[str]:
    """Return the names of SciPy's functions that support the array API, with the last name of their module."""
    found = set()
    for function, facts in xp_capabilities_table.items():
        module = [part for part in function.__module__.split(".") if not part.startswith("_")][-1]
        name = getattr(function, "__qualname__", function.__name__)
        if not (facts["np_only"] or facts["out_of_scope"] or name.startswith("_")):
            found.add(f"{module}.{name}")
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    chosen = {name: call for name, call in calls().items() if not sys.argv[1:] or name in sys.argv[1:]}
    rows = {name: tried(call) for name, call in chosen.items()}
    json.dump({"rows": rows, "scope": sorted(in_scope())}, sys.stdout, indent=1)
