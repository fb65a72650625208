"""Models: Sequential, functional graphs, subclasses; summaries, clones and configurations."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from ..layers import Input as Input
    from ..saving.descriptions import model_from_json as model_from_json
    from ..saving.model_files import load_model as load_model, save_model as save_model
    from .cloning import clone_model as clone_model
    from .model import Model as Model
    from .sequential import Sequential as Sequential
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
