"""The kernels of optimizers give the bits of the NumPy expressions, whatever their operands look like."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native.kernels import INSTRUCTIONS, REASON, extension
from autograd_lite.ops import running_means

from ..nn.optimizers.test_optimizers import VARIANTS, parameters, take_steps
from ..rows import for_every

SETS = extension.instruction_sets() if extension else []
EXPRESSIONS: dict[str, tuple[Any, int]] = {
    "running_mean": (lambda x, y, z: (y - x) * z + x, 3),
    "running_mean_square": (lambda x, y, z: (y * y - x) * z + x, 3),
    "over_root": (running_means._over_root, 5),
}
ROWS = [(instructions, name, dtype) for instructions in SETS for name in EXPRESSIONS for dtype in "fd"]
ROWS = ROWS or [("none", "running_mean", "f")]  # which is skipped
needs_library = pytest.mark.skipif(not SETS, reason=f"native kernels are {REASON}")

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, np.inf, -np.inf, np.nan, 1e-45, -1e-40, 3e38, -3e38, 5e-324, 1e308]


def special(n: int, dtype: str, size: int) -> list[np.ndarray]:
    """Return operands that meet in every combination that chance brings up."""
    rng = np.random.default_rng(n)
    with np.errstate(all="ignore"):
        ends = np.array(SPECIAL).astype(dtype)
    return [
        np.where(rng.random(size) < 0.4, rng.choice(ends, size), rng.normal(size=size)).astype(dtype) for _ in range(n)
    ]


def bits(a: np.ndarray) -> bytes:
    """Return the bits of an array, those of every NaN alike: their sign is that of whichever operand comes first."""
    return np.where(np.isnan(a), a.dtype.type(np.nan), a).tobytes()


def flags(function: Any, *operands: np.ndarray) -> tuple[bytes, list[str]]:
    """Return the bits of a result, those of NaN made alike, and the floating-point errors on the way."""
    raised: list[str] = []
    with np.errstate(all="call", call=lambda error, _: raised.append(error)):
        found = function(*operands)
    return bits(found), sorted(set(raised))


@needs_library
@for_every(ROWS, by=lambda row: row[0], name=" ".join)
def test_bits_and_errors_are_those_of_numpy(row: tuple[str, str, str]) -> None:
    instructions, name, dtype = row
    kernel, (expression, n) = extension.ufuncs(instructions)[name], EXPRESSIONS[name]
    for size in (1, 3, 16, 37, 1000):
        arrays = special(n, dtype, size)
        numbers = [a[0] for a in arrays[2:]]
        for operands in (arrays, [*arrays[:2], *numbers]):
            for one in (operands, *(([a[i : i + 1] if a.ndim else a for a in operands]) for i in range(size // 4))):
                assert flags(kernel, *one) == flags(expression, *one), one


@needs_library
@for_every(ROWS, by=lambda row: row[0], name=" ".join)
def test_bits_do_not_depend_on_where_operands_lie(row: tuple[str, str, str]) -> None:
    instructions, name, dtype = row
    kernel, (_, n) = extension.ufuncs(instructions)[name], EXPRESSIONS[name]
    with np.errstate(all="ignore"):
        arrays = special(n, dtype, 211)
        numbers = [*arrays[:2], *(a[:1].reshape(()) for a in arrays[2:])]
        for operands in (arrays, numbers):
            whole = bits(kernel(*operands))
            for at in (1, 7, 64, 210):
                first, second = (
                    [a if a.ndim == 0 else a[part] for a in operands] for part in (slice(at), slice(at, None))
                )
                assert bits(np.concatenate([kernel(*first), kernel(*second)])) == whole
            spread = [a if a.ndim == 0 else np.repeat(a, 3)[::3] for a in operands]
            backwards = [a if a.ndim == 0 else a[::-1].copy()[::-1] for a in operands]
            assert bits(kernel(*spread)) == bits(kernel(*backwards)) == whole
            for i, a in enumerate(operands):
                if a.ndim:
                    over = [b.copy() for b in operands]
                    kernel(*over, out=over[i])
                    assert bits(over[i]) == whole
    assert kernel(*(np.empty((0, 2), dtype) for _ in range(n))).shape == (0, 2)


def steps() -> str:
    """Return a digest of what every optimizer makes of small parameters and a large one, each on a line.

    Those that multiply small matrices are left out: our kernel adds up in another order than NumPy.
    """
    found = []
    for name, make in VARIANTS.items():
        for dtype in ("float32", "float64"):
            tensors = parameters(dtype, ((2, 3), (), (4,), (300, 240)))
            optimizer = make(parameters=tensors)
            if not optimizer.elementwise:
                continue
            take_steps(optimizer, 3)
            values = [*(p.numpy() for p in tensors), *optimizer.state_dict().values()]
            digest = hashlib.blake2b(b"".join(np.ascontiguousarray(a).tobytes() for a in values), digest_size=6)
            found.append(f"{name} {dtype} {digest.hexdigest()}")
    return "\n".join(found)


@pytest.mark.skipif(not INSTRUCTIONS, reason=f"native kernels are {REASON or 'off'}")
def test_optimizers_take_the_same_steps_without_kernels() -> None:
    program = "from tests.native.test_updates import steps; print(steps())"
    environment = {**os.environ, "AUTOGRAD_LITE_NATIVE": "off"}
    without = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert without.stdout.split("\n")[:-1] == steps().split("\n"), without.stderr


def test_numbers_stay_weak_and_other_dtypes_are_numpys() -> None:
    for dtype in "efdFD":
        x, y = np.ones(3, dtype), np.full(3, 2, dtype)
        assert ag.extend.running_mean(x, y, 0.5).dtype == dtype
        assert ag.extend.running_mean_square(x, y, 0.5).tolist() == [2.5] * 3
        assert ag.extend.over_root(x, y, 2.0, 0.5, 5.0).tolist() == [2.0] * 3
    assert ag.extend.running_mean([1, 2], [2, 4], 0.5).tolist() == [1.5, 3.0]
    with pytest.raises(ag.ShapeError, match=r"running_mean: .*\(2,\).*\(3,\)"):
        ag.extend.running_mean(np.zeros(2), np.zeros(3), 0.5)
