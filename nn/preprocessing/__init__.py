"""The public names of `keras.preprocessing` in Keras 3: other names of functions of `nn.utils`."""

from ..utils import (
    image_dataset_from_directory as image_dataset_from_directory,
    text_dataset_from_directory as text_dataset_from_directory,
    timeseries_dataset_from_array as timeseries_dataset_from_array,
)
from . import image as image, sequence as sequence

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
__dir__ = __all__.copy
