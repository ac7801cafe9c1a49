"""Builds the native library with SwiftPM, one whole library per instruction-set level.

SWIFTBN_ISA_LEVELS chooses the levels: "all", or a list such as "v2,v3"; by default only this machine's best.
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
SWIFT = os.environ.get("SWIFTBN_SWIFT", "swift")
LEVELS = ("v2", "v3", "v4")


def _host_level() -> str:
    spec = importlib.util.spec_from_file_location("_load", ROOT / "python/swiftbn/_load.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    levels = module.host_levels()
    if not levels:
        sys.exit("swiftbn needs a processor of level x86-64-v2 or better")
    return levels[-1]


def wanted_levels() -> list[str]:
    text = os.environ.get("SWIFTBN_ISA_LEVELS", "")
    if not text:
        return [_host_level()]
    levels = list(LEVELS) if text == "all" else text.split(",")
    unknown = sorted(set(levels) - set(LEVELS))
    if unknown:
        sys.exit(f"SWIFTBN_ISA_LEVELS is {text!r}, expected 'all' or a list of {', '.join(LEVELS)}")
    return levels


def check_swift() -> None:
    """Fails early and clearly without a toolchain that is new enough."""
    try:
        text = subprocess.run([SWIFT, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"swiftbn needs Swift 6.3 to build; {SWIFT!r} does not run")
    found = re.search(r"Swift version (\d+)\.(\d+)", text)
    if not found or (int(found[1]), int(found[2])) < (6, 3):
        sys.exit(f"swiftbn needs Swift 6.3 to build, found: {text.splitlines()[0] if text else 'nothing'}")


def check_library(path: Path) -> None:
    """The library exports the C functions and the module only, and needs no Swift runtime."""
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", "--extern-only", str(path)], capture_output=True, text=True, check=True
    )
    names = [line.split()[-1] for line in symbols.stdout.splitlines()]
    strangers = [name for name in names if not name.startswith(("swiftbn_", "PyInit_"))]
    if strangers or "PyInit__native" not in names:
        sys.exit(f"{path.name} exports {strangers[:5] or 'no PyInit__native'}, expected swiftbn_* and PyInit__native")
    needed = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=True)
    if "libswift" in needed.stdout:
        sys.exit(f"{path.name} needs the Swift runtime, expected it to be linked statically")


class BuildSwift(build_ext):
    """Runs `swift build` for one level and puts the library into the package."""

    def get_ext_filename(self, name: str) -> str:
        return name.replace(".", "/") + ".abi3.so"

    def build_extension(self, extension: Extension) -> None:
        check_swift()
        level = extension.name.rsplit("_", 1)[1]
        environment = dict(
            os.environ,
            SWIFTBN_ISA_LEVEL=level,
            SWIFTBN_PYTHON_INCLUDE=sysconfig.get_path("include"),
            SWIFTBN_DISTRIBUTION="1",
        )
        if not Path(environment["SWIFTBN_PYTHON_INCLUDE"], "Python.h").exists():
            sys.exit(f"swiftbn needs Python.h of {sys.executable}: install python3-dev (Debian) or its like")
        scratch = ROOT / ".build" / f"distribution-{level}"
        command = [SWIFT, "build", "--package-path", str(ROOT), "--scratch-path", str(scratch)]
        command += ["--configuration", "release", "--product", "swiftbn_native"]
        if jobs := os.environ.get("MAX_JOBS"):
            command += ["--jobs", jobs]
        subprocess.run(command, env=environment, check=True)
        built = scratch / "release" / "libswiftbn_native.so"
        check_library(built)
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built, target)


class Wheel(bdist_wheel):
    """One wheel serves every Python from 3.11 on."""

    def get_tag(self):
        _, _, platform = super().get_tag()
        return "cp311", "abi3", platform


setup(
    ext_modules=[Extension(f"swiftbn._native_{level}", sources=[]) for level in wanted_levels()],
    cmdclass={"build_ext": BuildSwift, "bdist_wheel": Wheel},
)
