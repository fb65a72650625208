"""The table of cases and the table of contenders: data only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from benchmarks import models, problems

# steady: one worker lives through all rounds. process: a fresh one per round, timed from outside.
# imports: a fresh interpreter per round times one import. probe: a fresh one measures itself.
# peak: a fresh one per round measures how much memory a steady job takes, in the place of time.
Mode = Literal["steady", "process", "imports", "probe", "peak"]


@dataclass(frozen=True)
class Contender:
    """A module of `benchmarks.contenders` and what must be installed for it.

    Attributes:
        package: a package of Python.
        ours: whether it is autograd_lite.
        program: a program of the machine.
        twin: another contender, whose values it computes to the last bit.
        module: the module, if it is another contender's.
        native: what AUTOGRAD_LITE_NATIVE is for it, if it is set.
        floor: whether it does only a part of the work, so that its values are not compared.
    """

    package: str
    ours: bool = False
    program: str = ""
    twin: str = ""
    module: str = ""
    native: str = ""
    floor: bool = False


BEFORE = "before"  # an older checkout of ours, which `--before` names
CONTENDERS = {
    BEFORE: Contender("autograd_lite"),
    "autograd_lite": Contender("autograd_lite", ours=True),
    "autograd_lite_compiled": Contender("autograd_lite", ours=True, twin="autograd_lite"),
    "autograd_lite_off": Contender("autograd_lite", ours=True, module="autograd_lite", native="off"),
    "autograd_lite_compiled_off": Contender(
        "autograd_lite", ours=True, twin="autograd_lite_off", module="autograd_lite_compiled", native="off"
    ),
    "autograd_lite_fit": Contender("autograd_lite", ours=True),
    "autograd_lite_graph": Contender("autograd_lite", ours=True),
    "autograd_lite_loop": Contender("autograd_lite", ours=True),
    "autograd_lite_np": Contender("autograd_lite", ours=True),
    "numpy": Contender("numpy"),
    "numpy_in_place": Contender("numpy"),
    "numpy_products": Contender("numpy", floor=True),
    "torch": Contender("torch"),
    "torch_compiled": Contender("torch", program="g++"),
    "torch_cells": Contender("torch"),
    "torch_fused": Contender("torch"),
    "jax": Contender("jax"),
    "jax_scan": Contender("jax"),
    "casadi": Contender("casadi"),
    "mygrad": Contender("mygrad"),
    "autograd": Contender("autograd"),
}
OURS = ("autograd_lite", "autograd_lite_compiled")
ALL_OURS = (*OURS, "autograd_lite_off", "autograd_lite_compiled_off")  # with native kernels and without
PEERS = ("numpy", "torch", "jax", "mygrad", "autograd")


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        about: One line for the reader of the results.
        job: The function of a contender's module that prepares or does the work.
        contenders: Who takes part; the first one that is not ours is the reference for values.
        unit: The unit of the printed numbers.
        scale: Units per second.
        per_run: How many things, per run of the job, a number is divided by.
        repeat: Runs per round.
        warm: Untimed runs at the start of each round.
        rounds: Rounds unless the command line says otherwise.
        rtol: How far values may lie apart, relative to the reference.
        goals: Upper bounds: of the ratio of any of ours to a peer, by the peer's name; of one ratio, by "ours / peer";
            of a time, by "contender, unit"; of a probe's own number.
        either: Whether it is enough to meet one of the goals of "ours / peer".
        beside: A case whose ratios are published beside these.
        problem: Builds the work of a steady case.
        rehearsal: Builds work of the same kind, but small: what it needs is not counted as memory of a step.
        options: Arguments of `job` in the other modes.
    """

    about: str
    job: str
    contenders: tuple[str, ...]
    unit: str
    scale: float = 1.0
    per_run: int = 1
    repeat: int = 1
    warm: int = 0
    rounds: int = 7
    rtol: float = 1e-3
    mode: Mode = "steady"
    goals: Mapping[str, float] = field(default_factory=dict)
    either: bool = False
    beside: str = ""
    problem: Callable[[], problems.Problem] | None = None
    rehearsal: Callable[[], problems.Problem] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def _chain(*shape: int, links: int, repeat: int, goals: Mapping[str, float]) -> Case:
    size = "×".join(map(str, shape)) if len(shape) > 1 else "1 element"
    return Case(
        about=f"h = tanh(h * w + x), {links} links, {size}, float64, forward + backward",
        job="chain",
        contenders=(
            *ALL_OURS,
            "autograd_lite_np",
            *PEERS,
            "casadi",
            *(["numpy_in_place"] if shape == (1,) else []),
            "torch_compiled",
        ),
        unit="µs/op",
        scale=1e6,
        per_run=3 * links,
        repeat=repeat,
        warm=4,  # with gradients there before or not, each of which is compiled at the second time
        rounds=11,
        rtol=1e-9,
        goals={"autograd_lite_compiled / numpy": 1.15, "autograd_lite_compiled / jax": 1.0, **goals},
        problem=partial(problems.chain, *shape, links=links),
    )


def _model(
    about: str,
    problem: Callable[[], problems.Model],
    repeat: int,
    goals: Mapping[str, float],
    others: Sequence[str] = (),
) -> Case:
    return Case(
        about=f"{about}, float64",
        job="model",
        contenders=(*ALL_OURS, "torch", "jax", "autograd", *others),
        unit="ms",
        scale=1e3,
        repeat=repeat,
        warm=2,
        rounds=11,
        rtol=1e-9,
        goals={"autograd_lite_compiled / jax": 1.0} | goals,
        problem=problem,
    )


def _rotary(function: Callable[..., Any], layout: str) -> Case:
    about = f"rotary positions as plain NumPy, {layout}, (16, 64, 8, 64)"
    case, goals = _model("", partial(models.rotary_model, function), 20, {}), {"autograd_lite_compiled / torch": 0.5}
    about = f"{about}, float32: value and gradient"
    return replace(case, about=about, contenders=(*ALL_OURS, "torch", "jax"), rtol=1e-5, goals=goals)


def _memory(job: str, network: str, problem: Callable[..., problems.Problem], goals: Mapping[str, float]) -> Case:
    return Case(
        about=f"a training step of the {network}: memory at its highest, beyond the level before the first one",
        job=job,
        contenders=(*OURS, "torch"),
        unit="MiB",
        scale=2.0**-20,
        repeat=5,
        warm=3,
        rounds=3,
        mode="peak",
        goals={"autograd_lite_compiled / torch": 1.0, **goals},
        problem=problem,
        rehearsal=partial(problem, rows=2),
    )


def _cold(epochs: int, evaluate: bool, goals: Mapping[str, float]) -> Case:
    work = f"{epochs} epoch{'s' if epochs > 1 else ''}{', evaluate' if evaluate else ''}"
    return Case(
        about=f"a whole process: import, load MNIST, {work}",
        job="cold",
        contenders=("autograd_lite", "numpy", "torch", "jax"),
        unit="s",
        rounds=3,
        rtol=0.3,  # orders, initial weights and PyTorch's epsilon differ; a mean loss near 0.04 shows it
        mode="process",
        goals=goals,
        options={"epochs": epochs, "evaluate": evaluate},
    )


def _update(optimizer: str) -> Case:
    return Case(
        about=f"one step of {optimizer} on the seed network's 407,050 float32 parameters, gradients given",
        job="update",
        contenders=(*ALL_OURS, "torch", *(("torch_fused",) if optimizer == "Adam" else ())),
        unit="ms/step",
        scale=1e3,
        repeat=50,
        warm=5,
        rounds=11,
        rtol=0.02 if optimizer == "RMSprop" else 1e-3,  # PyTorch's epsilon stands outside the root
        goals={} if optimizer == "SGD" else {"autograd_lite_compiled, ms/step": 0.25},
        problem=partial(problems.update, optimizer),
    )


# PyTorch computes these in its own kernels, in all threads.
LARGE_CHAIN = {"torch": 0.7, "numpy": 1.25, "autograd_lite_compiled / torch": 0.35}

CASES = {
    "mlp_epoch": Case(
        about="one epoch of MNIST, 784-512-10, batch 128, RMSprop, float32, shuffled gather included",
        job="mlp_epoch",
        contenders=(*OURS, "autograd_lite_loop", *PEERS, "jax_scan"),
        unit="s/epoch",
        rtol=0.15,
        goals={"torch": 1.0, "numpy": 1.15, "autograd_lite_compiled / torch": 1.0},
        beside="mlp_products",
        problem=problems.mnist_mlp,
    ),
    "mlp_products": Case(
        about="the five matrix products of that step alone: if they take other times, so does all that is made of them",
        job="products",
        contenders=("autograd_lite_compiled", "torch"),
        unit="ms/step",
        scale=1e3,
        repeat=30,
        warm=2,
        problem=partial(problems.mnist_mlp, rows=128),
    ),
    "mlp_step": Case(
        about="one training step of the same network on a fixed batch of 128",
        job="mlp_step",
        contenders=(*ALL_OURS, "autograd_lite_loop", *PEERS, "numpy_products", "torch_compiled"),
        unit="ms/step",
        scale=1e3,
        repeat=30,
        warm=2,
        rounds=11,
        rtol=0.1,  # PyTorch's epsilon stands outside the root
        goals={
            "autograd_lite_compiled / numpy": 1.05,
            "autograd_lite_compiled / torch": 0.7,
            "autograd_lite_compiled / numpy_products": 1.25,
            "autograd_lite_loop / torch": 0.85,
        },
        problem=partial(problems.mnist_mlp, rows=128),
    ),
    "chain_1": _chain(
        1, links=100, repeat=50, goals={"torch": 0.7, "numpy": 1.8, "autograd_lite_compiled / casadi": 1.0}
    ),
    "chain_16": _chain(16, 16, links=100, repeat=50, goals={"torch": 0.7}),
    "chain_128": _chain(128, 128, links=100, repeat=4, goals=LARGE_CHAIN),
    "chain_512": _chain(512, 512, links=20, repeat=4, goals=LARGE_CHAIN),
    "primitive_chain": Case(
        about="h = f(h, w, x), a function with a rule of its own, 100 links, 1 element, float64, forward + backward",
        job="primitive_chain",
        contenders=("autograd_lite", "torch", "autograd"),
        unit="µs/call",
        scale=1e6,
        per_run=100,
        repeat=50,
        warm=4,
        rounds=11,
        rtol=1e-9,
        problem=partial(problems.chain, 1, links=100),
    ),
    **{f"{name.lower()}_update": _update(name) for name in ("SGD", "RMSprop", "Adam")},
    "tiny_mlp": Case(
        about="one training step of 2-16-16-1, tanh, batch 32, MSE, SGD, float32",
        job="tiny_mlp",
        contenders=(*ALL_OURS, *PEERS, "numpy_in_place", "torch_compiled"),
        unit="ms/step",
        scale=1e3,
        repeat=200,
        warm=5,
        rounds=11,
        goals={"autograd_lite_compiled, ms/step": 0.010, "autograd_lite_compiled / torch": 0.5},
        problem=problems.tiny,
    ),
    "cnn_step": Case(
        about="one training step of 2 convolutions, 28x28, 32 and 64 channels 3x3, pools, batch 64, SGD, float32",
        job="cnn_step",
        contenders=(*ALL_OURS, "torch", "torch_compiled", "jax"),
        unit="ms/step",
        scale=1e3,
        repeat=20,
        warm=2,
        rounds=11,
        goals={"autograd_lite / torch": 1.1, "autograd_lite_compiled / torch": 0.9},
        problem=problems.convolutional,
    ),
    "mlp_memory": _memory("mlp_step", "seed network, batch 128", problems.blank_mlp, {}),
    "cnn_memory": _memory(
        "cnn_step",
        "two convolutions",
        problems.convolutional,
        {"torch": 1.5, "autograd_lite_compiled / autograd_lite": 0.7},
    ),
    "transformer_memory": _memory("transformer_step", "transformer block", problems.transformer, {}),
    "lstm_step": Case(
        about="one training step of an LSTM, 64 steps, 128 features, 128 units, batch 32, MSE, SGD, float32",
        job="lstm_step",
        contenders=(*ALL_OURS, "torch", "torch_cells", "torch_compiled", "numpy"),
        unit="ms/step",
        scale=1e3,
        repeat=20,
        warm=2,
        rounds=11,
        goals={
            "torch": 2.0,
            "torch_cells": 0.9,
            "autograd_lite_compiled / torch": 1.1,
            "autograd_lite_compiled / torch_cells": 0.5,
        },
        problem=problems.recurrent,
    ),
    "lstm_scan": Case(
        about="the same, with the cell written in operations and `scan` over the steps",
        job="lstm_scan",
        contenders=(*OURS, "torch", "jax", "numpy"),
        unit="ms/step",
        scale=1e3,
        repeat=10,
        warm=2,
        rounds=11,
        goals={"autograd_lite_compiled / numpy": 1.15},
        problem=problems.recurrent,
    ),
    "gru_step": Case(
        about="one training step of a GRU, 64 steps, 128 features, 128 units, batch 32, MSE, SGD, float32",
        job="gru_step",
        contenders=(*OURS, "torch", "torch_cells"),
        unit="ms/step",
        scale=1e3,
        repeat=20,
        warm=2,
        rounds=11,
        goals={"torch": 2.0, "torch_cells": 0.9},
        problem=partial(problems.recurrent, gates=3),
    ),
    "transformer_step": Case(
        about="one training step of a transformer block, 64 steps, 128 features, 4 heads, batch 16, MSE, SGD, float32",
        job="transformer_step",
        contenders=(*ALL_OURS, "torch", "torch_compiled", "jax"),
        unit="ms/step",
        scale=1e3,
        repeat=20,
        warm=2,
        rounds=11,
        goals={"autograd_lite / torch": 1.0, "autograd_lite_compiled / torch": 0.75},
        problem=problems.transformer,
    ),
    "gaussian_process": _model(
        "Gaussian-process marginal likelihood by Cholesky, n = 100: value and gradient by 3 hyperparameters",
        models.gaussian_process_model,
        repeat=20,
        goals={"autograd": 0.5},
        others=["numpy_products", "torch_compiled"],
    ),
    "kalman_filter": _model(
        "Kalman-filter log-likelihood, 4 states, 2 observations, 100 steps: value and gradient by 4 matrices",
        models.kalman_model,
        repeat=3,
        goals={"autograd": 0.5, "torch": 1.0},
        others=["numpy_products"],
    ),
    "lotka_volterra": _model(
        "Lotka-Volterra through 100 steps of Runge-Kutta: value and gradient by 4 rates and 2 initial values",
        models.lotka_volterra_model,
        repeat=20,
        goals={"autograd": 0.5, "torch": 1.0, "autograd_lite_compiled, ms": 0.04},
    ),
    "logistic": _model(
        "logistic regression, n = 500, d = 20: value, gradient and Hessian",
        models.logistic_model,
        repeat=10,
        goals={"autograd": 0.5},
        others=["numpy_products", "torch_compiled"],
    ),
    "rosenbrock_100": _model(
        "Rosenbrock's function, N = 100: Hessian-vector product",
        partial(models.rosenbrock_model, 100),
        repeat=100,
        goals={"autograd": 0.5, "torch": 1.0},
    ),
    "rosenbrock_10000": _model(
        "Rosenbrock's function, N = 10,000: Hessian-vector product",
        partial(models.rosenbrock_model, 10_000),
        repeat=50,
        goals={"autograd": 0.5, "autograd_lite_compiled / jax": 0.4},
    ),
    "cross_entropy": Case(
        about="cross-entropy of 32 rows of 50,000 logits, float32: value and gradient",
        job="cross_entropy",
        contenders=(*ALL_OURS, "torch"),
        unit="ms",
        scale=1e3,
        repeat=10,
        warm=3,
        rounds=11,
        goals={"autograd_lite / torch": 0.5, "autograd_lite_compiled / torch": 0.5},
        problem=problems.classes,
    ),
    "rotary": _rotary(models.rotary, "halves"),
    "rotary_interleaved": _rotary(models.rotary_interleaved, "neighbours"),
    "cold_start": _cold(1, False, {}),
    "cold_5": _cold(5, True, {"torch": 0.7}),
    "import_time": Case(
        about="import of the package in a fresh interpreter that has imported NumPy",
        job="",
        contenders=("autograd_lite", "torch", "jax", "mygrad", "autograd"),
        unit="ms",
        scale=1e3,
        mode="imports",
        rounds=15,
        goals={"autograd_lite": 30.0, f"autograd_lite / {BEFORE}": 1.05},
    ),
    "first_result": Case(
        about="the step of the seed network: from its first call to the first result of a replay",
        job="first_result",
        contenders=("autograd_lite_compiled",),
        unit="",
        rounds=5,
        mode="probe",
        goals={"ms": 60.0},
    ),
    "plan_time": Case(
        about="tracing and planning chains of 1,000, 10,000 and 100,000 ops with their gradient: µs per op",
        job="plan_time",
        contenders=("autograd_lite_compiled",),
        unit="",
        rounds=1,
        mode="probe",
        goals={"100,000 over 10,000": 1.3},
        options={"sizes": (1_000, 10_000, 100_000)},
    ),
    "million": Case(
        about="chains of 100,000 and 1,000,000 ops: µs per op, and the larger over the smaller",
        job="million",
        contenders=("autograd_lite",),
        unit="",
        rounds=3,
        mode="probe",
        goals={"forward ratio": 1.3, "backward ratio": 1.3, "deletion ratio": 1.3, "total ratio": 1.3},
        options={"sizes": (100_000, 1_000_000)},
    ),
    "memory": Case(
        about="growth over 1,000 training steps with the cyclic collector off",
        job="memory",
        contenders=("autograd_lite",),
        unit="",
        rounds=1,
        mode="probe",
        goals={"rss MiB": 1.0, "traced KiB": 16.0, "unreachable objects": 0.0},
        options={"steps": 1_000},
    ),
    "recording": Case(
        about="lines and module paths recorded, over not recorded: h = tanh(h * w + x), 1 element, eager",
        job="recording",
        contenders=("autograd_lite_graph",),
        unit="",
        rounds=3,
        mode="probe",
        goals={"forward, on over off": 1.3, "forward and backward, on over off": 1.3},
        options={"links": 1_000, "turns": 31},
    ),
    "fit_overhead": Case(
        about="fit over the loop written by hand, 8-8-3, batch 16, SGD: the same rows, losses and metrics",
        job="overhead",
        contenders=("autograd_lite_fit",),
        unit="",
        rounds=3,
        mode="probe",
        goals={
            "arrays, µs/step": 30.0,
            "arrays and accuracy, µs/step": 30.0,
            "DataLoader, µs/step": 30.0,
        },
        options={"steps": 200, "batch": 16, "turns": 21},
    ),
    "pictures": Case(
        about="the seed network's loss, batch 128, drawn: from the tensor to the finished text",
        job="pictures",
        contenders=("autograd_lite_graph",),
        unit="",
        rounds=3,
        mode="probe",
        goals={"SVG ms": 50.0, "mirror ms": 50.0, "HTML kB": 150.0},
        options={"turns": 15},
    ),
}
