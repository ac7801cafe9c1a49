"""Extracting archives without letting them write outside of a directory."""

from __future__ import annotations

import os
import tarfile
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

_FORMATS = ("tar", "zip")


def formats(owner: str, value) -> tuple:
    """The formats to try: of "auto" all, of a name or a list of names these.

    Raises:
        ValueError: none, or unknown ones.
    """
    names = _FORMATS if value == "auto" else (value,) if isinstance(value, str) else tuple(value or ())
    if not names or not set(names) <= set(_FORMATS):
        raise ValueError(
            f"{owner}: expected archive_format to be 'auto', 'tar', 'zip' or a list of them, to extract a file. "
            f"Received: archive_format={value!r}"
        )
    return names


def extract(file: Path, directory: Path, formats: tuple) -> None:
    """Extracts a tar file, compressed or not, or a zip file into a directory, over what is there.

    Members that would come to lie outside of the directory, and links that point out of it, are left out with a
    warning, devices too. A directory that was not there before is there whole or, after an error, not at all.

    Raises:
        ValueError: no archive of these formats, or a damaged one.
    """
    matches = {"tar": tarfile.is_tarfile, "zip": zipfile.is_zipfile}
    kind = next((name for name in formats if matches[name](file)), None)
    if kind is None:
        raise ValueError(f"{file} is no archive of the format {' or '.join(formats)}")
    try:
        if directory.exists():
            _EXTRACT[kind](file, directory)
            return
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".extracted-") as beside:
            place = Path(beside) / directory.name
            place.mkdir()
            _EXTRACT[kind](file, place)
            place.rename(directory)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{file} cannot be extracted: {error}") from error


def _extract_tar(file: Path, directory: Path) -> None:
    # Python before 3.11.4 lacks this filter, which clears dangerous modes; paths are checked here in any case.
    options = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(file) as archive:
        archive.extractall(directory, members=_safe_tar_members(archive, os.path.realpath(directory)), **options)


def _safe_tar_members(archive, base: str):
    # One by one: a link that has been extracted counts in what the paths after it lead to.
    for member in archive:
        paths = [member.name]
        if member.islnk():
            paths.append(member.linkname)
        elif member.issym():
            paths.append(os.path.join(os.path.dirname(member.name), member.linkname))
        if _is_ordinary(member) and all(_is_inside(base, path) for path in paths):
            yield member
        else:
            _leave_out(member.name)


def _is_ordinary(member) -> bool:
    return member.isreg() or member.isdir() or member.islnk() or member.issym()


def _extract_zip(file: Path, directory: Path) -> None:
    base = os.path.realpath(directory)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if _is_inside(base, member.filename):
                archive.extract(member, directory)
            else:
                _leave_out(member.filename)


def _is_inside(base: str, path: str) -> bool:
    """Whether a path is a relative one that does not lead out of a directory, symbolic links followed."""
    return not os.path.isabs(path) and Path(os.path.realpath(os.path.join(base, path))).is_relative_to(base)


def _leave_out(name: str) -> None:
    warnings.warn(f"{name} of the archive is left out: it leads out of the directory or is no file", stacklevel=2)


_EXTRACT = {"tar": _extract_tar, "zip": _extract_zip}
