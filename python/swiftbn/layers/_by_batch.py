"""Batch normalization by the statistics of the batch: all of it, where a mask is true, in groups, in micro-batches."""

from __future__ import annotations

import functools

from swiftbn import ops
from swiftbn.layers import _batch_statistics as statistics
from swiftbn.layers import _renormalization as renormalization
from swiftbn.layers._union_statistics import by_samples, pooled
from swiftbn.micro_batches import current_part
from swiftbn.ops._dispatch import call as native


def by_batch(layer, x, axis, mask, parameters, attributes):
    """(y, mean, variance as the moving one takes it, values per channel) by the statistics of the batch."""
    if layer.virtual_batch_size is not None:
        if mask is not None:
            raise ValueError(f"BatchNormalization '{layer.name}': virtual_batch_size does not go with a mask")
        return _by_groups(layer, x, axis, parameters, attributes)
    if mask is None and not layer.renorm and current_part() is None:
        y, mean, variance, _ = native("batch_norm", x, *parameters, **attributes)
        count = statistics.values_per_channel(x, axis)
    else:
        y, mean, variance, count = _by_moments(layer, x, axis, mask, parameters)
    if layer.unbiased_variance:
        variance = variance * (count / ops.maximum(count - 1.0, 1.0))
    return y, mean, variance, count


def _by_moments(layer, x, axis, mask, parameters):
    """(y, mean, biased variance, values per channel) where the statistics are computed before anything is normalized.

    The rounding of a mean that is large beside the deviations would be seen in y. With a mask x is therefore moved to
    near 0 first, if it is all of the batch; without a mask the core's moments save that pass.
    """
    part, shift = current_part(), None
    if mask is None:
        own = (*native("moments", x, axis=axis), statistics.values_per_channel(x, axis))
    else:
        mask = statistics.mask_like(layer, mask, x, axis)
        if part is None:
            x, shift = statistics.centered(x, mask, axis)
        own = statistics.masked_moments(x, mask, axis)

    def combine(parts):
        mean, variance, count = pooled(parts) if len(parts) > 1 else parts[0]
        gamma, beta = (parameters + [None])[:2] if layer.scale else (None, (parameters + [None])[0])
        if layer.renorm:
            gamma, beta = renormalization.corrected(layer, mean, variance, gamma, beta, shift)
        return mean, variance, count, gamma, beta

    mean, variance, count, gamma, beta = combine([own]) if part is None else part.meet(layer, own, combine)
    y = ops.batch_normalization(x, mean, variance, axis, offset=beta, scale=gamma, epsilon=layer.epsilon)
    return y, mean if shift is None else mean + shift, variance, count


def _by_groups(layer, x, axis, parameters, attributes):
    """As `by_batch`, with groups of `virtual_batch_size` samples normalized on their own."""
    size, part = layer.virtual_batch_size, current_part()
    if part is not None and not part.is_last and x.shape[0] % size:
        raise ValueError(
            f"BatchNormalization '{layer.name}': expected micro-batches of a multiple of virtual_batch_size={size} "
            f"samples with accumulate_statistics='union'. Received: micro-batches of {x.shape[0]}"
        )
    y, means, variances, _ = native("batch_norm", x, *parameters, **attributes, group_size=size)
    mean = statistics.mean_over_groups(x, means, size, axis, unbiased=False)
    variance = statistics.mean_over_groups(x, variances, size, axis, unbiased=layer.unbiased_variance)
    least = ops.minimum(statistics.values_per_channel(x, axis), statistics.smallest_group(x, size, axis))
    if part is None:
        return y, mean, variance, least

    def combine(parts):
        mean, variance = (by_samples([(p[column], p[3]) for p in parts]) for column in (0, 1))
        return mean, variance, functools.reduce(ops.minimum, (p[2] for p in parts))

    return y, *part.meet(layer, (mean, variance, least, part.share), combine)
