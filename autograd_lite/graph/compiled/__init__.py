"""What people see of compiled functions: what passes changed, where values lie; and their files."""

from ..analysis.differences import changes_of as changes_of
from .arena_map import arena_picture as arena_picture
from .loaded import Loaded as Loaded
from .onnx import onnx_of as onnx_of
from .reading import load_compiled as load_compiled
from .writing import save_compiled as save_compiled
