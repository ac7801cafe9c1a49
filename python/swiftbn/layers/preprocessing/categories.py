"""Categories as vectors, and numbers as categories."""

from __future__ import annotations

import itertools

import numpy as np

from swiftbn import ops
from swiftbn._checks import number, one_of, positive_integer
from swiftbn.layers._arguments import only
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import to_dtype


def encoded(tokens, depth: int, mode: str, dtype: str, weights=None):
    """Integers (…, T) as vectors: "one_hot" (…, T, depth), or over the last axis "multi_hot" and "count" (…, depth)."""
    if not tokens.shape:
        tokens = ops.expand_dims(tokens, 0)
    if mode == "one_hot" and len(tokens.shape) > 1 and tokens.shape[-1] == 1:
        tokens = ops.squeeze(tokens, -1)
    hot = ops.one_hot(tokens, depth, dtype=dtype)
    if mode == "one_hot":
        return hot
    if mode == "multi_hot":
        return ops.max(hot, axis=-2)
    return ops.sum(hot if weights is None else ops.multiply(hot, ops.expand_dims(weights, -1)), axis=-2)


def encoded_shape(shape: tuple, depth: int, mode: str) -> tuple:
    if not shape:
        return (depth,)
    if mode == "one_hot" and (len(shape) == 1 or shape[-1] != 1):
        return (*shape, depth)
    return (*shape[:-1], depth)


class CategoryEncoding(Layer):
    """Integers in 0 … num_tokens - 1 as vectors; others count as none.

    Shapes: (…, T) → (…, num_tokens), with "one_hot" (…, T) → (…, T, num_tokens) and (…, 1) → (…, num_tokens).

    Args:
        num_tokens: how many there are.
        output_mode: "multi_hot" (1 at each integer of a sample), "one_hot", or "count" (how often each occurs).
        sparse: only False.

    Call:
        count_weights: like the inputs, what each counts, with "count" only.
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        only("CategoryEncoding", sparse=(sparse, False))
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        one_of("CategoryEncoding", "output_mode", output_mode, ("count", "one_hot", "multi_hot"))
        super().__init__(**kwargs)
        self.num_tokens = positive_integer("CategoryEncoding", "num_tokens", num_tokens)
        self.output_mode = output_mode
        self.sparse = False

    def call(self, inputs, count_weights=None):
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    f"CategoryEncoding '{self.name}': expected count_weights with output_mode='count' only. "
                    f"Received: output_mode={self.output_mode!r}"
                )
            count_weights = ops.cast(count_weights, self.dtype)
        tokens = to_dtype(inputs, "int32")
        return encoded(tokens, self.num_tokens, self.output_mode, self.dtype, count_weights)

    def compute_output_shape(self, input_shape):
        return encoded_shape(tuple(input_shape), self.num_tokens, self.output_mode)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_tokens": self.num_tokens, "output_mode": self.output_mode}


class Discretization(Layer):
    """Numbers as the index of the bin they fall in: i where bin_boundaries[i - 1] ≤ x < bin_boundaries[i].

    Args:
        bin_boundaries: in ascending order; n of them make n + 1 bins.
        num_bins: how many bins of about equal counts `adapt` finds instead.
        epsilon: how exactly `adapt` keeps the distribution of data, as a fraction.
        output_mode: "int" (int32, like the input), or "one_hot", "multi_hot", "count" as of `CategoryEncoding`.
        sparse: only False.
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        kind = "Discretization"
        only(kind, sparse=(sparse, False))
        one_of(kind, "output_mode", output_mode, ("int", "one_hot", "multi_hot", "count"))
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"{kind}: expected bin_boundaries or num_bins. "
                f"Received: bin_boundaries={bin_boundaries!r}, num_bins={num_bins!r}"
            )
        super().__init__(name=name, dtype=dtype)
        self.num_bins = None if num_bins is None else positive_integer(kind, "num_bins", num_bins)
        self.epsilon = number(kind, "epsilon", epsilon, lambda v: 0 < v < 1, "a number with 0 < epsilon < 1")
        self.output_mode = output_mode
        self.sparse = False
        self.bin_boundaries = None if bin_boundaries is None else _ascending(bin_boundaries)

    @property
    def output_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else self.dtype

    def call(self, inputs):
        boundaries = self._known()
        wide = ops.expand_dims(inputs, -1)
        # What is below is counted, so that NaN, which is below nothing, is in the last bin as in NumPy.
        below = ops.sum(ops.cast(ops.less(wide, np.asarray(boundaries, self.dtype)), "int32"), axis=-1)
        bins = ops.subtract(np.int32(len(boundaries)), below)
        if self.output_mode == "int":
            return ops.cast(bins, "int32")
        return encoded(bins, len(boundaries) + 1, self.output_mode, self.dtype)

    def _known(self) -> list:
        if self.bin_boundaries is None:
            raise ValueError(f"Discretization '{self.name}': expected bin_boundaries, or adapt(data) before a call")
        return self.bin_boundaries

    def adapt(self, data, steps=None) -> None:
        """Finds boundaries that cut data, an array or an iterable of batches, into `num_bins` parts of equal counts.

        Args:
            steps: how many batches are taken; None for all.
        """
        if self.num_bins is None:
            raise ValueError(f"Discretization '{self.name}': adapt() is for layers with num_bins, not bin_boundaries")
        summary = np.zeros((2, 0), "float32")
        for batch in itertools.islice([data] if hasattr(data, "shape") else data, steps):
            summary = _merged(_summary(np.asarray(batch, "float32").ravel(), self.epsilon), summary, self.epsilon)
        if not summary.size:
            raise ValueError(f"Discretization '{self.name}': adapt() expected data. Received: nothing")
        self.bin_boundaries = _compressed(summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def compute_output_shape(self, input_shape):
        if self.output_mode == "int":
            return tuple(input_shape)
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(tuple(input_shape), depth, self.output_mode)

    def get_config(self) -> dict:
        return {
            "bin_boundaries": self.bin_boundaries,
            "num_bins": self.num_bins,
            "epsilon": self.epsilon,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "name": self.name,
            "dtype": self.dtype,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A new layer; with both, `bin_boundaries` are what `adapt` found."""
        config = dict(config)
        found = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = super().from_config(config)
        if found is not None:
            layer.bin_boundaries = _ascending(found)
        return layer


def _ascending(boundaries) -> list:
    values = np.asarray(boundaries)
    if values.ndim != 1 or values.dtype.kind not in "biuf" or not (values[:-1] <= values[1:]).all():
        raise ValueError(
            f"Discretization: expected bin_boundaries to be numbers in ascending order. "
            f"Received: bin_boundaries={boundaries!r}"
        )
    return values.tolist()


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """About 1/epsilon of the values (first row) and how many each stands for (second row)."""
    if not values.size:
        return np.zeros((2, 0), "float32")
    step = max(values.size * epsilon, 1.0)
    chosen = np.sort(values)[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _merged(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    both = np.concatenate([first, second], axis=1)
    return _compressed(both[:, np.argsort(both[0])], epsilon)


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """The summary at every `epsilon` of the distribution."""
    if summary.shape[1] * epsilon < 1:
        return summary
    wanted = epsilon + np.arange(0.0, 1.0, epsilon)
    weights = summary[1].cumsum()
    shares = weights / weights[-1]
    values, weights = np.interp(wanted, shares, summary[0]), np.interp(wanted, shares, weights)
    return np.stack([values, np.diff(weights, prepend=0)]).astype("float32")
