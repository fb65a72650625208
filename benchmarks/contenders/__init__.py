"""One module per contender; each has the same functions, named by `benchmarks.cases`."""
