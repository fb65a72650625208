"""`autograd.misc`."""

from .flatten import flatten as flatten
from .tracers import const_graph as const_graph
