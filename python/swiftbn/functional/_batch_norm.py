"""Batch normalization on NumPy arrays, straight to the Swift kernels: the lowest latency, no copies.

All three work on float32 and float64 arrays of rank >= 2 and on any channel axis; float16 and bfloat16 are computed
with in float32, in which the parameters and statistics are then, and y or dx is rounded. Arrays of the first two whose
memory has no gaps, in whatever order of axes (channels first, channels last, Fortran order), are read and written in
place; others are copied once, or refused with ``copy=False``. ``gamma`` and ``beta`` may be None for 1 and 0.

Source: Ioffe & Szegedy 2015, arXiv 1502.03167, algorithms 1 and 2 and section 3.
"""

from swiftbn._load import load
from swiftbn.functional._axes import MergedAxes
from swiftbn.functional._half import is_half, through_float32

_native = load()


def batch_norm(x, gamma, beta, *, axis=-1, epsilon=1e-3, out=None, copy=True, mask=None):
    """Normalizes each channel by the batch's own statistics.

    Formula: ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the biased variance.

    Args:
        x: array (..., C, ...), float32 or float64.
        gamma, beta: arrays (C,) of the dtype of x, or None.
        axis: the channel axis, or a tuple of several: then all (C,) are of the extents of these axes, with statistics
            for each combination of positions, and `out` and `copy=False` are not available.
        epsilon: added to the variance, > 0.
        out: array like x (shape, dtype, memory order) that receives y; may be x itself.
        copy: False makes needing a copy an error.
        mask: truth values for the axes but the channels', the last of which may be left out, or for all; axes of extent
            1 are spread. With several channel axes it meets x as NumPy broadcasts. The statistics are those of the
            elements where it is true, 0 and ``1 / sqrt(epsilon)`` in a channel without any; all elements are normalized
            by them. y is in C order then, and ``copy=False`` is not available.

    Returns:
        (y, mean, inv_std): y like x; mean and ``1 / sqrt(variance + epsilon)``, each (C,).

    Raises:
        TypeError: for dtypes that are not float32 or float64 or that differ.
        ValueError: for shapes that do not fit, an axis out of range, a bad epsilon, an empty batch, a read-only or
            partly overlapping ``out``. Nothing has been written then.
    """
    if mask is not None:
        return _with_mask(
            "forward", batch_norm, x, (x, gamma, beta), mask, {"axis": axis, "epsilon": epsilon}, out, copy
        )
    if type(axis) is tuple:
        m = MergedAxes("batch_norm", x, axis, out=out, copy=copy)
        gamma, beta = m.parameter(gamma, "gamma"), m.parameter(beta, "beta")
        y, mean, inv_std = _native.batch_norm(m.data(x, "x"), gamma, beta, -1, epsilon, None, True)
        return m.restored(y), m.statistics(mean), m.statistics(inv_std)
    try:
        return _native.batch_norm(x, gamma, beta, axis, epsilon, out, copy)
    except TypeError:
        if not is_half(x):
            raise
        return through_float32(batch_norm, x, (x, gamma, beta), {"axis": axis, "epsilon": epsilon}, out, copy)


def batch_norm_backward(dy, x, gamma, mean, inv_std, *, axis=-1, out=None, copy=True, mask=None):
    """Gradients of `batch_norm` with respect to x, gamma and beta.

    Formula, with d = x - mean, s = inv_std and n values per channel: ``dbeta = sum(dy)``, ``dgamma = s * sum(dy * d)``,
    ``dx = gamma * s * (dy - dbeta / n - d * s * dgamma / n)``. With a mask, n counts the elements where it is true, and
    elsewhere ``dx = gamma * s * dy``; where dy is 0 outside the mask, x may be anything.

    Args:
        dy: gradient with respect to y, like x.
        x, gamma, axis, copy, mask: as in `batch_norm`.
        mean, inv_std: what `batch_norm` returned, (C,) each.
        out: array like x that receives dx; may be dy itself.

    Returns:
        (dx, dgamma, dbeta): dx like x, the others (C,).

    Raises:
        TypeError, ValueError: as `batch_norm`.
    """
    if mask is not None:
        arguments = (dy, x, gamma, mean, inv_std)
        return _with_mask("backward", batch_norm_backward, x, arguments, mask, {"axis": axis}, out, copy)
    if type(axis) is tuple:
        m = MergedAxes("batch_norm_backward", x, axis, out=out, copy=copy)
        names = {"gamma": gamma, "mean": mean, "inv_std": inv_std}
        parameters = [m.parameter(value, name) for name, value in names.items()]
        results = _native.batch_norm_backward(m.data(dy, "dy"), m.data(x, "x"), *parameters, -1, None, True)
        return m.restored(results[0]), m.statistics(results[1]), m.statistics(results[2])
    try:
        return _native.batch_norm_backward(dy, x, gamma, mean, inv_std, axis, out, copy)
    except TypeError:
        if not is_half(x):
            raise
        return through_float32(batch_norm_backward, x, (dy, x, gamma, mean, inv_std), {"axis": axis}, out, copy)


def batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, *, axis=-1, epsilon=1e-3, out=None, copy=True):
    """Normalizes each channel by given statistics.

    Formula: ``y = gamma * (x - moving_mean) / sqrt(moving_variance + epsilon) + beta``.

    Args:
        moving_mean, moving_variance: arrays (C,).
        x, gamma, beta, axis, epsilon, out, copy: as in `batch_norm`.

    Returns:
        y, like x.

    Raises:
        TypeError, ValueError: as `batch_norm`.
    """
    if type(axis) is tuple:
        m = MergedAxes("batch_norm_inference", x, axis, out=out, copy=copy)
        names = {"gamma": gamma, "beta": beta, "moving_mean": moving_mean, "moving_variance": moving_variance}
        parameters = [m.parameter(value, name) for name, value in names.items()]
        return m.restored(_native.batch_norm_inference(m.data(x, "x"), *parameters, -1, epsilon, None, True))
    try:
        return _native.batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, axis, epsilon, out, copy)
    except TypeError:
        if not is_half(x):
            raise
        return through_float32(
            batch_norm_inference,
            x,
            (x, gamma, beta, moving_mean, moving_variance),
            {"axis": axis, "epsilon": epsilon},
            out,
            copy,
        )


def _with_mask(part: str, function, x, arguments: tuple, mask, options: dict, out, copy):
    """A part of `_masked_batch_norm`, which most programs never load."""
    if is_half(x):
        return through_float32(function, x, arguments, {**options, "mask": mask}, out, copy)
    from swiftbn.functional import _masked_batch_norm

    return getattr(_masked_batch_norm, part)(*arguments, mask=mask, out=out, copy=copy, **options)
