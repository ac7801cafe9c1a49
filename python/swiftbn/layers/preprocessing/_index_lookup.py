"""What StringLookup and IntegerLookup share: a vocabulary, given or counted, and the indices of its tokens."""

from __future__ import annotations

import numpy as np

from swiftbn import ops
from swiftbn._checks import integer, one_of
from swiftbn.layers._arguments import only
from swiftbn.layers.preprocessing._host import encoded_on_host
from swiftbn.layers.preprocessing._vocabulary import VocabularyLayer, is_path
from swiftbn.layers.preprocessing.categories import encoded_shape
from swiftbn.layers.preprocessing.hashing import checked_salt

_MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


class IndexLookup(VocabularyLayer):
    """Tokens as indices: first that of the mask token, then those of unknown tokens, then the vocabulary's.

    In subclasses `_known(keys)` finds the places in the vocabulary, -1 where a token is not in it, `_is_mask(keys)`
    where the mask token is, and `_spread(keys)` one of several indices for unknown ones.
    """

    def __init__(
        self,
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
        oov_method="floormod",
        vocabulary_size=None,
        has_input_vocabulary=None,
        **kwargs,
    ):
        kind = type(self).__name__
        only(kind, sparse=(sparse, False))
        output_mode = OLD_MODES.get(output_mode, output_mode)
        one_of(kind, "output_mode", output_mode, _MODES)
        if max_tokens is not None:
            integer(kind, "max_tokens", max_tokens, 2)
        if pad_to_max_tokens and max_tokens is None:
            raise ValueError(f"{kind}: expected max_tokens with pad_to_max_tokens=True. Received: max_tokens=None")
        if invert and output_mode != "int":
            raise ValueError(
                f"{kind}: expected output_mode='int' with invert=True. Received: output_mode={output_mode!r}"
            )
        if output_mode != "tf_idf" and idf_weights is not None:
            raise ValueError(
                f"{kind}: expected idf_weights with output_mode='tf_idf' only. Received: output_mode={output_mode!r}"
            )
        one_of(kind, "oov_method", oov_method, ("floormod", "farmhash"))
        num_oov_indices = integer(kind, "num_oov_indices", num_oov_indices, 0)
        super().__init__(**kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.invert = bool(invert)
        self.output_mode = output_mode
        self.sparse = False
        self.pad_to_max_tokens = bool(pad_to_max_tokens)
        self.oov_method = oov_method
        self.salt = checked_salt(kind, salt)
        # A vocabulary that is given stands in the configuration; others, and what comes from files, are saved as files.
        self.input_vocabulary = None if vocabulary is None or is_path(vocabulary) else _listed(vocabulary)
        self.input_idf_weights = None if idf_weights is None else _listed(idf_weights)
        self._has_input_vocabulary = vocabulary is not None if has_input_vocabulary is None else has_input_vocabulary
        self._expected_size = vocabulary_size
        self._in_programs = False
        self.idf_weights = None
        self._set_tokens([])
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    # Calls

    def _indices(self, keys):
        """The index of each token, -1 for the mask token where that has none."""
        known = self._known(keys)
        if self.num_oov_indices == 0:
            is_known = ops.greater_equal(known, 0)
            if self.mask_token is not None:
                is_known = ops.logical_or(is_known, self._is_mask(keys))
            found = self._all_known(keys, known, is_known)
        else:
            unknown = np.int64(self._first_oov)
            if self.num_oov_indices > 1:
                unknown = ops.add(self._spread(keys), unknown)
            found = ops.where(ops.greater_equal(known, 0), ops.add(known, np.int64(self._first_token)), unknown)
        if self.mask_token is None:
            return found
        return ops.where(self._is_mask(keys), np.int64(0 if self.output_mode == "int" else -1), found)

    def _all_known(self, keys, known, is_known):
        if isinstance(keys, np.ndarray):
            if not np.all(is_known):
                unknown = keys[~np.asarray(is_known)].ravel()[:10].tolist()
                raise self._problem("with num_oov_indices=0 all tokens have to be in the vocabulary", f"{unknown}")
            return ops.add(known, np.int64(self._first_token))
        # In a program an index out of range is an error before anything changes.
        nothing = ops.take(np.zeros(1, "int64"), ops.where(is_known, np.int64(0), np.int64(1)))
        return ops.add(ops.add(known, np.int64(self._first_token)), nothing)

    def _encoded(self, indices):
        if self.output_mode == "int":
            return indices
        depth = self._depth()
        if self.output_mode != "tf_idf":
            return encoded_on_host(indices, depth, self.output_mode, "int64")
        if self.idf_weights is None:
            raise self._problem("expected idf_weights, or adapt(data) before a call", "idf_weights=None")
        return ops.multiply(encoded_on_host(indices, depth, "count", self.dtype), self.idf_weights)

    def _depth(self) -> int:
        if not self._tokens and self._expected_size is None and not self.pad_to_max_tokens:
            raise RuntimeError(
                f"{type(self).__name__} '{self.name}': expected a vocabulary, or adapt(data), before a call with "
                f"output_mode={self.output_mode!r}"
            )
        return self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(tuple(input_shape), self._depth(), mode)

    def get_build_config(self) -> dict:
        return {}

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self.vocabulary_size() if self._tokens or self._expected_size is not None else None,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    @classmethod
    def from_config(cls, config: dict):
        refuse_paths(cls.__name__, config)
        return super().from_config(config)


def refuse_paths(layer: str, config: dict) -> None:
    """Raises ValueError for a configuration that names a file: what is loaded reads no other files."""
    if is_path(config.get("vocabulary")):
        raise ValueError(f"{layer}: its configuration names a file, which is not read: {config['vocabulary']!r}")


def _listed(values) -> list:
    return values.tolist() if hasattr(values, "tolist") else list(values)
