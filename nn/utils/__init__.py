"""Helpers under the name that Keras users import them from: preparing data, reading folders, saving objects, pictures.

Example:
    >>> to_categorical([1, 0])
    array([[0., 1.],
           [1., 0.]], dtype=float32)
"""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from ..backend import (
        clear_session as clear_session,
        is_keras_tensor as is_keras_tensor,
        standardize_dtype as standardize_dtype,
    )
    from ..config.settings import (
        disable_interactive_logging as disable_interactive_logging,
        enable_interactive_logging as enable_interactive_logging,
        is_interactive_logging_enabled as is_interactive_logging_enabled,
    )
    from ..data.preparing import (
        normalize as normalize,
        pack_x_y_sample_weight as pack_x_y_sample_weight,
        pad_sequences as pad_sequences,
        split_dataset as split_dataset,
        timeseries_dataset_from_array as timeseries_dataset_from_array,
        unpack_x_y_sample_weight as unpack_x_y_sample_weight,
    )
    from ..data.py_dataset import PyDataset as PyDataset, Sequence as Sequence
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
    from .feature_space import FeatureSpace as FeatureSpace
    from .files import get_file as get_file
    from .folders import (
        audio_dataset_from_directory as audio_dataset_from_directory,
        image_dataset_from_directory as image_dataset_from_directory,
        text_dataset_from_directory as text_dataset_from_directory,
    )
    from .image_files import (
        array_to_img as array_to_img,
        img_to_array as img_to_array,
        load_img as load_img,
        save_img as save_img,
    )
    from .labels import to_categorical as to_categorical
    from .plotting import plot_model as plot_model
    from .progbar import Progbar as Progbar
    from .seeding import set_random_seed as set_random_seed
    from .sources import get_source_inputs as get_source_inputs
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
