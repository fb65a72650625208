"""The coefficients of explicit Runge-Kutta methods, SciPy's and our own, with those of their interpolants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..core.late import needs

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    import scipy.integrate as original


@dataclass(frozen=True, eq=False)
class Tableau:
    """An explicit Runge-Kutta method: k[i] = f(t + c[i] h, y + h Σ a[i, j] k[j]).

    A step ends at y + h Σ b[j] k[j].
    The last of the `stages` is followed by a row for the slope at the end, which is the first one of the next step;
    rows after that are needed where the solution is read within a step. There it is y + h Σ w[j](x) k[j], where x runs
    from 0 to 1, and the weights are w(x) = φ(x) · dense. The functions φ are x, x², x³, …; those of an alternating
    basis are x, x (1 - x), x² (1 - x), ….

    Attributes:
        name: as users say it.
        stages: how many slopes a step needs.
        a: shape (rows, rows), strictly lower; a[stages] is b.
        c: shape (rows,).
        errors: weights of estimates of the error, each of a row of length stages + 1.
        order: of the solution; `error_order` of that which steps are chosen for.
        dense: shape (degree, rows).
        is_alternating: whether the basis is.
        scipy: the class of SciPy's whose steps these are, to the bit; None for ours.
    """

    name: str
    stages: int
    a: Any
    c: Any
    errors: Any
    order: int
    error_order: int
    dense: Any
    is_alternating: bool = False
    scipy: Any = None

    @cached_property
    def b(self) -> Any:
        """The weights of the slopes at the end, shape (stages,)."""
        return self.a[self.stages, : self.stages]

    @property
    def rows(self) -> int:
        """How many slopes there are, with those for the interpolant."""
        return len(self.c)

    @cached_property
    def read_rows(self) -> int:
        """How many slopes the interpolant needs, counted from the first one."""
        return 1 + int(np.flatnonzero(np.abs(self.dense).sum(axis=0))[-1])

    @cached_property
    def numbers(self) -> tuple[Any, ...]:
        """What C needs of it."""
        return self.stages, *[np.ascontiguousarray(a, float) for a in (self.a, self.c, self.errors)]

    def weights(self, x: Any) -> Any:
        """Return the weights of the slopes at places x within a step, shape (m,): shape (m, rows)."""
        degree = len(self.dense)
        factors = [1 - x if i % 2 else x for i in range(degree)] if self.is_alternating else [x] * degree
        basis = np.cumprod(np.array(factors).reshape(degree, len(x)), axis=0)
        out = np.zeros((len(x), self.rows))
        for values, row in zip(basis, self.dense, strict=True):  # sums in one order, whatever BLAS there is
            out += values[:, None] * row
        return out


def _square(rows: Sequence[Sequence[float]]) -> Any:
    """Return rows of a lower triangle as a matrix."""
    a = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a


def _of_scipy(cls: Any) -> Tableau:
    """Return the coefficients of a class of SciPy's whose interpolant is a matrix P."""
    s = cls.n_stages
    a = np.zeros((s + 1, s + 1))
    a[:s, : cls.A.shape[1]] = cls.A
    a[s, :s] = cls.B
    c = np.append(cls.C, 1.0)
    name, dense = cls.__name__, np.ascontiguousarray(cls.P.T)
    return Tableau(name, s, a, c, cls.E[None], cls.order, cls.error_estimator_order, dense, scipy=cls)


def _eighth(name: str, scipy: Any) -> Tableau:
    """Return Hairer's method of order 8, with errors of orders 5 and 3, and three more stages for its interpolant."""
    cls = original.DOP853
    s, extra = cls.n_stages, len(cls.A_EXTRA)
    a = np.zeros((s + 1 + extra,) * 2)
    a[:s, :s] = cls.A
    a[s, :s] = cls.B
    a[s + 1 :] = cls.A_EXTRA
    moved, first, last = np.zeros((3, s + 1 + extra))
    moved[:s], first[0], last[s] = cls.B, 1, 1
    dense = np.vstack([moved, first - moved, 2 * moved - last - first, cls.D])
    c = np.concatenate([cls.C, [1.0], cls.C_EXTRA])
    errors = np.stack([cls.E5, cls.E3])
    return Tableau(name, s, a, c, errors, 8, 7, dense, is_alternating=True, scipy=scipy)


def _fifth_of_tsitouras() -> Tableau:
    a = _square(
        [
            [],
            [0.161],
            [-0.008480655492356989, 0.335480655492357],
            [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
            [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
            [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
            [
                0.09646076681806523,
                0.01,
                0.4798896504144996,
                1.379008574103742,
                -3.290069515436081,
                2.324710524099774,
            ],
        ]
    )
    c = np.array([0, 0.161, 0.327, 0.9, 0.9800255409045097, 1, 1])
    error = [
        -0.00178001105222577714,
        -0.0008164344596567469,
        0.007880878010261995,
        -0.1447110071732629,
        0.5823571654525552,
        -0.45808210592918697,
        0.015151515151515152,
    ]
    # of x, x², x³ and x⁴ for each slope
    dense = np.array(
        [
            [1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216],
            [0.0, 0.13169999999999998, -0.2234, 0.1017],
            [0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253],
            [0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902],
            [0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928],
            [0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661],
            [0.0, 1.5, -4.0, 2.5],
        ]
    )
    return Tableau("Tsit5", 6, a, c, np.array([error]), 5, 4, np.ascontiguousarray(dense.T))


def _fifth_of_dormand_and_prince() -> Tableau:
    theirs = _of_scipy(original.RK45)
    return Tableau("Dopri5", 6, theirs.a, theirs.c, theirs.errors, 5, 4, theirs.dense)


TSIT5 = _fifth_of_tsitouras()
DOPRI5 = _fifth_of_dormand_and_prince()
DOPRI8 = _eighth("Dopri8", None)
SCIPY = [_of_scipy(original.RK23), _of_scipy(original.RK45), _eighth("DOP853", original.DOP853)]
