"""Over MPI, with everything that one process draws from its own stream: orders, dropout, and what callbacks do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from .jobs import MPIEXEC, done

TRAINED = Path(__file__).with_name("trained.py")


def results(folder: Path, dtype: str, size: int) -> list[dict[str, np.ndarray]]:
    """Train, and return what each rank has found."""
    command = [sys.executable, TRAINED, folder, dtype]
    job = done(command if size == 1 else [MPIEXEC, "-n", str(size), *command], timeout=60, OPENBLAS_NUM_THREADS="1")
    assert job.code == 0, job.err
    (folder / f"out-{dtype}-{size}").write_text(job.out)
    return [dict(np.load(folder / f"{dtype}-{size}-{rank}.npz")) for rank in range(size)]


@pytest.mark.ci
@pytest.mark.parametrize(("dtype", "close"), [("float64", 1e-9), ("float32", 2e-4)])
def test_ranks_of_mpi_train_as_one_process_does(dtype: str, close: float, tmp_path: Path) -> None:
    (alone,) = results(tmp_path, dtype, 1)
    for size in (2, 4) if dtype == "float64" else (2,):
        every = results(tmp_path, dtype, size)
        for name, value in alone.items():
            np.testing.assert_allclose(every[0][name], value, rtol=close, atol=close, err_msg=name)
            for other in every[1:]:
                np.testing.assert_array_equal(other[name], every[0][name], err_msg=name)
        for file in ("best-{}.nn", "log-{}.csv"):
            assert (tmp_path / file.format(size)).exists()
        epochs = [line for line in (tmp_path / f"out-{dtype}-{size}").read_text().splitlines() if "Epoch" in line]
        said = (tmp_path / f"out-{dtype}-1").read_text().splitlines()
        assert len(epochs) == sum("Epoch" in line for line in said)  # the first rank alone prints
