"""Activation functions, by Keras' names."""

from __future__ import annotations

from swiftbn import _registry, ops
from swiftbn.ops import nn


def elu(x, alpha=1.0):
    """x where x > 0, else alpha·(eˣ - 1)."""
    return ops.elu(x, alpha=alpha)


def gelu(x, approximate=False):
    """x·Φ(x), Φ being the normal distribution function; by tanh if `approximate`."""
    return ops.gelu(x, approximate=approximate)


def hard_sigmoid(x):
    """min(max(x/6 + 1/2, 0), 1)."""
    return ops.hard_sigmoid(x)


def leaky_relu(x, negative_slope=0.2):
    """x where x > 0, else negative_slope·x."""
    return ops.leaky_relu(x, negative_slope=negative_slope)


def log_softmax(x, axis=-1):
    """log(softmax(x)) along an axis."""
    return ops.log_softmax(x, axis=axis)


def relu6(x):
    """min(max(x, 0), 6)."""
    return ops.relu6(x)


def selu(x):
    """scale·elu(x, alpha) with the self-normalizing constants of Klambauer et al. 2017."""
    return ops.selu(x)


def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return ops.sigmoid(x)


def silu(x):
    """x·sigmoid(x), also called swish."""
    return ops.silu(x)


def softmax(x, axis=-1):
    """exp(x) / Σ exp(x) along an axis."""
    return ops.softmax(x, axis=axis)


def softplus(x):
    """log(1 + eˣ)."""
    return ops.softplus(x)


def softsign(x):
    """x / (1 + |x|)."""
    return ops.softsign(x)


def tanh(x):
    """The hyperbolic tangent."""
    return ops.tanh(x)


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

    return ReLU(max_value=max_value, negative_slope=negative_slope, threshold=threshold).call(ops.convert_to_tensor(x))


def mish(x):
    """x·tanh(softplus(x))."""
    return nn.mish(x)


def celu(x, alpha=1.0):
    """x where x > 0, else alpha·(exp(x/alpha) - 1)."""
    return ops.celu(x, alpha=alpha)


def glu(x, axis=-1):
    """a·sigmoid(b) for the halves a and b of x along an axis."""
    return ops.glu(x, axis=axis)


def hard_shrink(x, threshold=0.5):
    """x where |x| > threshold, else 0."""
    return ops.hard_shrink(x, threshold=threshold)


def hard_silu(x):
    """x·hard_sigmoid(x), also called hard swish."""
    return ops.hard_silu(x)


def hard_tanh(x):
    """min(max(x, -1), 1)."""
    return ops.hard_tanh(x)


def log_sigmoid(x):
    """log(sigmoid(x))."""
    return ops.log_sigmoid(x)


def soft_shrink(x, threshold=0.5):
    """x moved towards 0 by `threshold`, and 0 where |x| ≤ threshold."""
    return ops.soft_shrink(x, threshold=threshold)


def sparse_plus(x):
    """0 where x ≤ -1, (x + 1)²/4 where |x| < 1, else x."""
    return ops.sparse_plus(x)


def sparse_sigmoid(x):
    """min(max((x + 1)/2, 0), 1)."""
    return ops.sparse_sigmoid(x)


def sparsemax(x, axis=-1):
    """The point of the probability simplex nearest to x along an axis."""
    return ops.sparsemax(x, axis=axis)


def squareplus(x, b=4):
    """(x + √(x² + b))/2."""
    return ops.squareplus(x, b=b)


def tanh_shrink(x):
    """x - tanh(x)."""
    return ops.tanh_shrink(x)


def threshold(x, threshold, default_value):
    """x where x > threshold, else `default_value`."""
    return ops.threshold(x, threshold, default_value)


_FUNCTIONS = {
    function.__name__: function
    for function in (
        celu,
        elu,
        exponential,
        gelu,
        glu,
        hard_shrink,
        hard_sigmoid,
        hard_silu,
        hard_tanh,
        leaky_relu,
        linear,
        log_sigmoid,
        log_softmax,
        mish,
        relu,
        relu6,
        selu,
        sigmoid,
        silu,
        soft_shrink,
        softmax,
        softplus,
        softsign,
        sparse_plus,
        sparse_sigmoid,
        sparsemax,
        squareplus,
        tanh,
        tanh_shrink,
        threshold,
    )
}
swish, hard_swish = silu, hard_silu
_FUNCTIONS["swish"] = swish
_FUNCTIONS["hard_swish"] = hard_swish


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
    """The activation that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)
