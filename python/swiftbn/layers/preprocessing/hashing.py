"""Categories without a vocabulary: the bins that hashes of them fall into."""

from __future__ import annotations

import numpy as np

from swiftbn._checks import is_integer, one_of, positive_integer
from swiftbn.config import floatx
from swiftbn.dtypes import is_float_dtype, standardize_dtype
from swiftbn.layers._arguments import only
from swiftbn.layers._config import dtype_config
from swiftbn.layers.preprocessing._hashes import fingerprint64, fingerprint_cat64, siphash
from swiftbn.layers.preprocessing._host import HostLayer, encoded_on_host
from swiftbn.layers.preprocessing.categories import encoded_shape

# TensorFlow's key of crossed features.
_CROSSING_KEY = 0xDECAFCAFFE


def checked_salt(layer: str, salt) -> list | None:
    """Two integers, from two, from one for both, or None."""
    pair = list(salt) if isinstance(salt, (list, tuple)) else [salt, salt]
    if salt is not None and (len(pair) != 2 or not all(is_integer(item) for item in pair)):
        raise ValueError(f"{layer}: expected salt to be an integer or two. Received: salt={salt!r}")
    return None if salt is None else [int(item) for item in pair]


def hashed(values: np.ndarray, bins: int, salt) -> np.ndarray:
    """Bins, int64, of an array of strings (objects) or integers, which are hashed as they are written."""
    strings = [str(value).encode() for value in values.ravel().tolist()]
    hashes = fingerprint64(strings) if salt is None else siphash(strings, salt)
    return (hashes % np.uint64(bins)).astype("int64").reshape(values.shape)


class _HashingLayer(HostLayer):
    """A layer whose dtype, that of its output, is an integer one with output_mode="int"."""

    def __init__(self, num_bins, output_mode, modes: tuple, sparse, dtype, **kwargs):
        kind = type(self).__name__
        only(kind, sparse=(sparse, False))
        one_of(kind, "output_mode", output_mode, modes)
        num_bins = positive_integer(kind, "num_bins", num_bins)
        if isinstance(dtype, dict):
            dtype = dtype["config"]["name"]
        dtype = standardize_dtype(dtype or ("int64" if output_mode == "int" else floatx()))
        if output_mode == "int" and dtype not in ("int32", "int64"):
            raise ValueError(
                f"{kind}: expected dtype to be int32 or int64 with output_mode='int'. Received: dtype={dtype!r}"
            )
        super().__init__(dtype=dtype if is_float_dtype(dtype) else None, **kwargs)
        self._dtype_policy = self._compute_dtype = dtype
        self.num_bins = num_bins
        self.output_mode = output_mode
        self.sparse = False

    def _values(self, values) -> np.ndarray:
        """Integers as int64, or strings as objects; numbers with fractions are cut to integers."""
        self._check_host(values)
        array = np.asarray(values, dtype=None if hasattr(values, "dtype") else self._kind_of(values))
        if array.dtype.kind in "biuf":
            return array.astype("int64")
        return self._texts(array)

    @staticmethod
    def _kind_of(values):
        """object for what may hold strings."""
        first = values
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        return object if isinstance(first, (str, bytes)) else None

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "dtype": dtype_config(self._dtype_policy),
            "num_bins": self.num_bins,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
        }


class Hashing(_HashingLayer):
    """The bin in 0 … num_bins - 1 that the hash of a string or an integer falls into, on the host, outside of models.

    Bins are those of TensorFlow: FarmHash's Fingerprint64, or with a salt SipHash-2-4, modulo the number of bins.

    Args:
        num_bins: how many there are.
        mask_value: a value that has bin 0 to itself; None for no such value.
        salt: two integers, or one for both, that change the hashes; None for none.
        output_mode: "int" (bins, like the input), or "one_hot", "multi_hot", "count" as of `CategoryEncoding`.
        sparse: only False.
    """

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        modes = ("int", "one_hot", "multi_hot", "count")
        salt = checked_salt("Hashing", salt)
        super().__init__(num_bins, output_mode, modes, sparse, kwargs.pop("dtype", None), **kwargs)
        self.mask_value = mask_value
        self.salt = salt

    def call(self, inputs):
        values = self._values(inputs)
        if self.mask_value is not None and self.num_bins > 1:
            bins = np.where(values == self.mask_value, 0, hashed(values, self.num_bins - 1, self.salt) + 1)
        else:
            bins = hashed(values, self.num_bins, self.salt)
        if self.output_mode == "int":
            return bins.astype(self.dtype)
        return encoded_on_host(bins, self.num_bins, self.output_mode, self.dtype)

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        return encoded_shape(tuple(input_shape), self.num_bins, self.output_mode)

    def get_config(self) -> dict:
        return {**super().get_config(), "salt": self.salt, "mask_value": self.mask_value}


class HashedCrossing(_HashingLayer):
    """The bin in 0 … num_bins - 1 of a combination of categories, on the host, outside of models.

    Bins are those of TensorFlow: the fingerprints of strings, and integers as they are, are mixed one after another.

    Shapes: a list of at least two arrays of strings or integers, all (), (N,) or (N, 1).

    Args:
        num_bins: how many there are.
        output_mode: "int" (bins, like one input) or "one_hot".
        sparse: only False.
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        super().__init__(num_bins, output_mode, ("int", "one_hot"), sparse, dtype, name=name, **kwargs)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ValueError(
                f"HashedCrossing '{self.name}': expected a list of at least two inputs. Received: inputs={inputs!r}"
            )
        features = [self._feature(values) for values in inputs]
        shapes = [feature.shape for feature in features]
        if len(set(shapes)) > 1 or len(shapes[0]) > 2 or (len(shapes[0]) == 2 and shapes[0][1] != 1):
            raise ValueError(
                f"HashedCrossing '{self.name}': expected inputs of one shape, (), (N,) or (N, 1). "
                f"Received: shapes {shapes}"
            )
        hashes = np.full(shapes[0], _CROSSING_KEY, "uint64")
        for feature in features:
            hashes = fingerprint_cat64(np.atleast_1d(hashes), np.atleast_1d(feature)).reshape(shapes[0])
        bins = np.asarray(hashes % np.uint64(self.num_bins)).astype("int64")
        if self.output_mode == "int":
            return bins.astype(self.dtype)
        return encoded_on_host(bins, self.num_bins, "one_hot", self.dtype)

    def _feature(self, values) -> np.ndarray:
        self._check_host(values)
        if np.asarray(values).dtype.kind == "f":
            raise TypeError(f"HashedCrossing '{self.name}': expected strings or integers. Received: {values!r}")
        values = self._values(values)
        if values.dtype == object:
            return fingerprint64([text.encode() for text in values.ravel().tolist()]).reshape(values.shape)
        return values.astype("uint64")

    def compute_output_shape(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        return shapes[0] if self.output_mode == "int" else encoded_shape(shapes[0], self.num_bins, "one_hot")

    def get_config(self) -> dict:
        config = super().get_config()
        names = ("num_bins", "output_mode", "sparse", "name")
        return {**{name: config[name] for name in names}, "dtype": self._dtype_policy}
