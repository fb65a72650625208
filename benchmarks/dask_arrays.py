"""The value and the gradient of a mean over data larger than memory: Tensors on Dask's arrays, under a hard limit.

Logistic regression on rows that lie on disk as a stack of `.npy` files, one for each chunk. Every contender runs in a
process of its own, whose address space is limited (`RLIMIT_AS`). The peak is that of the memory in use, on Linux.

    python -m benchmarks.dask_arrays                       # 8 GB of data, a limit of 1 GB
    python -m benchmarks.dask_arrays --gigabytes 2 --limit 1
"""

from __future__ import annotations

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

COLUMNS, CHUNK = 64, 40_000  # 20 MB a chunk
THREADS = 2
STEPS = 4  # of training
Contender = Callable[[pathlib.Path, np.ndarray], tuple[Any, Any]]


def write(folder: pathlib.Path, chunks: int) -> None:
    """Write the rows and their labels, chunk by chunk, as `da.to_npy_stack` does."""
    import dask.array as da

    rng = da.random.default_rng(0)
    x = rng.normal(size=(chunks * CHUNK, COLUMNS), chunks=(CHUNK, COLUMNS))
    truth = np.linspace(-1, 1, COLUMNS)
    y = (x @ truth + rng.normal(size=len(x), chunks=CHUNK) > 0).astype(float)
    rows = da.concatenate([x, y[:, None]], axis=1).rechunk({1: -1})
    da.to_npy_stack(str(folder), rows, axis=0)


def loss(w: Any, x: Any, y: Any) -> Any:
    """Return the mean of the logistic loss, with a penalty."""
    z = x @ w
    return (np.logaddexp(0, z) - y * z).mean() + 0.5e-3 * (w @ w)


def _read(folder: pathlib.Path) -> tuple[Any, Any]:
    import dask.array as da

    rows = da.from_npy_stack(str(folder), mmap_mode=None)
    return rows[:, :-1], rows[:, -1]


def autograd_lite(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Take the gradient with respect to NumPy's parameters, and compute it together with the value."""
    import dask

    import autograd_lite as ag

    x, y = _read(folder)
    return dask.compute(*ag.value_and_grad(loss)(w, x, y), num_workers=THREADS)


def dask(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Write the gradient by hand, on Dask's arrays."""
    import dask as library

    x, y = _read(folder)
    z = x @ w
    value = (np.logaddexp(0, z) - y * z).mean() + 0.5e-3 * (w @ w)
    gradient = x.T @ (1 / (1 + np.exp(-z)) - y) / len(x) + 1e-3 * w
    return library.compute(value, gradient, num_workers=THREADS)


def numpy(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Write the gradient by hand, and a loop over the files."""
    value, gradient, count = 0.0, np.zeros_like(w), 0
    for file in sorted(folder.glob("*.npy")):
        rows = np.load(file)
        x, y = rows[:, :-1], rows[:, -1]
        z = x @ w
        value += (np.logaddexp(0, z) - y * z).sum()
        gradient += x.T @ (1 / (1 + np.exp(-z)) - y)
        count += len(x)
    return value / count + 0.5e-3 * (w @ w), gradient / count + 1e-3 * w


def whole(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Read everything, to show that the limit is one."""
    rows = np.concatenate([np.load(file) for file in sorted(folder.glob("*.npy"))])
    return loss(w, rows[:, :-1], rows[:, -1]), w


def training(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Train by L-BFGS, where each evaluation is a pass over the data."""
    import autograd_lite as ag

    found = ag.optimize.minimize(loss, w, args=_read(folder), method="L-BFGS-B", options={"maxiter": STEPS})
    return found.fun, [*found.x, found.nfev]


def training_by_hand(folder: pathlib.Path, w: np.ndarray) -> tuple[Any, Any]:
    """Train by L-BFGS with the loop over the files."""
    from scipy import optimize

    found = optimize.minimize(lambda w: numpy(folder, w), w, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return found.fun, [*found.x, found.nfev]


# With whom each is compared.
CONTENDERS: dict[str, tuple[Contender, str]] = {
    "autograd_lite": (autograd_lite, "numpy"),
    "dask": (dask, "numpy"),
    "numpy": (numpy, "numpy"),
    "training": (training, "training_by_hand"),
    "training_by_hand": (training_by_hand, "training_by_hand"),
    "whole": (whole, "whole"),
}


def worker(name: str, folder: pathlib.Path, limit: int) -> None:
    """Run one contender under the limit and print what it found, as JSON."""
    contender, _ = CONTENDERS[name]
    contender(folder / "small", np.linspace(0, 1, COLUMNS))  # imports, and first calls
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    begin = time.perf_counter()
    try:
        value, vector = contender(folder / "rows", np.linspace(0, 1, COLUMNS))
    except MemoryError:
        print(json.dumps({"failed": "MemoryError"}))
        return
    seconds = time.perf_counter() - begin
    status = pathlib.Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024  # `ru_maxrss` begins with that of the parent
    print(json.dumps({"value": float(value), "vector": list(map(float, vector)), "seconds": seconds, "peak": peak}))


def measured(name: str, folder: pathlib.Path, limit: int) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.dask_arrays", "--worker", name, str(folder), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(arguments: Sequence[str]) -> None:
    """Write the data, run the contenders in turns, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=8.0, help="of data")
    parser.add_argument("--limit", type=float, default=1.0, help="of address space, in gigabytes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.worker:
        name, folder, limit = options.worker
        worker(name, pathlib.Path(folder), int(limit))
        return
    chunk_bytes = CHUNK * (COLUMNS + 1) * 8
    chunks, limit = round(options.gigabytes * 1e9 / chunk_bytes), int(options.limit * 1e9)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write(folder / "small", 1)
        write(folder / "rows", chunks)
        rounds = [{k: measured(k, folder, limit) for k in CONTENDERS} for _ in range(options.rounds)]
    print(f"{chunks} chunks of {chunk_bytes / 1e6:.0f} MB: {chunks * chunk_bytes / 1e9:.1f} GB; limit {limit / 1e9} GB")
    for k in CONTENDERS:
        found = [r[k] for r in rounds]
        if "failed" in found[0]:
            print(f"  {k:17} {found[0]['failed']}")
            continue
        seconds, peak = min(f["seconds"] for f in found), max(f["peak"] for f in found)
        peer = CONTENDERS[k][1]
        theirs = min(r[peer]["seconds"] for r in rounds)
        off = np.abs(np.subtract(found[0]["vector"], rounds[0][peer]["vector"])).max()
        passes = f"{found[0]['vector'][-1]:.0f} passes" if "training" in k else "1 pass"
        print(
            f"  {k:17} {seconds:6.2f} s  {seconds / theirs:4.2f} of {peer}  {passes}  peak {peak / 1e6:.0f} MB  "
            f"value {found[0]['value']:.12f}  off by {off:.1e}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
