"""Calls of `scipy.special`'s functions that are not ufuncs; see `cases`."""

from __future__ import annotations

import numpy as np

from .case import Case, normal

POSITIVE = np.array([0.7, 1.6, 2.9])
WEIGHTS = np.array([[0.5, 1.5, 0.0], [1.0, 2.0, 0.3]])

SPECIAL = [
    *[
        Case(f"special.logsumexp {axis} {keep}", call, (normal(2, 3),))
        for axis in (None, 0, 1, (0, 1))
        for keep in (False, True)
        for call in [lambda m, a, axis=axis, keep=keep: m.logsumexp(a, axis, keepdims=keep)]
    ],
    Case("special.logsumexp b", lambda m, a, b: m.logsumexp(a, 1, b=b + 1), (normal(2, 3), WEIGHTS)),
    Case("special.logsumexp b=0", lambda m, a: m.logsumexp(a, axis=1, b=WEIGHTS), (normal(2, 3),)),
    Case("special.logsumexp sign", lambda m, a: m.logsumexp(a, 1, b=WEIGHTS - 0.4, return_sign=True), (normal(2, 3),)),
    *[
        Case(f"special.{name} {axis}", call, (normal(2, 3),))
        for name in ("softmax", "log_softmax")
        for axis in (None, 0, -1)
        for call in [lambda m, a, name=name, axis=axis: getattr(m, name)(a, axis)]
    ],
    *[
        Case(f"special.polygamma {n}", call, (POSITIVE,))
        for n in (0, 1, 3)
        for call in [lambda m, x, n=n: m.polygamma(n, x)]
    ],
    Case("special.polygamma array", lambda m, x: m.polygamma(np.arange(3), x), (POSITIVE,)),
    Case("special.multigammaln", lambda m, a: m.multigammaln(a + 1, 3), (POSITIVE,)),
    Case("special.comb", lambda m, n, k: m.comb(n, k), (POSITIVE + 2, POSITIVE)),
    Case("special.comb outside", lambda m, n: m.comb(n, 2.3), (POSITIVE,)),
    Case("special.comb repetition", lambda m, n, k: m.comb(n, k, repetition=True), (POSITIVE + 2, POSITIVE)),
    Case("special.perm", lambda m, n, k: m.perm(n, k), (POSITIVE + 2, POSITIVE)),
    Case("special.factorial", lambda m, n: m.factorial(n), (POSITIVE - 1.1,)),
    *[
        Case(f"special.{name} {n}", call, (POSITIVE, POSITIVE[::-1] + 0.1))
        for name in ("jvp", "yvp", "ivp", "kvp")
        for n in (1, 0, 3)
        for call in [lambda m, v, z, name=name, n=n: getattr(m, name)(v + 3, z, n)]
    ],
    *[
        Case(f"special.spherical_{kind}n {derivative}", call, (POSITIVE,))
        for kind in "jyik"
        for derivative in (False, True)
        for call in [lambda m, z, f=f"spherical_{kind}n", d=derivative: getattr(m, f)(2, z, d)]
    ],
]
