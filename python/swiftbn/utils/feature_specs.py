"""What a `FeatureSpace` is told about each feature, and each combination of features."""

from __future__ import annotations

from swiftbn import layers, naming
from swiftbn._checks import one_of
from swiftbn.layers.identity import Identity
from swiftbn.saving.serialization import deserialize_keras_object, serialize_keras_object


class Feature:
    """One feature: its dtype, the layer it goes through, and whether that gives "float", "int" or is made "one_hot"."""

    def __init__(self, dtype, preprocessor, output_mode):
        one_of("FeatureSpace.feature", "output_mode", output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        self.preprocessor = deserialize_keras_object(preprocessor)
        self.output_mode = output_mode

    def get_config(self) -> dict:
        preprocessor = serialize_keras_object(self.preprocessor)
        return {"dtype": self.dtype, "preprocessor": preprocessor, "output_mode": self.output_mode}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class Cross:
    """Features that are combined: the hash of their values is one of `crossing_dim` bins, as "int" or "one_hot"."""

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        one_of("FeatureSpace.cross", "output_mode", output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict:
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class TFDIdentity(Identity):
    """The layer of features that stay as they are, under the name that Keras saves it by."""


# Kinds of features, with the attributes that are their first arguments.
KINDS = {
    "float": (),
    "float_normalized": (),
    "float_rescaled": (),
    "float_discretized": ("num_discretization_bins",),
    "integer_categorical": (),
    "string_categorical": (),
    "integer_hashed": ("hashing_dim",),
    "string_hashed": ("hashing_dim",),
}


class Kinds:
    """The class methods of `FeatureSpace` that describe features."""

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """A combination of features, as one of `crossing_dim` bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A feature of a dtype ("string" for strings) that goes through a layer of one's own."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """A number as it is."""
        return Feature("float32", TFDIdentity(dtype="float32", name=_layer_name("float", name)), "float")

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """A number times `scale`, plus `offset`."""
        return Feature("float32", layers.Rescaling(scale, offset, name=_layer_name("float_rescaled", name)), "float")

    @classmethod
    def float_normalized(cls, name=None):
        """A number less the mean of the data, divided by their standard deviation."""
        return Feature("float32", layers.Normalization(name=_layer_name("float_normalized", name)), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """A number as one of bins: between boundaries, or `num_bins` of them with about equal numbers of data."""
        # The layer takes one of both; boundaries that are given say how many bins there are.
        bins = {"num_bins": num_bins} if bin_boundaries is None else {"bin_boundaries": bin_boundaries}
        layer = layers.Discretization(**bins, name=_layer_name("float_discretized", name))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """An integer as its index among the integers of the data, else one of `num_oov_indices` others."""
        name = _layer_name("integer_categorical", name)
        layer = layers.IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None):
        """A string as its index among the strings of the data, else one of `num_oov_indices` others."""
        name = _layer_name("string_categorical", name)
        layer = layers.StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """A string as the bin of its hash."""
        return Feature("string", layers.Hashing(num_bins, name=_layer_name("string_hashed", name)), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """An integer as the bin of its hash."""
        return Feature("int32", layers.Hashing(num_bins, name=_layer_name("integer_hashed", name)), output_mode)


def _layer_name(kind: str, name) -> str:
    return f"{name or naming.auto_name(kind)}_preprocessor"
