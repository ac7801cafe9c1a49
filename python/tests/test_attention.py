"""EinsumDense and attention against NumPy: values, masks, gradients, shapes, errors."""

import numpy as np
import pytest
from checks import check_gradient, check_layer_gradients

import swiftbn
from swiftbn import Input, Model, layers, ops
from swiftbn.masking import get_keras_mask, set_keras_mask

RANDOM = np.random.default_rng(12)
Q, V, K = RANDOM.normal(size=(2, 5, 6)), RANDOM.normal(size=(2, 4, 3)), RANDOM.normal(size=(2, 4, 7))
Q_MASK = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)
V_MASK = np.array([[1, 0, 1, 1], [1, 1, 0, 0]], bool)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def weigh(layer):
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize(
    "equation, output_shape, bias_axes, shape, kernel, bias",
    [
        ("ab,bc->ac", 4, None, (5, 3), (3, 4), None),
        ("ab,bc->ac", (4,), "c", (5, 3), (3, 4), (4,)),
        ("abc,cd->abd", (None, 4), "d", (2, 5, 3), (3, 4), (4,)),
        ("abc,cde->abde", (None, 4, 2), "de", (2, 5, 3), (3, 4, 2), (4, 2)),
        ("abc,cde->abde", (None, 4, 2), "d", (2, 5, 3), (3, 4, 2), (4, 1)),
        ("abcd,cde->abe", (None, 3), "be", (2, 5, 3, 4), (3, 4, 3), (5, 3)),
        ("abc,bcd->abd", (None, 3), None, (2, 5, 3), (5, 3, 3), None),
        ("abc,abd->acd", (3, 2), None, (2, 5, 3), (2, 5, 2), None),
        ("...x,xy->...y", 4, "y", (2, 5, 3), (3, 4), (4,)),
        ("...x,xy->...y", 4, "y", (2, 3), (3, 4), (4,)),
        ("ab...,bc->ac...", 4, "c", (2, 3, 5, 2), (3, 4), (4, 1, 1)),
    ],
)
def test_einsum_dense(equation, output_shape, bias_axes, shape, kernel, bias):
    layer = layers.EinsumDense(equation, output_shape, "tanh", bias_axes, dtype="float64")
    x = RANDOM.normal(size=shape)
    layer(x)
    weigh(layer)
    assert layer.kernel.shape == kernel and (layer.bias is None if bias is None else layer.bias.shape == bias)
    expected = np.einsum(equation, x, layer.kernel.numpy())
    expected = np.tanh(expected if bias is None else expected + layer.bias.numpy())
    np.testing.assert_allclose(layer(x), expected, rtol=1e-12)
    assert layer.compute_output_shape(shape) == expected.shape
    check_layer_gradients(layer, x)
    again = layers.EinsumDense.from_config(layer.get_config())
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), layer(x))


def test_first_kernels_count_inputs_and_outputs():
    """By the equation: 400 inputs and 20·10 outputs, whatever the order of the axes."""
    for equation, output_shape in (("abc,cde->abde", (None, 20, 10)), ("abc,dec->abde", (None, 20, 10))):
        layer = layers.EinsumDense(equation, output_shape, kernel_initializer="he_normal")
        layer.build((None, 3, 400))
        assert abs(layer.kernel.numpy().std() - np.sqrt(2 / 400)) < 0.002
    layer = layers.EinsumDense("abc,dec->abde", (None, 20, 10))
    layer.build((None, 3, 400))
    assert abs(layer.kernel.numpy().std() - np.sqrt(2 / 600)) < 0.001


def reference(layer, q, v, k, mask=None, gate=None):
    """Head by head, sample by sample."""
    weights = {w.path.split("/", 1)[1]: w.numpy() for w in layer.weights}

    def project(name, x):
        bias = weights.get(f"{name}/bias", 0)
        return np.einsum("ntd,dhk->nthk", x, weights[f"{name}/kernel"]) + bias

    qs, ks, vs = project("query", q), project("key", k), project("value", v)
    repeats = qs.shape[2] // ks.shape[2]
    heads, scores = [], []
    for h in range(qs.shape[2]):
        s = np.einsum("ntk,nsk->nts", qs[:, :, h], ks[:, :, h // repeats]) / np.sqrt(qs.shape[3])
        if mask is not None:
            s = np.where(mask, s, -1e30)
        scores.append(softmax(s))
        heads.append(scores[-1] @ vs[:, :, h // repeats])
    out = np.stack(heads, 2)
    if "gate/kernel" in weights:
        out = out / (1 + np.exp(-project("gate", q)))
    y = np.einsum("nthk,hkd->ntd", out, weights["attention_output/kernel"]) + weights.get("attention_output/bias", 0)
    return y, np.stack(scores, 1)


KINDS = {
    "multi": lambda **k: layers.MultiHeadAttention(2, 3, dtype="float64", **k),
    "multi with other values": lambda **k: layers.MultiHeadAttention(2, 3, 5, use_gate=True, dtype="float64", **k),
    "multi without bias": lambda **k: layers.MultiHeadAttention(2, 3, use_bias=False, dtype="float64", **k),
    "multi of another output": lambda **k: layers.MultiHeadAttention(2, 3, output_shape=4, dtype="float64", **k),
    "grouped": lambda **k: layers.GroupedQueryAttention(3, 4, 2, use_gate=True, dtype="float64", **k),
    "grouped in one": lambda **k: layers.GroupedQueryAttention(3, 4, 1, use_bias=False, dtype="float64", **k),
}


@pytest.mark.parametrize("kind", KINDS)
def test_attention_of_heads(kind):
    layer = KINDS[kind]()
    assert layer(Q, V, K).shape == layer.compute_output_shape(Q.shape, V.shape, K.shape)
    weigh(layer)
    y, scores = reference(layer, Q, V, K)
    np.testing.assert_allclose(layer(Q, V, K), y, rtol=1e-10)
    found = layer(Q, V, K, return_attention_scores=True)
    np.testing.assert_allclose(found[0], y, rtol=1e-10)
    np.testing.assert_allclose(found[1], scores, rtol=1e-10)
    symbolic = layer(Input((None, 6)), Input((4, 3)), Input((4, 7)), return_attention_scores=True)
    assert [s.shape for s in symbolic] == [(None, None, y.shape[-1]), (None, scores.shape[1], None, 4)]


@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind):
    layer = KINDS[kind]()
    layer(Q, V, K)
    weigh(layer)
    mask = RANDOM.uniform(size=(2, 5, 4)) < 0.7
    check_gradient(lambda q, v, k: layer(q, v, k, attention_mask=mask), Q, V, K)

    def of_weights(*values):
        for weight, value in zip(layer.weights, values, strict=True):
            weight.assign(value)
        return layer(Q, V, K)

    values = [np.array(w.numpy()) for w in layer.weights]
    gradients = swiftbn.grad(lambda w: ops.sum(ops.square(layer(Q, V, K))))(layer.trainable_variables)
    for i, gradient in enumerate(gradients):
        step = np.zeros_like(values[i])
        step.flat[step.size // 2] = 1e-5
        moved = [np.sum(of_weights(*values[:i], values[i] + s * step, *values[i + 1 :]) ** 2) for s in (1, -1)]
        expected = (moved[0] - moved[1]) / 2e-5
        np.testing.assert_allclose(gradient.flat[step.size // 2], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["multi", "grouped"])
def test_masks(kind):
    layer = KINDS[kind](sliding_window=None)
    layer(Q, Q)
    weigh(layer)
    places = np.arange(5)
    causal, near = places[:, None] >= places, abs(places[:, None] - places) < 2
    given = RANDOM.uniform(size=(2, 5, 5)) < 0.5
    given |= np.eye(5, dtype=bool)
    ones = Q_MASK[:, None]
    for mask, arguments in [
        (causal, {"use_causal_mask": True}),
        (given, {"attention_mask": given}),
        (given & causal, {"attention_mask": given, "use_causal_mask": True}),
        (np.broadcast_to(ones, (2, 5, 5)), {"value_mask": Q_MASK}),
        (np.broadcast_to(ones, (2, 5, 5)), {"key_mask": Q_MASK}),
    ]:
        y, scores = reference(layer, Q, Q, Q, mask)
        np.testing.assert_allclose(layer(Q, Q, **arguments), y, rtol=1e-9)
        found = layer(Q, Q, return_attention_scores=True, **arguments)
        np.testing.assert_allclose(found[1], scores, rtol=1e-9, atol=1e-12)
    per_head = np.broadcast_to(given[:, None], (2, found[1].shape[1], 5, 5)).copy()
    np.testing.assert_allclose(layer(Q, Q, attention_mask=per_head), layer(Q, Q, attention_mask=given), rtol=1e-12)
    window = KINDS[kind](sliding_window=2)
    window(Q, Q)
    window.set_weights(layer.get_weights())
    np.testing.assert_allclose(window(Q, Q), reference(layer, Q, Q, Q, near)[0], rtol=1e-9)
    np.testing.assert_allclose(
        window(Q, Q, use_causal_mask=True), reference(layer, Q, Q, Q, near & causal)[0], rtol=1e-9
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["multi", "grouped"])
def test_masks_come_with_tensors(kind):
    layer = KINDS[kind]()
    x = Q.copy()
    set_keras_mask(x, Q_MASK)
    y = layer(x, x)
    np.testing.assert_array_equal(get_keras_mask(y), Q_MASK)
    given = layer(Q, Q, query_mask=Q_MASK, value_mask=Q_MASK)
    np.testing.assert_array_equal(y, given)
    expected, _ = reference(layer, Q, Q, Q, np.broadcast_to(Q_MASK[:, None], (2, 5, 5)))
    np.testing.assert_allclose(y[Q_MASK], expected[Q_MASK], rtol=1e-9)


def test_attention_over_several_axes():
    x = RANDOM.normal(size=(2, 3, 4, 5))
    flat = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), dtype="float64")
    flat(x, x)
    weigh(flat)
    expected, scores = reference(flat, *[x.reshape(2, 12, 5)] * 3)
    y, found = flat(x, x, return_attention_scores=True)
    np.testing.assert_allclose(y, expected.reshape(2, 3, 4, 5), rtol=1e-10)
    np.testing.assert_allclose(found, scores.reshape(2, 2, 3, 4, 3, 4), rtol=1e-10)
    rows = layers.MultiHeadAttention(2, 3, attention_axes=2, dtype="float64")
    rows(x, x)
    rows.set_weights(flat.get_weights())
    expected, _ = reference(flat, *[x.reshape(6, 4, 5)] * 3)
    np.testing.assert_allclose(rows(x, x), expected.reshape(2, 3, 4, 5), rtol=1e-10)
    assert rows(x, x, return_attention_scores=True)[1].shape == (2, 3, 2, 4, 4)


def test_dropout_of_scores_only_in_training():
    layer = layers.MultiHeadAttention(2, 3, dropout=0.5, seed=3)
    x = Q.astype("float32")
    calm = layer(x, x)
    assert np.array_equal(layer(x, x), calm)
    first, second = layer(x, x, training=True), layer(x, x, training=True)
    assert not np.array_equal(first, calm) and not np.array_equal(first, second)


@pytest.mark.parametrize("use_scale", [False, True])
@pytest.mark.parametrize("mode", ["dot", "concat", "additive"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_attention(use_scale, mode, masked, causal):
    query, key = RANDOM.normal(size=(2, 5, 3)), RANDOM.normal(size=(2, 4, 3))
    if mode == "additive":
        layer = layers.AdditiveAttention(use_scale, dtype="float64")
    else:
        layer = layers.Attention(use_scale, mode, dtype="float64")
    value = RANDOM.normal(size=(2, 4, 6))
    layer([query, value, key])
    weigh(layer)
    scale = layer.scale.numpy() if use_scale else 1.0
    pairs = query[:, :, None] + key[:, None]
    if mode == "dot":
        scores = query @ key.transpose(0, 2, 1) * scale
    elif mode == "concat":
        scores = layer.concat_score_weight.numpy() * np.tanh(scale * pairs).sum(-1)
    else:
        scores = (scale * np.tanh(pairs)).sum(-1)
    seen = np.tri(5, 4, dtype=bool) if causal else np.ones((5, 4), bool)
    seen = seen & V_MASK[:, None] if masked else np.broadcast_to(seen, (2, 5, 4))
    weights = softmax(np.where(seen, scores, -1e30))
    expected = np.where(Q_MASK[..., None] if masked else True, weights @ value, 0)
    mask = [Q_MASK, V_MASK] if masked else None
    y, found = layer([query, value, key], mask=mask, return_attention_scores=True, use_causal_mask=causal)
    np.testing.assert_allclose(y, expected, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found, weights, rtol=1e-10, atol=1e-13)
    assert layer.compute_output_shape([query.shape, value.shape, key.shape]) == y.shape
    check_gradient(lambda *x: layer(list(x), mask=mask, use_causal_mask=causal), query, value, key, tolerance=1e-5)
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_attention_in_a_model_trains():
    inputs = Input((5, 4))
    x = layers.MultiHeadAttention(2, 3, dropout=0.1)(inputs, inputs, use_causal_mask=True)
    x = layers.Attention()([x, inputs])
    model = Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    model.compile(swiftbn.optimizers.Adam(0.02), "mse")
    x = RANDOM.normal(size=(32, 5, 4)).astype("float32")
    history = model.fit(x, x[:, 0, :1], epochs=30, batch_size=8, verbose=0).history["loss"]
    assert history[-1] < history[0] / 2


X = np.ones((2, 3, 4), "float32")
BAD = [
    (lambda: layers.EinsumDense("ab,bc", 3), "EinsumDense: expected an equation like.*'ab,bc'"),
    (lambda: layers.EinsumDense("ab,bc->ad", 3), "expected an equation"),
    (lambda: layers.EinsumDense("...a,ab->b", 3), "expected an equation"),
    (lambda: layers.EinsumDense("ab,bc->ac", "x"), "output_shape='x'"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3)(X), r"does not fit inputs of shape \(2, 3, 4\)"),
    (lambda: layers.EinsumDense("abc,cd->abd", 3)(X), "output_shape with 2 extents"),
    (lambda: layers.EinsumDense("abc,cd->abd", (7, 3))(X), r"extent 3 of 'b'.*\(7, 3\)"),
    (lambda: layers.EinsumDense("abc,cd->abd", (None, None))(X), "known extents of d"),
    (lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="c")(X), "bias_axes='c'"),
    (lambda: layers.EinsumDense("ab,bc->ac", 3, lora_rank=2), "lora_rank=2"),
    (lambda: layers.MultiHeadAttention(0, 3), "num_heads=0"),
    (lambda: layers.MultiHeadAttention(2, 1.5), "key_dim=1.5"),
    (lambda: layers.MultiHeadAttention(2, 3, dropout=1), "dropout=1"),
    (lambda: layers.MultiHeadAttention(2, 3, flash_attention=True), "flash_attention=True"),
    (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window=0"),
    (lambda: layers.MultiHeadAttention(2, 3, output_shape="a"), "output_shape='a'"),
    (lambda: layers.MultiHeadAttention(2, 3, attention_axes=2)(X, X), "attention_axes in 1 … 1"),
    (lambda: layers.MultiHeadAttention(2, 3)(X, X, X[:, :2]), "value and key of equal shapes|of equal shapes"),
    (lambda: layers.GroupedQueryAttention(2, 3, 2), "multiple of num_key_value_heads"),
    (lambda: layers.GroupedQueryAttention(2, 2, 2)(X, X[0]), r"expected query \(N, T, D\)"),
    (lambda: layers.Attention(score_mode="sum"), "score_mode='sum'"),
    (lambda: layers.Attention()([X]), "expected a list of inputs"),
    (lambda: layers.Attention()(X), "expected a list of inputs"),
    (lambda: layers.Attention()([X, X], mask=[None]), "expected mask to be a list"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
