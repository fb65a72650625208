"""Our own ops under arguments that are drawn, as a user's op without cases is checked."""

from __future__ import annotations

import numpy as np
import pytest

from autograd_lite.core.op import OPS, structural
from autograd_lite.testing import check_op
from autograd_lite.testing.ops import IDLE, LAWS

from ..laws.reading import READS_MORE
from ..scipy_cases import EXEMPT, NARROW, PARAMETERS

SOME = [
    "add",
    "divide",
    "log",
    "power",
    "maximum",
    "fmod",
    "hypot",
    "where",
    "clip",
    "relu",
    "elu",
    "sum",
    "max",
    "std",
]
SOME += ["matmul", "transpose", "getitem", "index_update", "concatenate", "pad", "softmax", "det", "solve", "argmax"]
OUTSIDE = {
    "eig": "its vectors have a phase that a finite difference may turn",
    "cross": "rows of the table say that its vectors are three long",
    "special.kl_div": "at x = y its rounding is larger than its slope",
    "recurrence": "its inputs have one shape wherever it is used",
    "cholesky_pullback": "its inputs have one shape wherever it is used",
    "eigenvector_change": "its inputs are a matrix, its eigenpairs and a change of it wherever it is used",
    "used_vectors": "its inputs are matrices wherever it is used",
    "second_cofactor": "its inputs are square matrices wherever it is used",
    "valid_convolution": "its second sequence is not the longer one wherever it is used",
    "slogdet": "its rule reads the result of complex matrices alone, and what is drawn is real",
    "special.hyperu": "SciPy's function has fewer digits at integer b than its differences would need",
    "special.stdtr": "SciPy's function is a staircase within 1e-8 of t = 0, for one degree of freedom",
}
OUTSIDE |= dict.fromkeys(
    ["cross_entropy", "cross_entropy_pullback"], "its second input is labels, and what is drawn is real"
)
OUTSIDE |= {f"special.{name}": "its record does not tell what fits" for name in {*NARROW, *PARAMETERS}}
OUTSIDE |= {f"special.{name}": "its second derivative is 0/0 at m = 0" for name in ("ellipkinc", "ellipeinc")}
pytestmark = pytest.mark.filterwarnings("ignore")


def laws_of(name: str) -> list[str]:
    # What is drawn is real, and the rule of `sign` reads its input where that is complex alone.
    exempt = EXEMPT.get(name.removeprefix("special."), {})
    return [law for law in LAWS if law not in exempt and (law != IDLE or name not in {*READS_MORE, "sign"})]


@pytest.mark.parametrize("name", SOME)
def test_some_ops_keep_every_law(name: str) -> None:
    assert check_op(OPS[name], laws=laws_of(name), examples=6).ok


# More of two hundred special functions would take minutes, and meet places where SciPy has few digits.
DRAWN = [pytest.param(name, 8, marks=pytest.mark.ci) for name in sorted(OPS)]
DRAWN += [pytest.param(name, 40, marks=pytest.mark.long) for name in sorted(OPS) if not name.startswith("special.")]


@pytest.mark.parametrize(("name", "examples"), DRAWN)
def test_every_op_keeps_every_law(name: str, examples: int) -> None:
    if name in OUTSIDE or name.startswith("random_"):
        pytest.skip(OUTSIDE.get(name, "a draw has no inputs"))
    try:
        report = check_op(OPS[name], laws=laws_of(name), examples=examples)
    except (TypeError, ValueError) as error:
        pytest.skip(f"what it takes is not known: {error}")
    assert report.ok


def test_what_fits_must_be_said_where_the_record_does_not_tell() -> None:
    op = structural("picky_t", lambda x: x[:, :, None].copy(), lambda g, out, x: g[..., 0], infer=lambda x: x)
    try:
        never = [(3,)]
        with pytest.raises(ValueError, match=r"check_op\(picky_t\): expected arguments that fit .* Pass cases="):
            check_op(op, shapes=never)
        with pytest.raises(AssertionError, match="law 'infer'"):
            check_op(op, shapes="(n,m)")
    finally:
        del OPS["picky_t"]


def test_a_first_order_check_is_fast() -> None:
    """A thousand of them run in a few seconds, so that mutants of every rule can be tried."""
    rows = [(np.linspace(0.5, 2, 6).reshape(2, 3), np.linspace(1, 2, 3))]
    report = min(
        (check_op(OPS["divide"], rows, laws=["raw", "strict", "first"]) for _ in range(5)), key=lambda r: r.seconds
    )
    assert report.seconds < 0.05
