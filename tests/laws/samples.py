"""Rows of the table with data: which inputs a law sees, the same in every run."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.core.op import OPS, Op

from ..all_cases import CASES, OpCase

__all__ = ["DIFFERENTIABLE", "SAMPLES", "Sample", "differentiable_inputs", "draw", "off_jumps", "op_name"]

INTEGER_DOMAINS = {"int": (-4, 5), "shift": (0, 6), "more": (6, 10)}


class Sample(NamedTuple):
    """One row of the table with one choice of shapes and parameters."""

    name: str
    case: OpCase
    shapes: tuple[tuple[int, ...], ...]
    params: dict[str, Any]

    @property
    def op(self) -> Op:
        """The op record."""
        return OPS[self.case.op]

    @property
    def domains(self) -> list[str]:
        """The domain of each input."""
        domain = self.case.domain
        return [domain] * len(self.shapes) if isinstance(domain, str) else list(domain)

    def arrays(self, dtype: Any = np.float64, salt: int = 0) -> list[np.ndarray]:
        """Return the inputs; those that the domain makes floating have this dtype."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()) + salt)
        if "off jumps" in self.domains:
            return [a.astype(dtype) for a in off_jumps(self.shapes, rng)]
        pairs = list(zip(self.shapes, self.domains, strict=True))
        distinct = iter(_distinct([shape for shape, domain in pairs if domain == "distinct"], rng))
        drawn = [next(distinct) if domain == "distinct" else draw(shape, domain, rng) for shape, domain in pairs]
        return [a.astype(_like(a, dtype)) for a in drawn]

    def call(self, *inputs: Any) -> Any:
        """Return the result of the op; of several results, all their elements one after the other."""
        return joined(self.op(*inputs, **self.params))

    def cotangent(self, shape: tuple[int, ...], dtype: Any = np.float64, salt: int = 1) -> np.ndarray:
        """Return a random cotangent, none of its elements near zero; a complex one for a complex dtype."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()) + 1000 * salt)
        values = draw(shape, "nonzero", rng)
        return np.asarray(values + 1j * draw(shape, "nonzero", rng) if np.dtype(dtype).kind == "c" else values, dtype)

    def project(self, arrays: Sequence[Any]) -> list[Any]:
        """Return the symmetric parts of inputs that are symmetric by contract: their gradients are of these."""
        domains = [*self.domains, *[""] * (len(arrays) - len(self.domains))]
        return [
            (a + a.conj().swapaxes(-1, -2)) / 2 if d.endswith(SYMMETRIC) else a
            for a, d in zip(arrays, domains, strict=True)
        ]


def joined(out: Any) -> Any:
    """Return a result as it is, and several ones as one array: all their elements one after the other."""
    return np.concatenate([a.reshape(-1) for a in out]) if isinstance(out, tuple) else out


def _like(a: np.ndarray, dtype: Any) -> np.dtype[Any]:
    """Return the dtype that a drawn array has in a test of the floating `dtype`; there is no complex half."""
    if a.dtype.kind == "c":
        return np.result_type(dtype, np.complex64)
    return np.dtype(dtype) if a.dtype.kind == "f" else a.dtype


def draw(shape: tuple[int, ...], domain: str, rng: np.random.Generator) -> np.ndarray:
    """Return random values of a domain of one input."""
    if domain in INTEGER_DOMAINS:
        return np.asarray(rng.integers(*INTEGER_DOMAINS[domain], shape))
    if domain == "bool":
        return np.asarray(rng.integers(0, 2, shape).astype(bool))
    if domain.startswith("complex"):
        kind = domain.removeprefix("complex").strip()
        return (
            _matrices(shape, kind, rng, 1j)
            if kind in MATRICES
            else draw(shape, kind or "any", rng) + 1j * draw(shape, kind or "any", rng)
        )
    if domain in MATRICES:
        return _matrices(shape, domain, rng, 0)
    if "…" in domain:
        return np.asarray(rng.uniform(*map(float, domain.split("…")), shape))
    values = {
        "any": lambda: rng.normal(size=shape),
        "positive": lambda: rng.uniform(0.3, 2.5, shape),
        "nonzero": lambda: rng.uniform(0.3, 2.5, shape) * rng.choice([-1.0, 1.0], shape),
        "unit": lambda: rng.uniform(-0.9, 0.9, shape),
        "share": lambda: rng.uniform(0.1, 0.9, shape),
        "negative": lambda: rng.uniform(-2.5, -0.3, shape),
        "above one": lambda: rng.uniform(1.2, 3.0, shape),
        "coarse": lambda: rng.integers(-1, 2, shape).astype(float),
        "between": lambda: rng.integers(-6, 6, shape) / 2 + rng.uniform(0.1, 0.4, shape),
    }
    return np.asarray(values[domain]())


# All well conditioned, and their singular values (eigenvalues, where they are symmetric) well apart.
MATRICES = ("full rank", "real eigenvalues", "symmetric", "positive definite", "upper")
SYMMETRIC = ("symmetric", "positive definite")


def _matrices(shape: tuple[int, ...], kind: str, rng: np.random.Generator, unit: complex) -> np.ndarray:
    """Return random matrices; `unit` is 1j for complex ones."""
    *batch, m, n = shape
    u, v = (np.linalg.qr(_normal((*batch, k, k), rng, unit))[0] for k in (m, n))
    k = min(m, n)
    values = 0.7 + 0.6 * np.arange(k) + rng.uniform(0, 0.2, (*batch, k))
    if kind in ("upper", "real eigenvalues"):
        upper = 0.5 * np.triu(_normal(shape, rng, unit), 1) + np.eye(n) * values[..., None]
        return upper if kind == "upper" else np.asarray(u @ upper @ u.conj().swapaxes(-1, -2))
    if kind == "symmetric":
        values = values * np.where(np.arange(k) % 2, -1, 1)
    v = u if kind in SYMMETRIC else v
    return np.asarray((u[..., :k] * values[..., None, :]) @ v.conj().swapaxes(-1, -2)[..., :k, :])


def _normal(shape: Sequence[int], rng: np.random.Generator, unit: complex) -> np.ndarray:
    return rng.normal(size=shape) + unit * rng.normal(size=shape) if unit else rng.normal(size=shape)


def _distinct(shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return arrays no two elements of which, in whatever array, are nearer than 1/4."""
    sizes = [int(np.prod(shape)) for shape in shapes]
    pool = rng.permutation(sum(sizes)) * 0.5 - 0.2 * sum(sizes) + rng.uniform(0, 0.25, sum(sizes))
    parts = np.split(pool, np.cumsum(sizes)[:-1]) if sizes else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def off_jumps(shapes: Sequence[tuple[int, ...]], rng: np.random.Generator) -> list[np.ndarray]:
    """Return x and y with x / y at least 0.05 from every integer."""
    while True:
        x, y = draw(shapes[0], "any", rng) * 3, draw(shapes[1], "nonzero", rng)
        if np.all(np.abs(x / y - np.rint(x / y)) > 0.05):
            return [np.asarray(x), np.asarray(y)]


def _samples() -> list[Sample]:
    samples, seen = [], {}
    for case in CASES:
        for shapes in case.shapes:
            for params in case.params:
                name = "-".join([case.op, *("x".join(map(str, shape)) or "0d" for shape in shapes)])
                seen[name] = seen.get(name, 0) + 1
                samples.append(Sample(f"{name}.{seen[name]}" if seen[name] > 1 else name, case, shapes, params))
    return samples


SAMPLES = _samples()


def op_name(sample: Sample) -> str:
    """Return the op of a sample, by which tests are grouped."""
    return sample.case.op


def differentiable_inputs(sample: Sample) -> list[int]:
    """Return the inputs that are floating and that the op has a rule for."""
    op, discrete = sample.op, {*INTEGER_DOMAINS, "bool"}
    if not op.differentiable:
        return []
    return [i for i, domain in enumerate(sample.domains) if domain not in discrete and op.rule(i) is not None]


DIFFERENTIABLE = [sample for sample in SAMPLES if sample.case.op in OPS and differentiable_inputs(sample)]
