"""Forces and energies: of pairs by index arrays, and of all pairs."""

from __future__ import annotations

from typing import Any

import numpy as np

from .space import Function, Space, program, rng

_GRID = np.stack(np.meshgrid(*[np.arange(5.0)] * 3), -1).reshape(-1, 3) * 1.2
_POINTS = _GRID + 0.1 * rng(0).normal(size=_GRID.shape)
_FIRST, _SECOND = np.nonzero(np.triu(np.linalg.norm(_GRID[:, None] - _GRID[None], axis=-1) < 2.5, 1))


@program("forces of pairs by index arrays", _POINTS)
def lennard_jones(s: Space) -> Function:
    """Verlet's potential (1967) over a list of neighbors."""

    def energy(x: Any) -> Any:
        d = x[_FIRST] - x[_SECOND]
        inverse = 1.0 / s.np.sum(d * d, axis=1)
        six = inverse**3
        return 4.0 * s.np.sum(six * six - six)

    return s.grad(energy)


_CHAIN = np.cumsum(rng(1).normal(size=(120, 3)) * 0.3 + np.array([1.0, 0.0, 0.0]), axis=0)
_I = np.arange(118)


@program("forces of pairs by index arrays", _CHAIN)
def polymer(s: Space) -> Function:
    """A force field of bonds and angles, by lists of atoms as molecular dynamics keeps them."""
    bonds = np.stack([np.arange(119), np.arange(1, 120)])
    angles = np.stack([_I, _I + 1, _I + 2])

    def energy(x: Any) -> Any:
        bond = x[bonds[1]] - x[bonds[0]]
        length = s.np.sqrt(s.np.sum(bond**2, axis=1))
        stretch = 50.0 * s.np.sum((length - 1.0) ** 2)
        u, v = x[angles[0]] - x[angles[1]], x[angles[2]] - x[angles[1]]
        cosine = s.np.sum(u * v, axis=1) / s.np.sqrt(s.np.sum(u**2, axis=1) * s.np.sum(v**2, axis=1))
        return stretch + 5.0 * s.np.sum((cosine + 0.5) ** 2)

    return s.grad(energy)


_EDGES = rng(2).integers(0, 200, (2, 1200))
_WEIGHTS = rng(3).uniform(0.5, 1.5, 1200)


@program("forces of pairs by index arrays", rng(4).uniform(0, 6, 200))
def oscillators(s: Space) -> Function:
    """Kuramoto's phases on a sparse graph: the Hessian of the energy times a vector."""
    v = rng(5).normal(size=200)

    def energy(phase: Any) -> Any:
        return -s.np.sum(_WEIGHTS * s.np.cos(phase[_EDGES[0]] - phase[_EDGES[1]]))

    return lambda phase: s.jvp(s.grad(energy), (phase,), (v,))[1]


@program("all-pairs energies", rng(6).normal(size=(60, 3)) * 3)
def coulomb(s: Space) -> Function:
    """The energy of charges and its gradient, with the diagonal masked by a large number."""
    charge, apart = rng(7).choice([-1.0, 1.0], 60), np.eye(60) * 1e12

    def energy(x: Any) -> Any:
        d = x[:, None, :] - x[None, :, :]
        distance = s.np.sqrt(s.np.sum(d * d, axis=-1) + apart)
        return 0.5 * s.np.sum(charge[:, None] * charge[None, :] / distance)

    return s.grad(energy)


@program("all-pairs energies", rng(8).normal(size=(50, 3)), rng(9).normal(size=(50, 3)))
def gravity(s: Space) -> Function:
    """Plummer's softened potential: the Hessian times a vector."""
    mass, far = rng(10).uniform(0.5, 2.0, 50), 1 - np.eye(50)

    def energy(x: Any) -> Any:
        d = x[:, None, :] - x[None, :, :]
        potential = far / s.np.sqrt(s.np.sum(d**2, axis=-1) + 0.05)
        return -0.5 * s.np.sum(mass[:, None] * mass[None, :] * potential)

    return lambda x, v: s.jvp(s.grad(energy), (x,), (v,))[1]


@program("all-pairs energies", rng(11).normal(size=(80, 2)))
def embedding(s: Space) -> Function:
    """The gradient of t-SNE (van der Maaten and Hinton, 2008, equation 5), by itself."""
    p = rng(12).uniform(size=(80, 80)) * (1 - np.eye(80))
    p = (p + p.T) / p.sum() / 2
    off = 1 - np.eye(80)

    def divergence(y: Any) -> Any:
        squares = s.np.sum(y * y, axis=1)
        kernel = off / (1.0 + squares[:, None] + squares[None, :] - 2.0 * (y @ y.T))
        q = kernel / s.np.sum(kernel)
        return s.np.sum(p * (s.np.log(p + 1e-12) - s.np.log(q + 1e-12)))

    return s.grad(divergence)
