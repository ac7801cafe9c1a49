"""Images as arrays and in files, through Pillow."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np

from swiftbn._checks import integers, one_of
from swiftbn.config import floatx, standardize_data_format

_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
COLOR_MODES = {"grayscale": 1, "rgb": 3, "rgba": 4}


def pillow(function: str):
    """The module PIL.Image.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ImportError(f"{function} needs the package Pillow: pip install pillow") from None
    return Image


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """An image of Pillow from an array of 1 (gray), 3 (RGB) or 4 (RGBA) channels.

    Args:
        x: array of rank 3.
        data_format: "channels_last" or "channels_first", by default `image_data_format()`.
        scale: whether the smallest number becomes 0 and the largest 255; otherwise fractions are cut off.
        dtype: dtype in which this is computed, by default `floatx()`.

    Raises:
        ImportError: without Pillow.
        ValueError: another rank or number of channels.
    """
    image = pillow("array_to_img")
    data_format = standardize_data_format(data_format)
    x = np.asarray(x, dtype=floatx() if dtype is None else dtype)
    if x.ndim != 3:
        raise ValueError(f"array_to_img: expected an image of rank 3. Received: shape {x.shape}")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"array_to_img: expected 1, 3 or 4 channels. Received: shape {x.shape}")
    if scale and x.size:
        x = x - np.min(x)
        largest = np.max(x)
        x = x * (255 / largest) if largest != 0 else x
    if x.shape[2] == 1:
        # Pillow's 32-bit grays for what 8 bits do not hold.
        is_wide = x.size > 0 and np.max(x) > 255
        return image.fromarray(x[:, :, 0].astype("int32" if is_wide else "uint8"))
    return image.fromarray(np.ascontiguousarray(x.astype("uint8")))


def img_to_array(img, data_format=None, dtype=None) -> np.ndarray:
    """An array of rank 3 from an image of Pillow, or from an array of rank 2 or 3.

    Args:
        img: the image.
        data_format: "channels_last" or "channels_first", by default `image_data_format()`.
        dtype: by default `floatx()`.

    Raises:
        ValueError: another rank.
    """
    data_format = standardize_data_format(data_format)
    x = np.asarray(img, dtype=floatx() if dtype is None else dtype)
    if x.ndim not in (2, 3):
        raise ValueError(f"img_to_array: expected an image of rank 2 or 3. Received: shape {x.shape}")
    if x.ndim == 2:
        return x[None] if data_format == "channels_first" else x[:, :, None]
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs) -> None:
    """Writes an array as an image to a file; transparency is left out of JPEG, with a warning.

    Args:
        path: path, or an open file.
        x, data_format, scale: as of `array_to_img`.
        file_format: such as "png", by default the ending of the path; needed with an open file.
        others: as of `PIL.Image.Image.save`.

    Raises:
        ImportError: without Pillow.
        ValueError: as `array_to_img`, or an unknown format.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:]
    if file_format and file_format.lower() in ("jpg", "jpeg"):
        file_format = "jpeg"
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("save_img: JPEG has no transparency, which is left out", stacklevel=2)
        img = img.convert("RGB")
    img.save(path, format=file_format or None, **kwargs)


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """An image of Pillow from a file.

    Args:
        path: path, or `io.BytesIO`.
        color_mode: "grayscale" (16- and 32-bit grays stay), "rgb" or "rgba".
        target_size: (height, width) to bring it to.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: whether the middle is cut out first, as large as the new aspect ratio allows.

    Raises:
        ImportError: without Pillow.
        FileNotFoundError: no such file.
        TypeError: no path.
        ValueError: arguments out of range.
    """
    image = pillow("load_img")
    one_of("load_img", "color_mode", color_mode, tuple(COLOR_MODES))
    one_of("load_img", "interpolation", interpolation, _INTERPOLATIONS)
    if not isinstance(path, (str, bytes, os.PathLike, io.BytesIO)):
        raise TypeError(f"load_img: expected a path or io.BytesIO. Received: path={path!r}")
    img = image.open(path)
    # Pillow reads when it has to: the file is closed then.
    img.load()
    wanted = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}[color_mode]
    is_gray = color_mode == "grayscale" and img.mode in ("L", "I", "I;16")
    if img.mode != wanted and not is_gray:
        img = img.convert(wanted)
    if target_size is None:
        return img
    height, width = integers("load_img", "target_size", tuple(target_size), 2)
    if img.size == (width, height):
        return img
    box = _middle(img.height, img.width, height, width) if keep_aspect_ratio else None
    return img.resize((width, height), getattr(image.Resampling, interpolation.upper()), box=box)


def _middle(height: int, width: int, new_height: int, new_width: int) -> tuple:
    """(left, top, right, bottom) of the largest part of another aspect ratio."""
    cut_height = min(height, width * new_height // new_width)
    cut_width = min(width, height * new_width // new_height)
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return left, top, left + cut_width, top + cut_height


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """Images of another height and width, cut to the new aspect ratio around their middle first.

    Shapes: (N, H, W, C) or (H, W, C) → with `size` in place of (H, W); or with channels first.

    Args:
        x: array or tensor.
        size: (height, width).
        interpolation: as of `ops.image.resize`.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: another rank, or arguments out of range.
    """
    from swiftbn import ops

    size = integers("smart_resize", "size", tuple(size), 2)
    one_of("smart_resize", "data_format", data_format, ("channels_last", "channels_first"))
    if len(x.shape) not in (3, 4):
        raise ValueError(f"smart_resize: expected images of rank 3 or 4. Received: shape {tuple(x.shape)}")
    first = -3 if data_format == "channels_last" else -2
    height, width = x.shape[first], x.shape[first + 1]
    left, top, right, bottom = _middle(height, width, *size)
    # At least one pixel is left of images that are much longer than wide.
    cut = [slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))]
    x = x[(..., *cut, *[slice(None)] * (-first - 2))]
    return ops.image.resize(x, size, interpolation=interpolation, data_format=data_format)
