"""What optimizers compute of gradients, each in one pass over memory: running means, and quotients by roots."""

from __future__ import annotations

from typing import Any

from ..core.op import elementwise
from ..native.kernels import kernel


def _over_root(x: Any, y: Any, z: Any, u: Any, v: Any) -> Any:
    # A 0 is not added where that changes no bit: it would be a pass over memory.
    numbers = z.__class__ is u.__class__ is float
    root = (y if numbers and z == 0 < u else y + z) ** 0.5
    return x / (root if numbers and u == 0 < z else root + u) * v


def _by_root(x: Any, y: Any, z: Any, u: Any, v: Any) -> Any:
    """Return the derivative of x / (r + u) * v by r, the root."""
    root = (y + z) ** 0.5 + u
    return -x / root / root * v  # in this order nothing overflows on the way


# fmt: off
running_mean        = elementwise(kernel("running_mean", lambda x, y, z: (y - x) * z + x),
                                  lambda out, x, y, z: 1 - z,
                                  lambda out, x, y, z: z,
                                  lambda out, x, y, z: y - x,
                                  name="running_mean", saves=("z", "z", "xy"), cost=3,
                                  c={"f": "({1} - {0}) * {2} + {0}"})
running_mean_square = elementwise(kernel("running_mean_square", lambda x, y, z: (y * y - x) * z + x),
                                  lambda out, x, y, z: 1 - z,
                                  lambda out, x, y, z: 2 * y * z,
                                  lambda out, x, y, z: y * y - x,
                                  name="running_mean_square", saves=("z", "yz", "xy"), cost=4,
                                  c={"f": "({1} * {1} - {0}) * {2} + {0}"})
over_root           = elementwise(kernel("over_root", _over_root),
                                  lambda out, x, y, z, u, v: v / ((y + z) ** 0.5 + u),
                                  lambda out, x, y, z, u, v: _by_root(x, y, z, u, v) / (2 * (y + z) ** 0.5),
                                  lambda out, x, y, z, u, v: _by_root(x, y, z, u, v) / (2 * (y + z) ** 0.5),
                                  lambda out, x, y, z, u, v: _by_root(x, y, z, u, v),
                                  lambda out, x, y, z, u, v: x / ((y + z) ** 0.5 + u),
                                  name="over_root", saves=("yzuv", "xyzuv", "xyzuv", "xyzuv", "xyzu"), cost=5,
                                  domain=("any", "positive", "positive", "positive", "any"),
                                  c={"f": "{0} / (sqrt{s}({1} + {2}) + {3}) * {4}"})
# fmt: on
