"""First values of weights. Names, arguments and distributions are Keras 3's; the numbers are ours."""

from __future__ import annotations

import numpy as np

from swiftbn import _registry
from swiftbn.dtypes import standardize_dtype
from swiftbn.initializers.constant import Constant, Identity, Ones, Zeros
from swiftbn.initializers.initializer import Initializer as Initializer
from swiftbn.initializers.random import Orthogonal, RandomInitializer, RandomNormal, RandomUniform, TruncatedNormal
from swiftbn.initializers.stft import STFT
from swiftbn.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
    compute_fans,
)

_CLASSES = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
# Keras' other names of the same.
constant, identity, zeros, ones, orthogonal = Constant, Identity, Zeros, Ones, Orthogonal
IdentityInitializer, OrthogonalInitializer, STFTInitializer, stft = Identity, Orthogonal, STFT, STFT
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_normal, glorot_uniform, variance_scaling = GlorotNormal, GlorotUniform, VarianceScaling
he_normal, he_uniform, lecun_normal, lecun_uniform = HeNormal, HeUniform, LecunNormal, LecunUniform

_TABLE = _registry.by_name(_CLASSES, {"normal": RandomNormal, "uniform": RandomUniform, "one": Ones, "zero": Zeros})


def get(identifier):
    """The initializer of a name, configuration, function or object; an array becomes a constant one.

    Raises:
        ValueError: an unknown name.
    """
    if isinstance(identifier, np.ndarray):
        values = identifier

        def constant(shape, dtype=None):
            if tuple(shape) != values.shape:
                raise ValueError(f"Expected an array of shape {tuple(shape)}. Received: shape {values.shape}")
            return np.array(values, standardize_dtype(dtype))

        return constant
    return _registry.get(identifier, _TABLE, "initializer")


def serialize(initializer):
    """The configuration of an initializer."""
    return _registry.serialize(initializer)


def deserialize(config, custom_objects=None):
    """The initializer that `serialize` described; `custom_objects` maps names to classes and functions."""
    return _registry.deserialize(config, custom_objects, get)
