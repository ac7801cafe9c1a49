"""Writing files so that what was there stays whole until the new file is."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, overwrite: bool = True):
    """The name of an empty file beside the path, which takes its place when all went well, and else is removed.

    Raises:
        FileExistsError: the path exists and `overwrite` is False.
    """
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists already, and overwrite=False")
    # What a link points to is replaced, not the link.
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(descriptor)
    try:
        yield name
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
