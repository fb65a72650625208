"""What operations and their derivative rules do, as text and in LaTeX."""
