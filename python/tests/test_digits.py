"""The handwritten digits that the package carries."""

import io
from pathlib import Path

import numpy as np
import pytest

from swiftbn.datasets import digits


@pytest.mark.parametrize("size, highest", [(28, 255), (8, 16)])
def test_digits(size, highest):
    (x_train, y_train), (x_test, y_test) = digits.load_data(size)
    assert x_train.shape == (1437, size, size) and x_test.shape == (360, size, size)
    assert y_train.shape == (1437,) and y_test.shape == (360,)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert x_train.min() == 0 and x_train.max() == highest
    assert y_train[:10].tolist() == list(range(10))
    assert np.bincount(np.concatenate([y_train, y_test])).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_are_enlarged_bilinearly():
    small, large = (digits.load_data(size)[0][0][:50].astype(float) for size in (8, 28))
    assert (large[:, [0, 1, 26, 27]] == 0).all() and (large[:, :, [0, 1, 26, 27]] == 0).all()
    # Each pixel of the original is the middle one of a square of nine.
    np.testing.assert_array_equal(large[:, 3:26:3, 3:26:3], np.round(small * 255 / 16))
    between = (2 * small[:, :, :-1] + small[:, :, 1:]) / 3 * 255 / 16
    np.testing.assert_allclose(large[:, 3:26:3, 4:25:3], between, atol=0.5 + 1e-9)
    between = (small[:, :-1] + 2 * small[:, 1:]) / 3 * 255 / 16
    np.testing.assert_allclose(large[:, 5:26:3, 3:26:3], between, atol=0.5 + 1e-9)


def test_digits_default_and_errors(tmp_path, monkeypatch):
    np.testing.assert_array_equal(digits.load_data()[1][0], digits.load_data(size=28)[1][0])
    for size in (16, "28", None):
        with pytest.raises(ValueError, match=f"digits.load_data: expected size 8 or 28. Received: size={size!r}"):
            digits.load_data(size)
    data = Path(digits._FILE).read_bytes()
    without_labels = io.BytesIO()
    np.savez(without_labels, x=np.zeros(3))
    monkeypatch.setattr(digits, "_FILE", tmp_path / "digits.npz")
    for damage in (
        data[: len(data) // 2],
        b"",
        b"other",
        without_labels.getvalue(),
        data[:9000] + bytes(50) + data[9050:],
    ):
        (tmp_path / "digits.npz").write_bytes(damage)
        with pytest.raises(ValueError, match="digits.npz is damaged: .*; install swiftbn again"):
            digits.load_data()
