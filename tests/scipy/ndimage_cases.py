"""Calls of `scipy.ndimage`. Data only."""

from __future__ import annotations

import numpy as np

from .case import Case, normal

MODES = ("reflect", "mirror", "nearest", "wrap", "constant")
FAR = np.array([-5.3, -1.2, -0.3, 0.6, 2.2, 3.4, 5.1, 9.6])
SIGMA = {"vmap": "the number of weights depends on sigma", "compile": "the number of weights depends on sigma"}

NDIMAGE = [
    *[
        Case(f"ndimage.{name} {mode} {size} {origin}", call, (normal(2, 4), normal(size)))
        for name in ("correlate1d", "convolve1d")
        for mode in (*MODES, "grid-mirror", "grid-wrap", "grid-constant")
        for size, origin in ((3, 0), (4, 1), (11, -2))
        for call in [
            lambda m, x, w, name=name, mode=mode, o=origin: getattr(m, name)(x, w, mode=mode, cval=0.7, origin=o)
        ]
    ],
    Case("ndimage.correlate1d axis", lambda m, x, w: m.correlate1d(x, w, axis=0), (normal(4, 2), normal(3))),
    *[
        Case(f"ndimage.{name} {mode} {shape}", call, (normal(3, 4), normal(*shape)))
        for name in ("correlate", "convolve")
        for mode in MODES
        for shape in ((3, 3), (2, 4))
        for call in [lambda m, x, w, name=name, mode=mode: getattr(m, name)(x, w, mode=mode, cval=0.7, origin=(0, -1))]
    ],
    *[
        Case(
            f"ndimage.gaussian_filter1d {order}",
            lambda m, x, k=order: m.gaussian_filter1d(x, 0.8, order=k),
            (normal(2, 6),),
        )
        for order in (0, 1, 2, 3)
    ],
    Case(
        "ndimage.gaussian_filter1d sigma",
        lambda m, x, s: m.gaussian_filter1d(x, s, axis=0, order=1),
        (normal(5, 2), np.array(0.83)),
        SIGMA,
    ),
    Case(
        "ndimage.gaussian_filter",
        lambda m, x: m.gaussian_filter(x, (0.8, 0.5), order=(0, 1), mode="wrap"),
        (normal(4, 5),),
    ),
    *[
        Case(
            f"ndimage.{name} {mode}",
            lambda m, x, name=name, mode=mode, args=args: getattr(m, name)(x, *args, mode=mode),
            (normal(3, 4),),
        )
        for name, args in (
            ("sobel", ()),
            ("prewitt", ()),
            ("laplace", ()),
            ("gaussian_laplace", (0.7,)),
            ("gaussian_gradient_magnitude", (0.7,)),
        )
        for mode in ("reflect", "constant")
    ],
    *[
        Case(f"ndimage.{name}", lambda m, x, name=name: getattr(m, name)(x, 4, mode="mirror"), (normal(4, 5),))
        for name in ("uniform_filter", "uniform_filter1d")
    ],
    *[
        # SciPy begins the recursion of "reflect" with few terms, so that its spline misses short arrays by 1e-4.
        Case(f"ndimage.map_coordinates {mode} {order}", call, (normal(32 if mode == "reflect" else 5), FAR[None]))
        for mode in (*MODES, "grid-wrap", "grid-constant")
        for order in range(6)
        for call in [lambda m, x, c, mode=mode, k=order: m.map_coordinates(x, c, order=k, mode=mode, cval=0.4)]
    ],
    Case(
        "ndimage.map_coordinates 2",
        lambda m, x, c: m.map_coordinates(x, c, order=1, mode="reflect"),
        (normal(3, 4), normal(2, 3, 2) * 2),
    ),
    *[
        Case(
            f"ndimage.shift {mode}",
            lambda m, x, s, mode=mode: m.shift(x, s, order=1, mode=mode, cval=0.4),
            (normal(3, 4), np.array([0.7, -1.3])),
        )
        for mode in MODES
    ],
    Case("ndimage.shift cubic", lambda m, x, s: m.shift(x, s), (normal(3, 4), np.array([0.7, -1.3]))),
    Case("ndimage.shift unfiltered", lambda m, x, s: m.shift(x, s, prefilter=False), (normal(6), np.array([0.7]))),
    *[
        Case(f"ndimage.zoom {factor} {grid} {order}", call, (normal(3, 5),))
        for factor, grid in ((1.7, False), (0.6, False), ((2, 1.4), True))
        for order in (1, 3)
        for call in [
            lambda m, x, f=factor, g=grid, k=order: m.zoom(
                x, f, order=k, grid_mode=g, mode="nearest" if g else "constant"
            )
        ]
    ],
    Case(
        "ndimage.affine_transform",
        lambda m, x, a, o: m.affine_transform(x, a, o, order=1, output_shape=(3, 3), mode="mirror"),
        (normal(4, 4), np.array([[0.9, 0.2], [-0.3, 1.1]]), np.array([0.33, -0.41])),
    ),
    Case(
        "ndimage.affine_transform whole",
        lambda m, x, a: m.affine_transform(x, a),
        (normal(4, 4), np.array([[0.9, 0.2, 0.3], [-0.3, 1.1, 0.41]])),
    ),
]
