"""Pictures, as in `nn.utils`, and `smart_resize`."""

from ..utils.image_files import (
    array_to_img as array_to_img,
    img_to_array as img_to_array,
    load_img as load_img,
    save_img as save_img,
    smart_resize as smart_resize,
)

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img", "smart_resize"]
__dir__ = __all__.copy
