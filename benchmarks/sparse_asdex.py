"""What `benchmarks.sparse` runs in asdex's own Python, for it wants newer versions of Python and JAX.

Reads names of matrices and numbers of calls from the standard input; writes what it measured, as lines of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from benchmarks.sparse_problems import NUMPY, SPARSE


def main() -> None:
    """Answer until the input ends."""
    import asdex
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    by = NUMPY._replace(joined=lambda *parts, axis=0: jnp.concatenate(parts, axis))
    ready: dict[str, Any] = {}

    def prepare(name: str) -> dict[str, Any]:
        row = SPARSE[name]
        x = jnp.asarray(row.point())
        kind = "hessian" if row.hessian else "jacobian"

        def f(z: Any) -> Any:
            return row.f(z, by)

        begin = time.process_time()
        coloring = getattr(asdex, f"{kind}_coloring")(f, x)
        seconds = time.process_time() - begin
        ready[name] = jax.jit(getattr(asdex, f"{kind}_from_coloring")(f, coloring)), x
        matrix = ready[name][0](x)
        data, places = np.asarray(matrix.data), np.asarray(matrix.indices)
        probe = np.random.default_rng(1).normal(size=matrix.shape[1])
        sums = np.bincount(places[:, 0], data * probe[places[:, 1]], matrix.shape[0])
        return {"prepare": seconds, "nnz": data.size, "probe": float(np.abs(sums).sum())}

    for line in sys.stdin:
        name, _, count = line.rstrip("\n").partition("\t")
        if name not in ready:
            answer = prepare(name)
        else:
            f, x = ready[name]
            begin = time.process_time()
            for _ in range(int(count)):
                f(x).data.block_until_ready()
            answer = {"seconds": (time.process_time() - begin) / int(count)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
