"""Files from elsewhere, kept in the cache that Keras keeps them in."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.parse
from pathlib import Path

from swiftbn import messages
from swiftbn._checks import one_of
from swiftbn.utils import archives

_SCHEMES = ("https", "http", "file")
_DIGITS = {"md5": 32, "sha256": 64}


def get_file(
    fname=None,
    origin=None,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
    force_download=False,
):
    """Brings a file to the cache, unless it is there already, and says where it is.

    Args:
        fname: name in the cache, without directories; by default the last part of `origin`. Of an archive to extract
            it is the name of the directory; when it has a dot in it, the directory is what stands before the dot,
            with `_extracted`.
        origin: URL of the file: https://, http:// or file://.
        untar: as `extract`, of a tar file.
        md5_hash: the former name of `file_hash`, for md5.
        file_hash: hexadecimal md5 or sha256 of the file. A file in the cache with another hash is downloaded again.
        cache_subdir: directory in the cache, or an absolute path.
        hash_algorithm: "md5", "sha256" or "auto", which tells them apart by their lengths.
        extract: whether to extract an archive. Members whose paths lead out of the directory are left out, with a
            warning.
        archive_format: "tar" (also compressed), "zip", a list of both, or "auto" for any.
        cache_dir: the cache, by default `~/.keras`, or what the environment variable KERAS_HOME says. When it cannot
            be written to, `.keras` in the directory for temporary files takes its place.
        force_download: whether to download a file that is there.

    Returns:
        Path of the file as a string; of an archive to extract, that of the directory.

    Raises:
        ValueError: arguments out of range, another hash after the download, or no archive. No such download is kept.
        OSError: the download failed.
    """
    algorithm, file_hash = _expected_hash(md5_hash, file_hash, hash_algorithm)
    formats = archives.formats("get_file", "tar" if untar else archive_format) if extract or untar else ()
    _check_origin(origin)
    name = _name(fname, origin)
    directory = _directory(cache_dir, cache_subdir)
    target, extracted = directory / name, None
    if formats:
        if fname and "." in name:
            extracted = directory / f"{name.split('.')[0]}_extracted"
        else:
            target, extracted = directory / f"{name}_archive", target
    if force_download or not _is_in_cache(target, algorithm, file_hash):
        download(origin, target, algorithm, file_hash)
    if extracted is None:
        return str(target)
    archives.extract(target, extracted, formats)
    return str(extracted)


def cache_directory() -> Path:
    """Where Keras keeps files."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))


def download(url: str, target: Path, algorithm: str = "sha256", expected: str | None = None) -> None:
    """Brings a file, with a progress bar, and keeps it only when it is whole and its hash is right.

    Args:
        expected: hexadecimal hash, None to take any file.

    Raises:
        OSError: it cannot be reached, or the connection broke off.
        ValueError: another hash. What was at `target` before is left as it was in either case.
    """
    from http.client import HTTPException

    from swiftbn.saving.files import replacing

    with replacing(target) as name:
        digest = getattr(hashlib, algorithm)()
        try:
            with open(name, "wb") as file:
                _fetch(url, file, digest, target.name)
        except (OSError, HTTPException) as error:
            raise OSError(f"Cannot download {url}: {getattr(error, 'reason', None) or error}") from error
        if expected is not None and digest.hexdigest() != expected:
            raise ValueError(
                f"{url}: expected {algorithm} {expected}. Received: {digest.hexdigest()}; nothing was kept"
            )


def file_digest(path: Path, algorithm: str) -> str:
    """The hexadecimal hash of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _fetch(url: str, file, digest, label: str) -> None:
    """Writes what is at a URL to an open file, and to its hash."""
    import urllib.request

    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    shown = messages.is_interactive_logging_enabled()
    if not shown:
        messages.show(f"Downloading {label}")
    with Progress(*columns, disable=not shown) as progress, urllib.request.urlopen(url, timeout=60) as response:
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdigit() else None
        task = progress.add_task(f"Downloading {label}", total=total)
        received = 0
        while block := response.read(1 << 16):
            file.write(block)
            digest.update(block)
            received += len(block)
            progress.update(task, completed=received)
    if total is not None and received != total:
        raise OSError(f"the connection broke off after {received} of {total} bytes")


def _is_in_cache(target: Path, algorithm: str, expected: str | None) -> bool:
    if not target.is_file():
        return False
    if expected is None or file_digest(target, algorithm) == expected:
        return True
    messages.show(f"{target} has another {algorithm} than {expected}: it is downloaded again")
    return False


def _expected_hash(md5_hash, file_hash, algorithm) -> tuple:
    """(algorithm, hash in small letters or None)."""
    one_of("get_file", "hash_algorithm", algorithm, ("auto", *_DIGITS))
    name = "file_hash"
    if file_hash is None and md5_hash is not None:
        name, file_hash, algorithm = "md5_hash", md5_hash, "md5"
    if file_hash is None:
        return "sha256", None
    text = str(file_hash).lower()
    if algorithm == "auto":
        algorithm = "sha256" if len(text) == _DIGITS["sha256"] else "md5"
    if len(text) != _DIGITS[algorithm] or set(text) - set("0123456789abcdef"):
        raise ValueError(
            f"get_file: expected {name} to be {_DIGITS[algorithm]} hexadecimal digits for {algorithm}. "
            f"Received: {name}={file_hash!r}"
        )
    return algorithm, text


def _check_origin(origin) -> None:
    if not isinstance(origin, str) or urllib.parse.urlsplit(origin).scheme not in _SCHEMES:
        raise ValueError(
            f"get_file: expected origin to be a URL that begins with https://, http:// or file://. Received: {origin=}"
        )


def _name(fname, origin: str) -> str:
    """Name of the file in the cache."""
    if not fname:
        name = os.path.basename(urllib.parse.urlsplit(origin).path)
        if name in ("", ".", ".."):
            raise ValueError(f"get_file: expected fname, as origin ends in no file's name. Received: {origin=}")
        return name
    name = os.fspath(fname)
    if name != os.path.basename(name) or name in (".", ".."):
        raise ValueError(
            "get_file: expected fname to be a name without directories, which cache_dir and cache_subdir are for. "
            f"Received: fname={name!r}"
        )
    return name


def _directory(cache_dir, cache_subdir) -> Path:
    """The directory for the file, which is made if need be."""
    base = cache_directory() if cache_dir is None else Path(cache_dir).expanduser()
    try:
        base.mkdir(parents=True, exist_ok=True)
        writable = os.access(base, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        base = Path(tempfile.gettempdir()) / ".keras"
    directory = base / cache_subdir
    directory.mkdir(parents=True, exist_ok=True)
    return directory
