"""Lists of Tensors where NumPy takes an array: every function of the table makes one Tensor of them, or says how to."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import BY_FUNCTION, BY_UFUNC, COMPOSED
from autograd_lite.tree import leaves

pytestmark = pytest.mark.filterwarnings("ignore")

A = np.array([[2.0, 1.0], [1.0, 3.0]])

# What may follow the list in a call; the first that suits a function of arrays is taken.
REST: list[tuple[Any, ...]] = [
    (),
    (A,),
    (1,),
    ((1, 2, 2),),
    ((4,),),
    (0, 1),
    (0.5,),
    (A, A),
    ([0, 1],),
    (np.array([[True, False], [True, True]]),),
    (np.array([[True, False], [True, True]]), A),
    ([[0, 1], [1, 0]], 0),
    (lambda x: x, 0),
    (np.sum, 0, A),
    (1, 1.0),
    ((1, 1), "constant"),
    ([1, 2], [0, 1]),
]


def numpy_functions() -> list[Callable[..., Any]]:
    found = {*BY_FUNCTION, *BY_UFUNC, *COMPOSED}
    named = [f for f in found if (getattr(f, "__module__", None) or "numpy").startswith("numpy")]
    return sorted(named, key=lambda f: (f.__name__, str(getattr(f, "__module__", ""))))


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call returns or raises."""
    try:
        return call()
    except Exception as error:
        return error


def calls() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    for f in numpy_functions():
        for rest in REST:
            if not isinstance(outcome(lambda f=f, rest=rest: f([*A.copy()], *copy.deepcopy(rest))), Exception):
                yield f"{f.__name__}", lambda rows, f=f, rest=rest: f(rows, *copy.deepcopy(rest))
                break


CALLS = list(calls())


# Of counts, which have no derivative.
BARE = {"histogramdd"}
SAID = ("ag.array", "Pass a list", "vmap: the values of a batched tensor")


def told(error: BaseException) -> bool:
    """Return whether an error is one of ours that says what to do, perhaps with NumPy's around it."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, ag.UnsupportedError) or any(said in str(chain) for said in SAID):
            return True
        chain = chain.__cause__ or chain.__context__
    return False


MODES: dict[str, Callable[[Callable[[Any], Any]], Any]] = {
    "leaf": lambda f: f(ag.tensor(A, requires_grad=True)),
    "grad": lambda f: ag.grad(f)(A.copy()),
    "jvp": lambda f: ag.jvp(f)((A,), (A,)),
    "vmap": lambda f: ag.vmap(f)(np.stack([A, A])),
    "grad in jvp": lambda f: ag.jvp(ag.grad(f))((A,), (A,)),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_list_of_tensors_loses_nothing_unseen(mode: str) -> None:
    assert len(CALLS) > 200
    for name, call in CALLS:
        seen: list[Any] = []

        def f(x: Any, call: Any = call, seen: list[Any] = seen) -> Any:
            seen.append(outcome(lambda: call([x[0], x[1]])))
            return (x * x).sum()

        MODES[mode](f)
        expected, (found,) = call([*A.copy()]), seen
        if isinstance(found, Exception):
            assert told(found), (name, found)
            continue
        for one, other in zip(leaves(found), leaves(expected), strict=True):
            kind = np.asarray(other).dtype.kind
            assert isinstance(one, ag.Tensor) or kind not in "fc" or name in BARE, name
            if isinstance(one, ag.Tensor) and mode == "leaf":
                np.testing.assert_allclose(one.detach(), other, err_msg=name)


@pytest.mark.parametrize(
    "join",
    [np.stack, np.concatenate, np.vstack, np.hstack, np.dstack, np.column_stack],
    ids=lambda f: f.__name__,
)
def test_nested_lists_and_views_of_dicts_are_joined_or_refused(join: Any) -> None:
    t = ag.tensor(A, requires_grad=True)
    rows = {"a": t[0], "b": t[1]}
    mixed = join([t, [[1.0, 2.0], [t[0, 0], 3.0]]])
    np.testing.assert_array_equal(mixed.detach(), join([A, [[1.0, 2.0], [2.0, 3.0]]]))
    mixed.sum().backward()
    np.testing.assert_array_equal(t.grad, [[2.0, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(join(list(rows.values())).detach(), join([*A]))
    for given in (rows.values(), (row for row in rows.values()), [[t[0], t[1]], [t[1], t[0]]]):
        found = outcome(lambda given=given: join(given))
        if isinstance(found, Exception):
            assert told(found) or "sequence" in str(found)  # the latter is NumPy's own
        else:
            np.testing.assert_array_equal(found.detach(), join([*A]))
