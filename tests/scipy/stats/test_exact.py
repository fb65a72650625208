"""Distribution functions and their derivatives by x and all shapes, beside mpmath with 20 digits.

They are those that SciPy integrates or sums with errors of its own, or that have a rule of ours for an integral.
"""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.scipy import stats

# Each integral by mp.quad of the documented density, each mixture by mp.nsum, each derivative by mp.diff of those.
EXACT = [
    (
        "geninvgauss",
        (0.8, 2.3, 1.5),
        0.026016015761634363,
        (0.10150003350121202, -0.041098425605244716, 0.020352278438070154),
    ),
    ("geninvgauss", (3.5, 2.3, 1.5), 0.588159426535647, (0.1880958907563717, -0.2336056805762425, 0.3496660221937756)),
    (
        "gausshyper",
        (0.3, 1.4, 0.8, 1.1, -0.4),
        0.1127920867364822,
        (0.5761854284177385, -0.15392361225900184, 0.16694473606823168, -0.028221848876762445, 0.09883929606599215),
    ),
    (
        "gausshyper",
        (0.85, 13.8, 3.12, 2.51, 5.18),
        0.6824783667457379,
        (3.9735856136314953, -0.04267925331130015, 0.20434667194284475, 0.03422926836625608, 0.0032754987389160676),
    ),
    ("nct", (-0.4, 4.3, -1.2), 0.7925736408380955, (0.27758098955389743, -0.0009878432451223928, -0.2835870154869063)),
    ("nct", (1.7, 14.0, 0.24), 0.9136174782143969, (0.13635594126633274, 0.000995966392845578, -0.15045805797424272)),
    ("ncx2", (2.5, 3.2, 4.1), 0.13703082658631574, (0.08510400822158078, -0.06375695488820492, -0.04441882812567115)),
    (
        "ncx2",
        (20.0, 21.0, 1.06),
        0.41712013509318796,
        (0.061116547300494255, -0.059262627350710376, -0.055839943692643085),
    ),
    (
        "ncf",
        (0.8, 4.2, 6.1, 2.3),
        0.2509462782740944,
        (0.40952939409634687, 0.0015200520487265202, 6.483024322102879e-06, -0.05976734411749642),
    ),
    ("vonmises_line", (-0.7, 3.99), 0.09412708321830861, (0.30044329810748777, -0.03049636401365771)),
    ("vonmises_line", (1.2, 0.7), 0.7946777859358498, (0.1821058364098728, 0.13899444810884898)),
    # Near shapes at which a formula is 0/0.
    ("pearson3", (-2.0, 0.0), 0.02275013194817921, (0.05399096651318805, -0.026995483256594024)),
    ("pearson3", (-2.0, 1e-05), 0.022749861992671757, (0.05399078654078758, -0.02699561823324167)),
    ("pearson3", (1.7, -0.005), 0.9555830003073406, (0.09406330570239302, -0.029759826300329143)),
    ("pearson3", (0.4, 0.0099), 0.6559320346891006, (0.36758041276077463, 0.05153170358190175)),
    ("pearson3", (-5.0, 0.0101), 2.3151960751694948e-07, (1.2307952373934596e-06, -4.9915393891399265e-06)),
    ("exponnorm", (0.3, 1e-06), 0.6179110408010228, (0.38138792987652165, -0.38138804429217216)),
    ("exponnorm", (-1.2, 0.001), 0.11487571710418636, (0.19395311752192043, -0.19372026622744457)),
    ("exponnorm", (1.7, 0.09), 0.9455503390842844, (0.10982442396858406, -0.12688768833286743)),
]


@pytest.mark.parametrize(("name", "at", "value", "slopes"), EXACT)
def test_distribution_functions_and_their_derivatives(
    name: str, at: tuple[float, ...], value: float, slopes: tuple[float, ...]
) -> None:
    found, gradients = ag.value_and_grad(getattr(stats, name).cdf, argnums=tuple(range(len(at))))(*at)
    assert found == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(gradients, slopes, rtol=1e-10, atol=1e-12)


# The probabilities in a larger urn, by mp.quad over 40 intervals with 40 digits.
WALLENIUS = {22: 0.037606924494590241, 25: 0.11898119822484672, 28: 0.12348672148199908, 31: 0.043833543497651505}


@pytest.mark.parametrize("k", WALLENIUS)
def test_wallenius_distribution(k: int) -> None:
    found = stats.nchypergeom_wallenius.pmf(k, 140, 80, 60, ag.tensor(0.5))
    assert found.item() == pytest.approx(WALLENIUS[k], rel=2e-13)
