"""The tables of README.md and benchmarks/README.md, from files that `--json` wrote; `benchmarks.pages` writes them.

A second file has figures of another machine, or of one that is imitated, which follow in parentheses.
"""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.report import ROOT, short

_BUSY = 2  # runnable threads for each processor: more than a benchmark has by itself
EAGER, COMPILED = "autograd_lite", "autograd_lite_compiled"
PEERS = {"torch": "PyTorch", "jax": "JAX", "casadi": "CasADi"}
# The time of ours, without kernels and with them; then ratios, ours / theirs.
RATIOS = ((EAGER, "torch"), (COMPILED, "torch"), (COMPILED, "jax"), (COMPILED, "casadi"), (COMPILED, "numpy"))
COLUMNS = (
    "work | eager | compiled | eager, no kernels | compiled, no kernels | eager / PyTorch | compiled / PyTorch |"
    " compiled / JAX `jit` | compiled / CasADi | compiled / NumPy by hand"
)
ROWS = {
    "chain_1": "chain `tanh(h * w + x)`, 1 element",
    "chain_16": "… 16 × 16",
    "chain_128": "… 128 × 128",
    "chain_512": "… 512 × 512",
    "tiny_mlp": "MLP 2-16-16-1, training step",
    "mlp_step": "MNIST network, training step",
    "mlp_epoch": "… one epoch with `fit`",
    "cnn_step": "convolutional network",
    "lstm_step": "LSTM, 64 steps, 128 units, batch 32",
    "lstm_scan": "… by `scan` over its cell",
    "transformer_step": "transformer block, 64 steps, 128 features, batch 16",
    "cross_entropy": "cross-entropy, 32 rows of 50,000 classes",
    "rotary": "rotary positions, plain NumPy, (16, 64, 8, 64)",
    "rotary_interleaved": "… of neighboring features",
    "rmsprop_update": "RMSprop on 407,050 parameters",
    "adam_update": "Adam on 407,050 parameters",
    "gaussian_process": "Gaussian process, n = 100: likelihood and gradient",
    "kalman_filter": "Kalman filter, 100 steps: likelihood and gradient",
    "lotka_volterra": "Lotka–Volterra, 100 Runge–Kutta steps: fit and gradient",
    "logistic": "logistic regression, 500 × 20: gradient and Hessian",
    "rosenbrock_100": "Rosenbrock, N = 100: Hessian times vector",
    "rosenbrock_10000": "… N = 10,000",
}
# The rows and columns of README.md; the others are in benchmarks/README.md.
FEW = ("mlp_step", "cnn_step", "lstm_step", "transformer_step", "kalman_filter", "logistic")
FEW_RATIOS = ((EAGER, "torch"), (COMPILED, "torch"), (COMPILED, "jax"))
FEW_COLUMNS = "work | eager | compiled | eager / PyTorch | compiled / PyTorch | compiled / JAX `jit`"
SECTION = """## Results

{title}

Medians of one run in which the processes take turns ([the run](results/{name})).{beside}
`python -m benchmarks.publish` repeats it. Ratios are of times, ours / theirs: below 1 means that we are faster. *Eager*
is the plain loop, *compiled* the same under `ag.compile`, bit for bit; both use the
[native kernels](../docs/explanation/native.md), and *no kernels* is what computes where they were not built.

{table}

NumPy by hand is frozen code that writes into its own buffers. PyTorch is eager; JAX and CasADi compile before the clock
starts. Our rows opt in to `ag.keep_freed_memory()`, without which eager code on arrays above 128 KiB allocates as NumPy
does: the eager chain of 512 × 512 takes three to five times as long.{first}

![The same ratios as bars](../docs/images/speed.svg)
"""
BRIEF = """## Speed

{title}

{table}

Ratios are of times, ours / theirs: below 1 means that we are faster. *Eager* is the plain loop, *compiled* the same
under `ag.compile`, bit for bit. PyTorch is eager; JAX compiles before the clock starts. These are medians of
[one run](benchmarks/results/{name}), in which the processes take turns;
[benchmarks/README.md](benchmarks/README.md#results) has {more} more rows, the method, and the commands.

{losses}

{literature}

![Bars: the times of {all} benchmarks beside those of PyTorch, JAX and CasADi](docs/images/speed.svg)
"""


def cell(case: Mapping[str, Any], ours: str, peer: str, other: Mapping[str, Any] | None = None) -> str:
    """A ratio of times, in bold where we are faster; empty if a side did not take part. The other's is behind it."""
    found = case["ratios"].get(ours, {}).get(peer)
    if not found:
        return ""
    text = short(found["median"])
    text = f"**{text}**" if found["median"] < 1 else text
    beside = cell(other, ours, peer) if other is not None else ""
    return f"{text} ({beside})" if beside else text


def time_of(case: Mapping[str, Any], who: str, unit: bool = False) -> str:
    """The median time of a contender, or an empty text."""
    found = case["contenders"].get(who, {}).get("spread", {}).get("time")
    return (short(found["median"]) + (f" {case['unit'].partition('/')[0]}" if unit else "")) if found else ""


def row(label: str, case: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> list[str]:
    """The cells of a line of the long table."""
    times = [time_of(case, EAGER, unit=True)]
    times += [time_of(case, who) for who in (COMPILED, f"{EAGER}_off", f"{COMPILED}_off")]
    return [label, *times, *(cell(case, ours, peer, other) for ours, peer in RATIOS)]


def table(columns: str, rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, "|".join("---" for _ in columns.split("|")), *(" | ".join(cells) for cells in rows)]
    return "\n".join(f"|{line}|" if line.startswith("---") else f"| {line} |" for line in lines)


def title(results: Mapping[str, Any]) -> str:
    """The machine, its instruction set and threads, the versions that ran, of which commit, and when."""
    machine, versions = results["machine"], {}
    for case in results["cases"].values():
        for who, record in case["contenders"].items():
            if who in PEERS and "version" in record:
                versions[PEERS[who]] = record["version"].partition("+")[0]
    peers = ", ".join(f"{name} {version}" for name, version in versions.items())
    numpy, said = machine["numpy"], where(machine)
    return f"**{machine['cores']} cores of an {machine['cpu']}, {kernels(machine)}**, NumPy {numpy}, {peers}{said}"


def kernels(machine: Mapping[str, Any]) -> str:
    """The instruction set of the kernels."""
    found: str = machine["native kernels"].replace("avx", "AVX-").replace("AVX-2", "AVX2")
    return found


def where(machine: Mapping[str, Any]) -> str:
    """Of how many threads, which commit and which day figures are, as far as that was written, and if it was busy."""
    said = [f"{machine['threads']} thread{'s' * (machine['threads'] != 1)}"] if "threads" in machine else []
    said += [f"commit {machine['commit']}"] if machine.get("commit") else []
    said += [machine["date"][:10]] if "date" in machine else []
    said += ["while other programs ran"] if (machine.get("load") or 0) > _BUSY * machine["cores"] else []
    return "".join(f", {one}" for one in said)


def section(results: Mapping[str, Any], name: str, other: Mapping[str, Any] | None = None, second: str = "") -> str:
    """The section of benchmarks/README.md, for files of results of these names."""
    cases, others = results["cases"], {} if other is None else other["cases"]
    first = cases.get("first_result", {}).get("contenders", {}).get(COMPILED, {}).get("spread", {}).get("ms")
    said = beside = ""
    if first:
        said = (
            f"\nThe first result of a replay comes {short(first['median'])} ms after the first call of the MNIST step."
        )
    if other is not None:
        about = f"{kernels(other['machine'])}{where(other['machine'])}"
        beside = f"\nIn parentheses: the same with {about}\n([that run](results/{second}))."
    return SECTION.format(
        title=textwrap.fill(f"{title(results)}.", 118),
        name=name,
        beside=beside,
        table=table(
            COLUMNS, [row(text, cases[case], others.get(case)) for case, text in ROWS.items() if case in cases]
        ),
        first=said,
    )


def losses(cases: Mapping[str, Any]) -> str:
    """A paragraph on how many of the ratios of compiled code to peers are above 1, and which."""
    pairs = [(case, peer) for case in ROWS for peer in PEERS if COMPILED in cases.get(case, {}).get("ratios", {})]
    pairs = [(case, peer) for case, peer in pairs if peer in cases[case]["ratios"][COMPILED]]
    ratio = {pair: cases[pair[0]]["ratios"][COMPILED][pair[1]]["median"] for pair in pairs}
    slower = sorted((pair for pair in pairs if ratio[pair] > 1), key=lambda pair: -ratio[pair])
    text = f"Compiled, we are slower in {len(slower)} of {len(pairs)} comparisons with PyTorch, JAX and CasADi"
    names = [f"{short(ratio[case, peer])} times {PEERS[peer]}'s time on `{case}`" for case, peer in slower]
    return textwrap.fill(f"{text}: {', '.join(names)}." if names else f"{text}.", 118, break_on_hyphens=False)


LITERATURE = """\
{count} programs of the literature, for which nothing was tuned, take {median} of `jax.jit`'s time in the median, from
{low} to {high} ([the run](benchmarks/results/{name}), [the programs](docs/explanation/speed.md))."""


def literature(ratios: Sequence[float], name: str) -> str:
    """A paragraph on the programs of the literature: their ratios to JAX, and the file that these are from."""
    low, median, high = (short(f(ratios)) for f in (min, statistics.median, max))
    return LITERATURE.format(count=len(ratios), low=low, median=median, high=high, name=name)


def brief(results: Mapping[str, Any], name: str, programs: str) -> str:
    """The section of README.md: a few rows, what is slower, the paragraph on programs, and a picture."""
    cases = results["cases"]
    rows = [
        [ROWS[case].removeprefix("… "), time_of(cases[case], EAGER, unit=True), time_of(cases[case], COMPILED)]
        + [cell(cases[case], ours, peer) for ours, peer in FEW_RATIOS]
        for case in FEW
        if case in cases
    ]
    count = sum(case in cases for case in ROWS)
    return BRIEF.format(
        title=textwrap.fill(f"{title(results)}.", 118),
        name=name,
        table=table(FEW_COLUMNS, rows),
        more=count - len(rows),
        losses=losses(cases),
        literature=programs,
        all=count,
    )


def replaced(page: str, text: str) -> str:
    """The page with another section of the same title; the next section stays."""
    heading = text.partition("\n")[0] + "\n"
    before, _, rest = page.partition(heading)
    _, mark, after = rest.partition("\n## ")
    return before + text + mark + after


def write(short_section: str, long_section: str) -> None:
    """Write the sections of both pages."""
    for page, text in ((ROOT / "README.md", short_section), (ROOT / "benchmarks" / "README.md", long_section)):
        page.write_text(replaced(page.read_text(encoding="utf-8"), text), encoding="utf-8")
