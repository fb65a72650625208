"""The mirror: the backward pass up beside the forward pass."""
