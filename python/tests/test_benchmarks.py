"""The benchmarks run, on our side and with small shapes; their numbers and references, not their times, are checked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent.parent / "benchmarks" / "run.py"


def run(*arguments, output):
    command = [sys.executable, str(RUN), "--quick", "--no-peers", "--threads", "1", "--output", str(output), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_all_modules_run_on_our_side(tmp_path):
    output = tmp_path / "results" / "benchmarks.json"
    process = run(output=output)
    assert process.returncode == 0, process.stdout + process.stderr
    record = json.loads(output.read_text())
    assert not record["failures"]
    wanted = {"train_cnn", "train_resnet", "infer_cnn", "functional_batch_norm", "bandwidth", "fused_pooling"}
    wanted |= {"matrix_product", "memory", "startup", "loaded", "recurrent", "convolution", "input_pipeline"}
    assert wanted <= {row["module"] for row in record["rows"]}
    for row in record["rows"]:
        assert row["ours"] > 0 and row["ratio"] is None and row["theirs"] is None, row
        # The references are written independently of the kernels: float32 stays near them.
        assert row["our_error"] is None or row["our_error"] < 1e-5, row
    for kernel in ("functional_batch_norm", "fused_pooling", "matrix_product", "infer_cnn"):
        assert any(row["our_error"] for row in record["rows"] if row["module"] == kernel), kernel
    table = output.with_suffix(".md").read_text()
    assert all(f"| {row['name']} |" in table for row in record["rows"])


def test_unknown_modules_are_an_error(tmp_path):
    process = run("--only", "train_cn", output=tmp_path / "benchmarks.json")
    assert process.returncode == 2 and "unknown: train_cn" in process.stderr and "train_cnn" in process.stderr


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(str(RUN.parent))
    import _interleave
    import _report

    return _interleave, _report


def test_ratios_are_medians_of_rounds(modules):
    interleave, _ = modules
    result = interleave.from_rounds([1.0, 2.0, 4.0, 1.0], [2.0, 2.0, 2.0, 8.0])
    assert (result.ratio, result.ours, result.peer) == (1.5, 1.5, 2.0)
    assert (result.low, result.high, result.best) == (1.0, 2.0, 2.0)
    assert interleave.from_rounds([3.0], []).ratio is None


def test_sides_that_clock_themselves(modules):
    interleave, _ = modules
    ours, theirs = (interleave.Stopwatch(interleave.Clocked(lambda s=s: s)) for s in (0.25, 0.5))
    result = interleave.from_rounds(*interleave.alternate(ours, theirs, rounds=5, seconds=0.001))
    assert result.ratio == 2.0 and result.ours == 0.25


def test_what_is_reached(modules):
    _, report = modules
    row = {"limit": None, "wanted": 2.0, "ratio": 1.9, "best": 2.1, "ours": 0.1, "low": 1.5, "high": 2.5}
    assert report.is_reached(row) is False
    assert report.is_reached(row | {"ratio": 2.0}) is True
    assert report.is_reached(row | {"ratio": 2.0, "best": 1.9}) is False
    assert report.is_reached(row | {"wanted": None}) is None
    assert report.is_reached(row | {"limit": 0.05}) is False
    assert report.is_reached(row | {"high": 3.1}) is None and report.is_disturbed(row | {"high": 3.1})


def test_picture(modules, tmp_path):
    pytest.importorskip("matplotlib")
    _, report = modules
    row = {"module": "m", "name": "forward", "peer": "P", "ratio": 2.0, "low": 1.0, "high": 3.0, "wanted": 3.0}
    rows = [row | {"threads": threads} for threads in (1, 2)]
    report.draw({"rows": rows, "means": []}, {"m": "title", "empty": "no rows"}, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
