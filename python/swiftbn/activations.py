"""Activation functions, by Keras' names."""

from __future__ import annotations

from swiftbn import _registry, ops
from swiftbn.ops import (
    elu,
    gelu,
    hard_sigmoid,
    leaky_relu,
    log_softmax,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)


def linear(x):
    """x itself."""
    return x


def exponential(x):
    """exp(x)."""
    return ops.exp(x)


def relu(x, negative_slope=0.0, max_value=None, threshold=0.0):
    """max(x, 0); in general max_value above max_value, x above threshold, negative_slope·(x - threshold) below it."""
    if negative_slope == 0.0 and max_value is None and threshold == 0.0:
        return ops.relu(x)
    from swiftbn.layers import ReLU

    return ReLU(max_value=max_value, negative_slope=negative_slope, threshold=threshold).call(
        ops.convert_to_tensor(x)
    )


def mish(x):
    """x·tanh(softplus(x))."""
    return ops.multiply(x, ops.tanh(ops.softplus(x)))


_FUNCTIONS = {
    function.__name__: function
    for function in (
        elu,
        exponential,
        gelu,
        hard_sigmoid,
        leaky_relu,
        linear,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        softmax,
        softplus,
        softsign,
        tanh,
    )
}
_FUNCTIONS["swish"] = silu


def get(identifier):
    """The activation function of a name; None is `linear`.

    Raises:
        ValueError: an unknown name.
    """
    if identifier is None:
        return linear
    return _registry.get(identifier, _FUNCTIONS, "activation")


def serialize(activation):
    """The name of a function of this module, else its configuration."""
    for name, function in _FUNCTIONS.items():
        if function is activation:
            return name
    return _registry.serialize(activation)


def deserialize(config, custom_objects=None):
    """The activation that `serialize` described."""
    return get(config)
