"""Code in docs/ runs: Python here, or with PyTorch or Keras where a page needs them; C and Swift where they can be."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import swiftbn

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# In a clone that `make test-c` has built.
LIBRARY = ROOT / ".build" / f"distribution-{swiftbn.config()['isa']}" / "release"


def blocks(path, language) -> list:
    """The page's blocks of a language, in order, with the number of lines before each."""
    text = path.read_text()
    return [(m[2], text.count("\n", 0, m.start(2))) for m in FENCE.finditer(text) if m[1] == language]


def run_python(path) -> dict:
    """All Python blocks of a page in order, in one namespace, which is returned. Errors show the page's lines."""
    namespace = {"__name__": f"docs_{path.stem}"}
    for code, before in blocks(path, "python"):
        exec(compile("\n" * before + code, str(path), "exec"), namespace)
    return namespace


def with_python():
    for path in PAGES:
        needs = [name for name in ("torch", "keras") if re.search(rf"^import {name}$", path.read_text(), re.MULTILINE)]
        if blocks(path, "python"):
            marks = [pytest.mark.interop] if needs else []
            yield pytest.param(path, needs, id=path.name, marks=marks)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A directory to write into; settings that a page changes are put back."""
    monkeypatch.chdir(tmp_path)
    threads, floatx = swiftbn.get_num_threads(), swiftbn.config.floatx()
    yield tmp_path
    swiftbn.set_num_threads(threads)
    swiftbn.config.set_floatx(floatx)


@pytest.mark.parametrize("path, needs", list(with_python()))
def test_python(path, needs, settings):
    for name in needs:
        pytest.importorskip(name)
    run_python(path)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_block_is_run_by_some_test(path):
    languages = {match[1] for match in FENCE.finditer(path.read_text())}
    assert languages <= ({"python", "c", "swift", "sh"} if path.name == "deployment.md" else {"python"})
    assert path.read_text().count("```") == 2 * len(FENCE.findall(path.read_text()))


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    assert sorted(re.findall(r"\]\((\w+\.md)\)", index)) == [path.name for path in PAGES if path.name != "README.md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / target).exists(), target


DEPLOYMENT = ROOT / "docs" / "deployment.md"


@pytest.mark.parametrize(
    "language, compiler, source", [("c", "gcc", "predict.c"), ("swift", "swiftc", "predict.swift")]
)
def test_deployment(language, compiler, source, settings):
    """The page's program, built and run by the page's own commands, on the model that the page's Python has saved."""
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    if not (LIBRARY / "libswiftbn.so").exists():
        pytest.skip("libswiftbn.so has not been built: make test-c")
    expected = run_python(DEPLOYMENT)["probabilities"]
    [(code, _)] = blocks(DEPLOYMENT, language)
    Path(source).write_text(code)
    [commands] = [text for text, _ in blocks(DEPLOYMENT, "sh") if text.startswith(compiler)]
    environment = {**os.environ, "SWIFTBN": str(ROOT), "LIBRARY": str(LIBRARY)}
    result = subprocess.run(["sh", "-e"], input=commands, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found = np.array([line.split() for line in result.stdout.splitlines()], float)
    np.testing.assert_allclose(found, expected, atol=1e-5)
