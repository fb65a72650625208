"""Helpers under the name that Keras users import them from: preparing data, drawing models, saving objects."""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from autograd_lite import set_seed as set_random_seed

from ..data.preparing import (
    normalize as normalize,
    pack_x_y_sample_weight as pack_x_y_sample_weight,
    pad_sequences as pad_sequences,
    split_dataset as split_dataset,
    timeseries_dataset_from_array as timeseries_dataset_from_array,
    unpack_x_y_sample_weight as unpack_x_y_sample_weight,
)
from ..saving import (
    CustomObjectScope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    deserialize_keras_object as deserialize_keras_object,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
    serialize_keras_object as serialize_keras_object,
)
from ..surfaces import plot_decision_surface as plot_decision_surface
from .labels import to_categorical as to_categorical

# The others are loaded when they are asked for.
_LATE = {".files": ("get_file",), ".plotting": ("plot_model",)}
_ROOM_OF = {name: room for room, names in _LATE.items() for name in names}

if TYPE_CHECKING:
    from .files import get_file as get_file
    from .plotting import plot_model as plot_model
else:

    def __getattr__(name: str) -> object:
        if name in _ROOM_OF:
            return getattr(_import_module(_ROOM_OF[name], __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ROOM_OF})


__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_decision_surface",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
