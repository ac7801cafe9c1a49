"""Which native library is loaded, and what is said when none can be."""

import importlib
import os
import subprocess
import sys

import pytest

import swiftbn

# `swiftbn._load` itself is the function.
loading = importlib.import_module("swiftbn._load")


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Pretends which levels are built and which the processor runs."""

    def pretend(built, able, wanted=None):
        for level in built:
            (tmp_path / f"{level}.so").touch()
        monkeypatch.setattr(loading, "_library", lambda level: str(tmp_path / f"{level}.so"))
        monkeypatch.setattr(loading, "host_levels", lambda: able)
        monkeypatch.delenv("SWIFTBN_ISA", raising=False)
        if wanted is not None:
            monkeypatch.setenv("SWIFTBN_ISA", wanted)

    return pretend


@pytest.mark.parametrize(
    "built, able, wanted, chosen",
    [
        (["v2", "v3", "v4"], ["v2", "v3", "v4"], None, "v4"),
        (["v2", "v3", "v4"], ["v2", "v3"], None, "v3"),
        (["v2", "v4"], ["v2", "v3"], None, "v2"),
        (["v3"], ["v2", "v3", "v4"], None, "v3"),
        (["v2", "v3", "v4"], ["v2", "v3", "v4"], "v2", "v2"),
        (["v2", "v3", "v4"], ["v2", "v3", "v4"], "", "v4"),
    ],
)
def test_the_best_usable_level_or_the_one_asked_for(machine, built, able, wanted, chosen):
    machine(built, able, wanted)
    assert os.path.basename(loading._choose()) == f"{chosen}.so"


@pytest.mark.parametrize(
    "built, able, wanted, text",
    [
        ([], ["v2"], None, "swiftbn: the native library is not built: run `make build`, or `pip install .`"),
        (["v4"], ["v2", "v3"], None, "swiftbn: built for v4, but this processor runs v2, v3"),
        (["v2"], [], None, "swiftbn: built for v2, but this processor runs none"),
        (["v4"], ["v4"], "avx2", "swiftbn: SWIFTBN_ISA is 'avx2', expected one of v2, v3, v4"),
        (["v2", "v4"], ["v2", "v3", "v4"], "v3", "swiftbn: SWIFTBN_ISA is 'v3', but only v2, v4 are built"),
        (["v2", "v4"], ["v2", "v3"], "v4", "swiftbn: SWIFTBN_ISA is 'v4', but this processor runs v2, v3"),
    ],
)
def test_no_usable_level(machine, built, able, wanted, text):
    machine(built, able, wanted)
    with pytest.raises(ImportError) as caught:
        loading._choose()
    assert str(caught.value) == text


def test_levels_of_a_processor(monkeypatch, tmp_path):
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(loading, "_PROCESSOR_INFO", path)
    v2 = "fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"
    v3 = v2 + " abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"
    v4 = v3 + " avx512f avx512bw avx512cd avx512dq avx512vl"
    # AVX-512 without AVX2 cannot be; without one of its parts it does not count.
    lacking = v4.replace("avx512vl", "")
    cases = [("fpu", 0), (v2, 1), (v3, 2), (v4, 3), (lacking, 2), (v4.replace(" fma", ""), 1)]
    for flags, count in cases:
        path.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: {flags}\n")
        assert loading.host_levels() == ["v2", "v3", "v4"][:count]
    path.write_text("Features : asimd\n")
    assert loading.host_levels() == []
    path.unlink()
    with pytest.raises(ImportError, match="cannot read the processor's features"):
        loading.host_levels()


def test_free_threaded_python(monkeypatch):
    monkeypatch.delitem(sys.modules, "swiftbn._native")
    monkeypatch.setattr(sys, "abiflags", "t")
    with pytest.raises(ImportError, match="free-threaded Python is not supported"):
        loading.load()


def test_every_built_level_loads():
    """Each in a process of its own, says who it is and computes."""
    program = (
        "import numpy as np, swiftbn; print(swiftbn.config()['isa']);"
        "print(swiftbn.functional.batch_norm(np.arange(20.0).reshape(10, 2), None, None)[1])"
    )
    usable = [level for level in loading.host_levels() if os.path.exists(loading._library(level))]
    assert usable
    for level in usable:
        environment = dict(os.environ, SWIFTBN_ISA=level)
        output = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert output.stdout == f"{level}\n[ 9. 10.]\n"


def test_the_loaded_module():
    assert loading.load() is sys.modules["swiftbn._native"]
    assert swiftbn.config()["version"] == swiftbn.__version__
    assert swiftbn.config()["isa"] in ("v2", "v3", "v4")


def test_other_interpreters_are_refused():
    """Native types are kept for the process: a second interpreter must not share them."""
    pytest.importorskip("_xxsubinterpreters")
    inner = f"""
from importlib import machinery, util
loader = machinery.ExtensionFileLoader("swiftbn._native", {sys.modules["swiftbn._native"].__file__!r})
module = util.module_from_spec(util.spec_from_file_location(loader.name, loader.path, loader=loader))
try:
    loader.exec_module(module)
except ImportError as error:
    print(error, flush=True)
"""
    outer = f"import _xxsubinterpreters as interpreters; interpreters.run_string(interpreters.create(), {inner!r})"
    output = subprocess.run([sys.executable, "-c", outer], capture_output=True, text=True, check=True)
    assert output.stdout == "swiftbn works in the main interpreter only\n"
