"""Examples of functions under SciPy's names, one each, which `help` and the reference show.

Where a gradient is one that can be seen from the arguments, the comment says how.
"""

import re
from types import MappingProxyType

_LINALG = """
>>> linalg.block_diag([[1.0, 2.0]], [[3.0]])
array([[1., 2., 0.],
       [0., 0., 3.]])
>>> ag.grad(lambda a: linalg.cho_factor(a)[0][1, 1])([[4.0, 0.0], [0.0, 9.0]])  # 1 / (2 l)
array([[0.        , 0.        ],
       [0.        , 0.16666667]])
>>> ag.grad(lambda b: linalg.cho_solve((np.diag([2.0, 4.0]), True), b).sum())([1.0, 1.0])  # 1 / l²
array([0.25  , 0.0625])
>>> ag.grad(lambda b: linalg.cho_solve_banded((np.array([[2.0, 4.0]]), True), b).sum())([1.0, 1.0])  # 1 / l²
array([0.25  , 0.0625])
>>> ag.grad(lambda a: linalg.cholesky(a, lower=True)[1, 1])([[4.0, 0.0], [0.0, 9.0]])  # 1 / (2 l)
array([[0.        , 0.        ],
       [0.        , 0.16666667]])
>>> ag.grad(lambda ab: linalg.cholesky_banded(ab, lower=True)[0].sum())([[4.0, 9.0], [0.0, 0.0]])  # 1 / (2 l)
array([[0.25      , 0.16666667],
       [0.        , 0.        ]])
>>> ag.grad(lambda c: linalg.circulant(c)[0] @ np.array([1.0, 2.0, 3.0]))([5.0, 6.0, 7.0])  # the row is c0, c2, c1
array([1., 3., 2.])
>>> ag.grad(lambda a: linalg.companion(a)[0].sum())([2.0, 4.0, 6.0])  # the row is -a1 / a0, -a2 / a0
array([ 2.5, -0.5, -0.5])
>>> ag.grad(lambda A: np.trace(linalg.coshm(A)))(np.diag([0.0, np.log(2.0)]))  # sinh
array([[0.  , 0.  ],
       [0.  , 0.75]])
>>> ag.grad(lambda A: np.trace(linalg.cosm(A)))(np.diag([0.0, np.pi / 2]))  # -sin
array([[ 0.,  0.],
       [ 0., -1.]])
>>> ag.grad(linalg.det)([[2.0, 1.0], [1.0, 3.0]])  # the cofactors
array([[ 3., -1.],
       [-1.,  2.]])
>>> ag.grad(lambda a: np.real(linalg.eig(a)[0]).sum())([[2.0, 1.0], [0.0, 3.0]])  # the sum is the trace
array([[1., 0.],
       [0., 1.]])
>>> ag.grad(lambda a: linalg.eigh(a)[0][0])([[2.0, 0.0], [0.0, 3.0]])  # the outer product of the eigenvector
array([[1., 0.],
       [0., 0.]])
>>> ag.grad(lambda a: np.real(linalg.eigvals(a)).max())([[2.0, 0.0], [0.0, 3.0]])
array([[0., 0.],
       [0., 1.]])
>>> ag.grad(lambda a: linalg.eigvalsh(a)[-1])([[2.0, 0.0], [0.0, 3.0]])
array([[0., 0.],
       [0., 1.]])
>>> ag.grad(lambda t: linalg.expm(t * np.array([[0.0, 1.0], [0.0, 0.0]]))[0, 1])(2.0)  # the entry is t
np.float64(1.0)
>>> ag.grad(lambda E: linalg.expm_frechet(np.zeros((2, 2)), E, compute_expm=False).sum())(np.eye(2))  # at 0 it is E
array([[1., 1.],
       [1., 1.]])
>>> ag.grad(lambda A: np.trace(linalg.fractional_matrix_power(A, 0.5)))(np.diag([4.0, 16.0]))  # 0.5 a^-0.5
array([[0.25 , 0.   ],
       [0.   , 0.125]])
>>> ag.grad(lambda c: linalg.hankel(c).sum())([1.0, 2.0, 3.0])  # rows 1 2 3, 2 3 0, 3 0 0
array([1., 2., 3.])
>>> ag.grad(lambda a: linalg.inv(a)[0, 0])([[2.0, 0.0], [0.0, 4.0]])  # -1 / a²
array([[-0.25,  0.  ],
       [ 0.  ,  0.  ]])
>>> ag.grad(lambda a: linalg.khatri_rao(a, np.array([[3.0], [4.0]])).sum())([[1.0], [2.0]])
array([[7.],
       [7.]])
>>> ag.grad(lambda A: np.trace(linalg.logm(A)))(np.diag([2.0, 4.0]))  # 1 / a
array([[0.5 , 0.  ],
       [0.  , 0.25]])
>>> ag.grad(lambda b: linalg.lstsq(np.array([[1.0], [1.0]]), b)[0].sum())([1.0, 3.0])  # the mean
array([0.5, 0.5])
>>> ag.grad(lambda a: linalg.lu(a)[2][1, 1])([[2.0, 4.0], [1.0, 5.0]])  # u = 5 - 4 / 2
array([[ 1. , -0.5],
       [-2. ,  1. ]])
>>> ag.grad(lambda a: linalg.lu_factor(a)[0][1, 1])([[2.0, 4.0], [1.0, 5.0]])  # u = 5 - 4 / 2
array([[ 1. , -0.5],
       [-2. ,  1. ]])
>>> ag.grad(lambda b: linalg.lu_solve((np.diag([2.0, 4.0]), np.array([0, 1])), b).sum())([1.0, 1.0])
array([0.5 , 0.25])
>>> ag.grad(lambda x: linalg.matmul_toeplitz(([1.0, 2.0], [1.0, 3.0]), x).sum())([1.0, 1.0])
array([3., 4.])
>>> ag.grad(linalg.norm)([3.0, 4.0])  # x / |x|
array([0.6, 0.8])
>>> ag.grad(lambda a: linalg.pinv(a)[0, 0])([[2.0], [0.0]])  # -1 / a²
array([[-0.25],
       [ 0.  ]])
>>> ag.grad(lambda a: linalg.pinvh(a)[0, 0])([[2.0, 0.0], [0.0, 4.0]])  # -1 / a²
array([[-0.25,  0.  ],
       [ 0.  ,  0.  ]])
>>> ag.grad(lambda a: abs(linalg.qr(a)[1][0, 0]))([[3.0, 0.0], [4.0, 1.0]])  # r is the length of the column
array([[0.6, 0. ],
       [0.8, 0. ]])
>>> ag.grad(lambda A: np.trace(linalg.sinhm(A)))(np.zeros((2, 2)))  # cosh
array([[1., 0.],
       [0., 1.]])
>>> ag.grad(lambda A: np.trace(linalg.sinm(A)))(np.zeros((2, 2)))  # cos
array([[1., 0.],
       [0., 1.]])
>>> ag.grad(lambda b: linalg.solve([[2.0, 0.0], [0.0, 4.0]], b).sum())([1.0, 1.0])  # column sums of the inverse
array([0.5 , 0.25])
>>> ag.grad(lambda b: linalg.solve_banded((0, 0), [[2.0, 4.0]], b).sum())([1.0, 1.0])
array([0.5 , 0.25])
>>> ag.grad(lambda q: linalg.solve_continuous_are([[0.0]], [[1.0]], q, [[1.0]])[0, 0])([[4.0]])  # x = sqrt(q)
array([[0.25]])
>>> ag.grad(lambda q: linalg.solve_continuous_lyapunov([[2.0]], q)[0, 0])([[8.0]])  # 2 x + x 2 = q
array([[0.25]])
>>> ag.grad(lambda q: linalg.solve_discrete_are([[0.0]], [[1.0]], q, [[1.0]])[0, 0])([[4.0]])  # x = q
array([[1.]])
>>> ag.grad(lambda q: linalg.solve_discrete_lyapunov([[0.5]], q)[0, 0])([[3.0]])  # x - x / 4 = q
array([[1.33333333]])
>>> ag.grad(lambda q: linalg.solve_sylvester([[1.0]], [[3.0]], q)[0, 0])([[8.0]])  # x + 3 x = q
array([[0.25]])
>>> ag.grad(lambda b: linalg.solve_toeplitz([2.0, 0.0], b).sum())([1.0, 1.0])
array([0.5, 0.5])
>>> ag.grad(lambda b: linalg.solve_triangular([[2.0, 0.0], [1.0, 4.0]], b, lower=True)[0])([1.0, 1.0])
array([0.5, 0. ])
>>> ag.grad(lambda b: linalg.solveh_banded([[2.0, 4.0]], b).sum())([1.0, 1.0])
array([0.5 , 0.25])
>>> ag.grad(lambda A: np.trace(linalg.sqrtm(A)))(np.diag([4.0, 16.0]))  # 1 / (2 sqrt(a))
array([[0.25 , 0.   ],
       [0.   , 0.125]])
>>> ag.grad(lambda a: linalg.svd(a)[1][0])([[3.0, 0.0], [0.0, 2.0]])  # u v of the largest
array([[1., 0.],
       [0., 0.]])
>>> ag.grad(lambda a: linalg.svdvals(a).sum())([[3.0, 0.0], [0.0, -2.0]])
array([[ 1.,  0.],
       [ 0., -1.]])
>>> ag.grad(lambda A: np.trace(linalg.tanhm(A)))(np.zeros((2, 2)))
array([[1., 0.],
       [0., 1.]])
>>> ag.grad(lambda A: np.trace(linalg.tanm(A)))(np.diag([0.0, np.pi / 4]))  # 1 / cos²
array([[1., 0.],
       [0., 2.]])
>>> ag.grad(lambda c: linalg.toeplitz(c).sum())([1.0, 2.0, 3.0])  # how often each occurs
array([3., 4., 2.])
"""


def _by_name(module: str, text: str) -> dict[str, str]:
    """Return examples by the names of the functions: each is that of the first function of the module in it."""
    return {re.findall(rf"{module}\.\w+", part)[0]: f">>> {part.rstrip()}" for part in text.split("\n>>> ")[1:]}


EXAMPLES = MappingProxyType(_by_name("linalg", _LINALG))
