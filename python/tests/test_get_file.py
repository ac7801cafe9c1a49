"""`utils.get_file`: what is downloaded, what is kept, and that archives write nothing outside of their directory."""

import hashlib
import io
import os
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
from file_server import serving

import swiftbn
from swiftbn.utils import get_file

DATA = b"one\ntwo\n" * 1000
MD5, SHA256 = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def source(monkeypatch, tmp_path):
    """A server with a file, and an empty cache."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    with serving(DATA) as server:
        yield server


def files(directory) -> dict:
    """Contents of all files in a directory by their paths in it; None for a link."""
    paths = [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {str(path.relative_to(directory)): None if path.is_symlink() else path.read_bytes() for path in paths}


def test_a_file_is_downloaded_once(source, tmp_path, capsys):
    path = get_file(origin=f"{source.url}/some/text.txt?version=1")
    assert path == str(tmp_path / "home" / "datasets" / "text.txt") and files(tmp_path) == {
        "home/datasets/text.txt": DATA
    }
    assert "Downloading text.txt" in capsys.readouterr().out
    source.data = b"new"
    assert get_file(origin=f"{source.url}/some/text.txt") == path and source.requests == 1
    assert capsys.readouterr().out == ""
    assert get_file("text.txt", f"{source.url}/x", force_download=True) == path and source.requests == 2
    assert Path(path).read_bytes() == b"new"


def test_a_file_of_this_machine(source, tmp_path):
    (tmp_path / "a b.txt").write_bytes(DATA)
    path = get_file("copy", (tmp_path / "a b.txt").as_uri(), file_hash=SHA256)
    assert files(tmp_path / "home" / "datasets") == {"copy": DATA} and Path(path).name == "copy"
    with pytest.raises(OSError, match="Cannot download file:.*missing"):
        get_file(origin=(tmp_path / "missing").as_uri())
    assert source.requests == 0


def test_places(source, tmp_path, monkeypatch):
    url = f"{source.url}/x"
    for arguments, expected in [
        ({"cache_subdir": "a/b"}, "home/a/b/x"),
        ({"cache_dir": tmp_path / "new" / "cache"}, "new/cache/datasets/x"),
        ({"cache_dir": str(tmp_path / "other"), "cache_subdir": "."}, "other/x"),
        ({"cache_subdir": str(tmp_path / "absolute")}, "absolute/x"),
    ]:
        assert get_file(origin=url, **arguments) == str(tmp_path / expected)
        assert (tmp_path / expected).read_bytes() == DATA
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert get_file(origin=url, cache_dir="~/mine") == str(tmp_path / "me/mine/datasets/x")
    monkeypatch.delenv("KERAS_HOME")
    assert get_file(origin=url) == str(tmp_path / "me/.keras/datasets/x")


def test_a_cache_that_cannot_be_written_to(source, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    path = get_file(origin=f"{source.url}/x", cache_dir=tmp_path / "file")
    assert path == str(tmp_path / "temporary" / ".keras" / "datasets" / "x")


@pytest.mark.parametrize(
    "arguments",
    [
        {"file_hash": MD5},
        {"file_hash": SHA256},
        {"file_hash": SHA256.upper()},
        {"md5_hash": MD5},
        {"file_hash": MD5, "hash_algorithm": "md5"},
        {"file_hash": SHA256, "hash_algorithm": "sha256"},
        {"file_hash": SHA256, "md5_hash": "is not looked at"},
    ],
)
def test_hashes(source, tmp_path, capsys, arguments):
    path = Path(get_file(origin=f"{source.url}/x", **arguments))
    get_file(origin=f"{source.url}/x", **arguments)
    assert source.requests == 1
    path.write_bytes(b"damaged")
    capsys.readouterr()
    get_file(origin=f"{source.url}/x", **arguments)
    assert source.requests == 2 and path.read_bytes() == DATA
    assert "is downloaded again" in capsys.readouterr().out
    source.data = b"other"
    with pytest.raises(ValueError, match="expected (md5|sha256) .* Received: .*; nothing was kept"):
        get_file(origin=f"{source.url}/x", force_download=True, **arguments)
    assert files(tmp_path / "home") == {"datasets/x": DATA}
    path.unlink()
    with pytest.raises(ValueError, match="nothing was kept"):
        get_file(origin=f"{source.url}/x", **arguments)
    assert files(tmp_path / "home") == {}


def test_failed_downloads(source, tmp_path):
    source.status = 404
    with pytest.raises(OSError, match="Cannot download .*/x: Not Found"):
        get_file(origin=f"{source.url}/x")
    source.status, source.length = 200, len(DATA) + 5
    with pytest.raises(OSError, match="broke off after 8000 of 8005 bytes"):
        get_file(origin=f"{source.url}/x")
    assert files(tmp_path / "home") == {}


def test_without_a_bar(source, capsys, caplog):
    swiftbn.utils.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", "swiftbn"):
            get_file(origin=f"{source.url}/x")
    finally:
        swiftbn.utils.enable_interactive_logging()
    assert capsys.readouterr().out == "" and caplog.messages == ["Downloading x"]


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"origin": None}, "origin to be a URL .* Received: origin=None"),
        ({"origin": "ftp://host/x"}, "origin to be a URL that begins with https://, http:// or file://"),
        ({"origin": "x.txt"}, "origin to be a URL"),
        ({"origin": "https://host"}, "expected fname"),
        ({"origin": "https://host/a/.."}, "expected fname"),
        ({"fname": "a/b"}, "expected fname to be a name without directories.*fname='a/b'"),
        ({"fname": ".."}, "without directories"),
        ({"hash_algorithm": "sha1"}, "hash_algorithm to be one of"),
        ({"file_hash": "abc"}, "file_hash to be 32 hexadecimal digits for md5. Received: file_hash='abc'"),
        ({"file_hash": MD5, "hash_algorithm": "sha256"}, "64 hexadecimal digits for sha256"),
        ({"file_hash": "g" * 64}, "64 hexadecimal digits"),
        ({"md5_hash": SHA256}, "md5_hash to be 32 hexadecimal digits for md5"),
        ({"extract": True, "archive_format": "rar"}, "archive_format to be .* Received: archive_format='rar'"),
        ({"extract": True, "archive_format": None}, "archive_format"),
        ({"extract": True, "archive_format": ["tar", 1]}, "archive_format"),
    ],
)
def test_bad_arguments(source, tmp_path, arguments, text):
    with pytest.raises(ValueError, match=text):
        get_file(**{"origin": f"{source.url}/x", **arguments})
    assert source.requests == 0 and not (tmp_path / "home").exists()


def tar(members, mode="w:gz") -> bytes:
    """A tar file of (name, contents), or (name, type, target) for links and others."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode=mode) as archive:
        for name, *rest in members:
            info = tarfile.TarInfo(name)
            if len(rest) == 1:
                info.size = len(rest[0])
                archive.addfile(info, io.BytesIO(rest[0]))
            else:
                info.type, info.linkname = rest
                archive.addfile(info)
    return memory.getvalue()


def zipped(members) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return memory.getvalue()


MEMBERS = [("a.txt", b"1"), ("sub/b.txt", b"22"), ("sub/deep/c", b"")]
ARCHIVES = {"tar": tar(MEMBERS, "w"), "tgz": tar(MEMBERS), "xz": tar(MEMBERS, "w:xz"), "zip": zipped(MEMBERS)}


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("several", ["auto", ["zip", "tar"], ("tar", "zip")])
def test_archives(source, tmp_path, kind, several):
    source.data = ARCHIVES[kind]
    place = get_file(origin=f"{source.url}/flowers.tgz", extract=True, archive_format=several)
    assert place == str(tmp_path / "home" / "datasets" / "flowers.tgz")
    assert files(Path(place)) == dict(MEMBERS)
    assert sorted(os.listdir(tmp_path / "home" / "datasets")) == ["flowers.tgz", "flowers.tgz_archive"]
    plain = tmp_path / "plain"
    plain.mkdir()
    assert Path(place).stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    "fname, directory, archive",
    [
        ("flowers", "flowers", "flowers_archive"),
        ("flowers.tar.gz", "flowers_extracted", "flowers.tar.gz"),
        (None, "f.tgz", "f.tgz_archive"),
    ],
)
@pytest.mark.parametrize("way", [{"extract": True}, {"untar": True}, {"extract": True, "archive_format": "tar"}])
def test_names_of_extracted_archives(source, tmp_path, fname, directory, archive, way):
    source.data = ARCHIVES["tgz"]
    for _ in range(2):
        place = get_file(fname, f"{source.url}/f.tgz", **way)
        assert place == str(tmp_path / "home" / "datasets" / directory) and source.requests == 1
        assert sorted(os.listdir(tmp_path / "home" / "datasets")) == sorted([directory, archive])
    # What has been put there stays; what was taken away comes again.
    (Path(place) / "own").write_bytes(b"own")
    (Path(place) / "a.txt").unlink()
    get_file(fname, f"{source.url}/f.tgz", **way)
    assert files(Path(place)) == {**dict(MEMBERS), "own": b"own"}


@pytest.mark.parametrize(
    "data, arguments, text",
    [
        (DATA, {}, "is no archive of the format tar or zip"),
        (b"", {}, "is no archive"),
        (ARCHIVES["zip"], {"archive_format": "tar"}, "is no archive of the format tar"),
        (ARCHIVES["zip"], {"untar": True}, "is no archive of the format tar"),
        (ARCHIVES["tgz"], {"archive_format": "zip"}, "is no archive of the format zip"),
        (tar([("a", os.urandom(1 << 16))])[:-10000], {}, "cannot be extracted"),
        (ARCHIVES["zip"].replace(b"22", b"23"), {}, "cannot be extracted: Bad CRC-32"),
    ],
)
def test_files_that_are_no_archives(source, tmp_path, data, arguments, text):
    source.data = data
    with pytest.raises(ValueError, match=text):
        get_file("f", f"{source.url}/x", **{"extract": True, **arguments})
    assert os.listdir(tmp_path / "home" / "datasets") == ["f_archive"]


GOOD = ("good", b"1")
OUTSIDE = {
    "tar": lambda outside: tar([GOOD, ("../evil", b"x")]),
    "absolute": lambda outside: tar([GOOD, (f"{outside}/evil", b"x")]),
    "deep": lambda outside: tar([GOOD, ("a/../../evil", b"x")]),
    "link": lambda outside: tar([GOOD, ("link", tarfile.SYMTYPE, ".."), ("link/evil", b"x")]),
    "absolute link": lambda outside: tar([GOOD, ("link", tarfile.SYMTYPE, outside), ("link/evil", b"x")]),
    "links": lambda outside: tar(
        [GOOD, ("a/b", tarfile.SYMTYPE, "."), ("c", tarfile.SYMTYPE, "a/b/../.."), ("c/evil", b"x")]
    ),
    "hard link": lambda outside: tar([GOOD, ("evil", tarfile.LNKTYPE, "../secret")]),
    "device": lambda outside: tar([GOOD, ("evil", tarfile.FIFOTYPE, "")]),
    "zip": lambda outside: zipped([GOOD, ("../evil", b"x")]),
    "absolute in zip": lambda outside: zipped([GOOD, (f"{outside}/evil", b"x")]),
}


@pytest.mark.parametrize("case", OUTSIDE)
@pytest.mark.parametrize("with_filter", [True, False])
def test_members_outside_are_left_out(source, tmp_path, monkeypatch, case, with_filter):
    if not with_filter and hasattr(tarfile, "data_filter"):
        # As in Python before 3.11.4.
        monkeypatch.delattr(tarfile, "data_filter")
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", staticmethod(tarfile.fully_trusted_filter))
    source.data = OUTSIDE[case](str(tmp_path))
    (tmp_path / "home" / "datasets").mkdir(parents=True)
    (tmp_path / "home" / "datasets" / "secret").write_bytes(b"secret")
    with pytest.warns(UserWarning, match="left out"):
        place = get_file("f", f"{source.url}/x", extract=True)
    assert files(Path(place)).pop("good") == b"1"
    outside = {path for path in files(tmp_path) if not path.startswith("home/datasets/f/")}
    assert outside == {"home/datasets/f_archive", "home/datasets/secret"}
    assert "evil" not in files(Path(place))


def test_links_inside_are_kept(source):
    source.data = tar([("a/file", b"1"), ("b/link", tarfile.SYMTYPE, "../a/file"), ("c", tarfile.LNKTYPE, "a/file")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        place = Path(get_file("f", f"{source.url}/x", extract=True))
    assert (place / "b/link").is_symlink() and (place / "b/link").read_bytes() == (place / "c").read_bytes() == b"1"
