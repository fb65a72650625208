"""`scipy.linalg` on Tensors.

Not here, since their derivatives are not determined: `schur`, `hessenberg`, `qz`, `cossin` and `ldl`,
whose factors are unique only up to rotations that no convention fixes; `null_space` and `orth`, any bases of a space.
Use `eig`, `qr` and `svd`, or projections onto the space: `pinv(a) @ a`.

Example:
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import linalg
    >>> ag.grad(lambda a: linalg.solve_triangular([[a, 0.0], [2.0, 1.0]], [1.0, 1.0], lower=True).sum())(2.0)
    np.float64(0.25)
"""

from ...core.late import names_in as _names_in
from .banded import (
    cho_solve_banded as cho_solve_banded,
    cholesky_banded as cholesky_banded,
    solve_banded as solve_banded,
    solveh_banded as solveh_banded,
)
from .decompositions import (
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    lstsq as lstsq,
    norm as norm,
    pinv as pinv,
    pinvh as pinvh,
    qr as qr,
    svd as svd,
    svdvals as svdvals,
)
from .equations import (
    det as det,
    inv as inv,
    solve as solve,
    solve_continuous_lyapunov as solve_continuous_lyapunov,
    solve_discrete_lyapunov as solve_discrete_lyapunov,
    solve_sylvester as solve_sylvester,
)
from .functions import (
    coshm as coshm,
    cosm as cosm,
    expm as expm,
    expm_frechet as expm_frechet,
    fractional_matrix_power as fractional_matrix_power,
    logm as logm,
    sinhm as sinhm,
    sinm as sinm,
    sqrtm as sqrtm,
    tanhm as tanhm,
    tanm as tanm,
)
from .riccati import (
    solve_continuous_are as solve_continuous_are,
    solve_discrete_are as solve_discrete_are,
)
from .structured import (
    block_diag as block_diag,
    circulant as circulant,
    companion as companion,
    hankel as hankel,
    khatri_rao as khatri_rao,
    matmul_toeplitz as matmul_toeplitz,
    solve_toeplitz as solve_toeplitz,
    toeplitz as toeplitz,
)
from .triangles import (
    cho_factor as cho_factor,
    cho_solve as cho_solve,
    cholesky as cholesky,
    lu as lu,
    lu_factor as lu_factor,
    lu_solve as lu_solve,
    solve_triangular as solve_triangular,
)

__all__ = _names_in(__name__)
__dir__ = __all__.copy
