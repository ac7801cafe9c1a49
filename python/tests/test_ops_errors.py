"""Bad input to functions of `swiftbn.ops` is an error that names the argument; indices are checked before a step."""

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import Variable, ops

X = np.arange(12.0).reshape(3, 4)
IDS = np.array([0, 2, 1])

BAD = [
    (lambda: ops.take_along_axis(X, np.array([[4]]), 1), ValueError, "take_along_axis: index 4 at position 0"),
    (lambda: ops.take_along_axis(X, np.array([[-5]]), 1), ValueError, "index -1 .*expected 0..3"),
    (lambda: ops.take_along_axis(X, np.array([0]), 1), ValueError, r"indices of rank 2 as x has.*\(1,\)"),
    (lambda: ops.take_along_axis(X, np.array([[0.5]]), 1), TypeError, "expected indices to be integers.*float64"),
    (lambda: ops.segment_sum(X, [0, 3, 1], num_segments=3), ValueError, "scatter: index 3 at position 1"),
    (lambda: ops.segment_max(X, [0, -1, 1], num_segments=3), ValueError, "scatter: index -1 at position 1"),
    (lambda: ops.segment_sum(X, [[0]], 3), ValueError, r"segment_sum: expected segment_ids of one axis.*\(1, 1\)"),
    (lambda: traced(lambda i: ops.segment_sum(X, i), IDS), ValueError, "depends on segment_ids.*num_segments=None"),
    (lambda: traced(ops.bincount, IDS), ValueError, "bincount: the number of bins depends on the numbers in x"),
    (lambda: ops.bincount([0.5]), TypeError, "bincount: expected x to be integers. Received: dtype float32"),
    (lambda: ops.bincount(IDS, sparse=True), ValueError, "only sparse=False is supported. Received: sparse=True"),
    (lambda: ops.scatter(np.array([[3, 0]]), [1.0], (3, 4)), ValueError, r"expected indices within shape \(3, 4\)"),
    (lambda: ops.scatter(np.zeros((1, 3), int), [1.0], (3, 4)), ValueError, "expected indices whose last axis"),
    (lambda: ops.scatter_update(X, [[0]], X[:1], reduction="sub"), ValueError, "reduction='sub'"),
    (lambda: traced(lambda i: ops.scatter_update(X, i, [1.0]), np.array([[0, 4]])), ValueError, "an index is out"),
    (lambda: ops.slice(X, (2, 0), (2, 4)), ValueError, r"slice: expected a block inside shape \(3, 4\).*\[2, 0\]"),
    (lambda: ops.slice(X, (0,), (1,)), ValueError, "slice: expected 2 start_indices. Received: 1"),
    (lambda: traced(lambda s: ops.slice(X, s, (2, 2)), np.array([2, 0])), ValueError, "take: index 3"),
    (lambda: ops.slice_update(X, (2, 3), X[:1, :2]), ValueError, "slice_update: expected indices within shape"),
    (lambda: ops.top_k(X, 5), ValueError, "top_k: expected k to be an integer in 0 … 4. Received: k=5"),
    (lambda: ops.top_k(X, 1.5), ValueError, "k=1.5"),
    (lambda: ops.sort(X, 2), ValueError, "sort: expected -2 <= axis < 2 .* axis=2"),
    (lambda: ops.argpartition(X, 4), ValueError, "kth"),
    (lambda: ops.cumsum(X, axis=3), ValueError, "cumsum: .*axis=3"),
    (lambda: ops.diff(X, n=-1), ValueError, "n=-1"),
    (lambda: ops.searchsorted(X, X), ValueError, r"sorted_sequence of one axis. Received: shape \(3, 4\)"),
    (lambda: ops.searchsorted(X[0], X, side="middle"), ValueError, "side='middle'"),
    (lambda: ops.histogram(X, bins=0), ValueError, "bins=0"),
    (lambda: ops.quantile(X, 1.5), ValueError, r"quantile: expected quantiles between 0 and 1. Received: q=1\.5"),
    (lambda: ops.quantile(X, 0.5, method="best"), ValueError, "method='best'"),
    (lambda: ops.median(X[:0]), ValueError, "median: expected at least one element"),
    (lambda: ops.average(X, weights=X[0]), ValueError, r"average: expected weights of shape \(3, 4\).*axis=None"),
    (lambda: ops.bitwise_and(X, X), TypeError, "bitwise_and: expected integers or booleans. Received: dtype float64"),
    (lambda: ops.tril(X[0]), ValueError, r"tril: expected a tensor of at least 2 axes. Received: shape \(4,\)"),
    (lambda: ops.diagonal(X[0]), ValueError, "diagonal: expected a tensor of at least 2 axes"),
    (lambda: ops.diag(X[None]), ValueError, "diag: expected a tensor of 1 or 2 axes"),
    (lambda: ops.cross(X, X), ValueError, "cross: expected x1 to have 2 or 3 elements. Received: 4"),
    (lambda: ops.correlate(X, X), ValueError, "correlate: expected nonempty vectors"),
    (lambda: ops.correlate(X[0], X[0], mode="most"), ValueError, "mode='most'"),
    (lambda: ops.meshgrid(X[0], indexing="yx"), ValueError, "indexing='yx'"),
    (lambda: ops.roll(X, (1, 2, 3), axis=(0, 1)), ValueError, "roll: expected one shift for each axis"),
    (lambda: ops.rot90(X[0]), ValueError, "rot90: expected at least 2 axes"),
    (lambda: ops.array_split(X, 0), ValueError, "array_split: expected at least 1 section. Received: 0"),
    (lambda: ops.vsplit(X[0], 2), ValueError, "vsplit: expected a tensor of at least 2 axes. Received: 1"),
    (lambda: ops.select([], []), ValueError, "select: expected as many conditions as choices"),
    (lambda: ops.hstack([]), ValueError, "hstack: expected a nonempty list"),
    (lambda: ops.glu(X[:, :3]), ValueError, r"glu: expected an even extent on axis 1. Received: shape \(3, 3\)"),
    (lambda: ops.psnr(X, X[0], 1.0), ValueError, "psnr: expected equal shapes"),
    (lambda: ops.hanning(-1), ValueError, "hanning: expected x to be an integer >= 0.*-1"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_input(case):
    call, error, text = BAD[case]
    with pytest.raises(error, match=text):
        call()


def test_starts_that_are_tensors():
    """Inside a program a block may begin where data say."""
    np.testing.assert_array_equal(traced(lambda s: ops.slice(X, s, (2, 3)), np.array([1, 0])), X[1:3, :3])
    wanted = X.copy()
    wanted[1:, 2:] = -1
    ones = -np.ones((2, 2))
    np.testing.assert_array_equal(traced(lambda s: ops.slice_update(X, (1, s), ones), np.array(2)), wanted)


def test_an_index_out_of_range_changes_no_variable():
    total = Variable(np.zeros(3))

    def function(ids):
        total.assign_add(1.0)
        return ops.segment_sum(X, ids, num_segments=3)

    with pytest.raises(ValueError, match="scatter: index 7 at position 2"):
        traced(function, np.array([0, 1, 7]))
    np.testing.assert_array_equal(total.numpy(), 0)


class Pooled(swiftbn.layers.Layer):
    """Means of the k largest inputs, and counts by segments, inside a trained model."""

    def __init__(self, k, **kwargs):
        super().__init__(**kwargs)
        self.k = k

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(self.k,), initializer="ones", name="scale")

    def call(self, x):
        values, order = ops.top_k(x, self.k)
        gates = ops.take_along_axis(ops.cumsum(x, axis=1), order, axis=1)
        return ops.sum(values * self.scale, axis=1, keepdims=True) + ops.mean(ops.tanh(gates), axis=1, keepdims=True)


def test_layers_written_with_these_functions_train():
    random = np.random.default_rng(4)
    x = random.normal(size=(32, 6)).astype("float32")
    y = np.sort(x, 1)[:, -3:].sum(1, keepdims=True) * 2
    model = swiftbn.Sequential([swiftbn.Input((6,)), Pooled(3)])
    model.compile(swiftbn.optimizers.Adam(0.1), loss="mse")
    history = model.fit(x, y, epochs=40, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < history[0] / 5
    assert model.predict(x, verbose=0).shape == (32, 1)


def test_symbolic_batches_have_unknown_extents():
    x = swiftbn.Input((4,))
    for function in (ops.sort, ops.cumsum, lambda v: ops.roll(v, 1, axis=1), lambda v: ops.median(v, 1, keepdims=True)):
        assert function(x).shape[0] is None
    assert ops.cumsum(x, axis=1).shape == (None, 4)
    model = swiftbn.Model(x, ops.top_k(ops.sort(x), 2)[0])
    np.testing.assert_array_equal(model.predict(X, verbose=0), X[:, :-3:-1])
