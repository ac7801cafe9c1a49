"""Statistics of all micro-batches of a batch, from those of each: as if the batch had been normalized as a whole."""

from __future__ import annotations

import functools

from swiftbn import ops


def pooled(statistics: list) -> tuple:
    """(mean, biased variance, number of values) of the union of samples of which each entry has these three.

    μ = Σ nᵢμᵢ/n and σ² = Σ nᵢ(σᵢ² + (μᵢ - μ)²)/n; Chan et al. 1979, with distances from the first mean, so that a large
    mean costs nothing.
    """
    count = functools.reduce(ops.add, (n for _, _, n in statistics))
    # Masks may leave no value.
    shares = [n / ops.maximum(count, 1.0) for _, _, n in statistics]
    first, means, spreads = statistics[0][0], [s[0] for s in statistics], [s[1] for s in statistics]
    mean = first + by_samples([(other - first, share) for other, share in zip(means, shares, strict=True)][1:])
    squares = [spread + ops.square(other - mean) for other, spread in zip(means, spreads, strict=True)]
    return mean, by_samples(list(zip(squares, shares, strict=True))), count


def by_samples(values: list):
    """The mean of values that each count by a share of the samples, given as (value, share)."""
    return functools.reduce(ops.add, (value * share for value, share in values))
