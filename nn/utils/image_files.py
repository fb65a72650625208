"""Image files, pictures in memory and arrays, by Pillow, which is loaded when a function here is called."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import ShapeError, Tensor
from autograd_lite.extend import needs

from ..config.arguments import argument_error, checked
from ..config.docstrings import arguments_from
from ..config.settings import floatx, image_data_format
from ..layers import Resizing

Array = npt.NDArray[Any]
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GRAY = ("L", "I;16", "I")  # pictures of one channel that are kept as they are, with up to 32 bits
_FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow(caller: str) -> Any:
    """Return the module PIL.Image.

    Raises:
        ModuleNotFoundError: if Pillow is not installed.
    """
    with needs(caller, "pillow", "'autograd-lite[keras]'"):
        from PIL import Image
    return Image


@checked
def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return the picture in a file.

    Args:
        path: of the file, or the bytes of one in a `BytesIO`.
        color_mode: "rgb", "rgba" or "grayscale"; gray pictures of 16 or 32 bits stay so.
        target_size: (height, width) to resize to; None for the file's own size.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming".
        keep_aspect_ratio: whether to cut the middle of the picture to the ratio of the sides first.

    Returns:
        A `PIL.Image.Image`.

    Raises:
        ModuleNotFoundError: if Pillow is not installed.
        ValueError: for another word, or a file that is not a picture.

    Example:
        >>> file = io.BytesIO()
        >>> save_img(file, np.zeros((4, 4, 3)), file_format="png")
        >>> load_img(file, target_size=(2, 3)).size
        (3, 2)
    """
    caller = "load_img"
    if color_mode not in MODES:
        raise argument_error(ValueError, caller, "color_mode", f"one of {', '.join(MODES)}", color_mode)
    if target_size is not None and len(target_size) != 2:
        raise argument_error(ValueError, caller, "target_size", "(height, width), or None", target_size)
    if target_size is not None and interpolation not in _FILTERS:
        raise argument_error(ValueError, caller, "interpolation", f"one of {', '.join(_FILTERS)}", interpolation)
    picture = read_picture(caller, path, color_mode)
    if target_size is None or picture.size == (size := (target_size[1], target_size[0])):
        return picture
    box = _middle(picture.size, size) if keep_aspect_ratio else None
    return picture.resize(size, pillow(caller).Resampling[interpolation.upper()], box=box)


def read_picture(caller: str, path: Any, color_mode: str) -> Any:
    """Return the picture in a file, with the channels of a mode."""
    image = pillow(caller)
    if not isinstance(path, (str, bytes, os.PathLike, io.BytesIO)):
        raise argument_error(TypeError, caller, "path", "a path or a BytesIO", path)
    data = path if isinstance(path, io.BytesIO) else io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    try:
        picture = image.open(data)
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:  # all that Pillow's readers raise for damaged files
        raise ValueError(f"{caller}: expected a file with a picture; received {path!r:.200}: {error}") from error
    keeps = picture.mode in _GRAY if color_mode == "grayscale" else picture.mode == MODES[color_mode]
    return picture if keeps else picture.convert(MODES[color_mode])


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the largest box (left, top, right, bottom) in the middle that has the target's ratio of sides."""
    (width, height), (to_width, to_height) = size, target
    box_width, box_height = min(width, height * to_width // to_height), min(height, width * to_height // to_width)
    left, top = (width - box_width) // 2, (height - box_height) // 2
    return left, top, left + box_width, top + box_height


@checked
def img_to_array(img: Any, data_format: str | None = None, dtype: npt.DTypeLike | None = None) -> Array:
    """Return a picture as an array of shape (H, W, C), or (C, H, W) with "channels_first".

    Args:
        img: a `PIL.Image.Image`, or an array of shape (H, W) or (H, W, C).
        data_format: "channels_last" or "channels_first"; None for `nn.config.image_data_format()`.
        dtype: of the result; None for `nn.config.floatx()`.

    Raises:
        ShapeError: for an array of another rank.

    Example:
        >>> img_to_array(np.zeros((2, 3))).shape
        (2, 3, 1)
    """
    first = _is_channels_first("img_to_array", data_format)
    x = np.asarray(img.data if isinstance(img, Tensor) else img, dtype=floatx() if dtype is None else dtype)
    if x.ndim not in (2, 3):
        raise ShapeError(f"img_to_array: expected a picture of shape (H, W) or (H, W, C); received shape {x.shape}")
    if x.ndim == 2:
        return x[None] if first else x[..., None]
    return x.transpose(2, 0, 1) if first else x


@checked
def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: npt.DTypeLike | None = None) -> Any:
    """Return an array as a picture.

    Args:
        x: shape (H, W, C), or (C, H, W) with "channels_first"; C is 1, 3 or 4.
        data_format: "channels_last" or "channels_first"; None for `nn.config.image_data_format()`.
        scale: whether to map the smallest value to 0 and the largest to 255; otherwise values are cut to integers.
        dtype: to compute in; None for `nn.config.floatx()`.

    Returns:
        A `PIL.Image.Image` of 8 bits; of 32 if it is gray and has values above 255.

    Raises:
        ModuleNotFoundError: if Pillow is not installed.
        ShapeError: for another shape.

    Example:
        >>> array_to_img(np.array([[[0.0], [1.0]]])).getpixel((1, 0))
        255
    """
    caller = "array_to_img"
    first, image = _is_channels_first(caller, data_format), pillow(caller)
    values = np.asarray(x.data if isinstance(x, Tensor) else x, dtype=floatx() if dtype is None else dtype)
    channels = values.shape[0 if first else -1] if values.ndim == 3 else 0
    if channels not in (1, 3, 4):
        order = "(C, H, W)" if first else "(H, W, C)"
        raise ShapeError(f"{caller}: expected one picture of shape {order}, C 1, 3 or 4; received shape {values.shape}")
    if first:
        values = values.transpose(1, 2, 0)
    if scale:
        values = values - values.min()
        top = values.max()
        values = (values / top if top != 0 else values) * 255
    if channels == 1:
        kind: Any = np.int32 if values.max() > 255 else np.uint8
        return image.fromarray(np.ascontiguousarray(values[..., 0].astype(kind)))
    return image.fromarray(np.ascontiguousarray(values.astype(np.uint8)))


@arguments_from(array_to_img)
@checked
def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as a picture into a file.

    Args:
        path: whose ending says which kind of file, or an open binary file.
        file_format: "png", "jpeg", …; needed for an open file.
        **kwargs: for `PIL.Image.Image.save`.

    Raises:
        ModuleNotFoundError: if Pillow is not installed.
        ShapeError: for another shape.

    Example:
        >>> save_img("noise.png", np.random.default_rng(0).random((8, 8, 3)))  # doctest: +SKIP
    """
    if file_format is None and isinstance(path, (str, Path)):
        file_format = Path(path).suffix[1:]
    kind = "jpeg" if (file_format or "").lower() == "jpg" else file_format
    picture = array_to_img(x, data_format=data_format, scale=scale)
    if picture.mode == "RGBA" and kind is not None and kind.lower() == "jpeg":
        warnings.warn("save_img: a JPEG has no transparency; the fourth channel is left out", stacklevel=2)
        picture = picture.convert("RGB")
    picture.save(path, format=kind, **kwargs)


@checked
def smart_resize(
    x: Any, size: Sequence[int], interpolation: str = "bilinear", data_format: str = "channels_last"
) -> Any:
    """Return images in another size without distortion: what does not fit the new ratio of sides is cut off.

    Args:
        x: one image of shape (H, W, C), or a batch (N, H, W, C); (C, H, W) and (N, C, H, W) with "channels_first".
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", the default, "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        A Tensor for a Tensor, otherwise an array; of x's dtype, integers rounded.

    Raises:
        ShapeError: for another shape.

    Example:
        >>> smart_resize(np.ones((40, 20, 3)), (10, 10)).shape
        (10, 10, 3)
    """
    if len(size) != 2:
        raise argument_error(ValueError, "smart_resize", "size", "(height, width)", size)
    shape = np.shape(x)
    if len(shape) not in (3, 4):
        raise ShapeError(f"smart_resize: expected an image or a batch of them, of rank 3 or 4; received shape {shape}")
    values = x if isinstance(x, Tensor) else ag.tensor(np.asarray(x), copy=False)
    kind = values.dtype
    resize = Resizing(
        size[0],
        size[1],
        interpolation=interpolation,
        crop_to_aspect_ratio=True,
        data_format=data_format,
        dtype=kind if kind.kind == "f" else floatx(),
    )
    out = resize(values) if len(shape) == 4 else resize(values[None])[0]
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        out = ag.tensor(np.clip(np.rint(out.data), limits.min, limits.max).astype(kind))
    return out if isinstance(x, Tensor) else out.data


def _is_channels_first(caller: str, data_format: str | None) -> bool:
    words = ("channels_last", "channels_first")
    if data_format is not None and data_format not in words:
        raise argument_error(ValueError, caller, "data_format", f"one of {', '.join(words)}, or None", data_format)
    return (data_format or image_data_format()) == "channels_first"
