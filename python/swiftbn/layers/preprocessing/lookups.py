"""Strings and integers as indices of a vocabulary, and back."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn._checks import one_of
from swiftbn.layers.preprocessing._host import object_array
from swiftbn.layers.preprocessing._index_lookup import IndexLookup
from swiftbn.layers.preprocessing.hashing import hashed
from swiftbn.ops._dispatch import to_dtype
from swiftbn.tensor import KerasTensor, Tensor


class StringLookup(IndexLookup):
    """The index of each string in a vocabulary, on the host, outside of models.

    With output_mode="int" the mask token has index 0; then come `num_oov_indices` indices of unknown strings, one of
    which the string's FarmHash chooses, or SipHash with a salt; then the vocabulary. Indices are int64.

    Shapes: as of `CategoryEncoding`; "int" keeps the shape.

    Args:
        max_tokens: how many indices there are at most; None for any number.
        num_oov_indices: how many of them stand for unknown strings; with 0 they are errors.
        mask_token: a string that stands for no input: index 0, or dropped in other output modes; None for none.
        oov_token: what indices of unknown strings stand for with invert=True.
        vocabulary: a list or array of strings, or the path of a file with one on each line; None for `adapt`.
        idf_weights: the weight of each of them, with output_mode="tf_idf".
        invert: whether indices become strings.
        output_mode: "int", "one_hot", "multi_hot", "count", or "tf_idf": counts multiplied by weights.
        pad_to_max_tokens: whether vectors have `max_tokens` elements, however small the vocabulary is.
        sparse: only False.
        encoding: of bytes.
        salt: two integers, or one for both, that change the hashes.

    Raises:
        ValueError: an unknown string with num_oov_indices=0; a vocabulary that does not fit.
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.encoding = encoding
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            salt,
            name=name,
            **kwargs,
        )

    def _keys(self, values) -> np.ndarray:
        return self._texts(values, self.encoding)

    def _order(self, token: str) -> bytes:
        return token.encode("utf-8")

    def _parsed(self, line: str) -> str:
        return line

    def _known(self, keys) -> np.ndarray:
        if self._table is None:
            self._table = {token: place for place, token in enumerate(self._tokens)}
        found = [self._table.get(token, -1) for token in keys.ravel().tolist()]
        return np.array(found, "int64").reshape(keys.shape)

    def _is_mask(self, keys) -> np.ndarray:
        return np.asarray(keys == self.mask_token, "bool")

    def _spread(self, keys) -> np.ndarray:
        return hashed(keys, self.num_oov_indices, self.salt)

    def call(self, inputs):
        if not self.invert:
            return self._encoded(self._indices(self._keys(inputs)))
        self._check_host(inputs)
        indices = np.asarray(inputs).astype("int64")
        vocabulary = self.get_vocabulary()
        unknown = self.oov_token
        texts = [vocabulary[i] if 0 <= i < len(vocabulary) else unknown for i in indices.ravel().tolist()]
        return object_array(texts, indices.shape).astype(str)

    def get_config(self) -> dict:
        return {**super().get_config(), "encoding": self.encoding}


class IntegerLookup(IndexLookup):
    """The index of each integer in a vocabulary, also inside models.

    With output_mode="int" the mask token has index 0; then come `num_oov_indices` indices of unknown integers x, one of
    which x mod num_oov_indices chooses, or a hash; then the vocabulary. Indices are int64. The vocabulary becomes a
    part of the programs of a model, so that `adapt` has to come before its first call.

    Shapes: as of `CategoryEncoding`; "int" keeps the shape.

    Args:
        vocabulary_dtype: only "int64".
        oov_method: "floormod", or "farmhash" for the hashes of `Hashing`, outside of models only.
        salt: two integers, or one for both, that change the hashes; with oov_method="farmhash" only.
        The others are those of `StringLookup`, for integers.

    Raises:
        ValueError: an unknown integer with num_oov_indices=0 (inside models an IndexError or ValueError).
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        one_of("IntegerLookup", "vocabulary_dtype", vocabulary_dtype, ("int64",))
        if salt is not None and oov_method != "farmhash":
            raise ValueError(
                f"IntegerLookup: expected salt with oov_method='farmhash' only. Received: oov_method={oov_method!r}"
            )
        self.vocabulary_dtype = vocabulary_dtype
        super().__init__(
            max_tokens,
            num_oov_indices,
            None if mask_token is None else int(mask_token),
            None if oov_token is None else int(oov_token),
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            sparse,
            pad_to_max_tokens,
            salt,
            oov_method,
            name=name,
            **kwargs,
        )

    def _keys(self, values):
        if isinstance(values, Tensor):
            self._in_programs = True
            return to_dtype(values, "int64")
        array = np.asarray(values)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"IntegerLookup '{self.name}': expected integers, or nested lists of them of equal lengths. "
                f"Received: an array of dtype {array.dtype}"
            )
        return np.asarray(array.astype("int64"), order="C")

    def _order(self, token: int) -> int:
        return token

    def _parsed(self, line: str):
        return None if line == "None" else int(line)

    def _known(self, keys):
        if not self._tokens:
            return ops.full_like(keys, -1)
        if self._table is None:
            tokens = np.array(self._tokens, "int64")
            order = np.argsort(tokens)
            self._table = tokens[order], order
        tokens, order = self._table
        place = ops.minimum(ops.searchsorted(tokens, keys), len(tokens) - 1)
        return ops.where(ops.equal(ops.take(tokens, place), keys), ops.take(order, place), np.int64(-1))

    def _is_mask(self, keys):
        return ops.equal(keys, np.int64(self.mask_token))

    def _spread(self, keys):
        if self.oov_method == "floormod":
            return ops.mod(keys, np.int64(self.num_oov_indices))
        self._check_host(keys)
        return hashed(keys, self.num_oov_indices, self.salt)

    def call(self, inputs):
        keys = self._keys(inputs)
        if not self.invert:
            return self._encoded(self._indices(keys))
        unknown = 0 if self.oov_token is None else self.oov_token
        vocabulary = np.array([unknown if token is None else token for token in self.get_vocabulary()], "int64")
        is_index = ops.logical_and(ops.greater_equal(keys, 0), ops.less(keys, len(vocabulary)))
        tokens = ops.take(vocabulary, ops.where(is_index, keys, np.int64(0)))
        return ops.where(is_index, tokens, np.int64(unknown))

    def compute_output_spec(self, inputs):
        """Without a trace, so that the vocabulary may still change."""
        if self.output_mode == "int":
            return KerasTensor(inputs.shape, "int64")
        dtype = self.dtype if self.output_mode == "tf_idf" else "int64"
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "vocabulary_dtype": self.vocabulary_dtype}
