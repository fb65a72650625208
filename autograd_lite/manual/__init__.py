"""The manual in a terminal: what `python -m autograd_lite help WORD` prints."""
