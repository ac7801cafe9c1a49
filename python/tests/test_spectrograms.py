"""Fourier transforms of windows and mel bands against NumPy's, and against real Keras."""

import os

import numpy as np
import pytest
from checks import check_layer_gradients

import swiftbn
from swiftbn import Input, Sequential, initializers, layers, saving

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
RANDOM = np.random.default_rng(61)
X = RANDOM.normal(size=(2, 50, 3))


def spectra(x, length, step, fft_length, window):
    """(N, T', C, F) complex."""
    frames = np.lib.stride_tricks.sliding_window_view(x, length, axis=1)[:, ::step]
    return np.fft.rfft(frames * window, fft_length)


MODES = {
    "real": np.real,
    "imag": np.imag,
    "angle": np.angle,
    "stft": lambda z: np.concatenate([z.real, z.imag], -1),
    "psd": lambda z: np.abs(z) ** 2 * np.r_[1, np.full(z.shape[-1] - 2, 2), 1],
    "magnitude": lambda z: np.sqrt(np.maximum(np.abs(z) ** 2, 1e-7)),
    "log": lambda z: np.log(np.sqrt(np.maximum(np.abs(z) ** 2, 1e-7))),
}


def near(found, expected, mode):
    """Angles are equal where they point in one direction."""
    assert found.shape == expected.shape
    if mode == "angle":
        found, expected = np.exp(1j * found), np.exp(1j * expected)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "options, length, step, fft_length, window",
    [
        ({"frame_length": 16}, 16, 8, 16, np.hanning(16) / np.sqrt((np.hanning(16) ** 2).sum())),
        (
            {
                "frame_length": 10,
                "frame_step": 3,
                "fft_length": 32,
                "window": "hamming",
                "scaling": "spectrum",
                "periodic": True,
            },
            10,
            3,
            32,
            np.hamming(11)[:-1] / np.hamming(11)[:-1].sum(),
        ),
        ({"frame_length": 5, "window": None}, 5, 2, 8, np.ones(5)),
        ({"frame_length": 4, "window": [1, 2, 3, 4.0], "scaling": None}, 4, 2, 4, np.arange(1, 5)),
    ],
)
def test_stft(mode, options, length, step, fft_length, window):
    z = spectra(X, length, step, fft_length, window)
    expected = MODES[mode](z)
    layer = layers.STFTSpectrogram(mode, dtype="float64", **options)
    found = layer(X)
    flat = expected.reshape(*expected.shape[:2], -1)
    near(found, flat, mode)
    assert layer.compute_output_shape((None, 50, 3)) == (None, *flat.shape[1:])
    assert layer(Input((50, 3))).shape == (None, *flat.shape[1:])
    wide = layers.STFTSpectrogram(mode, dtype="float64", expand_dims=True, **options)
    near(wide(X), np.moveaxis(expected, 2, 3), mode)
    assert wide.compute_output_shape((None, 50, 3)) == (None, *wide(X).shape[1:])
    first = layers.STFTSpectrogram(mode, dtype="float64", data_format="channels_first", **options)
    near(first(np.moveaxis(X, 2, 1).copy()), np.moveaxis(flat, 2, 1), mode)
    assert len(layer.weights) == (1 if mode in ("real", "imag") else 2) == len(layer.trainable_weights)
    again = layers.STFTSpectrogram.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_stft_padding_and_gradients():
    layer = layers.STFTSpectrogram("magnitude", 8, 3, padding="same", dtype="float64")
    assert layer(X).shape == (2, 17, 15) and layer.compute_output_shape((2, 50, 3)) == (2, 17, 15)
    check_layer_gradients(layers.STFTSpectrogram("magnitude", 4, dtype="float64"), X[:1, :7, :2])


def mel(x, fft_length, stride, length, window, rate, bins, low, high, exponent):
    x = np.pad(x, ((0, 0), (fft_length // 2,) * 2), mode="reflect")
    before = (fft_length - length) // 2
    wide = np.zeros(fft_length)
    wide[before : before + length] = window
    power = np.abs(spectra(x[..., None], fft_length, stride, fft_length, wide)[:, :, 0]) ** exponent
    frequencies = np.arange(fft_length // 2 + 1) * rate / fft_length
    scale = lambda f: 1127 * np.log(1 + f / 700)  # noqa: E731
    edges = np.linspace(scale(low), scale(high), bins + 2)
    weights = np.stack([np.interp(scale(frequencies), edges[i : i + 3], [0, 1, 0], 0, 0) for i in range(bins)], 1)
    weights[0] = 0
    return np.swapaxes(power @ weights, 1, 2)


@pytest.mark.parametrize("decibels", [True, False])
def test_mel(decibels):
    x = RANDOM.normal(size=(2, 700)) * np.linspace(1, 1e-6, 700)
    layer = layers.MelSpectrogram(
        256, 64, 200, "hann", 8000, 12, 30.0, mag_exp=1.5, power_to_db=decibels, dtype="float64"
    )
    expected = mel(x, 256, 64, 200, np.hanning(201)[:-1], 8000, 12, 30.0, 4000, 1.5)
    if decibels:
        expected = 10 * np.log10(np.maximum(expected, 1e-10))
        expected = np.maximum(expected, expected.max() - 80)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-7, atol=1e-9)
    assert layer(x).shape == layer.compute_output_shape((2, 700)) == (2, 12, 11)
    if not decibels:
        np.testing.assert_allclose(layer(x[0]), expected[0], rtol=1e-7, atol=1e-9)
    again = layers.MelSpectrogram.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and layer.max_freq == 4000
    check_layer_gradients(
        layers.MelSpectrogram(16, 8, num_mel_bins=3, dtype="float64", min_freq=100.0), x[:1, :30], tolerance=1e-4
    )


def test_initializer():
    kernel = initializers.STFT("imag", "blackman", None)((6, 1, 5))
    expected = -np.sin(2 * np.pi * np.outer(np.arange(6), np.arange(5)) / 8) * np.blackman(6)[:, None]
    np.testing.assert_allclose(kernel[:, 0], expected, atol=1e-6)
    again = initializers.deserialize(initializers.serialize(initializers.STFT("real", "hamming")))
    assert again.get_config() == {"side": "real", "window": "hamming", "scaling": "density", "periodic": False}
    assert initializers.STFTInitializer is initializers.stft is initializers.STFT
    with pytest.raises(ValueError, match=r"shape \(T, 1, F/2 \+ 1\)"):
        initializers.STFT()((3, 2, 2))


BAD = [
    (lambda: layers.STFTSpectrogram("power"), "mode='power'"),
    (lambda: layers.STFTSpectrogram(frame_length=0), "frame_length=0"),
    (lambda: layers.STFTSpectrogram(frame_length=4, frame_step=5), "frame_step=5"),
    (lambda: layers.STFTSpectrogram(frame_length=4, fft_length=2), "fft_length=2"),
    (lambda: layers.STFTSpectrogram(window="kaiser"), "window='kaiser'"),
    (lambda: layers.STFTSpectrogram(frame_length=4, window=[1.0])(X), "window of 4 values. Received: 1"),
    (lambda: layers.STFTSpectrogram(scaling="power"), "scaling='power'"),
    (lambda: layers.STFTSpectrogram(padding="causal"), "padding='causal'"),
    (lambda: initializers.STFT("left"), "side='left'"),
    (lambda: layers.MelSpectrogram(16, sequence_length=17), "sequence_length=17"),
    (lambda: layers.MelSpectrogram(num_mel_bins=0), "num_mel_bins=0"),
    (lambda: layers.MelSpectrogram(sampling_rate=-1), "sampling_rate=-1"),
    (lambda: layers.MelSpectrogram(window=3), "window=3"),
    (lambda: layers.MelSpectrogram(64)(X[0, :20, 0]), "more than fft_length/2=32 steps"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
    with pytest.raises(TypeError, match="expected floats"):
        layers.STFTSpectrogram(frame_length=4)(np.ones((1, 8, 1), "int32"))


@pytest.mark.interop
@pytest.mark.parametrize(
    "name, options, shape",
    [
        ("STFTSpectrogram", {"frame_length": 16, "mode": mode, "expand_dims": mode == "psd"}, (3, 60, 2))
        for mode in ("log", "stft", "psd", "imag")
    ]
    + [
        ("STFTSpectrogram", {"frame_length": 16, "padding": "same", "window": "hamming", "periodic": True}, (3, 60, 2)),
        ("MelSpectrogram", {"fft_length": 128, "sequence_stride": 50, "num_mel_bins": 10}, (3, 420)),
        (
            "MelSpectrogram",
            {"fft_length": 64, "sequence_stride": 20, "sequence_length": 40, "power_to_db": False},
            (3, 300),
        ),
    ],
)
def test_keras(name, options, shape, tmp_path):
    keras = pytest.importorskip("keras")
    x = RANDOM.normal(size=shape).astype("float32")
    ours, theirs = (getattr(k.layers, name)(name="layer", **options) for k in (swiftbn, keras))
    assert ours.get_config() == theirs.get_config()
    expected = keras.ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(ours(x), expected, rtol=2e-3, atol=2e-3)
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    for source, target in ((swiftbn, keras), (keras, swiftbn)):
        model = source.Sequential([source.Input(shape[1:]), getattr(source.layers, name)(**options)])
        model.save(tmp_path / "m.keras")
        loaded = target.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(loaded.predict(x, verbose=0), expected, rtol=2e-3, atol=2e-3)


def test_files(tmp_path):
    model = Sequential([Input((50, 3)), layers.STFTSpectrogram(frame_length=8), layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    again = saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
