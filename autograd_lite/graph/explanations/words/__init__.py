"""What operations and their derivative rules do, in words and in LaTeX."""
