"""Measure all that the pages show, and write them: `python -m benchmarks.publish [PART ...]`, on a quiet machine.

The parts are `rows`, the table of benchmarks/README.md (six minutes); `second`, some of its rows with AVX2 and one
thread (a minute and a half); `programs`, those of the literature (two minutes); and `pages`: the tables of README.md,
of benchmarks/README.md and of three pages of docs, and two pictures, from the newest results. Files of results are
named by the month, and those of an earlier run in it are replaced. Commit first: results name the commit that was
measured.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from datetime import UTC, datetime

from benchmarks import pages, readme
from benchmarks.cases import ALL_OURS
from benchmarks.history import RESULTS
from benchmarks.problems import DATA_VARIABLE
from benchmarks.report import ROOT, SETTINGS

PARTS = ("rows", "second", "programs", "pages")
PAUSE = "0.2"
CONTENDERS = (*ALL_OURS, *readme.PEERS, "numpy")
SECOND = (
    *("chain_1", "chain_128", "chain_512", "tiny_mlp", "mlp_step", "cnn_step", "lstm_step", "transformer_step"),
    *("kalman_filter", "logistic"),
)
ONE_THREAD = {f"{kind}_NUM_THREADS": "1" for kind in ("OPENBLAS", "OMP", "MKL", "AUTOGRAD_LITE")}
ONE_THREAD["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def commands(month: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Return the command of each part that measures, with its variables."""
    rows, second, programs = (str(RESULTS / f"{month}{part}.json") for part in ("-rows", "-second", "-programs"))
    of_rows = ["benchmarks", *readme.ROWS, "first_result", "--rounds", "5", "--contenders", ",".join(CONTENDERS)]
    few = [who for who in CONTENDERS if not who.endswith("_off")]
    of_second = ["benchmarks", *SECOND, "--rounds", "3", "--contenders", ",".join(few), "--instructions", "avx2"]
    return {
        "rows": ([*of_rows, "--pause", PAUSE, "--json", rows], {}),
        "second": ([*of_second, "--pause", PAUSE, "--json", second], ONE_THREAD),
        "programs": (["benchmarks.programs", "--threads", "1", "--rounds", "5", "--json", programs], {}),
    }


def main() -> int:
    """Run the parts; the status is 0 if all contenders computed the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.publish")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART")
    wanted, codes = parser.parse_args().parts or PARTS, []
    if "rows" in wanted and not os.environ.get(DATA_VARIABLE):
        parser.error(f"expected {DATA_VARIABLE} to name a folder with the four MNIST files, of which an epoch is timed")
    # What this machine sets for its libraries is not what a reader has.
    usual = {k: v for k, v in os.environ.items() if k not in SETTINGS and not k.startswith("OPENBLAS_")}
    for part, (command, variables) in commands(f"{datetime.now(UTC):%Y-%m}").items():
        if part in wanted:
            print(f"\n{part}: python -m {' '.join(command)}", flush=True)
            codes.append(subprocess.call([sys.executable, "-m", *command], cwd=ROOT, env=usual | variables))
    if "pages" in wanted:
        pages.main()
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
