"""Trains the documents' CNN on the digits that the package carries, and draws what came of it.

    make demo

Writes demo-output/training.png (loss and accuracy by epoch) and demo-output/predictions.png (test images with what the
network takes them for).
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

import swiftbn as keras  # noqa: E402


def make_model():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def draw_training(history: dict, path: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        epochs = range(1, len(history[name]) + 1)
        axis.plot(epochs, history[name], marker="o", label="training")
        axis.plot(epochs, history[f"val_{name}"], marker="o", label="test")
        axis.set(xlabel="epoch", ylabel=name)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.suptitle("The documents' CNN on 1,437 handwritten digits")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_predictions(images, labels, probabilities, path: Path) -> None:
    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    # The mistakes first, then correct ones.
    shown = np.concatenate([wrong, np.flatnonzero(guesses == labels)])[:24]
    figure, axes = plt.subplots(3, 8, figsize=(9, 4), layout="constrained")
    for axis, index in zip(axes.flat, shown, strict=True):
        axis.imshow(images[index], cmap="gray_r")
        axis.set_axis_off()
        color = "tab:green" if guesses[index] == labels[index] else "tab:red"
        axis.set_title(f"{guesses[index]}  ({probabilities[index].max():.0%})", color=color, fontsize=9)
    figure.suptitle(f"Predictions on the test set ({len(wrong)} of {len(labels)} wrong, shown first in red)")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    arguments = parser.parse_args()

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()
    model = make_model()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    history = model.fit(x_train, y_train, epochs=arguments.epochs, batch_size=64, validation_data=(x_test, y_test))
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Test accuracy: {accuracy:.2%} on {len(x_test)} digits by other writers")

    arguments.output.mkdir(parents=True, exist_ok=True)
    draw_training(history.history, arguments.output / "training.png")
    draw_predictions(x_test, y_test, model.predict(x_test, verbose=0), arguments.output / "predictions.png")
    print(f"Pictures: {arguments.output / 'training.png'}, {arguments.output / 'predictions.png'}")


if __name__ == "__main__":
    main()
