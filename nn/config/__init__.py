"""What an argument may be, how it becomes plain values, and how things are found by name."""
