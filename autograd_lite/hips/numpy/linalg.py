"""`autograd.numpy.linalg`."""

from ...numpy.linalg import *  # noqa: F403
from .additions import eigh as eigh, eigvalsh as eigvalsh
