"""Windows, blocks, split axes and integers against NumPy, einops-like loops, PyTorch and real Keras."""

import itertools
import os

import numpy as np
import pytest
from checks import check_gradient, traced

import swiftbn
from swiftbn import Input, Model, ops, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
RANDOM = np.random.default_rng(29)
X = RANDOM.normal(size=(2, 3, 6, 7))

WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0)},
    {"kernel_size": 2, "dilation": (2, 3), "padding": 1},
]


def windows(x, kernel_size, dilation=1, padding=0, stride=1):
    (kh, kw), (dh, dw), (ph, pw), (sh, sw) = (
        v if isinstance(v, tuple) else (v, v) for v in (kernel_size, dilation, padding, stride)
    )
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    rows = range(0, x.shape[2] - (kh - 1) * dh, sh)
    columns = range(0, x.shape[3] - (kw - 1) * dw, sw)
    parts = [x[:, :, i : i + (kh - 1) * dh + 1 : dh, j : j + (kw - 1) * dw + 1 : dw] for i in rows for j in columns]
    return np.stack([part.reshape(len(x), -1) for part in parts], -1)


@pytest.mark.parametrize("options", WINDOWS)
def test_unfold_and_fold(options):
    y = ops.unfold(X, **options)
    np.testing.assert_array_equal(y, windows(X, **options))
    np.testing.assert_array_equal(traced(lambda x: ops.unfold(x, **options), X), y)
    # Fold is the transpose of unfold: <fold(a), b> = <a, unfold(b)>.
    a = RANDOM.normal(size=y.shape)
    back = ops.fold(a, (6, 7), **options)
    assert back.shape == X.shape
    for _ in range(3):
        b = RANDOM.normal(size=X.shape)
        np.testing.assert_allclose((back * b).sum(), (a * windows(b, **options)).sum(), rtol=1e-10)
    np.testing.assert_allclose(traced(lambda v: ops.fold(v, (6, 7), **options), a), back, rtol=1e-12)
    check_gradient(lambda v: ops.unfold(v, **options), X[:1, :1])
    check_gradient(lambda v: ops.fold(v, (6, 7), **options), a[:1])


def test_sequences():
    x = RANDOM.normal(size=(2, 3, 11))
    y = ops.extract_sequences(x, 4, 3)
    np.testing.assert_array_equal(y, np.lib.stride_tricks.sliding_window_view(x, 4, axis=-1)[:, :, ::3])
    assert ops.extract_sequences(np.arange(6), 3, 2).tolist() == [[0, 1, 2], [2, 3, 4]]
    check_gradient(lambda v: ops.extract_sequences(v, 4, 3), x[:1])


def test_blocks():
    x = RANDOM.normal(size=(2, 2, 3, 12))
    y = ops.depth_to_space(x, 2)
    assert y.shape == (2, 4, 6, 3)
    for i, j in itertools.product(range(2), range(2)):
        np.testing.assert_array_equal(y[:, i::2, j::2], x[..., (2 * i + j) * 3 : (2 * i + j + 1) * 3])
    np.testing.assert_array_equal(ops.space_to_depth(y, 2), x)
    first = np.moveaxis(x, -1, 1).copy()
    z = ops.depth_to_space(first, 2, "channels_first")
    for i, j in itertools.product(range(2), range(2)):
        np.testing.assert_array_equal(z[:, :, i::2, j::2], first[:, 2 * i + j :: 4])
    np.testing.assert_array_equal(ops.space_to_depth(z, 2, data_format="channels_first"), first)
    check_gradient(lambda v: ops.depth_to_space(v, 2), x[:1])
    assert ops.depth_to_space(Input((2, 3, 12)), 2).shape == (None, 4, 6, 3)


def test_rearrange():
    x = RANDOM.normal(size=(4, 6, 8, 3))
    cases = [
        ("b h w c -> b c h w", {}, np.moveaxis(x, -1, 1)),
        ("b h w c -> (b h) w c", {}, x.reshape(24, 8, 3)),
        ("b h w c->h (b w) c", {}, x.transpose(1, 0, 2, 3).reshape(6, 32, 3)),
        ("b h w c -> b (c h w)", {}, np.moveaxis(x, -1, 1).reshape(4, -1)),
        (
            "b (h1 h) (w1 w) c -> (b h1 w1) h w c",
            {"h1": 2, "w1": 4},
            x.reshape(4, 2, 3, 4, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(32, 3, 2, 3),
        ),
        ("(b1 b) h w c -> b1 b (h w c)", {"b": 2}, x.reshape(2, 2, -1)),
        ("a b c d -> a b c d", {}, x),
    ]
    for pattern, extents, expected in cases:
        np.testing.assert_array_equal(ops.rearrange(x, pattern, **extents), expected)
        inputs = Input((6, 8, 3))
        assert len(ops.rearrange(inputs, pattern, **extents).shape) == expected.ndim
    inputs = Input((None, 4))
    with pytest.raises(ValueError, match="at most one axis of unknown extent"):
        ops.rearrange(inputs, "b t (c d) -> b t c d", c=2)
    check_gradient(lambda v: ops.rearrange(v, "a (b c) d -> c (a d) b", b=2), X[:1, 0])
    assert ops.rearrange(np.arange(6), "(a b) -> b a", a=2).tolist() == [[0, 3], [1, 4], [2, 5]]


Q, K, V = (RANDOM.normal(size=shape) for shape in ((2, 3, 4, 5), (2, 6, 2, 5), (2, 6, 2, 5)))


LOGITS = RANDOM.normal(size=(3, 5, 4))
LENGTHS = np.array([5, 3, 1])


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "uint32"])
def test_divisors(dtype):
    info = np.iinfo(dtype)
    a = RANDOM.integers(max(info.min + 1, -(10**6)), min(info.max, 10**6), size=200).astype(dtype)
    b = RANDOM.integers(max(info.min + 1, -999), min(info.max, 999), size=200).astype(dtype)
    a[:3], b[:2], b[3] = 0, 0, 0
    small = [(v.astype("int64") % 100).astype(dtype) for v in (a, b)]
    for found, expected in ((ops.gcd(a, b), np.gcd(a, b)), (ops.lcm(*small), np.lcm(*small))):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(traced(ops.gcd, a, b), np.gcd(a, b))
    # The longest way: neighbouring Fibonacci numbers.
    pair = [1, 1]
    while pair[-1] + pair[-2] <= info.max:
        pair.append(pair[-1] + pair[-2])
    assert ops.gcd(np.array([pair[-1]], dtype), np.array([pair[-2]], dtype)).tolist() == [1]


def test_bessel():
    x = np.array([0.0, 1e-3, -0.5, 3.0, 19.99, -20.0, 20.01, 100.0, 700.0])
    np.testing.assert_allclose(ops.i0(x), np.i0(x), rtol=1e-14)
    wide = np.linspace(0, 60, 2000)
    np.testing.assert_allclose(ops.i0(wide), np.i0(wide), rtol=1e-14)
    np.testing.assert_allclose(ops.i0(wide.astype("float32")), np.i0(wide), rtol=3e-5)
    assert np.isnan(ops.i0(np.nan)) and ops.i0(np.array([1000.0]))[0] == np.inf and ops.i0(3).dtype == "float32"
    check_gradient(ops.i0, np.array([-3.0, 0.4, 19.0, 25.0]) / 2 + 0.1)


def test_bits():
    a, b = np.float32([1, 1, 0, np.inf, np.nan]), np.float32([2, 0, 1, 0, 1])
    np.testing.assert_array_equal(ops.nextafter(a, b), np.nextafter(a, b))
    x = np.float32([[1.0, -2.0]])
    assert ops.view(x, "int32").tolist() == x.view("int32").tolist() and ops.view(x, "uint8").shape == (1, 8)
    assert ops.view(ops.view(x, "uint8"), "float32").tolist() == x.tolist() and ops.view(x).tolist() == x.tolist()
    assert traced(lambda v: ops.view(v, "float32"), x).tolist() == x.tolist()


def model_of(k, portable=False):
    inputs = k.Input((4, 6, 8), name="x")
    x = k.ops.space_to_depth(inputs, 2)
    x = k.ops.depth_to_space(x, 2)
    y = k.ops.dot_product_attention(x, x[:, :, :3], x[:, :, :3], is_causal=True)
    z = k.ops.fold(k.ops.unfold(x, 3, padding=1), (6, 8), 3, padding=1)
    outputs = [y, z, k.ops.extract_sequences(z, 3, 2)]
    if k is swiftbn:
        # Keras does not load its own adaptive pooling, whose sizes have become lists in files.
        outputs += [k.ops.adaptive_average_pool(z, (2, 3)), k.ops.adaptive_max_pool(z, 2)]
    return k.Model(inputs, outputs[: 3 if portable else 5], name="m")


BATCH = RANDOM.normal(size=(2, 4, 6, 8)).astype("float32")


def test_models(tmp_path):
    model = model_of(swiftbn)
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    for a, b in zip(again.predict(BATCH, verbose=0), model.predict(BATCH, verbose=0), strict=True):
        np.testing.assert_array_equal(a, b)
    inputs = Input((6, 8))
    patches = Model(inputs, ops.rearrange(inputs, "b (h p) w -> b h (p w)", p=2))
    patches.save(tmp_path / "p.keras")
    found = saving.load_model(tmp_path / "p.keras").predict(BATCH[:, 0], verbose=0)
    np.testing.assert_array_equal(found, BATCH[:, 0].reshape(2, 3, 16))


Z = np.zeros
BAD = [
    (lambda: ops.unfold(X[0], 2), ValueError, r"x \(N, C, H, W\)"),
    (lambda: ops.unfold(X, 9), ValueError, "at least 9 for windows"),
    (lambda: ops.unfold(X, 2, padding=-1), ValueError, "padding=-1"),
    (lambda: ops.fold(X[0], (6, 7), 2), ValueError, r"x \(N, C·4, 30\)"),
    (lambda: ops.extract_sequences(X, 0, 1), ValueError, "sequence_length=0"),
    (lambda: ops.extract_sequences(X, 8, 1), ValueError, "at least 8"),
    (lambda: ops.extract_sequences(np.float32(1), 1, 1), ValueError, "at least one axis"),
    (lambda: ops.depth_to_space(X, 2), ValueError, "multiple of 4 channels"),
    (lambda: ops.depth_to_space(X, 1), ValueError, "block_size=1"),
    (lambda: ops.space_to_depth(X, 2), ValueError, "multiples of 2"),
    (lambda: ops.space_to_depth(X, 2, "last"), ValueError, "data_format='last'"),
    (lambda: ops.rearrange(X, "a b c d"), ValueError, "one '->'"),
    (lambda: ops.rearrange(X, "a b c -> a b c"), ValueError, "tensor of 3 axes"),
    (lambda: ops.rearrange(X, "a b c d -> a b c"), ValueError, "same names on both sides"),
    (lambda: ops.rearrange(X, "a b (c e) d -> a b c e d"), ValueError, "all but one"),
    (lambda: ops.rearrange(X, "a b (c e) d -> a b c e d", c=4), ValueError, "does not fit an axis of 6"),
    (lambda: ops.rearrange(X, "a b c d -> a b c d", e=4), ValueError, "Received: {'e': 4}"),
    (lambda: ops.rearrange(X, "a b c ... -> a b c ..."), ValueError, "names and brackets"),
    (lambda: ops.dot_product_attention(Q, K, V, flash_attention=True), ValueError, "flash_attention"),
    (lambda: ops.dot_product_attention(Q, K, V, attn_logits_soft_cap=2.0), ValueError, "attn_logits_soft_cap"),
    (lambda: ops.dot_product_attention(Q[0], K, V), ValueError, "expected query"),
    (lambda: ops.dot_product_attention(Q[:, :, :3], K, V), ValueError, "Received: 3, 2"),
    (lambda: ops.ctc_loss(Z((2, 3)), Z((2, 3)), Z(2), Z(2)), ValueError, "logits output"),
    (lambda: ops.ctc_loss(Z((2, 3)), Z((2, 3, 4)), Z(2), Z((2, 1))), ValueError, "target_length and output_length"),
    (lambda: ops.ctc_loss(Z((2, 3)), Z((2, 3, 4)), Z(2), Z(2), 4), ValueError, "mask_index=4"),
    (lambda: ops.ctc_decode(LOGITS, LENGTHS, "best"), ValueError, "strategy='best'"),
    (lambda: ops.ctc_decode(LOGITS, LENGTHS, "beam_search", 2, 3), ValueError, "top_paths=3"),
    (lambda: ops.ctc_decode(LOGITS[0], LENGTHS), ValueError, "expected logits"),
    (lambda: swiftbn.jit(lambda x: ops.ctc_decode(x, LENGTHS, "beam_search"))(LOGITS), ValueError, "is for arrays"),
    (lambda: ops.gcd(1.5, np.array([2.0])), TypeError, "gcd: expected integers"),
    (lambda: swiftbn.jit(lambda x: ops.nextafter(x, x))(X), ValueError, "arrays only"),
    (lambda: swiftbn.jit(lambda x: ops.view(x, "int32"))(X), ValueError, "arrays only"),
    (lambda: ops.view(Z((2, 3), "float32"), "float64"), ValueError, "last axis|divisor"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, kind, text = BAD[case]
    with pytest.raises(kind, match=text):
        function()


@pytest.mark.interop
def test_pytorch():
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    for options in WINDOWS:
        y = functional.unfold(torch.tensor(X), **options)
        np.testing.assert_allclose(ops.unfold(X, **options), y.numpy())
        np.testing.assert_allclose(
            ops.fold(y.numpy(), (6, 7), **options), functional.fold(y, (6, 7), **options).numpy()
        )
    target, lengths = np.array([[1, 1, 2], [3, 2, 0], [2, 0, 0]]), np.array([3, 2, 1])
    logs = torch.log_softmax(torch.tensor(LOGITS), -1).transpose(0, 1)
    expected = functional.ctc_loss(
        logs, torch.tensor(target), torch.tensor(LENGTHS), torch.tensor(lengths), reduction="none"
    )
    np.testing.assert_allclose(ops.ctc_loss(target, LOGITS, lengths, LENGTHS), expected.numpy(), rtol=1e-9)


@pytest.mark.interop
def test_keras(tmp_path):
    keras = pytest.importorskip("keras")
    for source, target in ((swiftbn, keras), (keras, swiftbn)):
        model = model_of(source, portable=True)
        model.save(tmp_path / "m.keras")
        again = target.saving.load_model(tmp_path / "m.keras")
        for a, b in zip(again.predict(BATCH, verbose=0), model.predict(BATCH, verbose=0), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    target, lengths = np.array([[1, 1, 2], [3, 2, 0], [2, 0, 0]], "int32"), np.array([3, 2, 1], "int32")
    logits, steps = LOGITS.astype("float32"), LENGTHS.astype("int32")
    for name, arguments in (
        ("ctc_loss", (target, logits, lengths, steps)),
        ("ctc_decode", (logits, steps)),
        ("ctc_decode", (logits, steps, "beam_search", 100, 3)),
        ("rearrange", (BATCH, "b h (w p) c -> b (h p) (c w)")),
        ("i0", (np.linspace(-30, 30, 50, dtype="float32"),)),
        ("gcd", (np.array([12, -7, 0]), np.array([18, 21, 5]))),
        ("lcm", (np.array([12, -7, 0]), np.array([18, 21, 5]))),
        ("nextafter", (np.float32([1, 2]), np.float32([0, 3]))),
        ("view", (BATCH, "int32")),
    ):
        extents = {"p": 2} if name == "rearrange" else {}
        found = getattr(ops, name)(*arguments, **extents)
        expected = getattr(keras.ops, name)(*arguments, **extents)
        several = isinstance(expected, (tuple, list))
        for a, b in zip(found, expected, strict=True) if several else [(found, expected)]:
            b = keras.ops.convert_to_numpy(b)
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
