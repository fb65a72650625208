"""The chain rule of one graph, step by step."""
