"""The operations of `keras.ops.image`: images (H, W, C), or batches of them (N, H, W, C), on Tensors.

Integer images stay integers: they are interpolate and turned gray in float32, and cut to whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.limits import room
from .functions import as_array
from .interpolation import INTERPOLATIONS, interpolate

Lengths = int | Sequence[int]


def _over_batch(function: Callable[..., Any], images: Any, rank: int = 2, data_format: str | None = None) -> Any:
    """Return a function's result for a batch of images with channels last; a single image is a batch of one."""
    images = as_array(images)
    single = images.ndim == rank + 1
    if images.ndim != rank + 2 and not single:
        raise ag.ShapeError(
            f"ops.image: expected an image of {rank + 1} axes, or a batch of images with one more; received shape "
            f"{images.shape}"
        )
    x = images[np.newaxis] if single else images
    first = data_format == "channels_first"
    out = function(np.moveaxis(x, 1, -1) if first else x)
    out = np.moveaxis(out, -1, 1) if first else out
    return out[0] if single else out


def _in_floats(function: Callable[[Any], Any], x: Any) -> Any:
    """Return a function's result for x as floats, in the dtype of x."""
    return function(x) if x.dtype.kind == "f" else function(x.astype(np.float32)).astype(x.dtype)


def _each(value: Lengths, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


def resize(
    images: Any,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Any:
    """Return images of another height and width."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"ops.image.resize: expected one of {INTERPOLATIONS}; received {interpolation=}")
    if fill_mode != "constant" or (crop_to_aspect_ratio and pad_to_aspect_ratio):
        raise ValueError(
            "ops.image.resize: expected fill_mode='constant', and one of crop_to_aspect_ratio and pad_to_aspect_ratio; "
            f"received {fill_mode=}, {crop_to_aspect_ratio=}, {pad_to_aspect_ratio=}"
        )
    height, width = size

    def of(x: Any) -> Any:
        h, w = x.shape[1:3]
        if crop_to_aspect_ratio:
            rows, columns = max(min(h, w * height // width), 1), max(min(w, h * width // height), 1)
            top, left = (h - rows) // 2, (w - columns) // 2
            x = x[:, top : top + rows, left : left + columns]
        elif pad_to_aspect_ratio:
            rows, columns = (max(h, w * height // width) - h) // 2, (max(w, h * width // height) - w) // 2
            x = _pad(x, (rows, rows, columns, columns), fill_value)
        return _in_floats(lambda y: interpolate(y, (height, width), (1, 2), interpolation, antialias), x)

    return _over_batch(of, images, data_format=data_format)


def _pad(x: Any, widths: Sequence[int], value: float = 0.0) -> Any:
    top, bottom, left, right = widths
    room((x.shape[0], x.shape[1] + top + bottom, x.shape[2] + left + right, x.shape[3]))
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _sides(
    caller: str, names: str, before: int | None, after: int | None, target: int | None, change: int
) -> list[int]:
    """Return the widths added or cut off before and after; two of the three determine the third.

    Args:
        caller: the operation, for the message.
        names: of the three, for the message.
        before, after: as given.
        target: the length of the result.
        change: the length of the result, less that of the image, without them: target - n, or n - target.
    """
    if sum(n is None for n in (before, after, target)) != 1:
        raise ValueError(f"ops.image.{caller}: expected two of {names}; received {before}, {after}, {target}")
    before = change - (after or 0) if before is None else before
    after = change - before if after is None else after
    if before < 0 or after < 0:
        raise ValueError(f"ops.image.{caller}: expected {names} that fit the images; they give {before} and {after}")
    return [before, after]


def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return images with zeros around them; of each side's two widths and the new length, two are given."""

    def of(x: Any) -> Any:
        h, w = x.shape[1:3]
        rows = (top_padding, bottom_padding, target_height, (target_height or 0) - h)
        columns = (left_padding, right_padding, target_width, (target_width or 0) - w)
        sides = _sides("pad_images", "top_padding, bottom_padding and target_height", *rows)
        return _pad(x, sides + _sides("pad_images", "left_padding, right_padding and target_width", *columns))

    return _over_batch(of, images, data_format=data_format)


def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Any:
    """Return parts of images; of each side's two widths and the new length, two are given."""

    def of(x: Any) -> Any:
        h, w = x.shape[1:3]
        rows = (top_cropping, bottom_cropping, target_height, h - (target_height or 0))
        columns = (left_cropping, right_cropping, target_width, w - (target_width or 0))
        top, bottom = _sides("crop_images", "top_cropping, bottom_cropping and target_height", *rows)
        left, right = _sides("crop_images", "left_cropping, right_cropping and target_width", *columns)
        return x[:, top : h - bottom, left : w - right]

    return _over_batch(of, images, data_format=data_format)


def _patches(x: Any, size: Lengths, strides: Lengths | None, dilation: Lengths, padding: str, rank: int) -> Any:
    """Return the patches of a batch, flattened: one for each place of a window."""
    sizes, steps = _each(size, rank), _each(size if strides is None else strides, rank)
    if padding not in ("valid", "same"):
        raise ValueError(f"ops.image.extract_patches: expected padding 'valid' or 'same'; received {padding=}")
    for axis, (k, step, d) in enumerate(zip(sizes, steps, _each(dilation, rank), strict=True)):
        at, reach = 1 + 2 * axis, (k - 1) * d + 1  # the axes before this one are two each by now
        n = x.shape[at]
        if padding == "same":
            more = max((-(-n // step) - 1) * step + reach - n, 0)
            x = np.pad(x, [(more // 2, more - more // 2) if i == at else (0, 0) for i in range(x.ndim)])
            n += more
        places = np.arange(0, n - reach + 1, step)[:, None] + d * np.arange(k)
        x = np.take(x, places, axis=at)
    order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
    x = np.transpose(x, order)
    return np.reshape(x, (*x.shape[: rank + 1], -1))


def extract_patches(
    images: Any,
    size: Lengths,
    strides: Lengths | None = None,
    dilation_rate: Lengths = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return patches (N, rows, columns, height * width * C) of images; by default they do not overlap."""
    return _over_batch(lambda x: _patches(x, size, strides, dilation_rate, padding, 2), images, data_format=data_format)


def extract_patches_3d(
    volumes: Any,
    size: Lengths,
    strides: Lengths | None = None,
    dilation_rate: Lengths = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return patches (N, planes, rows, columns, depth * height * width * C) of volumes."""
    return _over_batch(lambda x: _patches(x, size, strides, dilation_rate, padding, 3), volumes, 3, data_format)


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Return the luma of images, 0.2989 R + 0.587 G + 0.114 B, as one channel."""
    weights = np.array([[0.2989], [0.587], [0.114]], np.float32)
    return _over_batch(lambda x: _in_floats(lambda y: y @ weights.astype(y.dtype), x), images, data_format=data_format)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Return hue, saturation and value, from 0 to 1, of floating images."""
    _check_floating("rgb_to_hsv", images)

    def of(x: Any) -> Any:
        r, g, b = x[..., 0], x[..., 1], x[..., 2]
        value, span = np.max(x, axis=-1), np.max(x, axis=-1) - np.min(x, axis=-1)
        safe = np.where(span > 0, span, 1)
        of_red, of_green, of_blue = (g - b) / safe, 2 + (b - r) / safe, 4 + (r - g) / safe
        hue = np.where(value == r, of_red, np.where(value == g, of_green, of_blue)) / 6 % 1.0
        saturation = np.where(value > 0, span / np.where(value > 0, value, 1), 0)
        return np.stack([np.where(span > 0, hue, 0), saturation, value], axis=-1)

    return _over_batch(of, images, data_format=data_format)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Return red, green and blue of floating images of hue, saturation and value."""
    _check_floating("hsv_to_rgb", images)

    def of(x: Any) -> Any:
        hue, saturation, value = x[..., 0], x[..., 1], x[..., 2]
        channels = []
        for shift in (5, 3, 1):
            k = (shift + 6 * hue) % 6
            channels.append(value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
        return np.stack(channels, axis=-1)

    return _over_batch(of, images, data_format=data_format)


def _check_floating(caller: str, images: Any) -> None:
    kind = as_array(images).dtype
    if kind.kind != "f":
        raise TypeError(f"ops.image.{caller}: expected images of a floating dtype; received {kind}")


_PATCHES = "size, strides=None, dilation_rate=1, padding='valid', data_format=None)"
_CROPPED = "top_{0}=None, left_{0}=None, bottom_{0}=None, right_{0}=None, target_height=None, target_width=None"
ROWS: dict[str, Callable[..., Tensor]] = {
    f"crop_images(images, {_CROPPED.format('cropping')}, data_format=None)": crop_images,
    f"extract_patches(images, {_PATCHES}": extract_patches,
    f"extract_patches_3d(volumes, {_PATCHES}": extract_patches_3d,
    "hsv_to_rgb(images, data_format=None)": hsv_to_rgb,
    f"pad_images(images, {_CROPPED.format('padding')}, data_format=None)": pad_images,
    "resize(images, size, interpolation='bilinear', antialias=False, crop_to_aspect_ratio=False, "
    "pad_to_aspect_ratio=False, fill_mode='constant', fill_value=0.0, data_format=None)": resize,
    "rgb_to_grayscale(images, data_format=None)": rgb_to_grayscale,
    "rgb_to_hsv(images, data_format=None)": rgb_to_hsv,
}
