"""Tests of `nn.optimizers`."""
