"""The rows of our own tables as `autograd_lite.testing.check_op` takes them, and its reading of bare rules."""

from __future__ import annotations

from autograd_lite.testing.rows import (
    Poison as Poison,
    PoisonError as PoisonError,
    Row,
    forward as forward,
    raw_rule as raw_rule,
    results_in as results_in,
    same_bits as same_bits,
    saved_for as saved_for,
)

from .samples import SYMMETRIC, Sample

READS_MORE = dict.fromkeys(["softmax", "sigmoid"], "kept so that a cross-entropy behind it finds the logits")
READS_MORE |= dict.fromkeys(
    [f"{name}{end}" for name in ("lstm", "gru", "simple_rnn") for end in ("", "_adjoint")],
    "one call gives the cotangents of all inputs",
)


def row_of(sample: Sample) -> Row:
    """Return a sample as a row: its arrays, its parameters, and the laws that it cannot keep."""
    exempt = dict(sample.case.exempt)
    if sample.case.op in READS_MORE:
        exempt["reads no more"] = READS_MORE[sample.case.op]
    symmetric = tuple(i for i, domain in enumerate(sample.domains) if domain.endswith(SYMMETRIC))
    return Row(tuple(sample.arrays()), sample.params, exempt, symmetric, sample.name)
