"""Code in docs/ runs."""

import re
from pathlib import Path

import pytest

DOCS = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))


@pytest.mark.parametrize("path", DOCS, ids=[path.name for path in DOCS])
def test_code_runs(path):
    """All Python blocks of a page in order, in one namespace."""
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)
    assert blocks
    exec(compile("\n".join(blocks), str(path), "exec"), {})
