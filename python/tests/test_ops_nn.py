"""Convolution, pooling, cross-entropies and normalization of swiftbn.ops against plain loops."""

import numpy as np
import pytest
from checks import check_gradient, traced
from reference_windows import reference_conv, reference_pool

from swiftbn import ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
Y = RANDOM.normal(size=(4,))
POSITIVE = RANDOM.uniform(0.5, 2.0, size=(3, 4))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides, dilation", [(1, 1), ((2, 1), 1), (1, (1, 2))])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_conv(padding, strides, dilation, data_format):
    x, w = RANDOM.normal(size=(2, 6, 5, 3)), RANDOM.normal(size=(3, 2, 3, 4))
    expected = reference_conv(x, w, strides, padding, dilation)
    if data_format == "channels_first":
        x, expected = x.transpose(0, 3, 1, 2).copy(), expected.transpose(0, 3, 1, 2)
    result = ops.conv(x, w, strides, padding, data_format, dilation)
    np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-10)
    check_gradient(lambda a, b: ops.conv(a, b, strides, padding, data_format, dilation), x, w)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size, strides", [(2, None), ((3, 2), (2, 1)), (2, 3)])
@pytest.mark.parametrize("name", ["max_pool", "average_pool"])
def test_pool(name, size, strides, padding):
    x = RANDOM.normal(size=(2, 7, 6, 3))
    expected = reference_pool(x, size, strides, padding, np.max if name == "max_pool" else np.mean)
    np.testing.assert_allclose(getattr(ops, name)(x, size, strides, padding), expected, rtol=1e-12)
    first = x.transpose(0, 3, 1, 2).copy()
    result = getattr(ops, name)(first, size, strides, padding, "channels_first")
    np.testing.assert_allclose(result, expected.transpose(0, 3, 1, 2), rtol=1e-12)
    check_gradient(lambda v: getattr(ops, name)(v, size, strides, padding), x)


LOGITS = RANDOM.normal(size=(5, 4)) * 3
LABELS = np.array([0, 3, 1, 1, 2])
ONE_HOT = np.eye(4)[LABELS]


@pytest.mark.parametrize("form", ["logits", "probabilities", "from softmax"])
def test_categorical_crossentropies(form):
    expected = -np.log(softmax(LOGITS))[np.arange(5), LABELS]

    def compute(loss, target):
        if form == "logits":
            return traced(lambda x: loss(target, x, from_logits=True), LOGITS)
        if form == "probabilities":
            return loss(target, softmax(LOGITS))
        return traced(lambda x: loss(target, ops.softmax(x)), LOGITS)

    for target in (LABELS, LABELS[:, None], LABELS.astype("float32"), LABELS.astype("uint8")):
        np.testing.assert_allclose(compute(ops.sparse_categorical_crossentropy, target), expected, rtol=1e-6)
    np.testing.assert_allclose(compute(ops.categorical_crossentropy, ONE_HOT), expected, rtol=1e-6)


def test_crossentropy_from_softmax_is_exact_where_probabilities_vanish():
    logits = np.array([[200.0, -200.0]], "float32")
    loss = traced(lambda x: ops.sparse_categorical_crossentropy(np.array([1]), ops.softmax(x)), logits)
    np.testing.assert_allclose(loss, [400.0])


def test_crossentropy_gradients():
    check_gradient(lambda x: ops.sparse_categorical_crossentropy(LABELS, x, from_logits=True), LOGITS)
    check_gradient(lambda x: ops.sparse_categorical_crossentropy(LABELS, ops.softmax(x)), LOGITS)
    check_gradient(lambda x: ops.categorical_crossentropy(ONE_HOT, ops.softmax(x)), LOGITS)
    check_gradient(lambda x: ops.categorical_crossentropy(ONE_HOT, x), softmax(LOGITS / 4))
    check_gradient(lambda x: ops.binary_crossentropy(ONE_HOT, ops.sigmoid(x)), LOGITS)
    check_gradient(lambda x: ops.binary_crossentropy(ONE_HOT, x), sigmoid(LOGITS / 4))


def test_binary_crossentropy():
    expected = -(ONE_HOT * np.log(sigmoid(LOGITS)) + (1 - ONE_HOT) * np.log(sigmoid(-LOGITS)))
    np.testing.assert_allclose(ops.binary_crossentropy(ONE_HOT, LOGITS, from_logits=True), expected, rtol=1e-10)
    np.testing.assert_allclose(ops.binary_crossentropy(ONE_HOT, sigmoid(LOGITS)), expected, rtol=1e-6)


def test_labels_out_of_range():
    for labels in ([0, 4, 1, 1, 2], [0, -1, 1, 1, 2]):
        with pytest.raises(ValueError, match="sparse_softmax_cross_entropy|label"):
            ops.sparse_categorical_crossentropy(np.array(labels), LOGITS, from_logits=True)


def test_batch_normalization_of_computed_statistics_is_differentiated_through():
    def normalize(x, gamma, beta):
        mean, variance = ops.moments(x, axes=[0])
        return ops.batch_normalization(x, mean, variance, -1, offset=beta, scale=gamma)

    gamma, beta = POSITIVE[0], Y
    expected = gamma * (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) + beta
    np.testing.assert_allclose(normalize(X, gamma, beta), expected, rtol=1e-10)
    check_gradient(normalize, X, gamma, beta)
