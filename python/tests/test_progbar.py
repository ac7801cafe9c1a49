"""utils.Progbar: averages, what it draws, errors."""

import re
import sys

import pytest

from swiftbn import utils


def test_progbar_averages(capsys):
    bar = utils.Progbar(4, verbose=2, stateful_metrics=["last"])
    for loss, last in ((4.0, 1.0), (2.0, 2.0), (3.0, 3.0)):
        bar.add(1, [("loss", loss), ("last", last)])
    assert capsys.readouterr().out == ""
    assert bar._values == {"loss": [9.0, 3], "last": [3.0, 1]}
    bar.add(1, [("loss", 1.5), ("last", 4.0)])
    text = capsys.readouterr().out
    assert re.fullmatch(r"4/4 - \d+s - \d+\w+/step - loss: 1.5000 - last: 4.0000\n", text)
    bar = utils.Progbar(None, stateless_metrics=["mean"], interval=0, unit_name="sample")
    bar.update(10, [("mean", 1.0), ("other", 5.0)])
    bar.update(20, [("mean", 2.0), ("other", 6.0)])
    text = capsys.readouterr().out
    assert "10/Unknown" in text and "20/Unknown" in text and "/sample - mean: 1.5000 - other: 6.0000" in text


def test_progbar_draws(capsys, monkeypatch):
    bar = utils.Progbar(10, width=10, interval=0)
    bar.update(3)
    bar.update(10, [("tiny", 1e-5)])
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0].startswith(" 3/10 ━━━───────")
        and lines[1].startswith("10/10 ━━━━━━━━━━ ")
        and "1.0000e-05" in lines[1]
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    bar = utils.Progbar(2, interval=0)
    bar.update(1, [("long", 1.0), ("name", 1.0)])
    bar.update(2)
    text = capsys.readouterr().out
    assert text.count("\r") == 2 and text.count("\n") == 1 and text.endswith("\n")
    bar = utils.Progbar(2, verbose=0)
    bar.update(2)
    bar = utils.Progbar(1000, interval=1000)
    bar.update(1)
    capsys.readouterr()
    bar.update(2)
    assert capsys.readouterr().out == ""
    bar.update(3, finalize=True)
    assert "   3/1000" in capsys.readouterr().out


def test_progbar_errors():
    with pytest.raises(ValueError, match="both"):
        utils.Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])
    with pytest.raises(ValueError, match="verbose=3"):
        utils.Progbar(1, verbose=3)
