"""Group and instance normalization on NumPy arrays.

Sources: Wu & He 2018, arXiv 1803.08494; Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022.
"""

from swiftbn.functional import _arguments as check
from swiftbn.functional._half import accepts_half
from swiftbn.functional._statistics import Arrangement, affine, run, sum_to


@accepts_half
def group_norm(x, gamma, beta, *, groups, axis=-1, epsilon=1e-3):
    """Normalizes each sample and group of channels next to each other by its own statistics.

    Formula: ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the biased variance over a group's
    channels and all axes but that of the samples.

    Args:
        x: array (N, ..., C, ...) of rank >= 2, float32 or float64.
        gamma, beta: arrays (C,) of the dtype of x, or None for 1 and 0.
        groups: number of groups, a divisor of C.
        axis: the channel axis, not 0.
        epsilon: added to the variance, > 0.

    Returns:
        (y, mean, inv_std): y like x; mean and ``1 / sqrt(variance + epsilon)``, each (N, groups).

    Raises:
        TypeError: for dtypes that are not float32 or float64 or that differ, for groups, axis or epsilon of another
            type.
        ValueError: for shapes that do not fit, groups that do not divide the channels, an axis out of range or 0, a bad
            epsilon, an empty x.
    """
    return _forward("group_norm", x, gamma, beta, groups, axis, epsilon, 2)


@accepts_half
def group_norm_backward(dy, x, gamma, mean, inv_std, *, groups, axis=-1):
    """Gradients of `group_norm` with respect to x, gamma and beta.

    Formula, with n = (x - mean) * inv_std, g = gamma * dy, and means over each sample and group:
    ``dx = inv_std * (g - mean(g) - n * mean(g * n))``; ``dgamma = sum(dy * n)`` and ``dbeta = sum(dy)`` over all axes
    but that of the channels.

    Args:
        dy: gradient with respect to y, like x.
        x, gamma, groups, axis: as in `group_norm`.
        mean, inv_std: what `group_norm` returned, (N, groups) each.

    Returns:
        (dx, dgamma, dbeta): dx like x, the others (C,).

    Raises:
        TypeError, ValueError: as `group_norm`.
    """
    return _backward("group_norm_backward", dy, x, gamma, mean, inv_std, groups, axis, 2)


@accepts_half
def instance_norm(x, gamma, beta, *, axis=-1, epsilon=1e-3):
    """Normalizes each sample and channel by its own statistics: `group_norm` with as many groups as channels.

    Formula: ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the biased variance over all axes but
    those of samples and channels.

    Args:
        x: array (N, ..., C, ...) of rank >= 3, float32 or float64.
        gamma, beta: arrays (C,) of the dtype of x, or None for 1 and 0.
        axis: the channel axis, not 0.
        epsilon: added to the variance, > 0.

    Returns:
        (y, mean, inv_std): y like x; mean and ``1 / sqrt(variance + epsilon)``, each (N, C).

    Raises:
        TypeError, ValueError: as `group_norm`.
    """
    return _forward("instance_norm", x, gamma, beta, None, axis, epsilon, 3)


@accepts_half
def instance_norm_backward(dy, x, gamma, mean, inv_std, *, axis=-1):
    """Gradients of `instance_norm` with respect to x, gamma and beta, by the formula of `group_norm_backward`.

    Args:
        dy: gradient with respect to y, like x.
        x, gamma, axis: as in `instance_norm`.
        mean, inv_std: what `instance_norm` returned, (N, C) each.

    Returns:
        (dx, dgamma, dbeta): dx like x, the others (C,).

    Raises:
        TypeError, ValueError: as `group_norm`.
    """
    return _backward("instance_norm_backward", dy, x, gamma, mean, inv_std, None, axis, 3)


def _forward(call, x, gamma, beta, groups, axis, epsilon, rank):
    x = check.source(call, x, rank)
    axis = check.channel_axis(call, axis, x.ndim)
    split, arrangement = _groups(call, x, groups, axis)
    gamma, beta = (check.parameter(call, n, p, x, (axis,)) for n, p in (("gamma", gamma), ("beta", beta)))
    y, mean, inv_std = arrangement.standardize(x.reshape(split), check.positive(call, epsilon))
    return affine(y.reshape(x.shape), gamma, beta), mean, inv_std


def _backward(call, dy, x, gamma, mean, inv_std, groups, axis, rank):
    x = check.source(call, x, rank)
    dy = check.like(call, "dy", dy, x, x.shape, " as x has")
    axis = check.channel_axis(call, axis, x.ndim)
    split, arrangement = _groups(call, x, groups, axis)
    gamma = check.parameter(call, "gamma", gamma, x, (axis,))
    meaning = ", (N, C) of x" if groups is None else ", (N, groups)"
    mean, inv_std = (
        check.like(call, name, value, x, arrangement.statistics, meaning)
        for name, value in (("mean", mean), ("inv_std", inv_std))
    )
    centered = arrangement.center(x.reshape(split), mean)
    dx = arrangement.standardize_backward(affine(dy, gamma, None).reshape(split), centered, inv_std)
    normalized = arrangement.scale(centered, inv_std).reshape(x.shape)
    return dx.reshape(x.shape), sum_to(run("multiply", dy, normalized), (axis,)), sum_to(dy, (axis,))


def _groups(call, x, groups, axis: int) -> tuple:
    """The shape of x with the channel axis split in two, and its arrangement for statistics per sample and group."""
    channels = x.shape[axis]
    groups = channels if groups is None else check.group_count(call, groups, channels)
    split = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
    return split, Arrangement(split, tuple(i for i in range(1, len(split)) if i != axis))
