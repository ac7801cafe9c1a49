"""Handwritten digits for the examples, and the part of their command lines that is the same."""

import argparse
from pathlib import Path

import numpy as np

import swiftbn as keras


def make_parser(doc: str) -> argparse.ArgumentParser:
    """A parser of --quick, --data and --output, described by the first line of a script's documentation."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a reduced setting, for a first look and for tests")
    parser.add_argument("--data", choices=["mnist", "digits"], help="default: mnist, and digits with --quick")
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for the picture")
    return parser


def parse(parser: argparse.ArgumentParser, arguments=None) -> argparse.Namespace:
    """The options, with `data` filled in."""
    options = parser.parse_args(arguments)
    options.data = options.data or ("digits" if options.quick else "mnist")
    return options


def load(name: str, train: int | None = None, test: int | None = None):
    """The first images as float32 (n, 28, 28, 1) in 0 … 1 with labels: ((x_train, y_train), (x_test, y_test)).

    MNIST is replaced by the package's digits where it can neither be found nor downloaded.
    """
    if name == "mnist":
        try:
            parts = keras.datasets.mnist.load_data()
        except OSError as error:
            print(f"{error}; the digits of the package take its place")
            name = "digits"
    if name == "digits":
        parts = keras.datasets.digits.load_data()
    return tuple(
        (x[:count, ..., None].astype("float32") / 255, y[:count].astype("int32"))
        for (x, y), count in zip(parts, (train, test), strict=True)
    )


def tile(images, columns: int) -> np.ndarray:
    """Images (n, h, w, 1) side by side as one (rows · h, columns · w), to be drawn in one go."""
    count, height, width = images.shape[:3]
    rows = -(-count // columns)
    grid = np.zeros((rows * columns, height, width), images.dtype)
    grid[:count] = images[..., 0]
    return grid.reshape(rows, columns, height, width).transpose(0, 2, 1, 3).reshape(rows * height, columns * width)


def new_figure(columns: int = 1, width: float = 8, height: float = 4):
    """A matplotlib figure with a row of axes, which is a list, that needs no screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, columns, figsize=(width, height), layout="constrained", squeeze=False)
    return figure, list(axes[0])


def save(figure, folder: Path, name: str) -> Path:
    """Writes the figure to a file and forgets it."""
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / name, dpi=120)
    plt.close(figure)
    print(f"Picture: {folder / name}")
    return folder / name
