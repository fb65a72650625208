"""The suites: what is installed, which of its tests are run, and why some pass with HIPS alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suite:
    """The tests of one library.

    Attributes:
        name: the library's name in the package index, and that of its folder, up to the version.
        version: the version that the figures are of; it is downloaded where the folder is missing.
        tests: the files, folders and options that pytest is given, relative to the library's folder.
        sources: the folder that holds the package.
        needs: what its tests import besides.
        beside: other suites whose sources it imports.
        numpy_1: what its sources call of NumPy that NumPy 2 has no more, as "old=new", in both libraries.
        broken: patterns of the ids of tests that pass with neither, in a part that `dev.py ci` runs.
        environment: variables that its tests read.
        reasons: patterns of the ids of tests that pass with HIPS alone, with the reasons.
    """

    name: str
    version: str
    tests: tuple[str, ...]
    sources: str = "."
    needs: str = ""
    beside: tuple[str, ...] = ()
    numpy_1: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)


SUITES = (
    Suite(
        "autograd",
        "1.9.1",
        ("tests",),
        needs="xarray",
        reasons={
            "*::test_rfftn_odd_not_implemented": "it wants an error where this works",
            "*::test_assignment_raises_error": "it wants an error where this works",
            "*::test_sqrtm": "a real matrix with negative eigenvalues: sqrtm wants a.astype(complex)",
            "*::test_cast_to_int": "np.int64(x) inside make_jvp raises; x.astype(int) works",
            "*::test_deprecated_*_wrapper": "methods of primitives that HIPS deprecated in 2017",
            "*::test_const_graph*": "it counts calls: ag.compile replays what HIPS records again",
            "*::test_pinv": "it calls the private np.linalg._dot",
            "*::test_wrapped_name_and_docs": "it compares HIPS's docstrings",
        },
    ),
    Suite(
        "pymanopt",
        "2.2.1",
        # Its conftest imports TensorFlow and PyTorch, to seed them.
        (
            "--noconftest",
            "tests/backends/test_autograd.py",
            "tests/manifolds",
            "tests/optimizers",
            "tests/test_multi_tools.py",
        ),
        sources="src",
    ),
    Suite(
        "autograd-gamma",
        "0.5.0",
        ("tests",),  # the source distribution lacks them; the repository has them
    ),
    Suite(
        "lifelines",
        "0.30.3",
        (
            "lifelines/tests/test_estimation.py",
            "-k=Parametric or Univariate or RegressionFitters or CustomRegression or Cure or AFT or Weibull "
            "or LogNormal or LogLogistic or GeneralizedGamma or Piecewise or Exponential or Spline",
        ),
        needs="flaky pandas formulaic matplotlib",
        beside=("autograd-gamma",),
    ),
    Suite(
        "reliability",
        "0.9.0",
        ("tests/test_Fitters.py", "tests/test_ALT_fitters.py"),
        needs="matplotlib mplcursors pandas",
        beside=("autograd-gamma",),
        reasons={"*::test_Fit_Exponential_Power": "the fit ends at a higher likelihood, 5 % off in a flat direction"},
    ),
    Suite(
        "surpyval",
        "0.16.0",
        ("surpyval/tests/univariate/parametric", "surpyval/tests/recurrent"),
        needs="pandas formulaic numdifftools matplotlib joblib",  # the repository; no source distribution with tests
    ),
    Suite(
        "paragami",
        "0.42",
        ("paragami/tests",),  # the repository; no source distribution
        numpy_1="product=prod",
        reasons={"*::test_slogdet_3d": "it wants an error where this works: slogdet in forward mode of a batch"},
    ),
    Suite(
        "pymoo",
        "0.6.2",
        # the repository, as for the two that follow
        ("tests/gradients", "tests/problems/test_autodiff.py", "tests/misc/test_reference_directions.py"),
        needs="nbformat moocore cma alive_progress",
    ),
    Suite(
        "geomstats",
        "2.8.0",
        (
            "tests/tests_geomstats/test_backend",
            "tests/tests_geomstats/test_information_geometry",
            "tests/tests_geomstats/test_numerics",
            *(
                f"tests/tests_geomstats/test_geometry/test_{name}.py"
                for name in ("diffeo", "euclidean", "fiber_bundle", "hyperboloid", "pullback_metric")
            ),
        ),
        needs="sklearn networkx",
        environment={"GEOMSTATS_BACKEND": "autograd"},
    ),
    Suite(
        "pennylane",
        "0.45.1",
        (
            "-m=not (torch or jax or tf or slow or all_interfaces or finite-diff or catalyst or capture or external)",
            "tests/numpy",
            *(f"tests/test_{name}.py" for name in ("grad", "autograd_grad", "classical_gradients")),
            *(f"tests/gradients/core/test_{name}.py" for name in ("vjp", "fisher")),
            "tests/math/test_is_independent.py",
            "tests/transforms/test_classical_jacobian.py",
            "tests/workflow/interfaces/execute/test_autograd.py",
            *(
                f"tests/optimize/test_{name}.py"
                for name in (
                    *("adagrad", "adam", "gradient_descent", "momentum", "nesterov_momentum", "optimize", "qng"),
                    *("rmsprop", "rotosolve"),
                )
            ),
            "tests/workflow/interfaces/qnode/test_autograd_qnode.py",
        ),
        needs="pytest_mock flaky",  # and autograd 1.8
        reasons={
            "*::test_chained_qnodes*": "a tuple of boxes is a tuple, and NumPy makes an array of it",
            "*::test_grad_single_measurement_param*": "it wants a gradient of PennyLane's own class of arrays",
        },
    ),
    Suite("mici", "0.4.1", ("tests/test_autodiff.py", "tests/test_matrices.py", "-k=not jax"), sources="src"),
)
