"""Builds the native library with SwiftPM, one whole library per instruction-set level.

SWIFTBN_ISA_LEVELS chooses the levels: "all", or a list such as "v2,v3"; by default only this machine's best. A single
library has the Swift runtime in itself. Several share one, in a library beside them: it would be most of a wheel.
"""

import importlib.util
import json
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
RUNTIME = "libswiftbn_swift.so"


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


def output(*command) -> str:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout


def symbols(*options_and_files) -> set[str]:
    lines = output("nm", "--extern-only", *options_and_files).splitlines()
    return {line.split()[-1] for line in lines if line and not line.endswith(":")}


def check_library(path: Path) -> None:
    """The library exports the C functions and the module only, and needs no Swift runtime but ours."""
    names = symbols("-D", "--defined-only", path)
    strangers = [name for name in names if not name.startswith(("swiftbn_", "PyInit_"))]
    if strangers or "PyInit__native" not in names:
        sys.exit(f"{path.name} exports {strangers[:5] or 'no PyInit__native'}, expected swiftbn_* and PyInit__native")
    needed = re.findall(r"NEEDED.*\[(libswift.*)\]", output("readelf", "-d", path))
    if set(needed) - {RUNTIME}:
        sys.exit(f"{path.name} needs {', '.join(needed)}, expected no Swift runtime but {RUNTIME}")


class SharedRuntime:
    """What libraries of several levels need of Swift's runtime and standard library, linked once.

    Everything is linked from the objects of the finished builds and from the toolchain's static libraries.
    """

    LIBRARIES = ("swiftCore", "swiftSynchronization", "swiftGlibc")
    SYSTEM = ("-lm", "-lpthread", "-ldl")

    def __init__(self, directory: Path):
        self.directory = directory
        # The compiler stands beside `swift`, whatever that is called.
        paths = json.loads(output(SWIFT, "-print-target-info"))["paths"]
        resources = Path(paths["runtimeResourcePath"])
        self.clang = resources.parents[1] / "bin" / "clang"
        self.archives = resources.parent / "swift_static" / "linux"
        # Tells the runtime which types and conformances a library has.
        (self.registration,) = self.archives.glob("*/swiftrt.o")

    def link(self, libraries: dict[Path, list[str]]) -> None:
        """Links the runtime, and every library anew from its objects."""
        defined = symbols("--defined-only", *(self.archives / f"lib{name}.a" for name in self.LIBRARIES))
        needed: set[str] = set()
        for path, objects in libraries.items():
            # Without a runtime at first: what is then undefined is what it has to have.
            self._link_library(path, objects)
            wanted = symbols("-D", "--undefined-only", path)
            missing = {name for name in wanted - defined if re.match(r"\$s|_?swift_", name)}
            if missing:
                sys.exit(f"swiftbn: the libraries {', '.join(self.LIBRARIES)} do not define {sorted(missing)[:5]}")
            needed |= wanted & defined
        exports = ROOT / ".build" / "swiftbn_swift.map"
        # A version of their own keeps our symbols apart from those of another Swift runtime in the process.
        exports.write_text(
            "SWIFTBN {\nglobal:\n" + "".join(f"{name};\n" for name in sorted(needed)) + "local: *;\n};\n"
        )
        names = [f"-l{name}" for name in self.LIBRARIES]
        pulled = [f"-Wl,-u,{name}" for name in sorted(needed)]
        runtime = self.directory / RUNTIME
        self._link(runtime, exports, [*pulled, self.registration, f"-L{self.archives}", *names, "-lstdc++"])
        for path, objects in libraries.items():
            self._link_library(path, objects, f"-L{self.directory}", "-lswiftbn_swift", "-Wl,-rpath,$ORIGIN")
            check_library(path)

    def _link_library(self, path: Path, objects: list[str], *options: str) -> None:
        self._link(path, ROOT / "Sources/CSwiftBN/exports.map", [*objects, self.registration, *options])

    def _link(self, path: Path, exports: Path, inputs: list) -> None:
        options = [
            "-Wl,--gc-sections",
            "-Wl,--icf=all",
            "-Wl,-s",
            f"-Wl,-soname,{path.name}",
            f"-Wl,--version-script={exports}",
        ]
        command = [self.clang, "-fuse-ld=lld", "-shared", "-o", path, *options, *inputs, *self.SYSTEM]
        subprocess.run([str(word) for word in command], check=True)


class BuildSwift(build_ext):
    """Runs `swift build` for one level and puts the library into the package."""

    def get_ext_filename(self, name: str) -> str:
        return name.replace(".", "/") + ".abi3.so"

    def build_extensions(self) -> None:
        self.objects: dict[Path, list[str]] = {}
        super().build_extensions()
        if len(self.objects) > 1:
            SharedRuntime(next(iter(self.objects)).parent).link(self.objects)

    def copy_extensions_to_source(self) -> None:
        super().copy_extensions_to_source()
        if len(self.objects) > 1:
            package = self.get_finalized_command("build_py").get_package_dir("swiftbn")
            shutil.copy(next(iter(self.objects)).with_name(RUNTIME), package)

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
        listed = (scratch / "release" / "swiftbn_native.product" / "Objects.LinkFileList").read_text()
        self.objects[target] = [line.strip("'") for line in listed.splitlines()]


class Wheel(bdist_wheel):
    """One wheel serves every Python from 3.11 on."""

    def get_tag(self):
        _, _, platform = super().get_tag()
        return "cp311", "abi3", platform


setup(
    ext_modules=[Extension(f"swiftbn._native_{level}", sources=[]) for level in wanted_levels()],
    cmdclass={"build_ext": BuildSwift, "bdist_wheel": Wheel},
)
