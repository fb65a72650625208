"""Layers, with Keras's names, arguments and weight layouts.

Arguments that all layers have: `input_shape`, the shape of one sample without the batch axis, which lets parameters
be created before the first call; `name`; `dtype`, float32 by default.
"""

from .core import Activation as Activation, Dense as Dense, Dropout as Dropout
from .layer import Layer as Layer
from .reshaping import Flatten as Flatten, Input as Input, InputLayer as InputLayer, Reshape as Reshape
