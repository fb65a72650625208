"""The strategies: what they draw lies in its domain, and shrinks to round numbers and small shapes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings, strategies as st
from hypothesis.errors import NoSuchExample

import autograd_lite as ag
from autograd_lite.core.op import OPS, Op, structural
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.testing import strategies as gst
from autograd_lite.testing.arrays import grid, off_grid

QUICK = settings(max_examples=300, database=None)


def smallest(strategy: Any, condition: Callable[[Any], bool] = lambda value: True) -> Any:
    return find(strategy, condition, settings=QUICK)


def is_drawn(strategy: Any, condition: Callable[[Any], bool]) -> None:
    """Raise NoSuchExample unless something is drawn for which a condition holds; it need not be the smallest."""
    find(strategy, condition, settings=settings(max_examples=3000, database=None, phases=[Phase.generate]))


def check(strategy: Any, condition: Callable[[Any], Any], examples: int = 50) -> None:
    """Assert that a condition holds for all that is drawn."""

    @settings(max_examples=examples, database=None)
    @given(value=strategy)
    def holds(value: Any) -> None:
        assert condition(value), value

    holds()


# ---- numbers --------------------------------------------------------------------------------------------------------


def test_the_grid_is_dyadic_and_begins_round() -> None:
    assert grid()[:6] == (0, 1, -1, 2, -2, 3)
    assert all(v * 8 == int(v * 8) and abs(v) <= 8 for v in grid())
    assert len(grid()) == 129
    assert grid(0.0, 1.0)[:5] == (0, 1, 0.5, 0.25, 0.75)
    assert grid(0.3, 0.3) == (0.3,)


def test_off_the_grid_no_two_numbers_are_near_or_on_a_step() -> None:
    points = sorted(off_grid())
    assert min(np.diff(points)) == 0.25
    assert not any(v * 4 == int(v * 4) for v in points)


@pytest.mark.parametrize(
    ("domain", "belongs"),
    [
        ("real", lambda v: -8 <= v <= 8),
        ("positive", lambda v: v > 0),
        ("negative", lambda v: v < 0),
        ("nonzero", lambda v: v != 0),
        ("unit", lambda v: -1 < v < 1),
        ("share", lambda v: 0 < v < 1),
        ("above one", lambda v: v > 1),
        ((0.5, 0.75), lambda v: 0.5 <= v <= 0.75),
        ((2, np.inf), lambda v: v >= 2),
        ("int", lambda v: isinstance(v, int)),
        ("bool", lambda v: isinstance(v, bool)),
        (st.just(7.0), lambda v: v == 7),
    ],
)
def test_numbers_of_a_domain(domain: Any, belongs: Callable[[Any], bool]) -> None:
    check(gst.elements(domain), belongs)
    for kinks in ("avoid", "seek"):
        check(gst.elements(domain, kinks=kinks), belongs, 20)


def test_an_unknown_domain_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected a domain among real, .*; received 'rael'"):
        gst.elements("rael")
    with pytest.raises(ValueError, match=r"low <= high; received \(1.0, 0.0\)"):
        gst.elements((1, 0))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [(lambda v: v > 1.3, 2), (lambda v: v <= -1, -1), (lambda v: v not in (0, 1, -1) and v < 1.3, -2)],
)
def test_numbers_shrink_to_round_ones(condition: Callable[[float], bool], expected: float) -> None:
    assert smallest(gst.elements(), condition) == expected


def test_seeking_finds_zeros_and_ties() -> None:
    array = smallest(gst.arrays((3,), kinks="seek"), lambda a: a[0] == a[1] and a[2] == 1)
    assert array.tolist() == [0, 0, 1]
    with pytest.raises(NoSuchExample):
        smallest(gst.arrays((2,), kinks="avoid"), lambda a: (a * 4 == np.rint(a * 4)).any())


# ---- arrays ---------------------------------------------------------------------------------------------------------


def test_arrays_shrink_to_few_round_elements() -> None:
    found = smallest(gst.arrays(), lambda a: a.ndim and a.sum() > 2.3)
    assert found.tolist() == [3]
    assert smallest(gst.arrays()).shape == ()
    assert smallest(gst.arrays(gst.shapes(min_dims=2))).tolist() == [[0]]
    assert smallest(gst.arrays(gst.shapes(min_side=0)), lambda a: a.size == 0).shape == (0,)


def test_dtype_and_shape_are_as_asked() -> None:
    check(gst.arrays((2, 3), dtype=np.float32), lambda a: a.shape == (2, 3) and a.dtype == np.float32)
    check(gst.arrays((2,), "int"), lambda a: a.dtype == np.int64)
    check(gst.dtypes(), lambda d: d.kind == "f")
    check(gst.tensors((2,)), lambda t: isinstance(t, ag.Tensor) and t.requires_grad)
    assert smallest(gst.dtypes()) == np.float64


def test_distinct_elements_are_an_eighth_apart() -> None:
    check(gst.arrays((4, 10), "distinct"), lambda a: np.diff(np.sort(a.ravel())).min() >= 1 / 8, 30)
    check(gst.arrays((200,), "distinct"), lambda a: len(set(a)) == 200, 3)
    assert smallest(gst.arrays((3,), "distinct")).tolist() == [0, 1, -1]


def test_matrices_of_a_domain() -> None:
    check(gst.arrays((2, 3, 3), "spd"), lambda a: np.linalg.eigvalsh(a).min() > 0.01 and (a == a.mT).all())
    check(gst.arrays((2, 3, 3), "invertible"), lambda a: np.linalg.cond(a).max() < 100)
    check(gst.arrays((2, 3), "onehot"), lambda a: (a.sum(axis=-1) == 1).all() and set(a.ravel()) == {0, 1})
    assert smallest(gst.arrays((2, 2), "spd")).tolist() == [[1, 0], [0, 1]]
    assert smallest(gst.arrays((2, 2), "invertible")).tolist() == [[1, 0], [0, 1]]
    assert smallest(gst.arrays((3,), "onehot")).tolist() == [1, 0, 0]
    for domain in ("spd", "invertible"):
        with pytest.raises(ValueError, match=rf"shape \(..., n, n\) for the domain '{domain}'; received \(2, 3\)"):
            smallest(gst.arrays((2, 3), domain))
    with pytest.raises(ValueError, match=r"K > 0 for the domain 'onehot'; received \(\)"):
        smallest(gst.arrays((), "onehot"))


KINDS_OF_MEMORY = {
    "strided": lambda a: a.ndim and a.size > 1 and a.strides[0] == 2 * a[:1].nbytes,
    "reversed": lambda a: a.ndim and a.strides[0] < 0,
    "Fortran": lambda a: a.flags.f_contiguous and not a.flags.c_contiguous,
    "repeated": lambda a: a.ndim and a.shape[0] > 1 and a.strides[0] == 0,
    "read-only": lambda a: not a.flags.writeable,
    "no axes": lambda a: a.ndim == 0,
}


@pytest.mark.parametrize("name", KINDS_OF_MEMORY)
def test_every_layout_of_memory_is_drawn(name: str) -> None:
    is_drawn(gst.arrays(layout="any", kinks="seek"), KINDS_OF_MEMORY[name])


def test_a_layout_keeps_the_values() -> None:
    array = np.arange(12.0).reshape(3, 2, 2)
    check(gst.layouts(array), lambda a: np.array_equal(a, array))


# ---- shapes ---------------------------------------------------------------------------------------------------------


def test_shapes_broadcast() -> None:
    check(gst.broadcastable_shapes(3), lambda shapes: len(shapes) == 3 and np.broadcast_shapes(*shapes) is not None)
    assert smallest(gst.broadcastable_shapes(2)) == ((), ())
    stretched = smallest(gst.broadcastable_shapes(2), lambda s: min(map(len, s)) and s[0][-1] != s[1][-1])
    assert sorted(stretched) == [(1,), (2,)]


def test_signatures() -> None:
    def fits(shapes: Any) -> bool:
        x, w, b = shapes
        return x[-1] == w[-2] and w[-1] == b[-1]

    check(gst.signature_shapes("(n,k),(k,m),(m)->(n,m)"), fits)
    assert smallest(gst.signature_shapes("(n,k),(k,m)")) == ((1, 1), (1, 1))
    assert smallest(gst.signature_shapes("(b,3)", loops=False)) == ((1, 3),)
    check(gst.signature_shapes("(b,3)", loops=False), lambda s: len(s[0]) == 2 and s[0][1] == 3)
    looped = smallest(gst.signature_shapes("(n),(n)", loops=[True, False]), lambda s: len(s[0]) == 3)
    assert looped == ((1, 1, 1), (1,))
    check(gst.signature_shapes("(n),(n)", loops=[True, False]), lambda s: len(s[1]) == 1)


# ---- axes and indices -----------------------------------------------------------------------------------------------


def test_axes() -> None:
    check(gst.axis(np.zeros((2, 3))), lambda a: -2 <= a <= 1)
    check(gst.axis(()), lambda a: a is None)
    check(gst.axes((2, 3, 4)), lambda a: np.zeros((2, 3, 4)).sum(axis=a) is not None)
    assert smallest(gst.axis(3)) == 0
    assert smallest(gst.axis(3, none=True), lambda a: a is None) is None
    assert len(smallest(gst.axes(3), lambda a: isinstance(a, tuple) and len(a) == 2)) == 2


@pytest.mark.parametrize("kind", ["basic", "integers", "mask", "mixed"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 0), (2, 1, 3)])
def test_indices_fit(kind: str, shape: tuple[int, ...]) -> None:
    check(gst.indices(shape, kinds=(kind,)), lambda index: np.zeros(shape)[index] is not None)


HAS = {
    "newaxis": lambda i: any(e is None for e in entries(i)),
    "ellipsis": lambda i: any(e is Ellipsis for e in entries(i)),
    "negative step": lambda i: any(isinstance(e, slice) and (e.step or 1) < 0 for e in entries(i)),
    "repeated": lambda i: any(is_array(e, "i") and len(set(e.ravel())) < e.size for e in entries(i)),
    "mask": lambda i: any(is_array(e, "b") and e.ndim == 2 for e in entries(i)),
    "array beside a slice": lambda i: (
        any(isinstance(e, slice) for e in entries(i)) and any(is_array(e, "i") for e in entries(i))
    ),
    "mask beside an array": lambda i: (
        any(is_array(e, "b") for e in entries(i)) and any(is_array(e, "i") for e in entries(i))
    ),
}


def entries(index: Any) -> list[Any]:
    parts = index if isinstance(index, tuple) else (index,)
    return [None if e is None else e for e in parts if not isinstance(e, np.ndarray)] + [
        e for e in parts if isinstance(e, np.ndarray)
    ]


def is_array(entry: Any, kind: str) -> bool:
    return isinstance(entry, np.ndarray) and entry.dtype.kind == kind


@pytest.mark.parametrize("what", HAS)
def test_every_kind_of_index_is_drawn(what: str) -> None:
    is_drawn(gst.indices((3, 4)), HAS[what])


def test_an_unknown_kind_of_index_is_refused() -> None:
    with pytest.raises(ValueError, match="kinds among basic, integers, mask, mixed; received 'fancy'"):
        gst.indices((3,), kinds=("fancy",))


# ---- arguments of ops -----------------------------------------------------------------------------------------------

ELEMENTWISE = sorted(name for name, op in OPS.items() if op.ufunc is not None and op.ufunc.signature is None)
REDUCTIONS = ["sum", "mean", "prod", "max", "min", "var", "std", "logsumexp", "argmax", "any", "count_nonzero"]
STRUCTURAL = ["matmul", "reshape", "transpose", "broadcast_to", "concatenate", "pad", "astype", "copy", "softmax"]
INDEXING = ["getitem", "scatter_add", "index_update"]


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom", "ignore:invalid value")
@pytest.mark.parametrize("name", [*ELEMENTWISE, *REDUCTIONS, *STRUCTURAL, *INDEXING])
def test_arguments_of_an_op_fit(name: str) -> None:
    op = OPS[name]

    @settings(max_examples=5, database=None)
    @given(row=gst.arguments(op, kinks="any", min_side=0))
    def fits(row: Any) -> None:
        with np.errstate(all="ignore"):
            out = np.asarray(op.forward(*row.inputs, **row.params))
        told = op.infer(*(ShapeDtype(a.shape, a.dtype) for a in row.inputs), **row.params)
        assert tuple(told) == (out.shape, out.dtype)
        # A domain is where the op is defined; those of scipy have poles at integers.
        assert "special." in name or not all(a.size for a in row.inputs) or not np.isnan(out).any()

    fits()


def test_arguments_avoid_kinks_or_seek_them() -> None:
    tied = [lambda row: bool((row.inputs[0] == row.inputs[1]).any())]
    assert smallest(gst.arguments(OPS["maximum"], kinks="seek"), tied[0]).inputs[0].shape == ()
    check(gst.arguments(OPS["maximum"]), lambda row: not tied[0](row))
    check(gst.arguments(OPS["floor"]), lambda row: not (row.inputs[0] == np.floor(row.inputs[0])).any())
    smallest(gst.arguments(OPS["floor"], kinks="any"), lambda row: (row.inputs[0] == 1).any())
    check(gst.arguments(OPS["fmod"]), lambda row: not np.any(np.divide(*row.inputs) % 1 == 0))
    check(gst.arguments(OPS["log"]), lambda row: (row.inputs[0] > 0).all())
    with pytest.raises(ValueError, match="kinks among avoid, seek, any; received 'dodge'"):
        smallest(gst.arguments(OPS["log"], kinks="dodge"))


@pytest.fixture
def scaled() -> Any:
    op = structural(
        "scaled_for_a_test", lambda x, *, by: x * by, lambda g, out, x, *, by: g * by, infer=lambda x, *, by: x
    )
    yield op
    del OPS[op.name]


def test_arguments_of_a_users_op(scaled: Op) -> None:
    with pytest.raises(TypeError, match=r"arguments\(scaled_for_a_test\): expected .* for the parameter 'by'"):
        smallest(gst.arguments(scaled))
    assert smallest(gst.arguments(scaled, params={"by": 3.0})).params == {"by": 3.0}
    assert smallest(gst.arguments(scaled, params={"by": st.sampled_from([2.0, 5.0])})).params == {"by": 2.0}
    row = smallest(gst.arguments(scaled, shapes="(n,2)", params={"by": lambda inputs: float(inputs[0].size)}))
    assert row.params == {"by": 2.0}
    row = smallest(gst.arguments(scaled, shapes=[(3,)], domain="positive", params={"by": 1.0}))
    assert row.inputs[0].tolist() == [1, 1, 1]


# ---- models ---------------------------------------------------------------------------------------------------------


def test_random_functions_print_as_code_and_run() -> None:
    assert repr(smallest(gst.functions())) == "lambda x: x"
    assert repr(smallest(gst.functions(2))) == "lambda x, y: x + y"
    assert repr(smallest(gst.functions(scalar=True))) == "lambda x: x.sum()"

    @settings(max_examples=100, database=None)
    @given(f=gst.functions(2, kinks=True, scalar=True), x=gst.arrays((2, 3), "unit"), y=gst.arrays((3,), "unit"))
    def runs(f: Any, x: np.ndarray, y: np.ndarray) -> None:
        with np.errstate(all="ignore"):
            assert f(x, y).shape == ()
            assert eval(repr(f), {"np": np})(x, y) == f(x, y)
        assert "x" in f.source.split(":")[1]
        assert "y" in f.source.split(":")[1]

    runs()


def test_random_modules_are_chains_of_layers() -> None:
    factories = [lambda: np.sin, lambda: np.exp]
    chain = smallest(gst.modules(factories))
    assert chain.layers == [np.sin]
    longest = smallest(gst.modules(factories, max_layers=2), lambda m: m.layers == [np.exp, np.sin])
    assert longest(0.0) == np.sin(1.0)
    assert repr(longest) == f"Chain([{np.exp!r}, {np.sin!r}])"
    assert smallest(gst.modules(factories, combine=len)) == 1


# ---- without Hypothesis ---------------------------------------------------------------------------------------------

WITHOUT = """
import sys
sys.modules["hypothesis"] = None
import numpy as np
from autograd_lite.testing import check_grads, check_op, property_test, strategies as gst
from autograd_lite.core.op import OPS
assert check_grads(np.sin, np.ones(2)).ok
assert check_op(OPS["sin"], [np.ones(2)]).ok
for use in (gst.shapes, gst.arrays, lambda: property_test(np.sin)):
    try:
        use()
    except ImportError as error:
        assert 'pip install "autograd-lite[testing]"' in str(error), error
    else:
        raise AssertionError(use)
"""


def test_without_hypothesis_all_else_works_and_the_error_says_what_to_install() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_importing_strategies_does_not_import_hypothesis() -> None:
    code = "import sys; from autograd_lite.testing import strategies; assert 'hypothesis' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
