"""Sounds in directories as a data set."""

from __future__ import annotations

import functools

import numpy as np

from swiftbn._checks import positive_integer
from swiftbn.layers._arguments import only
from swiftbn.utils.directories import Files, files_dataset

_NAME = "audio_dataset_from_directory"


def audio_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    sampling_rate=None,
    output_sequence_length=None,
    ragged=False,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    verbose=True,
):
    """Batches of the sounds (.wav, of 8, 16, 24 or 32 bits) in a directory, with labels by the directories in it.

    Args:
        directory: place of the sounds.
        batch_size: sounds per batch; None gives them one by one.
        sampling_rate: samples per second that all files have to have; None for any.
        output_sequence_length: number of samples that sounds are cut to, or filled up to with zeros. None for that of
            the longest in each batch.
        ragged: only False.
        others: as of `image_dataset_from_directory`.

    Returns:
        A `PyDataset` with batches x or (x, y), x being float32 (N, samples, channels) with numbers from -1 to 1, and
        the attributes `class_names` and `file_paths`.

    Raises:
        FileNotFoundError: no such directory.
        ValueError: arguments out of range, or no sounds; on reading, files of another format or rate.
    """
    only(_NAME, ragged=(ragged, False))
    for name, value in dict(sampling_rate=sampling_rate, output_sequence_length=output_sequence_length).items():
        if value is not None:
            positive_integer(_NAME, name, value)
    return files_dataset(
        _NAME,
        functools.partial(_read, rate=sampling_rate, length=output_sequence_length),
        *((".wav",), directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset),
        *(follow_links, "tf", verbose, _Sounds),
    )


class _Sounds(Files):
    """Files whose sounds are as long as the longest of their batch, with as many channels."""

    def batch(self, indices):
        samples = [self.sample(index) for index in indices]
        if self._labels is None:
            return _stacked(samples)
        sounds, labels = zip(*samples, strict=True)
        return _stacked(sounds), np.stack(labels)


def _stacked(sounds) -> np.ndarray:
    shape = np.max([sound.shape for sound in sounds], axis=0)
    return np.stack([np.pad(sound, [(0, n - m) for m, n in zip(sound.shape, shape, strict=True)]) for sound in sounds])


def _read(path: str, rate: int | None, length: int | None) -> np.ndarray:
    """A sound (samples, channels)."""
    import wave

    try:
        with wave.open(path, "rb") as file:
            channels, width, found = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes() if length is None else min(length, file.getnframes()))
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{_NAME}: {path} is no .wav file of whole numbers: {error}") from None
    if rate not in (None, found):
        raise ValueError(
            f"{_NAME}: expected {rate} samples per second, as sampling_rate says. Received: {found} in {path}"
        )
    data = data[: len(data) - len(data) % (channels * width)]
    sound = _numbers(data, width).reshape(-1, channels)
    return sound if length is None else np.pad(sound, ((0, length - len(sound)), (0, 0)))


def _numbers(data: bytes, width: int) -> np.ndarray:
    """Numbers from -1 to 1 of little-endian whole numbers of some bytes; single bytes have no sign."""
    if width == 1:
        return (np.frombuffer(data, "uint8").astype("float32") - 128) / 128
    if width == 3:
        wide = np.zeros((len(data) // 3, 4), "uint8")
        wide[:, 1:] = np.frombuffer(data, "uint8").reshape(-1, 3)
        return (wide.view("<i4")[:, 0] / 2.0**31).astype("float32")
    return (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype("float32")
