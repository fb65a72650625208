"""Which derivatives each method takes."""

from __future__ import annotations

from typing import NamedTuple


class Takes(NamedTuple):
    """What a method of `minimize` takes.

    Attributes:
        jac: the gradient, and Jacobians of constraints.
        hess: the Hessian.
        hessp: the Hessian times a vector.
        constraints: any.
        sparse: matrices that are sparse.
    """

    jac: bool = True
    hess: bool = False
    hessp: bool = False
    constraints: bool = False
    sparse: bool = False


MINIMIZE: dict[str, Takes] = {
    "nelder-mead": Takes(jac=False),
    "powell": Takes(jac=False),
    "cg": Takes(),
    "bfgs": Takes(),
    "newton-cg": Takes(hess=True, hessp=True),
    "l-bfgs-b": Takes(),
    "tnc": Takes(),
    "cobyla": Takes(jac=False, constraints=True),
    "cobyqa": Takes(jac=False, constraints=True),
    "slsqp": Takes(constraints=True),
    "trust-constr": Takes(hess=True, hessp=True, constraints=True, sparse=True),
    "ipopt": Takes(hess=True, constraints=True, sparse=True),
    "dogleg": Takes(hess=True),
    "trust-ncg": Takes(hess=True, hessp=True),
    "trust-exact": Takes(hess=True),
    "trust-krylov": Takes(hess=True, hessp=True),
}
# A custom method is given all of them.
CUSTOM = Takes(hess=True, hessp=True, constraints=True)
# Methods of `scipy.optimize.root` that take a Jacobian; the others build an approximation of their own.
ROOT = frozenset({"hybr", "lm"})
# Those that take a sparse Jacobian; `newton` is ours.
SPARSE_ROOT = frozenset({"newton", "krylov"})
# The highest derivative that methods of `scipy.optimize.root_scalar` take.
ROOT_SCALAR = {"newton": 1, "halley": 2}
# Parameters up to which a whole Hessian is computed where products with it would do.
MOST_FOR_HESSIAN = 64
# Parameters up to which Ipopt is given a dense Hessian.
MOST_FOR_DENSE = 2000
# Parameters from which on sparse matrices may pay: more where solvers work with dense ones of that size in no time.
LEAST_FOR_SPARSE = {"ipopt": 128, "trust-constr": MOST_FOR_HESSIAN + 1, "least_squares": 256, "root": 256}
# The part of entries up to which a matrix counts as sparse.
MOST_NONZEROS = 0.25
