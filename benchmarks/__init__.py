"""Benchmarks: one table of cases, one runner, one subprocess per contender."""
