"""Layer normalization on NumPy arrays.

Source: Ba, Kiros & Hinton 2016, arXiv 1607.06450.
"""

from swiftbn.functional import _arguments as check
from swiftbn.functional._half import accepts_half
from swiftbn.functional._statistics import Arrangement, affine, run, sum_to


@accepts_half
def layer_norm(x, gamma, beta, *, axis=-1, epsilon=1e-3):
    """Normalizes over `axis`, for each place of the other axes.

    Formula: ``y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`` with the biased variance.

    Args:
        x: array of any rank >= 1, float32 or float64.
        gamma, beta: arrays of the dtype of x whose extents are those of x on `axis`, in ascending order of the axes, or
            None for 1 and 0.
        axis: the axis, or several as a tuple.
        epsilon: added to the variance, > 0.

    Returns:
        (y, mean, inv_std): y like x; mean and ``1 / sqrt(variance + epsilon)``, each of the extents of x on the other
        axes.

    Raises:
        TypeError: for dtypes that are not float32 or float64 or that differ, for an axis or epsilon of another type.
        ValueError: for shapes that do not fit, an axis out of range, a bad epsilon, an empty x.
    """
    call = "layer_norm"
    x = check.source(call, x, 1)
    axes = check.axes(call, axis, x.ndim)
    gamma, beta = check.parameter(call, "gamma", gamma, x, axes), check.parameter(call, "beta", beta, x, axes)
    y, mean, inv_std = Arrangement(x.shape, axes).standardize(x, check.positive(call, epsilon))
    return affine(y, gamma, beta), mean, inv_std


@accepts_half
def layer_norm_backward(dy, x, gamma, mean, inv_std, *, axis=-1):
    """Gradients of `layer_norm` with respect to x, gamma and beta.

    Formula, with n = (x - mean) * inv_std, g = gamma * dy, and means over `axis`:
    ``dx = inv_std * (g - mean(g) - n * mean(g * n))``; ``dgamma = sum(dy * n)`` and ``dbeta = sum(dy)`` over the other
    axes.

    Args:
        dy: gradient with respect to y, like x.
        x, gamma, axis: as in `layer_norm`.
        mean, inv_std: what `layer_norm` returned.

    Returns:
        (dx, dgamma, dbeta): dx like x, the others of the extents of x on `axis`.

    Raises:
        TypeError, ValueError: as `layer_norm`.
    """
    call = "layer_norm_backward"
    x = check.source(call, x, 1)
    dy = check.like(call, "dy", dy, x, x.shape, " as x has")
    axes = check.axes(call, axis, x.ndim)
    gamma = check.parameter(call, "gamma", gamma, x, axes)
    arrangement = Arrangement(x.shape, axes)
    meaning = ", the extents of x on the other axes"
    mean, inv_std = (
        check.like(call, name, value, x, arrangement.statistics, meaning)
        for name, value in (("mean", mean), ("inv_std", inv_std))
    )
    centered = arrangement.center(x, mean)
    dx = arrangement.standardize_backward(affine(dy, gamma, None), centered, inv_std)
    dgamma = sum_to(run("multiply", dy, arrangement.scale(centered, inv_std)), axes)
    return dx, dgamma, sum_to(dy, axes)
