"""The graph as data: nodes, structure, text, the backward pass as part of it, and programs that run."""
