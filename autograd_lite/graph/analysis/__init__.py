"""Analyses of graphs: where NaN began, whether gradients are fit for training, how two graphs differ."""
