"""What a graph tells: where NaN began, what it costs, whether it learns, how two of them differ."""
