"""How a layer's moving statistics follow those of the batches."""

from __future__ import annotations

from swiftbn import ops
from swiftbn.layers import _renormalization as renormalization

KINDS = ("exponential", "cumulative", "window")


def build(layer, shape: tuple) -> None:
    """Adds the state that the layer's kind of moving average needs beyond the averages themselves."""
    layer.averaged_batches = layer.mean_window = layer.variance_window = layer.skipped_batches = None
    if layer.moving_average != "exponential":
        layer.averaged_batches = _state(layer, (), "averaged_batches")
    if layer.moving_average == "window":
        layer.mean_window = _state(layer, (layer.window, *shape), "mean_window")
        layer.variance_window = _state(layer, (layer.window, *shape), "variance_window")
    if layer.nonfinite == "skip":
        layer.skipped_batches = _state(layer, (), "skipped_batches")


def _state(layer, shape, name):
    return layer.add_weight(shape=shape, initializer="zeros", trainable=False, name=name)


def update(layer, mean, variance, keep=None) -> None:
    """Takes in a batch's mean and variance, (C,) each; not where `keep` (a truth value) is false."""

    def assign(variable, value):
        variable.assign(value if keep is None else ops.where(keep, value, variable))

    mean, variance = (
        ops.reshape(ops.stop_gradient(value), tuple(layer.moving_mean.shape)) for value in (mean, variance)
    )
    pairs = (
        (layer.moving_mean, mean, layer.mean_window),
        (layer.moving_variance, variance, layer.variance_window),
    )
    batches = layer.averaged_batches
    if layer.renorm:
        renormalization.update(layer, mean, variance, assign)
        pairs = ()
    for moving, batch, window in pairs:
        if layer.moving_average == "exponential":
            assign(moving, moving * layer.momentum + batch * (1.0 - layer.momentum))
        elif layer.moving_average == "cumulative":
            assign(moving, moving + (batch - moving) / (batches + 1.0))
        else:
            place = ops.one_hot(ops.cast(batches % float(layer.window), "int32"), layer.window)
            place = ops.reshape(place, (layer.window,) + (1,) * len(moving.shape))
            filled = ops.where(place > 0, batch, window)
            count = ops.minimum(batches + 1.0, float(layer.window))
            assign(window, filled)
            assign(moving, ops.sum(filled, 0) / count)
    if batches is not None:
        assign(batches, batches + 1.0)
    if layer.skipped_batches is not None:
        layer.skipped_batches.assign(layer.skipped_batches + ops.where(keep, 0.0, 1.0))


def reset(layer) -> None:
    """First values for the moving statistics and what belongs to them."""
    for variable in (layer.moving_mean, layer.moving_variance):
        initializer = (
            layer.moving_mean_initializer if variable is layer.moving_mean else (layer.moving_variance_initializer)
        )
        variable.assign(initializer(tuple(variable.shape), variable.dtype))
    if layer.renorm:
        layer.renorm_mean.assign(layer.moving_mean)
        for variable in (layer.renorm_stddev, layer.moving_stddev):
            variable.assign(ops.sqrt(layer.moving_variance))
    for variable in (layer.averaged_batches, layer.mean_window, layer.variance_window, layer.skipped_batches):
        if variable is not None:
            variable.assign(ops.zeros(tuple(variable.shape), variable.dtype))
