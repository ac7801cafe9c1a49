"""MNIST: where it comes from, and that nothing wrong is taken or left behind."""

import hashlib
import io
import os
import zipfile

import numpy as np
import pytest
from file_server import Handler, Server, serving

from swiftbn.datasets import mnist

SMALL = {
    "x_train": np.arange(6 * 28 * 28, dtype=np.uint32).astype("uint8").reshape(6, 28, 28),
    "y_train": np.arange(6, dtype="uint8"),
    "x_test": np.full((2, 28, 28), 7, "uint8"),
    "y_test": np.array([8, 9], "uint8"),
}


def npz(arrays):
    memory = io.BytesIO()
    np.savez(memory, **arrays)
    return memory.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def source(monkeypatch, tmp_path):
    """A server with a small data set, and an empty cache."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("SWIFTBN_DATA_DIR", raising=False)
    with serving(npz(SMALL)) as server:
        monkeypatch.setattr(mnist, "ORIGIN", f"{server.url}/mnist.npz")
        monkeypatch.setattr(mnist, "SHA256", sha256(server.data))
        yield server


def cached(tmp_path):
    return sorted(path.name for path in (tmp_path / "datasets").rglob("*"))


def assert_small(result):
    (x_train, y_train), (x_test, y_test) = result
    for name, array in dict(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test).items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, SMALL[name])


def test_mnist_is_downloaded_once_into_keras_cache(source, tmp_path, capsys):
    assert_small(mnist.load_data())
    assert (tmp_path / "datasets" / "mnist.npz").read_bytes() == source.data
    assert "Downloading mnist.npz" in capsys.readouterr().out
    plain = tmp_path / "plain"
    plain.touch()
    assert (tmp_path / "datasets" / "mnist.npz").stat().st_mode == plain.stat().st_mode
    assert_small(mnist.load_data())
    assert source.requests == 1 and cached(tmp_path) == ["mnist.npz"]
    assert capsys.readouterr().out == ""


def test_mnist_under_another_name_or_path(source, tmp_path):
    assert_small(mnist.load_data("other.npz"))
    assert_small(mnist.load_data(path=str(tmp_path / "elsewhere" / "m.npz")))
    assert cached(tmp_path) == ["other.npz"] and (tmp_path / "elsewhere" / "m.npz").is_file()


def test_mnist_in_the_home_directory(source, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert_small(mnist.load_data())
    assert (tmp_path / "home" / ".keras" / "datasets" / "mnist.npz").is_file()


@pytest.mark.parametrize("length", ["unknown", "many"])
def test_mnist_of_unknown_length(source, length):
    source.length = length
    assert_small(mnist.load_data())


def fails(error, text, tmp_path, left=()):
    with pytest.raises(error) as caught:
        mnist.load_data()
    assert type(caught.value) is error and text in str(caught.value)
    assert cached(tmp_path) == list(left)


def test_download_with_another_checksum(source, tmp_path):
    source.data = npz({**SMALL, "y_test": np.array([9, 8], "uint8")})
    text = f"{mnist.ORIGIN}: expected sha256 {mnist.SHA256}. Received: {sha256(source.data)}; nothing was kept"
    fails(ValueError, text, tmp_path)


def test_download_breaks_off(source, tmp_path):
    source.length = len(source.data)
    source.data = source.data[:1000]
    text = f"Cannot download {mnist.ORIGIN}: the connection broke off after 1000 of {source.length} bytes"
    fails(OSError, text, tmp_path)


def test_download_without_content(source, tmp_path):
    source.data, source.length = b"", 0
    fails(ValueError, "nothing was kept", tmp_path)


@pytest.mark.parametrize("status, text", [(404, "Not Found"), (503, "Service Unavailable")])
def test_download_is_refused(source, tmp_path, status, text):
    source.status = status
    fails(OSError, f"Cannot download {mnist.ORIGIN}: {text}", tmp_path)


def test_nobody_is_there(source, tmp_path, monkeypatch):
    other = Server(("127.0.0.1", 0), Handler)
    url = f"{other.url}/mnist.npz"
    other.server_close()
    monkeypatch.setattr(mnist, "ORIGIN", url)
    fails(OSError, f"Cannot download {url}: [Errno", tmp_path)


def test_answer_that_is_not_http(source, tmp_path, monkeypatch):
    monkeypatch.setattr(Handler, "send_response", lambda self, status: self.wfile.write(b"hello\r\n\r\n"))
    monkeypatch.setattr(Handler, "end_headers", lambda self: None)
    monkeypatch.setattr(Handler, "send_header", lambda *_: None)
    fails(OSError, f"Cannot download {mnist.ORIGIN}: ", tmp_path)


def test_interrupted_download(source, tmp_path, monkeypatch):
    class Interrupted:
        def update(self, block):
            raise KeyboardInterrupt

    monkeypatch.setattr(mnist.hashlib, "sha256", Interrupted)
    fails(KeyboardInterrupt, "", tmp_path)


@pytest.mark.parametrize(
    "change", [lambda d: d[:-100], lambda d: d[:500] + bytes([d[500] ^ 1]) + d[501:], lambda d: b""]
)
def test_file_in_the_cache_that_was_changed(source, tmp_path, change):
    mnist.load_data()
    file = tmp_path / "datasets" / "mnist.npz"
    data = change(file.read_bytes())
    file.write_bytes(data)
    text = f"{file}: expected sha256 {mnist.SHA256}. Received: {sha256(data)}; delete it to download it again"
    fails(ValueError, text, tmp_path, ["mnist.npz"])
    assert source.requests == 1 and file.read_bytes() == data
    file.unlink()
    assert_small(mnist.load_data())


def damaged(arrays):
    """An archive in which one array is cut off, with all checksums of the archive right."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(npz(arrays))) as good, zipfile.ZipFile(memory, "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name)[: 200 if name == "x_test.npy" else None])
    return memory.getvalue()


CONTENTS = {
    "missing": (npz({k: v for k, v in SMALL.items() if k != "y_train"}), "y_train"),
    "no archive": (b"no archive at all", "pickled"),
    "pickle": (npz({**SMALL, "x_test": np.array([print, None])}), "allow_pickle=False"),
    "one array": (npz(SMALL)[:0] + b"\x93NUMPY\x01\x00", "EOF"),
    "cut off": (damaged(SMALL), "x_test|reshape|EOF"),
}


@pytest.mark.parametrize("case", CONTENTS)
def test_file_with_the_right_checksum_that_is_no_mnist(source, tmp_path, monkeypatch, case):
    source.data, text = CONTENTS[case]
    monkeypatch.setattr(mnist, "SHA256", sha256(source.data))
    fails(ValueError, f"{tmp_path / 'datasets' / 'mnist.npz'} is no MNIST file: ", tmp_path, ["mnist.npz"])
    with pytest.raises(ValueError, match=text):
        mnist.load_data()


def test_data_directory_comes_first(source, tmp_path, monkeypatch):
    monkeypatch.setenv("SWIFTBN_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data" / "mnist").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"data.mnist: train-images-idx3-ubyte\.gz is missing"):
        mnist.load_data()
    (tmp_path / "data" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"other")
    text = r"expected md5 f68b3c2dcbeaaa9fbdd348bbdeb94873. Received: 795f3202b17cb6bc3d4b771d8c6c9eaf"
    with pytest.raises(ValueError, match=text):
        mnist.load_data()
    (tmp_path / "data" / "mnist.npz").write_bytes(source.data)
    assert_small(mnist.load_data())
    (tmp_path / "data" / "mnist.npz").write_bytes(b"other")
    with pytest.raises(ValueError, match="expected sha256"):
        mnist.load_data()
    assert source.requests == 0
    monkeypatch.setenv("SWIFTBN_DATA_DIR", str(tmp_path / "empty"))
    assert_small(mnist.load_data())
    assert source.requests == 1


IDX = b"\0\0\x08\x02" + bytes([0, 0, 0, 2, 0, 0, 0, 3]) + bytes(range(6))


def test_idx_files():
    array = mnist.parse_idx(IDX, (2, 3), "f")
    np.testing.assert_array_equal(array, [[0, 1, 2], [3, 4, 5]])
    assert array.dtype == np.uint8 and array.flags.writeable
    for data, text in [
        (b"", "f is no IDX file of 2 axes of bytes"),
        (IDX[:11], "f is no IDX file of 2 axes of bytes"),
        (b"\0\0\x0d" + IDX[3:], "f is no IDX file of 2 axes of bytes"),
        (IDX[:3] + b"\x03" + IDX[4:], "f is no IDX file of 2 axes of bytes"),
        (IDX[:7] + b"\x03" + IDX[8:], r"f: expected extents \(2, 3\). Received: \(3, 3\)"),
        (IDX[:-1], "f: expected 18 bytes. Received: 17"),
        (IDX + b"x", "f: expected 18 bytes. Received: 19"),
    ]:
        with pytest.raises(ValueError, match=text):
            mnist.parse_idx(data, (2, 3), "f")


@pytest.mark.skipif(not os.environ.get("SWIFTBN_DATA_DIR"), reason="SWIFTBN_DATA_DIR is not set")
def test_mnist_itself():
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    assert [a.shape for a in (x_train, y_train, x_test, y_test)] == [
        (60000, 28, 28),
        (60000,),
        (10000, 28, 28),
        (10000,),
    ]
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4] and y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert int(x_train.max()) == 255 and int(x_train.min()) == 0 and round(float(x_train.mean()), 3) == 33.318
