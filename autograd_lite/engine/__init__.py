"""The backward pass: the walk, the paths that gradients take, and where NaN and infinity begin."""
