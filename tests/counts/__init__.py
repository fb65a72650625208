"""What computing costs, in numbers that are the same in every run: `python -m tests.counts` prints them."""
