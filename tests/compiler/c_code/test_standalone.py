"""C files that stand alone: programs, loops, derivatives, networks; their text, their check, and what is refused."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import autograd_lite as ag
from autograd_lite.compiler.c_code.standalone import CFunction
from autograd_lite.core.errors import TraceError, UnsupportedError

from ..programs import Outside, Program, programs
from ..test_random_programs import THOROUGH
from .stand_alone import SILENT, build, call, distance, in_c

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler")

RNG = np.random.default_rng(0)
X, MATRIX = RNG.normal(size=4), RNG.normal(size=(4, 4))
POSITIVE = MATRIX @ MATRIX.T + 4 * np.eye(4)
WEIGHTS = [ag.tensor(RNG.normal(size=shape), requires_grad=True) for shape in ((4, 5), (5,), (5, 3), (3,))]


def turn(state: Any, push: Any) -> Any:
    angle, speed = state
    speed = speed + 0.01 * (push - 9.81 * np.sin(angle))
    return np.stack([angle + 0.01 * speed, speed])


def swing(pushes: Any, state: Any) -> Any:
    def step(state: Any, push: Any) -> Any:
        state = turn(state, push)
        return state, state[0] ** 2 + 0.1 * push**2

    return ag.scan(step, state, pushes)[1].sum()


def network(x: Any) -> Any:
    a, b, c, d = WEIGHTS
    hidden = np.tanh(x @ a + b)
    return ag.softmax(hidden @ c + d)


def smooth(x: Any) -> Any:
    return (np.sin(x) * np.exp(-(x**2))).sum() * x[0]


def root(a: Any) -> Any:
    return ag.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a, max_steps=20)


def either(x: Any) -> Any:
    return ag.cond(x.sum() > 0, lambda x: np.sqrt(abs(x)).sum(), lambda x: (x**3).sum(), x)


def filtered(ys: Any, mean: Any) -> Any:
    def step(carry: Any, y: Any) -> Any:
        mean, spread = carry
        advance, look = np.array([[1, 0.1], [0, 1]]), np.array([[1.0, 0.0]])
        mean, spread = advance @ mean, advance @ spread @ advance.T + 0.01 * np.eye(2)
        total = look @ spread @ look.T + 0.1
        gain, rest = spread @ look.T / total, y - look @ mean
        return (mean + gain @ rest, spread - gain @ look @ spread), (rest * rest / total[0] + np.log(total[0])).sum()

    return ag.scan(step, (mean, np.eye(2)), ys)[1].sum()


def swapped(x: Any, y: Any) -> Any:
    return ag.scan(lambda c, _: ((c[1], c[0] + c[1]), None), (x, y), None, length=7)[0]


def nested(x: Any) -> Any:
    def outer(c: Any, _: Any) -> Any:
        return ag.scan(lambda d, _: (np.sin(d) * 1.1, None), c, None, length=3)[0], None

    return ag.scan(outer, x, None, length=4)[0].sum()


STATE, PUSHES = np.array([0.3, 0.1]), RNG.normal(size=20)
PROGRAMS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (swing, (PUSHES, STATE)),
    (ag.value_and_grad(swing), (PUSHES, STATE)),
    (ag.hvp(swing), (PUSHES, STATE, PUSHES[::-1])),
    (network, (RNG.normal(size=(2, 4)),)),
    (ag.jacobian(network), (X,)),
    (ag.grad(smooth), (X,)),
    (ag.hessian(smooth), (X,)),
    (root, (np.float64(2),)),
    (ag.value_and_grad(root), (np.float64(2),)),
    (ag.value_and_grad(either), (X,)),
    (ag.value_and_grad(either), (-abs(X),)),
    (ag.value_and_grad(filtered), (RNG.normal(size=(30, 1)), np.zeros(2))),
    (ag.value_and_grad(lambda a: np.linalg.solve(a, X).sum()), (POSITIVE,)),
    (ag.value_and_grad(lambda a: np.log(np.diag(np.linalg.cholesky(a))).sum()), (POSITIVE,)),
    (lambda a: np.linalg.inv(a) @ np.linalg.inv(a).T, (POSITIVE,)),
    (lambda x, i: x[i] * 2, (POSITIVE, np.array([1, -1, 0]))),
    (ag.grad(lambda x, i: (x[i] ** 2).sum()), (POSITIVE, np.array([1, -1, 1]))),
    (lambda x: x.T.reshape(2, 8)[:, ::-2] + 1, (POSITIVE,)),
    (swapped, (X, 2 * X)),
    (ag.grad(nested), (X,)),
    (lambda x: ag.vmap(ag.grad(smooth))(x), (MATRIX,)),
    (lambda x: (np.argmax(x), np.argmin(x, axis=0), np.any(x > 0), np.all(x > 0, axis=1)), (MATRIX,)),
    (lambda x: np.exp(x).sum(axis=0) / x.max(), (RNG.normal(size=(100, 30)),)),
    (lambda x: np.exp(x).sum(axis=0) * 0.1, (RNG.normal(size=(10, 30)).astype(np.float32),)),
    (lambda d: {"a": d["p"] * 2, "b": d["q"].sum(), "same": d["p"]}, ({"p": X, "q": POSITIVE},)),
    (lambda x: np.concatenate([x, MATRIX.T[1:3, 0], np.flip(MATRIX)[0]]), (X,)),
]


def test_programs_give_the_results_of_python(tmp_path: Path) -> None:
    functions = [in_c(f"f{k}", f, *arguments) for k, (f, arguments) in enumerate(PROGRAMS)]
    library = build(functions, tmp_path)
    for k, f in enumerate(functions):
        failed, results = call(library, f)
        assert not failed
        for result, r in zip(results, f.results, strict=True):
            if r.dtype.kind == "f":
                assert distance(result, r.value, scaled=True) < 64, (k, r.path, result, r.value)
            else:
                assert np.array_equal(result, r.value)


def _run(
    path: Path, *flags: str, compiler: str = "cc", under: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Build a file as the program that checks it, and run that."""
    program = path.with_suffix("")
    main = f"-D{path.stem.upper()}_MAIN"
    subprocess.run([compiler, *SILENT, "-O2", main, *flags, str(path), "-o", str(program), "-lm"], check=True)
    return subprocess.run([*under, str(program)], capture_output=True, text=True, check=False)


def test_a_file_checks_itself_and_says_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "swing.c"
    ag.compile(ag.value_and_grad(swing)).to_c(path, PUSHES, STATE)
    done = _run(path)
    assert (done.returncode, done.stdout) == (0, "swing: 0 of 21 numbers differ\n")
    text = path.read_text()
    path.write_text(text.replace("9.81", "9.91"))
    done = _run(path)
    assert done.returncode == 1
    assert "expected" in done.stdout


def test_the_text_has_the_names_and_lines_of_the_user(tmp_path: Path) -> None:
    path = tmp_path / "swing.c"
    ag.compile(swing).to_c(path, PUSHES, STATE)
    text = path.read_text()
    assert "int swing(const double pushes[20], const double state[2], double *out, swing_work *work)" in text
    assert "speed = speed + 0.01 * (push - 9.81 * np.sin(angle)) */" in text
    assert "const double speed" in text
    assert len(text[: text.index("#ifdef SWING_MAIN")].splitlines()) < 110
    ag.compile(swing).to_c(path, np.zeros(2000), STATE)
    assert len(text[: text.index("#ifdef SWING_MAIN")].splitlines()) < 110  # no longer for longer loops


def test_large_arrays_lie_in_the_memory_that_is_lent(tmp_path: Path) -> None:
    f = in_c("f", lambda x: np.cumsum(np.sin(np.cumsum(np.exp(np.cumsum(np.cos(x)))))), RNG.normal(size=1000))
    assert f.writer.sizes == {"double": 2000}  # of three, one lies where another was
    assert "double of_double[2000];" in f.header()
    assert call(build([f], tmp_path), f)[0] == 0


@pytest.mark.parametrize(
    ("f", "arguments", "words"),
    [
        (np.sort, (X,), ["argsort"]),
        (lambda x: abs(x * 1j), (X,), ["complex128"]),
        (lambda x: x + ag.random.normal(x.shape), (X,), ["draws"]),
        (lambda x: ag.debug_print("x", x) or x, (X,), ["only computes"]),
        (lambda x: WEIGHTS[1].assign(WEIGHTS[1] + 0) or x, (X,), ["assigns"]),
        (lambda x: np.linalg.eigvalsh(x), (POSITIVE,), ["eigvalsh"]),
        (lambda x: 1.0, (X,), ["returns arrays"]),
        (lambda x: x, (np.zeros(0),), ["empty"]),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name_and_line(f: Any, arguments: Any, words: list[str]) -> None:
    with pytest.raises(UnsupportedError) as error:
        in_c("f", f, *arguments)
    for word in ["to_c: expected", *words]:
        assert word in str(error.value)


def test_another_path_is_refused() -> None:
    with pytest.raises(ValueError, match=r"that ends in \.c; received 'f\.txt'"):
        ag.compile(swing).to_c("f.txt", PUSHES, STATE)


def test_an_index_out_of_range_and_a_singular_matrix_return_1(tmp_path: Path) -> None:
    at = in_c("at", lambda x, i: x[i], X, np.array([1]))
    solved = in_c("solved", np.linalg.solve, POSITIVE, X)
    library = build([at, solved], tmp_path)
    at.arguments[1].value[:] = 4
    solved.arguments[0].value[:] = 0
    assert (call(library, at)[0], call(library, solved)[0]) == (1, 1)


def _random(count: int) -> list[CFunction]:
    """Return random programs, those that have a counterpart in C."""
    functions = list[CFunction]()

    @settings(THOROUGH, max_examples=count, derandomize=True, database=None)
    @given(programs(effects=False))
    def collect(program: Program) -> None:
        outside = Outside()

        def run(*arrays: Any) -> tuple[Any, ...]:
            return tuple(program(outside, *map(ag.tensor, arrays)))

        with np.errstate(all="ignore"), suppress(UnsupportedError, TraceError):
            functions.append(in_c(f"f{len(functions)}", run, *program.inputs(0)))

    collect()
    return functions


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")
def test_random_programs_give_the_results_of_python(tmp_path: Path) -> None:
    functions = _random(80)
    assert len(functions) > 30
    library = build(functions, tmp_path)
    for f in functions:
        failed, results = call(library, f)
        assert not failed
        is_single = "float " in f.header() + f.source()
        for result, r in zip(results, f.results, strict=True):
            if f.writer.is_exact or r.dtype.kind != "f":
                assert distance(result, r.value) == 0, f.source()
            else:
                units = 2.0**33 if is_single and r.dtype == np.float64 else 64
                assert distance(result, r.value, scaled=True) < units, f.source()


@pytest.mark.ci
@pytest.mark.parametrize("compiler", ["gcc", "clang", "c++"])
def test_compilers_have_nothing_to_say(compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not on this machine")
    header = tmp_path / "header.cpp"
    for k, (f, arguments) in enumerate(PROGRAMS):
        path = tmp_path / f"f{k}.c"
        ag.compile(f).to_c(path, *arguments)
        if compiler == "c++":
            header.write_text(f'#include "f{k}.h"\n')
            subprocess.run([compiler, "-Wall", "-Wextra", "-Werror", "-c", str(header), "-o", "/dev/null"], check=True)
        else:
            assert _run(path, compiler=compiler).returncode == 0


@pytest.mark.ci
def test_programs_run_on_an_emulated_processor(tmp_path: Path) -> None:
    compiler, emulator = "aarch64-linux-gnu-gcc", "qemu-aarch64"
    if not shutil.which(compiler) or not shutil.which(emulator):
        pytest.skip(f"{compiler} and {emulator} are not on this machine")
    for k, (f, arguments) in enumerate(PROGRAMS):
        path = tmp_path / f"f{k}.c"
        ag.compile(f).to_c(path, *arguments)
        done = _run(path, "-static", compiler=compiler, under=(emulator,))
        assert done.returncode == 0, done.stdout


def test_an_address_is_that_of_a_function_of_numbers_or_of_arrays() -> None:
    number = ctypes.POINTER(ctypes.c_double)
    bell = ag.compile(lambda x, a: np.exp(-a * x * x))
    with pytest.raises(ValueError, match="expected the number of a trace that is replayed"):
        _ = bell.address
    for _ in range(2):
        bell(np.float64(0.5), np.float64(2))
    of_numbers = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, number)(bell.address)
    assert of_numbers(2, (ctypes.c_double * 2)(0.25, 3.0)) == pytest.approx(np.exp(-3 / 16), rel=1e-15)
    assert np.isnan(of_numbers(1, (ctypes.c_double * 2)(0.25, 3.0)))
    assert bell.address == bell.address
    both = ag.compile(ag.value_and_grad(lambda x: np.linalg.solve(POSITIVE, x).sum() ** 2))
    for _ in range(2):
        value, gradient = both(X)
    out, x = np.zeros(5), X.copy()
    of_arrays = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, number, number)(both.address)
    assert of_arrays(4, x.ctypes.data_as(number), out.ctypes.data_as(number)) == 0
    np.testing.assert_allclose(out, [value, *gradient], rtol=1e-13)


def test_an_address_is_not_that_of_code_for_one_float() -> None:
    square = ag.compile(lambda x, a: np.exp(x) * a)
    for _ in range(2):
        square(X, 2.0)
    with pytest.raises(UnsupportedError, match=r"the float a.*np\.float64 first"):
        _ = square.address
