"""Images in directories as a data set."""

from __future__ import annotations

import functools

import numpy as np

from swiftbn._checks import integers, one_of
from swiftbn.config import standardize_data_format
from swiftbn.utils.directories import files_dataset
from swiftbn.utils.images import COLOR_MODES, load_img, pillow

_NAME = "image_dataset_from_directory"
_FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
):
    """Batches of the images in a directory, with labels by the directories in it that they are in.

    Images are read (through Pillow) and resized when their batch is asked for; set the attribute `workers` to let
    threads do so ahead.

    Args:
        directory: place of the images: bmp, gif (the first picture), jpeg, jpg and png.
        labels: "inferred" from the directories in `directory`, each being a class; None; or a list of integers for all
            files in alphanumeric order.
        label_mode: "int", int32 (N,); "categorical", float32 (N, classes), one-hot; "binary", float32 (N, 1); None.
        class_names: the directories in the order of their numbers, instead of the alphanumeric one.
        color_mode: "grayscale", "rgb" or "rgba".
        batch_size: images per batch; None gives images one by one.
        image_size: (height, width) of all images, resized by `ops.image.resize`.
        shuffle: whether images come in random order, another one in each epoch; otherwise it is alphanumeric.
        seed: of the orders.
        validation_split: part of the files that is held back.
        subset: "training", "validation", or "both" for a list of the two.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        follow_links: whether links to directories are followed.
        crop_to_aspect_ratio, pad_to_aspect_ratio: whether images are cut, or filled up with zeros, and not distorted.
        data_format: "channels_last" or "channels_first", by default `image_data_format()`.
        format: "tf", the default; a `PyDataset` of NumPy arrays is returned.
        verbose: whether the numbers of files and classes are shown.

    Returns:
        A `PyDataset` with batches x or (x, y), x float32 with values 0 … 255, and the attributes `class_names` and
        `file_paths`.

    Raises:
        FileNotFoundError: no such directory.
        ImportError: without Pillow.
        ValueError: arguments out of range, or no images.
    """
    pillow(_NAME)
    from swiftbn.ops.image import INTERPOLATIONS

    one_of(_NAME, "color_mode", color_mode, tuple(COLOR_MODES))
    one_of(_NAME, "interpolation", str(interpolation).lower(), INTERPOLATIONS)
    size = integers(_NAME, "image_size", tuple(image_size) if isinstance(image_size, list) else image_size, 2)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(f"{_NAME}: expected crop_to_aspect_ratio or pad_to_aspect_ratio. Received: both")
    options = {
        "size": size,
        "interpolation": str(interpolation).lower(),
        "crop_to_aspect_ratio": crop_to_aspect_ratio,
        "pad_to_aspect_ratio": pad_to_aspect_ratio,
    }
    is_first = standardize_data_format(data_format) == "channels_first"
    return files_dataset(
        _NAME,
        functools.partial(_read, color_mode=color_mode, is_first=is_first, options=options),
        *(_FORMATS, directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset),
        *(follow_links, format, verbose),
    )


def _read(path: str, color_mode: str, is_first: bool, options: dict) -> np.ndarray:
    from swiftbn import ops

    pixels = np.asarray(load_img(path, color_mode), "float32")
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.shape[:2] != options["size"]:
        pixels = ops.image.resize(pixels, data_format="channels_last", **options)
    return pixels.transpose(2, 0, 1) if is_first else pixels
