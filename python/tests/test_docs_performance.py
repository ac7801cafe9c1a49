"""What docs/performance.md says of plans holds for the plans."""

import re
from pathlib import Path

import numpy as np

from swiftbn import Input, Sequential, layers

PAGE = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()


def plans(shape, *stack, loss="mse") -> dict:
    """Names of steps by kind of program, of a model trained and used with one batch."""
    model = Sequential([Input(shape), *stack])
    model.compile("adam", loss)
    x = np.zeros((8, *shape), "float32")
    outputs = model.predict(x, verbose=0)
    model.fit(x, outputs, batch_size=8, verbose=0)
    programs = [(key[0], step.program) for key, step in model._programs.items() if key[0] in ("train", "predict")]
    return {kind: [step[0] for _, steps, _ in program.plans() for step in steps] for kind, program in programs}


def normalized(pooling=True):
    return [layers.BatchNormalization(), layers.ReLU(), *([layers.MaxPooling2D(2)] if pooling else [])]


def test_the_table_of_fused_steps():
    rows = PAGE.split("## What is one step")[1].split("\n\n")[1]
    named = {name for row in rows.splitlines() for name in re.findall(r"`([a-z0-9_]+(?:\+[a-z0-9_]+)+)`", row)}
    found = [
        plans((8, 8, 2), layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D(2)),
        plans((8, 8, 2), layers.Conv2D(4, 3, use_bias=False), *normalized(pooling=False)),
        plans((8, 8, 2), layers.Conv2D(4, 3), *normalized()),
        plans((6, 6, 6, 1), layers.Conv3D(4, 3, activation="relu")),
        plans((3,), layers.Dense(4, activation="relu"), layers.Dense(2)),
        plans((3,), layers.Dense(4), *normalized(pooling=False)),
    ]
    steps = {step for kinds in found for names in kinds.values() for step in names}
    assert len(named) == 11 and named <= steps


def test_what_is_said_not_to_be_fused():
    planes = plans((2, 8, 8), layers.Conv2D(4, 3, activation="relu", data_format="channels_first"))
    assert planes["predict"] == ["transpose", "conv2d+bias+relu", "transpose"]
    assert "relu_gradient" in planes["train"]
    assert plans((9, 2), layers.Conv1D(4, 3, activation="relu"))["predict"] == ["conv2d+bias+relu"]
    assert "conv2d+bias" in plans((8, 8, 2), layers.Conv2D(4, 3, activation="tanh"))["predict"]


def test_recurrent_layers_are_one_step():
    assert plans((5, 3), layers.LSTM(4))["predict"].count("lstm") == 1
    assert "lstm" not in plans((5, 3), layers.LSTM(4, unroll=True))["predict"]
    assert "lstm" not in plans((5, 3), layers.LSTM(4, recurrent_dropout=0.5))["train"]


def test_softmax_and_cross_entropy_are_computed_from_logits():
    steps = plans((3,), layers.Dense(4, activation="softmax"), loss="categorical_crossentropy")["train"]
    assert "softmax_cross_entropy" in steps and "softmax" not in steps
