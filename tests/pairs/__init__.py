"""Which of two ways to compute is faster, by pairs of short runs that take turns: `python -m tests.pairs`."""
