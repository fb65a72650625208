"""Rodas5P: a Rosenbrock method for stiff equations M y' = f(t, y) and for those with algebraic ones among them.

A step of length h from (t, y) solves one linear system for eight right-hand sides, one after the other:

    W u_i = f(t + c_i h, Y_i) + M sum_j C_ij u_j / h + h d_i df/dt,   Y_i = y + sum_j A_ij u_j,   W = M / (h γ) - df/dy

with the derivatives of f at (t, y); then y + sum_i b_i u_i is the state at t + h. Its error is estimated by u_8, and
inside of the step it is y + sum_i b_i(s) u_i at t + s h, of order 4. The method is of order 5, L-stable and stiffly
accurate, which is why algebraic equations (of index 1, where M is singular) hold at the end of each step.

References:
    Steinebach, G. (2023). Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
    Differential Equations package. BIT Numerical Mathematics 63, 27.
    Hairer, E. and Wanner, G. (1996). Solving Ordinary Differential Equations II. Springer, IV.7 (the variables u, the
    control of step sizes) and VI.4 (algebraic equations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.late import needs
from ..solutions.factors import Factors
from .checkpoints import Keeper
from .equations import BoundEquations
from .native_rosenbrock import (
    ACCEPTED,
    ENDED,
    GOES_ON,
    LENGTH,
    NOT_FINITE,
    NUMBERS,
    NativeSteps,
    native_steps,
)
from .step_control import first_step, rms, scale_of, smallest_step
from .trajectories import Method, Path, Points, Settings, Trajectory

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    import scipy.sparse as sparse

STAGES = 8
GAMMA = 0.21193756319429014
A = np.zeros((STAGES, STAGES))
A[1, :1] = 3.0
A[2, :2] = 2.849394379747939, 0.45842242204463923
A[3, :3] = -6.954028509809101, 2.489845061869568, -10.358996098473584
A[4, :4] = 2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641
A[5:, :5] = -7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946
A[6:, 5] = A[7, 6] = 1.0
B = A[7] + np.eye(STAGES)[7]
C = np.zeros((STAGES, STAGES))
C[1, :1] = -14.155112264123755
C[2, :2] = -17.97296035885952, -2.859693295451294
C[3, :3] = 147.12150275711716, -1.41221402718213, 71.68940251302358
C[4, :4] = 165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306
C[5, :5] = 24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471
C[6, :3] = 30.91273214028599, -3.1208243349937974, 77.79954646070892
C[6, 3:6] = 34.28646028294783, -19.097331116725623, -28.087943162872662
C[7, :4] = 37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047
C[7, 4:7] = -40.06618937091002, -54.66780262877968, -9.48861652309627
NODES = np.zeros(STAGES)
NODES[1:5] = 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664
NODES[5:] = 1.0
D = np.zeros(STAGES)
D[:5] = GAMMA, -0.42387512638858027, -0.3384627126235924, 1.8046452872882734, 2.325825639765069
H = np.zeros((3, STAGES))  # of the weights inside of a step
H[0, :4] = 25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204
H[0, 4:] = 0.524948541321073, 1.1241088310450404, 0.4272876194431874, -0.17202221070155493
H[1, :4] = -9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796
H[1, 4:] = 20.176138334709044, 15.98066361424651, -6.789040303419874, -6.710236069923372
H[2, :4] = 11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643
H[2, 4:] = -52.072871366152654, -59.78993625266729, -0.15582684282751913, 4.883087185713722

_NUMBERS = np.concatenate([*map(np.ravel, (A, C, NODES, D, B)), [GAMMA]])  # as C has them
_EXPONENT = 1 / 5
_SAFETY, _LEAST, _MOST = 0.9, 1 / 5, 6.0  # of the next length of a step by the one before
_REACHED = "The solver successfully reached the end of the integration interval."
# Error estimates that are less count as this, of a step and of the one before it.
_NEGLIGIBLE, _LEAST_BEFORE = 1e-10, 1e-2
_BLOCKS = 64, 4096  # numbers of steps between two calls of `progress`, or returns of memory to Python


class _Start(NamedTuple):
    """The beginning of a step, with all that does not depend on its length."""

    t: float
    y: Any
    slope: Any
    jacobian: Any
    time_derivative: Any


class _Stages(NamedTuple):
    """What a step has computed: the arguments Y and results u of its stages, shape (8, n), and the factors of W."""

    y: Any
    u: Any
    factors: Factors


def _start(equations: BoundEquations, t: float, y: Any) -> _Start:
    moves = not equations.equations.is_autonomous
    return _Start(t, y, equations.f(t, y), equations.jacobian(t, y), equations.time_derivative(t, y) if moves else None)


def _stages(equations: BoundEquations, mass: Any, start: _Start, h: float) -> _Stages:
    t, y, slope, jacobian, moving = start
    factors = equations.factor(1 / (h * GAMMA), jacobian, mass)
    places, u = np.empty((STAGES, len(y)), y.dtype), np.empty((STAGES, len(y)), y.dtype)
    a, c = A.astype(y.dtype), (C / h).astype(y.dtype)
    for i in range(STAGES):
        places[i] = y
        if i:
            places[i] += a[i, :i] @ u[:i]
            slope = equations.f(t + NODES[i] * h, places[i])
            before = c[i, :i] @ u[:i]
            slope = slope + (before if mass is None else mass @ before)
        if moving is not None and D[i]:
            slope = slope + h * D[i] * moving
        u[i] = factors.solve(slope)
    return _Stages(places, u, factors)


def _step(equations: BoundEquations, mass: Any, start: _Start, h: float) -> tuple[Any, Any]:
    """Return the state at the end of a step, and the estimate of its error."""
    places, u, _ = _stages(equations, mass, start, h)
    return places[7] + u[7], u[7]


def weights_at(s: Any) -> Any:
    """Return the weights of the stages at fractions s of a step, shape (m,): shape (m, 8)."""
    s = np.asarray(s)[:, None]
    return s * (B + (1 - s) * (H[0] + s * (H[1] + s * H[2])))


def _mass_of(equations: BoundEquations, path: Path) -> Any:
    """Return the mass matrix of equations, which may be the lift of those that a path was made for."""
    mass = path.mass
    if mass is None or mass.shape[0] == equations.n:
        return mass
    copies = equations.n // mass.shape[0]
    return (
        sparse.kron(sparse.eye_array(copies), mass, "csc") if sparse.issparse(mass) else np.kron(np.eye(copies), mass)
    )


# ---- solving --------------------------------------------------------------------------------------------------------


class _Control:
    """The length of the next step: by the error estimate of this one, and of the last accepted one.

    Args:
        most: the length of the longest.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._before: tuple[float, float] | None = None
        self._was_rejected = False

    def next(self, h: float, error: float) -> float:
        """Return the length that follows a step of length h > 0, whose error is accepted if it is less than 1."""
        error = max(error, _NEGLIGIBLE) if np.isfinite(error) else np.inf
        factor = _SAFETY * error**-_EXPONENT
        if error < 1:
            if self._before is not None:
                length, last = self._before
                factor = min(factor, _SAFETY * h / length * (last / error**2) ** _EXPONENT)
            if self._was_rejected:
                factor = min(factor, 1.0)
            self._before = h, max(error, _LEAST_BEFORE)
        self._was_rejected = error >= 1
        return min(h * min(max(factor, _LEAST), _MOST), self._most)


def _first_step(f: Callable[[float, Any], Any], mass: Any, start: _Start, end: float, settings: Settings) -> float:
    if settings.first_step is not None:
        return settings.first_step
    if mass is not None:  # the slopes of algebraic components are not known
        return min(abs(end - start.t) * 1e-6, settings.max_step)
    rtol, atol, longest = settings.rtol, settings.atol, settings.max_step
    return first_step(f, start.t, start.y, start.slope, end, 4, rtol, atol, longest)


def _solve(equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> Trajectory:
    run = _Run(equations, settings.more.get("mass"), t_span, np.array(y0), settings)
    try:
        with np.errstate(all="ignore"), native_steps(equations, _NUMBERS, run.mass) as native:
            message = run.run() if native is None else run.run_in_c(native)
        status = 0 if message is None else -1
    except KeyboardInterrupt:
        status, message = -2, f"interrupted at t = {run.t:g}"
    path = Path(np.concatenate(run.times), np.concatenate(run.h), mass=run.mass)
    counts = equations.nfev, equations.njev, equations.nlu
    return Trajectory(path, *run.keeper.result(), np.concatenate(run.rejected), status, message or _REACHED, *counts)


class _Run:
    """Steps with error control, from t_span[0] towards t_span[1].

    Attributes:
        mass: the mass matrix, or None.
        t, y: where it is.
        times, h: where steps begin and end, and their lengths, arrays to be joined.
        keeper: of the states.
        rejected: time, length and error estimate of other attempts.
        count: the number of steps.
    """

    def __init__(self, equations: BoundEquations, mass: Any, t_span: Sequence[float], y0: Any, settings: Settings):
        self._equations, self.mass, self._settings = equations, mass, settings
        self.t, self._end = map(float, t_span)
        self._sign = 1.0 if self._end >= self.t else -1.0
        self.y, self.count = y0, 0
        self.keeper = Keeper(settings.max_bytes)
        self.keeper.add(0, y0[None])
        self.times, self.h, self.rejected = [np.array([self.t])], [np.zeros(0)], [np.zeros((0, 3))]

    def _add(self, times: Any, h: Any, states: Any, rejected: Any) -> None:
        """Add steps that were taken, and attempts that were rejected."""
        self.rejected.append(rejected)
        if len(h):
            self.times.append(times)
            self.h.append(h)
            self.keeper.add(self.count + 1, states)
            self.t, self.y, self.count = float(times[-1]), states[-1].copy(), self.count + len(h)
            if self._settings.progress is not None:
                self._settings.progress(self.t)

    def run(self) -> str | None:
        """Take the steps; return why the end was not reached, if it was not."""
        settings, h, control = self._settings, 0.0, _Control(self._settings.max_step)
        while self.t != self._end:
            if self.count >= settings.max_steps:
                return self._too_many()
            start = _start(self._equations, self.t, self.y)
            if (trouble := _trouble(start)) is not None:
                return trouble
            if not self.count:
                h = _first_step(self._equations.f, self.mass, start, self._end, settings)
            attempt = self._attempt(start, h, control)
            if isinstance(attempt, str):
                return attempt
            h = attempt
        return None

    def _attempt(self, start: _Start, h: float, control: _Control) -> float | str:
        """Take one step, shorter and shorter until its error is accepted; return the length of the next one."""
        t, y, settings, rejected = start.t, start.y, self._settings, list[Any]()
        shortest = smallest_step(t, self._sign)
        while True:
            left = abs(self._end - t)
            length = left if h * 1.0001 >= left else max(h, shortest)
            signed = self._sign * length
            new, error = _step(self._equations, self.mass, start, signed)
            error = error / scale_of(settings.rtol, settings.atol, y, new)
            norm = rms(error)
            h = control.next(length, norm)
            if norm < 1 or length <= shortest:
                break
            rejected.append((t, signed, norm))
        if not norm < 1:
            return _refusal(t, signed, error)
        end = self._end if length == left else t + signed
        self._add(np.array([end]), np.array([signed]), new[None], np.array(rejected, float).reshape(-1, 3))
        return h

    def run_in_c(self, native: NativeSteps) -> str | None:
        """Take the steps in C; return why the end was not reached, if it was not."""
        settings, state = self._settings, ENDED if self.t == self._end else GOES_ON
        most = _BLOCKS[settings.progress is None]
        numbers, atol = np.zeros(NUMBERS), np.array(np.broadcast_to(settings.atol, self.y.shape), float)
        limits = settings.rtol, settings.max_step, _SAFETY, _LEAST, _MOST, _LEAST_BEFORE
        numbers[:ACCEPTED] = self.t, 0, 0, 0, 0, self._end, *limits
        start = _Start(self.t, self.y, native.f(self.t, self.y), None, None)

        def f(t: Any, y: Any) -> Any:
            self._equations.nfev += 1
            return native.f(t, y)

        numbers[LENGTH] = _first_step(f, self.mass, start, self._end, settings)
        while state == GOES_ON:
            room = min(most, settings.max_steps - self.count)
            if room <= 0:
                return self._too_many()
            rows = np.empty(room), np.empty(room), np.empty((room, native.n)), np.empty((most, 3))
            numbers[ACCEPTED:] = 0
            try:
                state = native.attempt(numbers, atol, self.y, rows)
            finally:
                accepted, rejections, *counts = map(int, numbers[ACCEPTED:])
                equations = self._equations
                equations.nfev, equations.njev, equations.nlu = (
                    x + more for x, more in zip((equations.nfev, equations.njev, equations.nlu), counts, strict=True)
                )
                times, lengths, states, rejected = rows
                self._add(times[:accepted], lengths[:accepted], states[:accepted], rejected[:rejections])
        return None if state == ENDED else self._why(state, rejected[:rejections])

    def _why(self, state: int, rejected: Any) -> str:
        """Return why C has not gone on."""
        start = _start(self._equations, self.t, self.y)
        trouble = _trouble(start)
        if trouble is not None or state == NOT_FINITE:
            return trouble or f"fun or its derivatives are not finite at t = {self.t:.6g}"
        h = float(rejected[-1, 1])
        new, error = _step(self._equations, self.mass, start, h)
        return _refusal(self.t, h, error / scale_of(self._settings.rtol, self._settings.atol, self.y, new))

    def _too_many(self) -> str:
        return f"gave up at t = {self.t:.6g}, after max_steps = {self._settings.max_steps} steps"


def _trouble(start: _Start) -> str | None:
    """Return a text on a number that is not finite at the beginning of a step."""
    entries = start.jacobian.data if sparse.issparse(start.jacobian) else start.jacobian
    entries = entries if isinstance(entries, np.ndarray) else None  # those of a lift are never formed
    named = ("fun returned", start.slope), ("the Jacobian of fun has", entries), ("df/dt has", start.time_derivative)
    for text, values in named:
        if values is not None and not np.isfinite(values).all():
            bad = np.argwhere(~np.isfinite(values))[0]
            place = f" in component {bad[0]}" if values.shape == start.y.shape else ""
            return f"{text} {values[tuple(bad)]}{place} at t = {start.t:.6g}, where the solution is finite"
    return None


def _refusal(t: float, h: float, error: Any) -> str:
    """Return why no step is accepted, however short."""
    bad = np.flatnonzero(~np.isfinite(error))
    if len(bad) == len(error):
        return (
            f"steps from t = {t:.6g} have no finite result: M/(h γ) - df/dy is singular at all lengths h, as it is for "
            "algebraic equations of an index above 1, or fun is not finite nearby"
        )
    if len(bad):
        return f"steps from t = {t:.6g} end in {error[bad[0]]} in component {bad[0]}, however short they are"
    worst = int(np.argmax(np.abs(error)))
    return (
        f"steps from t = {t:.6g} must be shorter than the spacing of numbers there, {abs(h):.3g}: component {worst} "
        "has the largest error; the solution may be singular there, or the tolerances too small"
    )


# ---- the same steps again -------------------------------------------------------------------------------------------


def _follow(equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    carries = np.empty((stop - start + 1, *np.shape(carry)), np.asarray(carry).dtype)
    carries[0] = carry
    mass = _mass_of(equations, path)
    with np.errstate(all="ignore"), native_steps(equations, _NUMBERS, mass) as native:
        if native is not None:
            native.follow(*_part(path, start, stop), carries)
            return carries
        for k in range(start, stop):
            begin = _start(equations, float(path.t[k]), carries[k - start])
            carries[k - start + 1], _ = _step(equations, mass, begin, float(path.h[k]))
    return carries


def _part(path: Path, start: int, stop: int) -> tuple[Any, Any]:
    """Return where some steps begin, and their lengths."""
    return np.array(path.t[start:stop], float), np.array(path.h[start:stop], float)


class _Inside(NamedTuple):
    """Points within some steps, but for those after the last one.

    Attributes:
        steps: their numbers, counted from the first one.
        weights: of the stages, shape (m, 8).
        is_start, is_end: whether a point is where its step begins, or ends.
    """

    steps: Any
    weights: Any
    is_start: Any
    is_end: Any

    def each(self, count: int) -> Iterator[tuple[int, slice]]:
        """Yield the numbers of steps from the last one on, and which points are in each."""
        ends = np.searchsorted(self.steps, np.arange(count + 1))
        for k in reversed(range(count)):
            yield k, slice(int(ends[k]), int(ends[k + 1]))


def _inside(path: Path, points: Points, start: int, count: int) -> _Inside:
    inside = int(np.searchsorted(points.step, start + count))
    step, t = np.asarray(points.step[:inside], np.intp), np.asarray(points.t[:inside], float)
    begin, end = path.t[step], path.t[step + 1]
    return _Inside(step - start, weights_at((t - begin) / path.h[step]), t == begin, t == end)


def _between(equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    out = np.empty((len(points.t), equations.n), carries.dtype)
    count, mass = len(carries) - 1, _mass_of(equations, path)
    inside = _inside(path, points, start, count)
    m = len(inside.steps)
    out[m:] = carries[-1]
    reads = ~(inside.is_start | inside.is_end)
    if reads.any():
        with np.errstate(all="ignore"), native_steps(equations, _NUMBERS, mass) as native:
            if native is not None:
                where = inside.steps[reads], np.ascontiguousarray(inside.weights[reads])
                values = native.read(*_part(path, start, start + count), np.ascontiguousarray(carries), *where)
                out[np.flatnonzero(reads)] = values
            for k, part in inside.each(count) if native is None else ():
                if reads[part].any():
                    y, t, h = carries[k], float(path.t[start + k]), float(path.h[start + k])
                    u = _stages(equations, mass, _start(equations, t, y), h).u
                    out[part] = y + inside.weights[part].astype(u.dtype) @ u
    for ends, shift in (inside.is_start, 0), (inside.is_end, 1):
        out[np.flatnonzero(ends)] = carries[inside.steps[ends] + shift]
    return out


def _pull(
    equations: BoundEquations, path: Path, carries: Any, start: int, g: Any, points: Points, gy: Any
) -> tuple[Any, list[Any]]:
    count, mass = len(carries) - 1, _mass_of(equations, path)
    inside = _inside(path, points, start, count)
    m = len(inside.steps)
    g = np.array(g) + gy[m:].sum(axis=0)
    total = _zeros(equations)
    with np.errstate(all="ignore"), native_steps(equations, _NUMBERS, mass, STAGES) as native:
        if native is not None and all(x.dtype == np.float64 for x in total):
            where = inside.steps, np.ascontiguousarray(inside.weights), np.array(gy[:m], float)
            steps = *_part(path, start, start + count), np.ascontiguousarray(carries)
            native.pull(steps, where, tuple(total), g)
            return g, total
        for k, part in inside.each(count):
            rows = gy[part]
            if not g.any() and not rows.any():
                continue
            gu = B.astype(g.dtype)[:, None] * g + inside.weights[part].astype(g.dtype).T @ rows
            begin = _start(equations, float(path.t[start + k]), carries[k])
            moved, parts = _pull_stages(equations, mass, begin, float(path.h[start + k]), gu)
            g = g + rows.sum(axis=0) + moved
            for x, more in zip(total, parts, strict=True):
                x += more
    return g, total


def _zeros(equations: BoundEquations) -> list[Any]:
    """Return cotangents of floating theta that are zero."""
    return [np.zeros_like(equations.theta[k]) for k in equations.equations.floating]


def _pull_stages(equations: BoundEquations, mass: Any, start: _Start, h: float, gu: Any) -> tuple[Any, list[Any]]:
    """Return the cotangents of y and theta for those, gu, of the results u of the stages, which are changed.

    With v_i = W⁻ᵀ gu_i, stage by stage from the last one, u_i depends on the arguments of f in its stage by v_i · f, on
    earlier ones by v_i · M C_ij u_j / h, and on df/dy and df/dt by v_i · (df/dy u_i + h d_i df/dt).
    """
    places, u, factors = _stages(equations, mass, start, h)
    v = np.empty_like(u)
    gy: Any = 0
    total: list[Any] = []
    a, c = A.astype(u.dtype), (C / h).astype(u.dtype)
    for i in reversed(range(STAGES)):
        v[i] = factors.solve(gu[i], True)
        _, moved, parts = equations.pull(start.t + NODES[i] * h, places[i], v[i])
        gy = gy + moved
        total = [x + y for x, y in zip(total, parts, strict=True)] if total else parts
        if i:
            before = v[i] if mass is None else mass.T @ v[i]
            gu[:i] += a[i, :i, None] * moved + c[i, :i, None] * before
    _, moved, parts = equations.pull_jacobian(start.t, start.y, v, u, h * D)
    return gy + moved, [x + y for x, y in zip(total, parts, strict=True)] if total else parts


def _begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    return np.array(y0)


def _pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    return np.array(g), _zeros(equations)


def _read(carry: Any) -> Any:
    return carry


RODAS5P = Method("Rodas5P", _solve, _begin, _pull_begin, _follow, _between, _pull, _read)
