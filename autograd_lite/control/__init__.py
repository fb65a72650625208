"""Control flow as operations: `cond`, `while_loop`, `fori_loop` and `scan`."""
