"""Where boxes and lines go: layers, their order, positions, and frames around modules."""
