"""The tests of libraries that use HIPS autograd, run with HIPS and with `autograd_lite.hips` in its place."""
