"""Models and weights in files."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from autograd_lite.files import SavedFileError as SavedFileError

    from ..config.config import (
        CustomObjectScope as CustomObjectScope,
        get_custom_objects as get_custom_objects,
        register_keras_serializable as register_keras_serializable,
    )
    from ..config.limits import max_elements as max_elements
    from .checkpoints import (
        InMemoryCheckpoint as InMemoryCheckpoint,
        load_checkpoint as load_checkpoint,
        save_checkpoint as save_checkpoint,
    )
    from .model_files import (
        load_model as load_model,
        load_weights as load_weights,
        save_model as save_model,
        save_weights as save_weights,
    )
    from .objects import (
        custom_object_scope as custom_object_scope,
        deserialize_keras_object as deserialize_keras_object,
        get_registered_name as get_registered_name,
        get_registered_object as get_registered_object,
        serialize_keras_object as serialize_keras_object,
    )
    from .torch import from_torch_state_dict as from_torch_state_dict, to_torch_state_dict as to_torch_state_dict
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
