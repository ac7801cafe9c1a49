"""`utils.audio_dataset_from_directory`: sounds from .wav files."""

import wave

import numpy as np
import pytest

from swiftbn import Sequential, layers
from swiftbn.utils import audio_dataset_from_directory as make

RNG = np.random.default_rng(0)


def write(path, samples, width=2, rate=8000):
    """A .wav file of whole numbers (samples, channels)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        if width == 1:
            data = (samples + 128).astype("uint8").tobytes()
        else:
            data = b"".join(int(n).to_bytes(width, "little", signed=True) for n in samples.ravel())
        file.writeframes(data)


def sound(length, channels=1, width=2):
    high = 2 ** (8 * width - 1)
    samples = RNG.integers(-high, high, (length, channels))
    if length > 1:
        samples[0], samples[1] = -high, high - 1
    return samples


@pytest.fixture
def place(tmp_path):
    """Three sounds of two classes, 5, 9 and 3 samples long."""
    sounds = {"a/1.wav": sound(5), "a/2.wav": sound(9), "b/3.WAV": sound(3)}
    for name, samples in sounds.items():
        write(tmp_path / name, samples)
    (tmp_path / "a" / "notes.txt").write_text("no sound")
    return tmp_path, [(samples / 32768).astype("float32") for samples in sounds.values()]


def test_batches(place, capsys):
    directory, sounds = place
    dataset = make(directory, shuffle=False)
    assert "Found 3 files belonging to 2 classes" in capsys.readouterr().out
    assert dataset.class_names == ["a", "b"] and len(dataset) == 1 and len(dataset.file_paths) == 3
    x, y = dataset[0]
    assert x.shape == (3, 9, 1) and x.dtype == np.float32 and y.tolist() == [0, 0, 1]
    for found, expected in zip(x, sounds, strict=True):
        np.testing.assert_array_equal(found[: len(expected)], expected)
        assert (found[len(expected) :] == 0).all()
    assert x.min() == -1 and x.max() == np.float32(32767 / 32768)
    assert [batch[0].shape for batch in make(directory, batch_size=2, shuffle=False, verbose=False)] == [
        (2, 9, 1),
        (1, 3, 1),
    ]


def test_lengths_and_labels(place):
    directory, sounds = place
    x = make(directory, labels=None, output_sequence_length=4, shuffle=False, verbose=False)[0]
    assert x.shape == (3, 4, 1)
    np.testing.assert_array_equal(x[1], sounds[1][:4])
    np.testing.assert_array_equal(x[2], np.pad(sounds[2], ((0, 1), (0, 0))))
    single, label = make(directory, label_mode="categorical", batch_size=None, shuffle=False, verbose=False)[1]
    np.testing.assert_array_equal(single, sounds[1])
    assert label.tolist() == [1, 0]
    train, rest = make(directory, validation_split=0.4, subset="both", seed=1, sampling_rate=8000, verbose=False)
    assert sorted(train.file_paths + rest.file_paths) == make(directory, shuffle=False, verbose=False).file_paths
    assert len(rest.file_paths) == 1


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_widths(tmp_path, width, channels):
    samples = sound(7, channels, width)
    write(tmp_path / "x.wav", samples, width)
    x = make(tmp_path, labels=None, verbose=False)[0]
    np.testing.assert_allclose(x[0], samples / 2.0 ** (8 * width - 1), rtol=1e-7, atol=1e-9)
    assert x.min() == -1 and x.shape == (1, 7, channels)


def test_odd_sounds(tmp_path):
    write(tmp_path / "empty.wav", sound(0))
    write(tmp_path / "stereo.wav", sound(3, 2))
    x = make(tmp_path, labels=None, shuffle=False, verbose=False)[0]
    assert x.shape == (2, 3, 2) and (x[0] == 0).all()
    assert make(tmp_path, labels=None, output_sequence_length=5, shuffle=False, verbose=False)[0].shape == (2, 5, 2)


def test_training(place):
    dataset = make(place[0], output_sequence_length=8, label_mode="binary", verbose=False)
    model = Sequential([layers.Conv1D(2, 3), layers.GlobalAveragePooling1D(), layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    assert np.isfinite(model.fit(dataset, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    "options, text",
    [
        ({"ragged": True}, "only ragged=False is supported. Received: ragged=True"),
        ({"sampling_rate": 0}, "sampling_rate to be an integer >= 1. Received: sampling_rate=0"),
        ({"sampling_rate": 8000.0}, "sampling_rate"),
        ({"output_sequence_length": -1}, "output_sequence_length to be an integer >= 1"),
        ({"label_mode": "all"}, "label_mode to be one of"),
        ({"validation_split": 0.5}, "validation_split and subset"),
    ],
)
def test_bad_arguments(place, options, text):
    with pytest.raises(ValueError, match=f"audio_dataset_from_directory.*{text}"):
        make(place[0], **options)


def test_files_that_do_not_fit(place, tmp_path):
    with pytest.raises(ValueError, match=r"expected 16000 samples per second.* Received: 8000 in .*\.(wav|WAV)"):
        make(place[0], sampling_rate=16000, verbose=False)[0]
    (tmp_path / "a" / "bad.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="bad.wav is no .wav file of whole numbers"):
        make(place[0], shuffle=False, verbose=False)[0]
    with pytest.raises(FileNotFoundError):
        make(tmp_path / "nowhere")


@pytest.mark.interop
def test_same_as_keras(place):
    keras = pytest.importorskip("keras")
    pytest.importorskip("tensorflow")
    (place[0] / "b" / "3.WAV").rename(place[0] / "b" / "3.wav")
    for options in ({}, {"output_sequence_length": 4, "label_mode": "categorical"}, {"batch_size": 2}):
        ours = list(make(place[0], shuffle=False, verbose=False, **options))
        theirs = list(keras.utils.audio_dataset_from_directory(str(place[0]), shuffle=False, verbose=False, **options))
        for mine, other in zip(ours, theirs, strict=True):
            for a, b in zip(mine, other, strict=True):
                np.testing.assert_array_equal(a, np.asarray(b))
