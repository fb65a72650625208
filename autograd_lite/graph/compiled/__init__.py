"""What people see of compiled functions: what passes changed, where values lie; and their files."""

from .loaded import Loaded as Loaded
from .reading import load_compiled as load_compiled
from .writing import save_compiled as save_compiled
