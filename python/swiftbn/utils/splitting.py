"""A data set divided in two."""

from __future__ import annotations

import numpy as np

from swiftbn import tree
from swiftbn._checks import is_integer, is_number
from swiftbn.utils.dataset import PyDataset
from swiftbn.utils.samples import ArraySamples, Samples


def split_dataset(dataset, left_size=None, right_size=None, shuffle=False, seed=None, preferred_backend=None) -> tuple:
    """Two data sets, such as one to train on and one to evaluate on.

    Args:
        dataset: an array, a list or tuple of arrays with as many rows each, or anything that gives samples when it is
            iterated over: a PyTorch Dataset, or a `PyDataset`, whose batches are taken apart.
        left_size: the number of samples in the first, or its part of all as a float between 0 and 1; by default what
            the second leaves.
        right_size: the same of the second.
        shuffle: whether the samples are put in random order first.
        seed: of the order.
        preferred_backend: only None.

    Returns:
        Two `PyDataset`s that give samples one by one, or, from a `PyDataset` of batches, batches of the size of its
        first. `len` is their number.

    Raises:
        TypeError: data of another kind.
        ValueError: sizes out of range, no size at all, or arrays of different lengths.
    """
    if preferred_backend is not None:
        raise ValueError(f"split_dataset: only preferred_backend=None is supported. Received: {preferred_backend=}")
    arrays, batch_size = _as_arrays(dataset)
    count = len(tree.flatten(arrays)[0])
    left, right = _sizes(left_size, right_size, count)
    order = np.random.default_rng(seed).permutation(count) if shuffle else np.arange(count)

    def part(indices):
        return ArraySamples(tree.map_structure(lambda array: array[indices], arrays), batch_size)

    return part(order[:left]), part(order[count - right :])


def _as_arrays(dataset) -> tuple:
    """(arrays with a row for each sample, batch size or None)."""
    if isinstance(dataset, np.ndarray):
        return _checked(dataset), None
    if isinstance(dataset, (list, tuple)):
        if not dataset or not all(isinstance(array, np.ndarray) for array in dataset):
            kinds = [type(item).__name__ for item in dataset]
            raise ValueError(f"split_dataset: expected one or more NumPy arrays. Received: {kinds}")
        return _checked(tuple(dataset)), None
    is_batched = isinstance(dataset, PyDataset) and getattr(dataset, "_batch_size", 1) is not None
    if not hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__"):
        raise TypeError(f"split_dataset: expected arrays, or data to iterate over. Received: {type(dataset).__name__}")
    items = [tree.map_structure(np.asarray, item) for item in _items(dataset)]
    if not items:
        raise ValueError("split_dataset: expected at least one sample. Received: an empty data set")
    join = np.concatenate if is_batched else np.stack
    try:
        arrays = tree.map_structure(lambda *rows: join(rows), *items)
    except ValueError as error:
        raise ValueError(f"split_dataset: expected samples of one structure and shape: {error}") from None
    return arrays, len(tree.flatten(items[0])[0]) if is_batched else None


def _items(dataset):
    # Samples come in their own order: shuffling is asked for in this function.
    if isinstance(dataset, Samples) or not hasattr(dataset, "__iter__"):
        return (dataset[index] for index in range(len(dataset)))
    return iter(dataset)


def _checked(arrays):
    shapes = [array.shape for array in tree.flatten(arrays)]
    if any(not shape or shape[0] != shapes[0][0] for shape in shapes) or not shapes[0][0]:
        raise ValueError(f"split_dataset: expected arrays with as many rows each, at least one. Received: {shapes}")
    return arrays


def _sizes(left, right, count: int) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError("split_dataset: expected left_size or right_size. Received: left_size=None, right_size=None")
    received = f"Received: left_size={left!r}, right_size={right!r} for {count} samples"
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            continue
        if not is_number(size) or not (0 < size < count if is_integer(size) else 0 < size < 1):
            raise ValueError(
                f"split_dataset: expected {name} to be an integer in 1 … {count - 1}, or a float between 0 and 1. "
                f"{received}"
            )
    left, right = (s if s is None or is_integer(s) else round(s * count) for s in (left, right))
    left = count - right if left is None else left
    right = count - left if right is None else right
    if not left or not right or left + right > count:
        raise ValueError(f"split_dataset: expected two parts with samples, {count} together at most. {received}")
    return int(left), int(right)
