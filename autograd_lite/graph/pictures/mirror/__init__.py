"""The mirror: the backward pass upwards, next to the forward pass."""
