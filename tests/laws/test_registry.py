"""The closed world: every op has a case, every case an op, every NumPy name a place, every public name a docstring."""

from __future__ import annotations

import copy
import inspect
import pickle
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, OPS
from autograd_lite.native.kernels import FASTEST, KERNELS

from ..all_cases import CASES, COMPOSED_CASES, RANDOM_CASES
from ..rows import for_every

UFUNCS = {f for f in vars(np).values() if isinstance(f, np.ufunc)}

# The ufuncs that Tensors refuse, and why. A new NumPy with a new ufunc turns the test below red.
REFUSED_UFUNCS = {
    "isnat": "it tests dates, which no Tensor holds",
}

# Those of NumPy: the others are kernels that compute an expression in one pass, see tests/native/test_fused.py.
NUMPYS = [f for f in COMPOSED if f not in KERNELS.values()]


def test_every_op_has_a_case_and_every_case_an_op() -> None:
    cases = {case.op for case in CASES} | {case.op for case in RANDOM_CASES}
    cases |= {"special.riemann_zeta"} & set(OPS)  # what SciPy calls in zetac and zeta, made when they are called
    assert sorted(set(OPS) - cases) == ["get_tuple_element"]  # its input is a call: tests/engine/test_several.py
    assert sorted(cases - set(OPS)) == []


def test_every_composed_function_has_a_case() -> None:
    covered = {case.function for case in COMPOSED_CASES} | {np.empty_like}  # whose values are whatever they are
    assert {f.__name__ for f in NUMPYS} == {f.__name__ for f in covered if f in COMPOSED}


def test_every_ufunc_is_in_the_tables_or_refused_with_a_reason() -> None:
    missing = {f.__name__ for f in UFUNCS if f not in BY_UFUNC and f not in COMPOSED}
    known = {name for name in REFUSED_UFUNCS if hasattr(np, name)}
    assert missing == known
    assert all(len(reason) > 20 for reason in REFUSED_UFUNCS.values())


@for_every(sorted(n for n in REFUSED_UFUNCS if hasattr(np, n)), name=str)
def test_a_refused_ufunc_raises_a_message(name: str) -> None:
    ufunc = getattr(np, name)
    with pytest.raises(ag.UnsupportedError, match=rf"np\.{name} is not supported on Tensors\. .*detach\(\)"):
        ufunc(*[ag.tensor([1.0, 2.0])] * ufunc.nin)


def test_the_tables_agree_about_names() -> None:
    assert all(OPS[name].name == name for name in OPS)
    assert all(ufunc in (op.ufunc, FASTEST.get(op.ufunc)) and OPS[op.name] is op for ufunc, op in BY_UFUNC.items())
    assert all(function in op.numpy_functions and op.bind is not None for function, op in BY_FUNCTION.items())
    assert not BY_FUNCTION.keys() & COMPOSED.keys()


@for_every([*BY_FUNCTION, *NUMPYS], name=lambda f: f.__name__)
def test_numpy_really_dispatches_it(function: Callable[..., Any]) -> None:
    """`like=` functions, and those that NumPy does not dispatch at all, would never reach the tables."""
    assert reaches_protocol(function), function
    parts = (np, np.linalg, np.fft, np.lib.stride_tricks)
    assert any(getattr(part, function.__name__, None) is function for part in parts)


class Witness:
    """An operand that notes which protocol NumPy calls on it."""

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> str:
        return "dispatched"

    def __array_function__(self, *args: Any, **kwargs: Any) -> str:
        return "dispatched"


def reaches_protocol(function: Callable[..., Any]) -> bool:
    """Call the function with a witness in the place of each argument that it needs."""
    if isinstance(function, np.ufunc):
        return function(*[Witness()] * function.nin) == "dispatched"
    try:
        needed = sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters(function))
    except ValueError:  # older NumPys tell no signatures of functions written in C
        needed = 1 + (function.__name__ in OF_TWO) + 2 * (function is np.putmask)
    witnesses: list[Any] = [Witness() for _ in range(max(needed, 1))]
    if function.__name__ in TAKE_A_SEQUENCE:
        for place in TAKE_A_SEQUENCE[function.__name__]:
            witnesses[place] = [witnesses[place]]
    if function is np.where:
        witnesses = [Witness()] * 3
    return function(*witnesses) == "dispatched"


# Functions written in C that need two arguments.
OF_TWO = {"dot", "inner", "vdot", "copyto", "can_cast", "shares_memory", "may_share_memory", "ravel_multi_index"}
# Functions that look for the protocol in the items of sequences, and at which places those stand.
TAKE_A_SEQUENCE = {
    **dict.fromkeys(("concatenate", "stack", "vstack", "hstack", "column_stack", "dstack", "multi_dot", "poly"), (0,)),
    "choose": (1,),
    **dict.fromkeys(("histogramdd", "ravel_multi_index", "roots"), (0,)),
    "select": (0, 1),
}


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


BINDERS: list[tuple[Any, Any]] = [
    *((op.bind, function) for function, op in BY_FUNCTION.items()),
    *((COMPOSED[function], function) for function in NUMPYS),
]


NEW_NUMPY = np.lib.NumpyVersion(np.__version__) >= "2.4.0"
of_new_numpy = pytest.mark.skipif(not NEW_NUMPY, reason="signatures are compared with those of NumPy 2.4")


@of_new_numpy
@for_every(BINDERS, name=lambda pair: pair[1].__name__)
def test_a_binder_has_the_parameters_of_its_numpy_function(pair: tuple[Any, Any]) -> None:
    """The same names in the same order, by position or by keyword alike: else an argument would land elsewhere."""
    ours, numpys = pair
    theirs = {p.name: p for p in parameters(numpys) if p.kind is not p.VAR_KEYWORD}
    if isinstance(numpys, np.ufunc):
        theirs = {name: p for name, p in theirs.items() if p.kind is p.POSITIONAL_ONLY}
        assert len(parameters(ours)) == len(theirs)
        return
    if numpys is np.where:
        assert all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.VAR_POSITIONAL) for p in parameters(ours))
        return
    newer = {"descending"} if np.lib.NumpyVersion(np.__version__) < "2.5.0" else set()
    mine = {p.name: p for p in parameters(ours) if p.kind is not p.VAR_KEYWORD and p.name not in newer}
    assert list(mine) == list(theirs)
    for name, parameter in theirs.items():
        assert (mine[name].kind is parameter.KEYWORD_ONLY) == (parameter.kind is parameter.KEYWORD_ONLY), name
        assert (mine[name].default is parameter.empty) == (parameter.default is parameter.empty), name
        if parameter.default is not parameter.empty:
            unset = (None, np._NoValue)
            same = mine[name].default == parameter.default
            assert same or (mine[name].default in unset and parameter.default in unset), name


METHODS = sorted(
    name
    for name in dir(ag.Tensor)
    if not name.startswith("_") and inspect.isfunction(inspect.getattr_static(ag.Tensor, name))
)
OURS = {
    "assign": "changes a leaf",
    "assign_add": "changes a leaf",
    "assign_sub": "changes a leaf",
    "backward": "runs the backward pass",
    "detach": "leaves the graph",
    "exp": "a function as a method",
    "log": "a function as a method",
    "numpy": "leaves the graph",
    "register_hook": "about gradients",
    "register_post_accumulate_grad_hook": "about gradients",
    "relu": "a function as a method",
    "retain_grad": "about gradients",
    "sigmoid": "a function as a method",
    "sqrt": "a function as a method",
    "tanh": "a function as a method",
}


def test_every_method_is_numpys_or_known_to_be_ours() -> None:
    hips = sys.modules.get("autograd_lite.hips.tracer")  # gives Tensors what HIPS's boxes have
    theirs = set(getattr(hips, "_NAMES", ()))
    assert {name for name in METHODS if not hasattr(np.ndarray, name)} - theirs == set(OURS)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.5.0", reason="NumPy sorts downwards since 2.5")
def test_sorting_downwards() -> None:
    x = np.array([2.0, np.nan, 3.0, 1.0, 3.0])
    downwards: Any = {"descending": True}
    np.testing.assert_array_equal(np.sort(ag.tensor(x), **downwards), np.sort(x, **downwards))
    np.testing.assert_array_equal(np.argsort(ag.tensor(x), stable=True, **downwards), [2, 4, 0, 3, 1])
    g = ag.grad(lambda x: np.sort(x, **downwards) @ np.arange(5.0))(np.array([2.0, 5.0, 3.0, 1.0, 4.0]))
    np.testing.assert_array_equal(g, [3, 0, 2, 4, 1])


@of_new_numpy
@for_every((name for name in METHODS if hasattr(np.ndarray, name)), name=str)
def test_a_method_takes_the_names_of_numpys_method(name: str) -> None:
    mine = [p.name.rstrip("_") for p in parameters(getattr(ag.Tensor, name)) if p.name != "self"]
    theirs = numpys_method_parameters(name)
    assert [p for p in theirs if p in mine] == mine, (mine, theirs)


def numpys_method_parameters(name: str) -> list[str]:
    """Return the names; what NumPy hides in `**kwargs` of a method, the function of that name tells."""
    names = [p.name for p in parameters(getattr(np.ndarray, name))]
    names += [p.name for p in parameters(getattr(np, name))] if hasattr(np, name) else []
    return list(dict.fromkeys(names))


PUBLIC = sorted({name for name in vars(ag) if not name.startswith("_")} | set(ag.__all__))


@for_every(PUBLIC, name=str)
def test_every_public_name_has_a_docstring(name: str) -> None:
    thing = getattr(ag, name)
    assert inspect.getdoc(thing), name
    if inspect.isclass(thing):
        for attribute, value in vars(thing).items():
            if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{attribute}"


def test_every_method_and_property_of_tensor_has_a_docstring() -> None:
    bare = [
        name
        for name in dir(ag.Tensor)
        if not name.startswith("_") and not inspect.getdoc(inspect.getattr_static(ag.Tensor, name))
    ]
    assert bare == []


def test_an_op_survives_pickle_as_itself() -> None:
    for op in OPS.values():
        assert pickle.loads(pickle.dumps(op)) is op
        assert copy.deepcopy(op) is op
