"""Other libraries' gradients under our checker: whether it cries wolf, and what it has found."""
