"""Texts as indices of their words, or as counts of them."""

from __future__ import annotations

import itertools

import numpy as np

from swiftbn._checks import is_integer
from swiftbn.layers._arguments import only
from swiftbn.layers.preprocessing._host import HostLayer, object_array
from swiftbn.layers.preprocessing._index_lookup import OLD_MODES, refuse_paths
from swiftbn.layers.preprocessing.lookups import StringLookup

_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"
_STANDARDS = ("lower_and_strip_punctuation", "lower", "strip_punctuation")
_SPLITS = ("whitespace", "character")


class TextVectorization(HostLayer):
    """Texts made uniform, split into words, joined to n-grams and looked up in a vocabulary, on the host.

    Index 0 is that of nothing (behind the end of a text) with output_mode="int", the next one is that of unknown words.
    Lower case and punctuation are those of ASCII, as in TensorFlow.

    Shapes: texts (N,), (N, 1) or () → int64 (N, T), T being the number of words of the longest text, or
    `output_sequence_length`; in other output modes (N, size of the vocabulary). With split=None (N, T) → (N, T).

    Args:
        max_tokens: how large the vocabulary is at most, special tokens included; None for any size.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a function of a NumPy array
            of strings (dtype object) that returns one of that shape.
        split: "whitespace", "character", None, or a function of a NumPy array of strings (N,) that returns N lists of
            strings.
        ngrams: how many neighbouring words are joined: several numbers, or one n for 1 … n; None for words alone.
        output_mode: "int", "multi_hot", "count" or "tf_idf", as of `StringLookup`.
        output_sequence_length: T, to which texts are cut or filled up, with output_mode="int" only.
        pad_to_max_tokens: whether vectors have `max_tokens` elements, however small the vocabulary is.
        vocabulary: a list or array of words, or the path of a file with one on each line; None for `adapt`.
        idf_weights: the weight of each of them, with output_mode="tf_idf".
        sparse, ragged: only False.
        encoding: of bytes.
    """

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        kind = "TextVectorization"
        only(kind, sparse=(sparse, False), ragged=(ragged, False))
        for argument, value, choices in (("standardize", standardize, _STANDARDS), ("split", split, _SPLITS)):
            if value is not None and not callable(value) and value not in choices:
                raise ValueError(
                    f"{kind}: expected {argument} to be None, a function or one of {choices}. "
                    f"Received: {argument}={value!r}"
                )
        widths = () if ngrams is None else ngrams if isinstance(ngrams, tuple) else (ngrams,)
        if not all(is_integer(width, 1) for width in widths):
            raise ValueError(
                f"{kind}: expected ngrams to be None, an integer >= 1 or a tuple of them. Received: ngrams={ngrams!r}"
            )
        output_mode = OLD_MODES.get(output_mode, output_mode)
        length = output_sequence_length
        if length is not None and (output_mode != "int" or not is_integer(length, 0)):
            raise ValueError(
                f"{kind}: expected output_sequence_length to be None, or an integer >= 0 with output_mode='int'. "
                f"Received: output_sequence_length={length!r}, output_mode={output_mode!r}"
            )
        lookup = {key: kwargs.pop(key) for key in ("vocabulary_size", "has_input_vocabulary") if key in kwargs}
        super().__init__(name=name, **kwargs)
        self._standardize = standardize
        self._split = split
        self._ngrams_arg = ngrams
        self._ngrams = tuple(range(1, ngrams + 1)) if is_integer(ngrams) else ngrams
        self._output_mode = output_mode
        self._output_sequence_length = length
        self._encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
            dtype=self._dtype_policy,
            **lookup,
        )

    # Words

    def _rows(self, inputs) -> tuple:
        """The words of each text, as lists, and the shape of the texts without the axis of words."""
        texts = self._uniform(self._texts(inputs, self._encoding))
        if self._split is None:
            shape = texts.shape[:-1]
            rows = texts.reshape(-1, texts.shape[-1]).tolist() if texts.ndim else [[texts.item()]]
            return [self._joined(row) for row in rows], shape
        if texts.ndim > 2 or (texts.ndim == 2 and texts.shape[1] != 1):
            raise ValueError(
                f"TextVectorization '{self.name}': expected texts (N,) or (N, 1). Received: shape {texts.shape}"
            )
        shape = texts.shape[:1]
        texts = texts.ravel()
        if self._split == "character":
            rows = [list(text) for text in texts.tolist()]
        elif self._split == "whitespace":
            # Bytes are split at ASCII's white space.
            rows = [[word.decode() for word in text.encode().split()] for text in texts.tolist()]
        else:
            rows = [[_text(word) for word in row] for row in self._split(texts)]
            if len(rows) != len(texts):
                raise ValueError(
                    f"TextVectorization '{self.name}': expected split() to return {len(texts)} lists. "
                    f"Received: {len(rows)}"
                )
        return [self._joined(row) for row in rows], shape

    def _uniform(self, texts: np.ndarray) -> np.ndarray:
        if callable(self._standardize):
            changed = self._texts(self._standardize(texts), self._encoding)
            if changed.shape != texts.shape:
                raise ValueError(
                    f"TextVectorization '{self.name}': expected standardize() to keep the shape {texts.shape}. "
                    f"Received: shape {changed.shape}"
                )
            return changed
        if self._standardize is None:
            return texts
        dropped = b"" if self._standardize == "lower" else _PUNCTUATION
        lower = self._standardize != "strip_punctuation"

        def one(text: str) -> str:
            found = text.encode().translate(None, dropped)
            return (found.lower() if lower else found).decode()

        return object_array([one(text) for text in texts.ravel().tolist()], texts.shape)

    def _joined(self, words: list) -> list:
        if self._ngrams is None:
            return words
        return [" ".join(words[i : i + width]) for width in self._ngrams for i in range(len(words) - width + 1)]

    # Calls

    def call(self, inputs):
        rows, shape = self._rows(inputs)
        lookup = self._lookup_layer
        longest = max(map(len, rows), default=0)
        length = self._output_sequence_length
        width = longest if length is None else length
        found = lookup._indices(object_array([word for row in rows for word in row], (-1,)))
        indices = np.full((len(rows), width), 0 if self._output_mode == "int" else -1, "int64")
        begin = 0
        for place, row in enumerate(rows):
            indices[place, : len(row)] = found[begin : begin + min(len(row), width)]
            begin += len(row)
        if self._split is None and self._ngrams is None and np.ndim(inputs) < 2 and self._output_mode == "int":
            return self._of_words(indices, np.shape(inputs))
        return lookup._encoded(indices.reshape(*shape, width))

    def _of_words(self, indices, shape):
        """Words that are not split, without an axis for those of one text."""
        if self._output_sequence_length is not None:
            raise ValueError(
                f"TextVectorization '{self.name}': expected texts (N, T) with split=None and output_sequence_length. "
                f"Received: shape {tuple(shape)}"
            )
        return indices.reshape(shape)

    def compute_output_shape(self, input_shape):
        if self._output_mode == "int":
            return (input_shape[0], self._output_sequence_length)
        return (input_shape[0], self._lookup_layer._depth())

    # The vocabulary

    def adapt(self, data, batch_size=None, steps=None) -> None:
        """Makes the vocabulary of the words in data, the most frequent first; of equally frequent ones the last first.

        Args:
            data: texts, as in a call, or an iterable of batches of them.
            batch_size: has no effect, as in Keras.
            steps: how many batches are taken; None for all.
        """
        self.reset_state()
        if isinstance(data, (str, bytes, list, tuple)) or hasattr(data, "shape"):
            self.update_state(data)
        else:
            for batch in itertools.islice(data, steps):
                self.update_state(batch)
        self.finalize_state()

    def update_state(self, data) -> None:
        """Counts the words of a batch of texts."""
        if self._split is None:
            texts = self._texts(data, self._encoding)
            data = texts[:, None] if texts.ndim == 1 else texts
        self._lookup_layer._count(self._rows(data)[0])

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forgets what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True) -> list:
        """The words, in the order of their indices; special ones are "" for nothing and the one of unknown words."""
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """How many indices there are, those of special tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None) -> None:
        """Takes a vocabulary, as `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights=idf_weights)

    # Files

    def save_own_variables(self, store) -> None:
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store) -> None:
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path) -> None:
        """Writes the vocabulary into a folder, if the configuration does not hold it."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path) -> None:
        """Takes the vocabulary that `save_assets`, here or in Keras, wrote."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> dict:
        from swiftbn.saving import serialize_keras_object

        lookup = self._lookup_layer
        return {
            **super().get_config(),
            "max_tokens": lookup.max_tokens,
            "standardize": serialize_keras_object(self._standardize),
            "split": serialize_keras_object(self._split),
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": False,
            "ragged": False,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config: dict):
        from swiftbn.saving import deserialize_keras_object

        refuse_paths(cls.__name__, config)
        config = dict(config)
        for name in ("standardize", "split"):
            if isinstance(config.get(name), dict):
                config[name] = deserialize_keras_object(config[name])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return super().from_config(config)


def _text(word) -> str:
    return word.decode() if isinstance(word, bytes) else str(word)
