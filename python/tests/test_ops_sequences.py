"""Attention and CTC of sequences against loops in NumPy."""

import itertools
import math

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import ops

RANDOM = np.random.default_rng(29)


def attention(q, k, v, bias=None, mask=None, scale=None, is_causal=False):
    k, v = (np.repeat(x, q.shape[2] // k.shape[2], axis=2) for x in (k, v))
    logits = np.einsum("btnh,bsnh->bnts", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        logits = logits + bias
    seen = np.ones(logits.shape, bool) if mask is None else np.broadcast_to(mask, logits.shape)
    if is_causal:
        seen = seen & np.tri(*logits.shape[2:], dtype=bool)
    logits = np.where(seen, logits, -1e300)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return np.einsum("bnts,bsnh->btnh", weights / weights.sum(-1, keepdims=True), v)


Q, K, V = (RANDOM.normal(size=shape) for shape in ((2, 3, 4, 5), (2, 6, 2, 5), (2, 6, 2, 5)))
ATTENTION = [
    {},
    {"scale": 0.3, "is_causal": True},
    {"bias": RANDOM.normal(size=(1, 4, 3, 6))},
    {"mask": RANDOM.random((2, 1, 3, 6)) < 0.7, "is_causal": True},
    {"mask": np.zeros((3, 6), bool)},
]


@pytest.mark.parametrize("options", ATTENTION)
def test_attention(options):
    expected = attention(Q, K, V, **options)
    np.testing.assert_allclose(ops.dot_product_attention(Q, K, V, **options), expected, rtol=1e-9, atol=1e-12)
    found = traced(lambda *x: ops.dot_product_attention(*x, **options), Q, K, V)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    check_gradient(lambda *x: ops.dot_product_attention(*x, **options), Q, K, V)


LOGITS = RANDOM.normal(size=(3, 5, 4))
LENGTHS = np.array([5, 3, 1])


def labels_of(path, blank):
    joined = [k for k, _ in itertools.groupby(path)]
    return tuple(k for k in joined if k != blank)


def probabilities(logits, blank):
    """Of all labels, by all paths."""
    found = {}
    logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    for path in itertools.product(range(logits.shape[1]), repeat=len(logits)):
        p = math.exp(sum(logs[t, k] for t, k in enumerate(path)))
        key = labels_of(path, blank)
        found[key] = found.get(key, 0) + p
    return found


@pytest.mark.parametrize("blank", [0, 2, -1])
def test_ctc_loss(blank):
    kinds = [k for k in range(4) if k != blank % 4]
    target = np.array([[kinds[0], kinds[0], kinds[1]], [kinds[2], kinds[1], 9], [kinds[1], -3, 9]])
    lengths = np.array([3, 2, 1])
    expected = [
        -math.log(probabilities(row[:steps], blank % 4)[tuple(labels[:n].tolist())])
        for row, steps, labels, n in zip(LOGITS, LENGTHS, target, lengths, strict=True)
    ]
    found = ops.ctc_loss(target, LOGITS, lengths, LENGTHS, blank)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    function = lambda x: ops.ctc_loss(target, x, lengths, LENGTHS, blank)  # noqa: E731
    np.testing.assert_allclose(traced(function, LOGITS), expected, rtol=1e-9)
    check_gradient(function, LOGITS, tolerance=1e-5)
    assert ops.ctc_loss(target, LOGITS, lengths, np.array([2, 3, 1]), blank)[0] > 1e4


@pytest.mark.parametrize("blank", [0, 2, -1])
@pytest.mark.parametrize("merge", [True, False])
def test_ctc_greedy(blank, merge):
    logits = RANDOM.normal(size=(20, 7, 3)) if blank != 2 else RANDOM.normal(size=(20, 7, 4))
    lengths = RANDOM.integers(0, 8, 20)
    (found,), scores = ops.ctc_decode(logits, lengths, merge_repeated=merge, mask_index=blank)
    assert found.dtype == "int32" and found.shape == (20, 7)
    for row, labels, n, score in zip(logits, found, lengths, scores, strict=True):
        path = row[:n].argmax(-1)
        kept = [k for k, _ in itertools.groupby(path)] if merge else list(path)
        kept = [k for k in kept if k != blank % row.shape[1]]
        assert labels.tolist() == kept + [-1] * (7 - len(kept))
        np.testing.assert_allclose(score, [-row[:n].max(-1).sum()])
    again = traced(lambda x: ops.ctc_decode(x, lengths, merge_repeated=merge, mask_index=blank), logits)
    np.testing.assert_array_equal(again[0][0], found)


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_beams(blank):
    found, scores = ops.ctc_decode(LOGITS, LENGTHS, "beam_search", 1000, 4, mask_index=blank)
    assert found.shape == (4, 3, 5) and scores.shape == (3, 4)
    for n, (row, steps) in enumerate(zip(LOGITS, LENGTHS, strict=True)):
        best = sorted(probabilities(row[:steps], blank).items(), key=lambda item: -item[1])[:4]
        for place, (labels, p) in enumerate(best):
            assert found[place, n].tolist() == [*labels, *[-1] * (5 - len(labels))]
            assert scores[n, place] == pytest.approx(math.log(p))
    narrow, _ = ops.ctc_decode(LOGITS, LENGTHS, "beam_search", 1, mask_index=blank)
    assert narrow.shape == (1, 3, 5)
