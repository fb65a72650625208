"""`autograd.numpy.numpy_vspaces`."""

from ..vector_spaces import ArrayVSpace as ArrayVSpace, ComplexArrayVSpace as ComplexArrayVSpace
