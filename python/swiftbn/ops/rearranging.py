"""Elements of tensors between axes: windows as channels, blocks as channels, axes split and joined."""

from __future__ import annotations

import math
import re

from swiftbn._checks import integer, integers, is_integer, one_of, positive_integer
from swiftbn.operation import operation
from swiftbn.ops._dispatch import resolve
from swiftbn.ops._patches import patches, window_places
from swiftbn.ops.indexing import getitem
from swiftbn.ops.shaping import pad, reshape, take, transpose
from swiftbn.tensor import KerasTensor


def _windows(name: str, kernel_size, dilation, padding, stride) -> tuple:
    return (
        integers(name, "kernel_size", kernel_size, 2),
        integers(name, "dilation", dilation, 2),
        integers(name, "padding", padding, 2, least=0),
        integers(name, "stride", stride, 2),
    )


@operation
def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Windows of images as columns: (N, C, H, W) → (N, C·kernel_size[0]·kernel_size[1], number of windows).

    Args:
        kernel_size: height and width of the windows, or one number for both.
        dilation: steps between the pixels of a window.
        padding: zeros around the images.
        stride: steps between windows.

    Raises:
        ValueError: another rank, an argument out of its range, images smaller than the windows.
    """
    sizes, dilations, padding, strides = _windows("unfold", kernel_size, dilation, padding, stride)
    x = resolve(x)
    if len(x.shape) != 4:
        raise ValueError(f"unfold: expected x (N, C, H, W). Received: shape {tuple(x.shape)}")
    if any(padding):
        x = pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
    y = transpose(patches("unfold", x, (2, 3), sizes, strides, dilations, "valid"), (0, 1, 4, 5, 2, 3))
    return reshape(y, (-1 if y.shape[0] is None else y.shape[0], math.prod(y.shape[1:4]), math.prod(y.shape[4:])))


@operation
def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Images (N, C, *output_size) of which the columns are windows; where windows overlap their elements are added.

    Shapes: x (N, C·kernel_size[0]·kernel_size[1], number of windows).

    Args:
        output_size: height and width of the images, or one number for both.
        The others are those of `unfold`.

    Raises:
        ValueError: shapes that do not fit, an argument out of its range.
    """
    from swiftbn.ops.scattering import segment_sum

    sizes, dilations, padding, strides = _windows("fold", kernel_size, dilation, padding, stride)
    extents = integers("fold", "output_size", output_size, 2)
    x = resolve(x)
    wide = tuple(extent + 2 * p for extent, p in zip(extents, padding, strict=True))
    rows, columns = (window_places("fold", *sizing) for sizing in zip(wide, sizes, strides, dilations, strict=True))
    area, count = math.prod(sizes), len(rows) * len(columns)
    if len(x.shape) != 3 or x.shape[1] % area or x.shape[2] != count:
        raise ValueError(
            f"fold: expected x (N, C·{area}, {count}) for output_size={extents} and kernel_size={sizes}. "
            f"Received: shape {tuple(x.shape)}"
        )
    channels = x.shape[1] // area
    # The place of each element of a column, (kernel, windows).
    places = rows.T[:, None, :, None] * wide[1] + columns.T[None, :, None, :]
    elements = transpose(reshape(x, (-1, channels, area * count)), (2, 0, 1))
    y = segment_sum(elements, places.reshape(-1), num_segments=math.prod(wide))
    y = reshape(transpose(y, (1, 2, 0)), (-1, channels, *wide))
    cut = (slice(p, p + extent) for p, extent in zip(padding, extents, strict=True))
    return getitem(y, (slice(None), slice(None), *cut))


@operation
def extract_sequences(x, sequence_length, sequence_stride):
    """Windows of the last axis: (…, L) → (…, 1 + (L - sequence_length)//sequence_stride, sequence_length).

    Raises:
        ValueError: numbers < 1, an axis shorter than the windows.
    """
    name = "extract_sequences"
    length = positive_integer(name, "sequence_length", sequence_length)
    stride = positive_integer(name, "sequence_stride", sequence_stride)
    x = resolve(x)
    if not x.shape:
        raise ValueError(f"{name}: expected a tensor of at least one axis. Received: shape ()")
    axis = len(x.shape) - 1
    return take(x, window_places(name, x.shape[axis], length, stride, 1), axis)


def _blocks(name: str, x, block_size, data_format: str) -> tuple:
    block = integer(name, "block_size", block_size, 2)
    one_of(name, "data_format", data_format, ("channels_last", "channels_first"))
    x = resolve(x)
    if len(x.shape) != 4:
        raise ValueError(f"{name}: expected x of rank 4. Received: shape {tuple(x.shape)}")
    return x, block, data_format == "channels_last"


@operation
def depth_to_space(x, block_size, data_format="channels_last"):
    """Channels as blocks of pixels: (N, H, W, C·b²) → (N, H·b, W·b, C), or with channels first.

    Channels are (row, column, channel) of a block, with channels first (channel, row, column), as in Keras.

    Raises:
        ValueError: another rank, b < 2, channels that b² does not divide.
    """
    x, b, last = _blocks("depth_to_space", x, block_size, data_format)
    channels = x.shape[3 if last else 1]
    if channels % b**2:
        raise ValueError(f"depth_to_space: expected a multiple of {b**2} channels. Received: shape {tuple(x.shape)}")
    c = channels // b**2
    if last:
        _, height, width, _ = x.shape
        y = transpose(reshape(x, (-1, height, width, b, b, c)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (-1, height * b, width * b, c))
    height, width = x.shape[2:]
    y = transpose(reshape(x, (-1, c, b, b, height, width)), (0, 1, 4, 2, 5, 3))
    return reshape(y, (-1, c, height * b, width * b))


@operation
def space_to_depth(x, block_size, data_format="channels_last"):
    """Blocks of pixels as channels, the reverse of `depth_to_space`: (N, H·b, W·b, C) → (N, H, W, C·b²).

    Raises:
        ValueError: another rank, b < 2, a height or width that b does not divide.
    """
    x, b, last = _blocks("space_to_depth", x, block_size, data_format)
    height, width = x.shape[1:3] if last else x.shape[2:]
    if height % b or width % b:
        raise ValueError(
            f"space_to_depth: expected height and width to be multiples of {b}. Received: shape {tuple(x.shape)}"
        )
    height, width, channels = height // b, width // b, x.shape[3 if last else 1]
    if last:
        y = transpose(reshape(x, (-1, height, b, width, b, channels)), (0, 1, 3, 2, 4, 5))
        return reshape(y, (-1, height, width, channels * b**2))
    y = transpose(reshape(x, (-1, channels, height, b, width, b)), (0, 1, 3, 5, 2, 4))
    return reshape(y, (-1, channels * b**2, height, width))


def rearrange(tensor, pattern, **axes_lengths):
    """A tensor with its axes split, moved and joined, as `pattern` says: "b (h h1) w -> (b h1) w h".

    Names in brackets stand for one axis, the first of them moving slowest.

    Args:
        pattern: names of the axes, those of the result behind an arrow.
        axes_lengths: extents of names; of each axis that is split all but one have to be known.

    Raises:
        ValueError: a pattern that cannot be read or does not fit the tensor.
    """
    sides = pattern.split("->") if isinstance(pattern, str) else []
    if len(sides) != 2:
        raise ValueError(f"rearrange: expected a pattern with one '->'. Received: pattern={pattern!r}")
    given, wanted = ([_names(part, pattern) for part in _PARTS.findall(side)] for side in map(_checked_side, sides))
    names = [name for group in given for name in group]
    if len(set(names)) != len(names) or sorted(names) != sorted(name for group in wanted for name in group):
        raise ValueError(
            f"rearrange: expected the same names on both sides of a pattern, each once. Received: pattern={pattern!r}"
        )
    unknown = set(axes_lengths) - set(names)
    if unknown or not all(is_integer(extent, 1) for extent in axes_lengths.values()):
        raise ValueError(
            f"rearrange: expected extents >= 1 of names in the pattern {pattern!r}. Received: {axes_lengths}"
        )
    tensor = tensor if isinstance(tensor, KerasTensor) else resolve(tensor)
    if len(given) != len(tensor.shape):
        raise ValueError(
            f"rearrange: expected a tensor of {len(given)} axes for the pattern {pattern!r}. "
            f"Received: shape {tuple(tensor.shape)}"
        )
    extents = dict(axes_lengths)
    for group, extent in zip(given, tensor.shape, strict=True):
        _infer(extents, group, extent, pattern, tuple(tensor.shape))
    flat = [name for group in wanted for name in group]
    if any(len(group) != 1 for group in given):
        tensor = reshape(tensor, _shape([extents[name] for name in names], pattern))
    order = [names.index(name) for name in flat]
    if order != sorted(order):
        tensor = transpose(tensor, order)
    if all(len(group) == 1 for group in wanted):
        return tensor
    products = [None if None in sizes else math.prod(sizes) for sizes in ([extents[n] for n in g] for g in wanted)]
    return reshape(tensor, _shape(products, pattern))


_PARTS = re.compile(r"\([^()]*\)|\w+")


def _checked_side(side: str) -> str:
    if _PARTS.sub("", side).strip():
        raise ValueError(f"rearrange: expected names and brackets around names. Received: {side.strip()!r}")
    return side


def _names(part: str, pattern: str) -> list:
    names = part.strip("()").split()
    if not all(name.isidentifier() for name in names):
        raise ValueError(f"rearrange: expected names of axes. Received: {part!r} in pattern={pattern!r}")
    return names


def _infer(extents: dict, group: list, extent, pattern: str, shape: tuple) -> None:
    """Finds the extent of the one name of a group that has none, or checks them."""
    open_names = [name for name in group if name not in extents]
    known = math.prod(extents[name] for name in group if name in extents)
    if len(open_names) > 1:
        raise ValueError(
            f"rearrange: expected extents of all but one of {group} in {pattern!r}. Received: none of {open_names}"
        )
    if extent is not None and (extent % known or (not open_names and extent != known)):
        raise ValueError(
            f"rearrange: {group} in the pattern {pattern!r} does not fit an axis of {extent}. Received: shape {shape}"
        )
    for name in open_names:
        extents[name] = None if extent is None else extent // known


def _shape(extents: list, pattern: str) -> tuple:
    if extents.count(None) > 1:
        raise ValueError(f"rearrange: expected at most one axis of unknown extent. Received: pattern={pattern!r}")
    return tuple(-1 if extent is None else extent for extent in extents)
