"""The vocabulary of a lookup layer: given, counted, read and written."""

from __future__ import annotations

import collections
import itertools
import os
from pathlib import Path

import numpy as np

from swiftbn.layers.preprocessing._host import HostLayer

_FILE = "vocabulary.txt"


class VocabularyLayer(HostLayer):
    """A layer with `_tokens`, a list of different ones, behind special ones.

    Subclasses say what tokens are: `_keys(values)` makes an array of them, `_order(token)` is what they are sorted by,
    and `_parsed(line)` reads one.
    """

    _untracked = HostLayer._untracked | {"_tokens", "_counts", "_document_counts", "input_vocabulary"}

    # The vocabulary

    @property
    def _first_oov(self) -> int:
        return 1 if self.mask_token is not None and self.output_mode == "int" else 0

    @property
    def _first_token(self) -> int:
        return self._first_oov + self.num_oov_indices

    def _special_tokens(self) -> list:
        return [self.mask_token] * self._first_oov + [self.oov_token] * self.num_oov_indices

    def _set_tokens(self, tokens: list) -> None:
        if self._in_programs and tokens != self._tokens:
            raise RuntimeError(
                f"{type(self).__name__} '{self.name}': its vocabulary is a part of programs that were compiled, and "
                "cannot change any more. Give it its vocabulary before a model with it is called"
            )
        self._tokens = tokens
        self._table = None

    def get_vocabulary(self, include_special_tokens=True) -> list:
        """The tokens, in the order of their indices; special ones are the mask token and the one of unknown tokens."""
        return [*self._special_tokens(), *self._tokens] if include_special_tokens else list(self._tokens)

    def vocabulary_size(self) -> int:
        """How many indices there are, those of special tokens included."""
        if not self._tokens and self._expected_size is not None:
            return self._expected_size
        return self._first_token + len(self._tokens)

    def set_vocabulary(self, vocabulary, idf_weights=None) -> None:
        """Takes a vocabulary, with or without the special tokens in front.

        Args:
            vocabulary: a list or array of different tokens, or the path of a file with one on each line.
            idf_weights: the weight of each token, with output_mode="tf_idf" only.

        Raises:
            ValueError: an empty vocabulary, repeated or misplaced tokens, weights that do not fit.
            RuntimeError: the old vocabulary is a part of compiled programs.
        """
        if (self.output_mode == "tf_idf") != (idf_weights is not None):
            raise self._problem(
                "expected idf_weights with output_mode='tf_idf', and only then",
                f"output_mode={self.output_mode!r}, idf_weights={idf_weights!r}",
            )
        if is_path(vocabulary):
            vocabulary = Path(vocabulary).read_text(encoding="utf-8").splitlines()
        given = self._keys(vocabulary).ravel().tolist() if len(vocabulary) else []
        special = self._special_tokens()
        has_special = bool(special) and given[: len(special)] == special
        tokens = given[len(special) :] if has_special else given
        if not given:
            raise self._problem("expected a vocabulary that is not empty", f"vocabulary={vocabulary!r}")
        repeated = [token for token, count in collections.Counter(tokens).items() if count > 1]
        if repeated:
            raise self._problem("expected different tokens in vocabulary", f"repeated {repeated[:10]}")
        for name in ("mask_token", "oov_token") if self.invert else ("mask_token",):
            token = getattr(self, name)
            if token is not None and token in tokens:
                raise self._problem(
                    f"expected {name} nowhere in vocabulary, or all special tokens in front: {special}",
                    f"{name}={token!r} at index {given.index(token)}",
                )
        if self.max_tokens is not None and self._first_token + len(tokens) > self.max_tokens:
            raise self._problem(
                f"expected a vocabulary of at most max_tokens={self.max_tokens} with special tokens",
                f"{self._first_token + len(tokens)}",
            )
        weights = None
        if idf_weights is not None:
            weights = np.asarray(idf_weights, "float64")
            if weights.shape != (len(given),):
                raise self._problem(
                    f"expected idf_weights of shape ({len(given)},) as vocabulary", f"shape {weights.shape}"
                )
            weights = self._padded(
                weights[len(special) :] if has_special else weights, weights if has_special else None
            )
        self._set_tokens(tokens)
        self._expected_size = None
        if weights is not None:
            self.idf_weights = weights

    def _padded(self, weights: np.ndarray, whole: np.ndarray | None = None) -> np.ndarray:
        """Weights of tokens with their mean for special tokens in front, and zeros behind up to `max_tokens`."""
        if whole is None:
            whole = np.pad(weights, (self._first_token, 0), constant_values=weights.mean() if weights.size else 0)
        behind = self.max_tokens - len(whole) if self.pad_to_max_tokens else 0
        return np.pad(whole, (0, behind)).astype(self.dtype)

    def _problem(self, expected: str, received: str) -> ValueError:
        return ValueError(f"{type(self).__name__} '{self.name}': {expected}. Received: {received}")

    # Counting

    def adapt(self, data, steps=None) -> None:
        """Makes the vocabulary of the tokens in data, the most frequent first; of equally frequent ones the last first.

        Args:
            data: an array or a list, of tokens or of rows of tokens; or an iterable of such batches.
            steps: how many batches are taken; None for all.

        Raises:
            ValueError: the vocabulary was given.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) or hasattr(data, "shape"):
            keys = self._keys(data)
            self.update_state(keys[:, None] if keys.ndim == 1 else keys)
        else:
            for batch in itertools.islice(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._counts = collections.Counter()
        self._document_counts = collections.Counter()
        self._documents = 0

    def update_state(self, data) -> None:
        """Counts the tokens of a batch; each row of it, or a batch of one axis, is a document."""
        keys = self._keys(data)
        self._count(keys.reshape(1, -1) if keys.ndim < 2 else keys)

    def _count(self, rows) -> None:
        if self._has_input_vocabulary:
            raise ValueError(f"{type(self).__name__} '{self.name}': adapt() is for layers without a given vocabulary")
        for row in rows:
            tokens = row.ravel().tolist() if isinstance(row, np.ndarray) else row
            self._counts.update(tokens)
            if self.output_mode == "tf_idf":
                self._document_counts.update(set(tokens))
                self._documents += 1

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted; without anything counted it stays as it is."""
        if self._has_input_vocabulary or not self._counts:
            return
        for token in (self.mask_token, self.oov_token):
            self._counts.pop(token, None)
        counts = self._counts
        tokens = sorted(counts, key=lambda token: (counts[token], self._order(token)), reverse=True)
        if self.max_tokens:
            tokens = tokens[: max(0, self.max_tokens - self._first_token)]
        self._set_tokens(tokens)
        self._expected_size = None
        if self.output_mode == "tf_idf":
            documents = np.array([self._document_counts[token] for token in tokens], "float64")
            self.idf_weights = self._padded(np.log(1 + self._documents / (1 + documents)))
        self.reset_state()

    # Files

    def save_own_variables(self, store) -> None:
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store) -> None:
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self.idf_weights = np.asarray(store["idf_weights"], self.dtype)

    def save_assets(self, dir_path) -> None:
        """Writes the vocabulary into a folder, if the configuration does not hold it."""
        if self.input_vocabulary is not None:
            return
        lines = [str(token) for token in self.get_vocabulary()]
        if any("\n" in line for line in lines):
            raise ValueError(
                f"{type(self).__name__} '{self.name}': a vocabulary with line breaks in tokens cannot be saved as a "
                "file: give it to the constructor as vocabulary=layer.get_vocabulary()"
            )
        with open(os.path.join(dir_path, _FILE), "w", encoding="utf-8", newline="") as file:
            file.write("\n".join(lines))

    def load_assets(self, dir_path) -> None:
        """Takes the vocabulary that `save_assets`, here or in Keras, wrote."""
        path = Path(dir_path, _FILE)
        if self.input_vocabulary is not None or not path.exists():
            return
        lines = path.read_text(encoding="utf-8").replace("\r\n", "\n").split("\n")
        while lines and not lines[-1]:
            lines.pop()
        tokens = [self._parsed(line) for line in lines]
        special = self._special_tokens()
        # Special tokens that are None were written as that word.
        self._set_tokens(tokens[len(special) :] if len(tokens) >= len(special) else [])


def is_path(vocabulary) -> bool:
    return isinstance(vocabulary, (str, os.PathLike))
