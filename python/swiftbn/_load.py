"""Finds and loads the native library for this processor.

There is one library per instruction-set level of x86-64 (v2, v3, v4). The best one that is built and that the processor
runs is taken; the environment variable SWIFTBN_ISA asks for a certain one.
"""

import importlib.machinery
import importlib.util
import os
import sys
from types import ModuleType

# What each level needs beyond the one before it, by the kernel's names for the processor's features.
_FEATURES = {
    "v2": {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"},
    "v3": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe", "xsave"},
    "v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"},
}
_PROCESSOR_INFO = "/proc/cpuinfo"


def host_levels() -> list[str]:
    """Levels that this processor runs, the lowest first."""
    try:
        with open(_PROCESSOR_INFO) as file:
            text = file.read()
    except OSError as error:
        raise ImportError(f"swiftbn: cannot read the processor's features: {error}") from None
    flags = next((line.split(":", 1)[1].split() for line in text.splitlines() if line.startswith("flags")), [])
    levels = []
    for level, needed in _FEATURES.items():
        if not needed <= set(flags):
            break
        levels.append(level)
    return levels


def _library(level: str) -> str:
    return os.path.join(os.path.dirname(__file__), f"_native_{level}.abi3.so")


def _choose() -> str:
    wanted = os.environ.get("SWIFTBN_ISA")
    built = [level for level in _FEATURES if os.path.exists(_library(level))]
    if not built:
        raise ImportError("swiftbn: the native library is not built: run `make build`, or `pip install .`")
    able = host_levels()
    if wanted:
        if wanted not in _FEATURES:
            raise ImportError(f"swiftbn: SWIFTBN_ISA is {wanted!r}, expected one of {', '.join(_FEATURES)}")
        if wanted not in built:
            raise ImportError(f"swiftbn: SWIFTBN_ISA is {wanted!r}, but only {', '.join(built)} are built")
        if wanted not in able:
            raise ImportError(
                f"swiftbn: SWIFTBN_ISA is {wanted!r}, but this processor runs {', '.join(able) or 'none'}"
            )
        return _library(wanted)
    usable = [level for level in built if level in able]
    if not usable:
        raise ImportError(f"swiftbn: built for {', '.join(built)}, but this processor runs {', '.join(able) or 'none'}")
    return _library(usable[-1])


def load() -> ModuleType:
    """Loads the native library as `swiftbn._native`."""
    name = "swiftbn._native"
    if name in sys.modules:
        return sys.modules[name]
    if "t" in sys.abiflags:
        raise ImportError("swiftbn: free-threaded Python is not supported yet")
    path = _choose()
    loader = importlib.machinery.ExtensionFileLoader(name, path)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
