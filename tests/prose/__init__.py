"""English: spelling and grammar of pages, docstrings and messages, by Harper; `python -m tests.prose [FILE ...]`."""
