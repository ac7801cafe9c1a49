"""Archives of arrays that are damaged, or hold code, and those of other versions."""

import io
import os
import pickle
import re
import zipfile

import numpy as np
import pytest
from dataset_files import NEWS, assert_same, npz

from swiftbn import datasets


class Code:
    def __reduce__(self):
        return os.system, ("echo run",)


def replaced(name, data) -> bytes:
    """The archive of NEWS with another content of a member."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("y.npy" if name == "x.npy" else "x.npy", npy(NEWS["y" if name == "x.npy" else "x"]))
        archive.writestr(name, data)
    return memory.getvalue()


def npy(array, version=None) -> bytes:
    memory = io.BytesIO()
    np.lib.format.write_array(memory, array, version)
    return memory.getvalue()


DAMAGED = {
    "code": npz({**NEWS, "x": np.array([Code(), None])}),
    "code in a list": npz({**NEWS, "x": np.array([[1, Code()], None], object)}),
    "missing": npz({"x": NEWS["x"]}),
    "no archive": b"nothing",
    "no array": replaced("x.npy", b"nothing at all"),
    "cut off": replaced("y.npy", npy(NEWS["y"])[:-8]),
    "cut off pickle": replaced("x.npy", npy(NEWS["x"])[:-8]),
    "other shape": replaced("x.npy", npy(NEWS["x"])[:128] + pickle.dumps(NEWS["x"][:5], 4)),
    "no array in the pickle": replaced("x.npy", npy(NEWS["x"])[:128] + pickle.dumps([1, 2], 4)),
    "other version": replaced("x.npy", b"\x93NUMPY\x09\x00" + npy(NEWS["x"])[8:]),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_archives(data_cache, capfd, case):
    path = data_cache("reuters.npz", DAMAGED[case], datasets.reuters)
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged: .*; delete it to download it again"):
        datasets.reuters.load_data()
    assert "run" not in capfd.readouterr().out


def test_versions_of_the_npy_format(data_cache):
    data_cache("reuters.npz", replaced("x.npy", npy(NEWS["x"], (2, 0))), datasets.reuters)
    second = datasets.reuters.load_data()
    data_cache("reuters.npz", npz(NEWS), datasets.reuters)
    assert_same(second, datasets.reuters.load_data())
