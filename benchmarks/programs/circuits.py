"""Small complex circuits: of qubits, and of resistors and capacitors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .space import Function, Space, program, rng

_QUBITS = 5


@program("small complex circuits", rng(50).uniform(0, 3, (3, _QUBITS)))
def qubits(s: Space) -> Function:
    """The energy of a variational circuit (Peruzzo and others, 2014) of five qubits, and its gradient."""
    signs = 1 - 2 * ((np.arange(2**_QUBITS)[:, None] >> np.arange(_QUBITS)) & 1)
    entangled = np.prod(signs[:, :-1] + signs[:, 1:] + 1, axis=1).astype(complex) / 3.0
    entangled = np.exp(1j * np.pi * np.real(entangled))
    weight = np.sum(signs[:, :-1] * signs[:, 1:], axis=1)

    def energy(angles: Any) -> Any:
        state = np.zeros([2] * _QUBITS, complex)
        state[(0,) * _QUBITS] = 1.0
        for layer in range(3):
            for q in range(_QUBITS):
                c, t = s.np.cos(angles[layer, q] / 2), s.np.sin(angles[layer, q] / 2)
                gate = s.np.stack([s.np.stack([c, -1j * t]), s.np.stack([-1j * t, c])])
                state = s.np.moveaxis(s.np.tensordot(gate, state, axes=([1], [q])), 0, q)
            state = s.np.reshape(s.np.reshape(state, (-1,)) * entangled, [2] * _QUBITS)
        flat = s.np.reshape(state, (-1,))
        return s.np.sum(weight * s.np.real(flat * s.np.conj(flat)))

    return s.grad(energy)


_FREQUENCY = np.logspace(0, 4, 60)
_IMPEDANCE = 10 + 50 / (1 + 1j * _FREQUENCY * 0.01) + rng(51).normal(size=60)


@program("small complex circuits", np.log(np.array([8.0, 40.0, 2e-4, 30.0])))
def impedance(s: Space) -> Function:
    """A Randles circuit fitted to impedances in the complex plane: the gradient."""

    def misfit(logs: Any) -> Any:
        r0, r1, c, w = [s.np.exp(logs[k]) for k in range(4)]
        faradaic = r1 + w / s.np.sqrt(1j * _FREQUENCY)
        z = r0 + 1.0 / (1.0 / faradaic + 1j * _FREQUENCY * c)
        gap = z - _IMPEDANCE
        return s.np.sum(s.np.real(gap) ** 2 + s.np.imag(gap) ** 2)

    return s.grad(misfit)
