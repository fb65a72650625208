"""One library in one process: `python -m benchmarks.programs.worker ours|jax`; answers one line of JSON to each line.

The lines are `NAME first`, upon which a program is made and called once; `NAME eager` and `NAME compiled`, which time
it in its steady state; and `NAME values`.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from . import PROGRAMS, Space

_ENOUGH = 0.03  # seconds that a measurement takes at least
_WARM = 0.1  # seconds of calls before it, after which ours begins to compile what pays
_COMPILES = "autograd_lite compiles"  # the thread that does


def ours() -> tuple[Space, Callable[[Any], Any], Callable[[Any], Any]]:
    """Return our space, what compiles, and what makes arguments."""
    import scipy.special

    import autograd_lite as ag
    import autograd_lite.numpy as anp

    space = Space(
        anp,
        ag.grad,
        ag.jacobian,
        ag.hessian,
        lambda f, x, v: ag.jvp(f)(x, v),
        ag.vmap,
        ag.scan,
        ag.logsumexp,
        scipy.special.gammaln,
    )
    return space, ag.compile, lambda x: x


def jax() -> tuple[Space, Callable[[Any], Any], Callable[[Any], Any]]:
    """Return JAX's, in double precision."""
    import jax
    import jax.scipy.special

    jax.config.update("jax_enable_x64", True)
    of_scipy = jax.scipy.special.logsumexp, jax.scipy.special.gammaln
    space = Space(jax.numpy, jax.grad, jax.jacobian, jax.hessian, jax.jvp, jax.vmap, jax.lax.scan, *of_scipy)
    return space, jax.jit, jax.numpy.asarray


def main(library: str) -> None:
    """Serve the lines of standard input."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    space, compiled, argument = {"ours": ours, "jax": jax}[library]()
    calls: dict[tuple[str, str], Callable[[], Any]] = {}
    for line in sys.stdin:
        name, what = line.split()
        program = PROGRAMS[name]
        arguments = [argument(a) for a in program.arguments]
        try:
            if what == "first":
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                start = time.perf_counter()
                f = compiled(program.make(space))
                _waited(f(*arguments))
                seconds = time.perf_counter() - start
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                calls[name, "compiled"] = lambda f=f, arguments=arguments: f(*arguments)
                eager = program.make(space)
                calls[name, "eager"] = lambda f=eager, arguments=arguments: f(*arguments)
                answer: dict[str, Any] = {"seconds": seconds, "kilobytes": memory}
            elif what == "values":
                answer = {"values": [np.asarray(a).tolist() for a in _leaves(calls[name, "compiled"]())]}
            else:
                answer = {"seconds": _seconds(calls[name, what])}
        except Exception as error:  # whatever a library raises is a result
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


def _leaves(out: Any) -> list[Any]:
    return [leaf for part in out for leaf in _leaves(part)] if isinstance(out, (tuple, list)) else [out]


def _waited(out: Any) -> Any:
    for a in _leaves(out):
        np.asarray(a)
    return out


def _seconds(run: Callable[[], Any]) -> float:
    """Return the time of one call, the mean of as many as take long enough."""
    start = time.perf_counter()
    while time.perf_counter() - start < _WARM or any(t.name == _COMPILES for t in threading.enumerate()):
        _waited(run())
    gc.collect()
    n = 1
    while True:
        start = time.perf_counter()
        for _ in range(n):
            out = run()
        _waited(out)
        seconds = time.perf_counter() - start
        if seconds >= _ENOUGH:
            return seconds / n
        n = max(2 * n, int(n * _ENOUGH / max(seconds, 1e-9)) + 1)


if __name__ == "__main__":
    main(sys.argv[1])
