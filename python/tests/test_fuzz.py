"""No input and no attribute brings the interpreter down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("seed", range(3))
def test_operations_work_or_raise(seed):
    script = Path(__file__).parent / "fuzz_operations.py"
    run = subprocess.run([sys.executable, script, str(seed), "1500"], capture_output=True, text=True)
    last = run.stderr.splitlines()[-1] if run.stderr else ""
    assert run.returncode == 0, f"exit status {run.returncode} after: {last}"
    outcomes = ast.literal_eval(run.stdout)
    assert sum(outcomes.values()) == 1500 and outcomes["works"] > 100 and outcomes["ValueError"] > 100
