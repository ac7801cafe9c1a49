"""Tables of numbers and categories as vectors."""

from __future__ import annotations

import numpy as np

from swiftbn import layers, ops
from swiftbn._checks import one_of
from swiftbn.layers.layer import Layer
from swiftbn.layers.preprocessing._host import HostLayer
from swiftbn.saving.serialization import deserialize_keras_object, serialize_keras_object
from swiftbn.utils.feature_specs import KINDS, Cross, Feature, Kinds


class FeatureSpace(Kinds, Layer):
    """Encodes a dict of features, each in its way, as one vector or a dict of vectors.

    Shapes: a dict of arrays or lists of shape (N,) or (N, 1), or of scalars → (N, D), without N for scalars. Features
    stand in the order of their names, then crosses in the order of theirs.

    Args:
        features: dict from names to kinds of features: names of the class methods below, or what they return.
        output_mode: "concat" or "dict".
        crosses: tuples of names of features whose values are combined, or `FeatureSpace.cross(…)`.
        crossing_dim: number of bins for tuples among `crosses`.
        hashing_dim: number of bins of features given as "integer_hashed" and "string_hashed".
        num_discretization_bins: number of bins of features given as "float_discretized".

    Attributes:
        preprocessors: the layer of each feature; crossers: that of each cross, by names such as "a_X_b".

    Raises:
        ValueError: arguments out of range, or a call before `adapt` where it is needed.

    Example:
        >>> space = FeatureSpace({"age": "float_normalized", "city": "string_categorical"}, crosses=[("age", "city")])
        >>> space.adapt({"age": [30.0, 41.0], "city": ["Rome", "Oslo"]})
        >>> vectors = space({"age": [35.0], "city": ["Oslo"]})
    """

    _untracked = Layer._untracked | {"_inputs", "_encoded"}

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not isinstance(features, dict) or not features:
            raise ValueError(
                f"FeatureSpace: expected features to be a dict with at least one. Received: features={features!r}"
            )
        one_of("FeatureSpace", "output_mode", output_mode, ("concat", "dict"))
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {name: self._as_feature(name, value) for name, value in features.items()}
        self.crosses = [self._as_cross(value) for value in crosses or ()]
        self.preprocessors = {name: feature.preprocessor for name, feature in self.features.items()}
        self.crossers = {c.name: layers.HashedCrossing(c.crossing_dim, name=c.name) for c in self.crosses}
        self.one_hot_encoders: dict = {}
        self._is_adapted = not self._adaptable()
        self._inputs = self._encoded = None

    def _as_feature(self, name: str, value) -> Feature:
        found = deserialize_keras_object(value)
        if isinstance(found, Feature):
            return found
        one_of("FeatureSpace", f"features[{name!r}]", value, tuple(KINDS))
        return getattr(self, value)(*(getattr(self, argument) for argument in KINDS[value]), name=name)

    def _as_cross(self, value) -> Cross:
        found = deserialize_keras_object(value)
        if not isinstance(found, Cross):
            found = Cross(value, self.crossing_dim)
        unknown = [name for name in found.feature_names if name not in self.features]
        if unknown:
            raise ValueError(f"FeatureSpace: expected crosses of {sorted(self.features)}. Received: unknown {unknown}")
        return found

    def _adaptable(self) -> list:
        """Names of the features whose layers learn from data."""
        found = []
        for name, layer in self.preprocessors.items():
            is_given = (
                getattr(layer, "_has_input_vocabulary", False)
                or getattr(layer, "input_mean", None) is not None
                or (isinstance(layer, layers.Discretization) and layer.num_bins is None)
            )
            if hasattr(layer, "adapt") and not is_given:
                found.append(name)
        return found

    def adapt(self, dataset) -> None:
        """Lets the layers of features learn from data: a dict of arrays or lists, or an iterable of such batches."""
        batches = [dataset] if isinstance(dataset, dict) else list(dataset)
        if not batches or not all(isinstance(batch, dict) for batch in batches):
            raise ValueError(
                "FeatureSpace.adapt: expected a dict of arrays or lists, or an iterable of them. "
                f"Received: {type(dataset).__name__} of {type(batches[0]).__name__ if batches else 'nothing'}"
            )
        for name in self._adaptable():
            parts = [self._column(name, batch[name]) for batch in batches]
            self.preprocessors[name].adapt(np.concatenate([part.reshape(-1, *part.shape[-1:]) for part in parts]))
        self._is_adapted, self.built = True, False
        self._inputs = self._encoded = None
        self.one_hot_encoders = {}
        self._finish()

    def _column(self, name: str, values) -> np.ndarray:
        """The values of a feature with an axis for the batch and one behind it."""
        dtype = self.features[name].dtype
        array = np.asarray(values, object if dtype == "string" else None)
        if dtype != "string" and array.dtype.kind not in "biuf":
            raise ValueError(
                f"FeatureSpace: expected numbers for feature '{name}' of dtype {dtype}. Received: {array!r}"
            )
        if dtype.startswith("float"):
            array = array.astype(dtype)
        return array.reshape(1, 1) if array.ndim == 0 else array[:, None] if array.ndim == 1 else array

    def _finish(self) -> None:
        """Makes the encoders, for which the layers have to be adapted."""
        if not self._is_adapted:
            raise ValueError(f"FeatureSpace '{self.name}': expected adapt(data) before it is used")
        if self.built:
            return
        specs = {**self.features, **{cross.name: cross for cross in self.crosses}}
        for name, layer in {**self.preprocessors, **self.crossers}.items():
            if specs[name].output_mode == "one_hot":
                self.one_hot_encoders[name] = layers.CategoryEncoding(_cardinality(name, layer))
        self.built = True

    def __call__(self, data):
        self._finish()
        if not isinstance(data, dict) or set(data) != set(self.features):
            received = sorted(data) if isinstance(data, dict) else type(data).__name__
            raise ValueError(
                f"FeatureSpace '{self.name}': expected a dict of {sorted(self.features)}. Received: {received}"
            )
        is_single = all(np.ndim(values) == 0 for values in data.values())
        merged = self._merge({name: self._column(name, values) for name, values in data.items()})
        if not is_single:
            return merged
        return {name: x[0] for name, x in merged.items()} if isinstance(merged, dict) else merged[0]

    def _merge(self, columns: dict):
        encoded = {name: self.preprocessors[name](column) for name, column in columns.items()}
        crossed = {c.name: self.crossers[c.name]([encoded[name] for name in c.feature_names]) for c in self.crosses}
        results = {}
        for name, x in [*sorted(encoded.items()), *sorted(crossed.items())]:
            if name in self.one_hot_encoders:
                if not str(x.dtype).startswith("int"):
                    raise ValueError(
                        f"FeatureSpace: expected integers from the preprocessor of feature '{name}', as its "
                        f"output_mode is 'one_hot'. Received: dtype {x.dtype}"
                    )
                x = self.one_hot_encoders[name](x)
            elif self.output_mode == "concat" and not str(x.dtype).startswith("float"):
                raise ValueError(
                    f"FeatureSpace: feature '{name}' of dtype {x.dtype} cannot stand in a vector; expected "
                    "output_mode='dict', or a feature with output_mode='one_hot'"
                )
            results[name] = x
        return results if self.output_mode == "dict" else ops.concatenate(list(results.values()), axis=-1)

    @property
    def inputs(self) -> dict:
        """See `get_inputs`."""
        return self.get_inputs()

    def get_inputs(self) -> dict:
        """Symbolic inputs for the features, from which a model computes `get_encoded_features()`.

        Raises:
            TypeError: features that are encoded on the host, outside of models: strings, hashes and crosses. Give a
                model `feature_space(data)` then.
        """
        self._finish()
        on_host = self._on_host()
        if on_host:
            raise TypeError(
                f"FeatureSpace '{self.name}': {', '.join(on_host)} are encoded on the host, outside of models: make a "
                "model of get_encoded_features(), and give it feature_space(data)"
            )
        if self._inputs is None:
            self._inputs = {
                name: layers.Input((1,), dtype=feature.dtype, name=name) for name, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self):
        """Symbolic tensors of what calls return: of inputs of their own when something is encoded on the host."""
        self._finish()
        if self._encoded is None:
            self._encoded = self._encoded_inputs() if self._on_host() else self._merge(self.get_inputs())
        return self._encoded

    def _on_host(self) -> list:
        found = [name for name, feature in self.features.items() if feature.dtype == "string"]
        host = [
            name
            for name, layer in {**self.preprocessors, **self.crossers}.items()
            if isinstance(layer, HostLayer) and not isinstance(layer, layers.IntegerLookup)
        ]
        return list(dict.fromkeys(found + host))

    def _encoded_inputs(self):
        """Inputs like what a sample is encoded as."""
        samples = {name: "" if f.dtype == "string" else 0 for name, f in self.features.items()}
        merged = self(samples)
        if self.output_mode == "concat":
            return layers.Input(merged.shape, dtype=str(merged.dtype), name=f"{self.name}_encoded")
        return {name: layers.Input(x.shape, dtype=str(x.dtype), name=name) for name, x in merged.items()}

    def save(self, filepath) -> None:
        """Writes it to a `.keras` file, from which `saving.load_model` makes it anew."""
        from swiftbn.saving import save_model

        self._finish()
        save_model(self, filepath)

    def get_config(self) -> dict:
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(self.crosses),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)

    def get_build_config(self) -> dict:
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: dict) -> None:
        for name, shapes in config.items():
            if shapes and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(shapes)
        # What the layers have learned comes from the file, and the encoders are made when it is there.
        self._is_adapted = True

    def save_own_variables(self, store) -> None:
        """Its layers have them all."""

    def load_own_variables(self, store) -> None:
        """Its layers have them all."""


def _cardinality(name: str, layer) -> int:
    """How many different integers a layer returns."""
    if isinstance(layer, (layers.IntegerLookup, layers.StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, layers.CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, layers.Discretization):
        return layer.num_bins if layer.bin_boundaries is None else len(layer.bin_boundaries) + 1
    if isinstance(layer, (layers.Hashing, layers.HashedCrossing)):
        return layer.num_bins
    raise ValueError(
        f"FeatureSpace: expected output_mode='int' or 'float' for feature '{name}', as it is not known how many "
        f"categories there are. Received: output_mode='one_hot' with a {type(layer).__name__}"
    )
