"""The command line: `python -m benchmarks.audit MODULE`.

Exit codes: 0 if all gradients are right, 1 if one is wrong, 2 if the question could not be answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from .auditing import audit, lines_of
from .backends import BACKENDS

_ABOUT = """\
Check the gradients of every function of a module against finite differences with error bars.

MODULE is one of NumPy's or SciPy's names, whose gradients are then ours; a module of torch, jax, autograd or mygrad; or
one of yours, which may say backend = "torch" and have pairs (f, grad) of functions of NumPy's arrays."""
_EXAMPLES = """\
examples:
  python -m benchmarks.audit torch.special
  python -m benchmarks.audit jax.numpy --only sinc hypot --failures
  python -m benchmarks.audit my_package.my_functions --backend jax"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: those of the command line if None.
    """
    options = _parser().parse_args(arguments)
    sys.path.insert(0, "")

    def show(outcome: object) -> None:
        if outcome.failures or not options.failures:  # type: ignore[attr-defined]
            print("\n".join(lines_of(outcome)), flush=True)  # type: ignore[arg-type]

    try:
        report = audit(
            options.module,
            backend=options.backend,
            only=options.only,
            examples=options.examples,
            kinks=options.kinks,
            show=show,
        )
    except (ImportError, ValueError) as error:
        print(f"benchmarks.audit: {error}", file=sys.stderr)
        return 2
    print(report.headline())
    return 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("module", metavar="MODULE", help="its dotted name")
    parser.add_argument("--backend", choices=BACKENDS, help="whose gradients they are; by default as the module says")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="functions; by default all")
    parser.add_argument("--examples", type=int, default=60, metavar="N", help="how many arguments to draw (60)")
    parser.add_argument(
        "--kinks", choices=("subgradient", "skip", "fail"), default="subgradient", help="see check_grads (subgradient)"
    )
    parser.add_argument("--failures", action="store_true", help="print only what is wrong")
    return parser


if __name__ == "__main__":
    sys.exit(main())
