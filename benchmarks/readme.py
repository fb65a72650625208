"""The README's section on speed: `python -m benchmarks.readme FILE [OTHER]` writes it, from files that `--json` wrote.

The other one has figures of another machine, or of one that is imitated, which are put beside in parentheses.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
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
    "rotary_interleaved": "… of neighbouring features",
    "rmsprop_update": "RMSprop on 407,050 parameters",
    "adam_update": "Adam on 407,050 parameters",
    "gaussian_process": "Gaussian process, n = 100: likelihood and gradient",
    "kalman_filter": "Kalman filter, 100 steps: likelihood and gradient",
    "lotka_volterra": "Lotka–Volterra, 100 Runge–Kutta steps: fit and gradient",
    "logistic": "logistic regression, 500 × 20: gradient and Hessian",
    "rosenbrock_100": "Rosenbrock, N = 100: Hessian times vector",
    "rosenbrock_10000": "… N = 10,000",
}
SECTION = """## Speed

{title}

Medians of one run in which the processes take turns ([the run](benchmarks/results/{name})).{beside}
`python3 dev.py bench --goals` repeats it, and [benchmarks/README.md](benchmarks/README.md) explains the method. Ratios
are of times, ours / theirs: below 1 means that we are faster. *Eager* is the plain loop, *compiled* the same under
`ag.compile`, bit for bit; both use the [native kernels](docs/explanation/native.md), and *no kernels* is what computes
where they were not built.

| {columns} |
|{rule}|
{rows}

NumPy by hand is frozen code that writes into its own buffers. PyTorch is eager; JAX and CasADi compile before the clock
starts. Our rows opt in to `ag.keep_freed_memory()`, without which eager code on arrays above 128 KiB allocates as NumPy
does: the eager chain of 512 × 512 takes three to five times as long.{first}
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


def row(label: str, case: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> str:
    """One line of the table."""
    times = [time_of(case, EAGER, unit=True)]
    times += [time_of(case, who) for who in (COMPILED, f"{EAGER}_off", f"{COMPILED}_off")]
    return "| " + " | ".join([label, *times, *(cell(case, ours, peer, other) for ours, peer in RATIOS)]) + " |"


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
    """The whole section, for files of results of these names."""
    cases, others = results["cases"], {} if other is None else other["cases"]
    first = cases.get("first_result", {}).get("contenders", {}).get(COMPILED, {}).get("spread", {}).get("ms")
    said = beside = ""
    if first:
        said = (
            f" The first result of a replay comes {short(first['median'])} ms after the first call of the MNIST step."
        )
    if other is not None:
        about = f"{kernels(other['machine'])}{where(other['machine'])}"
        beside = f"\nIn parentheses: the same with {about}\n([that run](benchmarks/results/{second}))."
    return SECTION.format(
        title=textwrap.fill(f"{title(results)}.", 118),
        name=name,
        beside=beside,
        columns=COLUMNS,
        rule="---|" * (COLUMNS.count("|")) + "---",
        rows="\n".join(row(label, cases[case], others.get(case)) for case, label in ROWS.items() if case in cases),
        first=said,
    )


def replaced(page: str, text: str) -> str:
    """The page with another section on speed."""
    before, _, rest = page.partition("## Speed\n")
    _, more, after = rest.partition("\n## More\n")
    return before + text + more + after


def main(path: Path, other: Path | None = None) -> None:
    """Write the section into the README."""
    readme = ROOT / "README.md"
    results, beside = (None if file is None else json.loads(file.read_text(encoding="utf-8")) for file in (path, other))
    text = section(results, path.name, beside, other.name if other else "")
    readme.write_text(replaced(readme.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
