"""Document 001: a Sequential CNN on MNIST with `BatchNormalization(axis=-1, momentum=0.9)`, one-hot labels and Adam.

    python python/examples/document_001.py [--quick]

The document puts one layer object behind 32 and behind 64 channels. A layer has one γ, β, mean and variance per
channel, so that cannot be: swiftbn says so, naming both shapes (`as_written`). With a layer for each place
(`repaired`) the listing runs.

The document also describes averages over a window of the last k batches; document_004.py uses them.

Draws demo-output/document_001.png: accuracy by epoch.
Measured on MNIST, 10 epochs: 98.97 % of the test images; 2.5 minutes of one core. --quick, on the package's digits:
4 seconds.
"""

from pathlib import Path

from _digits import load, make_parser, new_figure, parse, save

import swiftbn as keras


def as_written():
    bn_layer = keras.layers.BatchNormalization(axis=-1, momentum=0.9)
    return keras.Sequential(
        [
            keras.layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            bn_layer,
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            bn_layer,  # the same object, which already has 32 channels
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def repaired():
    return keras.Sequential(
        [
            keras.layers.Conv2D(32, (3, 3), activation="relu", input_shape=(28, 28, 1)),
            keras.layers.BatchNormalization(axis=-1, momentum=0.9),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Conv2D(64, (3, 3), activation="relu"),
            keras.layers.BatchNormalization(axis=-1, momentum=0.9),
            keras.layers.MaxPooling2D((2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    error = None
    try:
        as_written()
    except ValueError as caught:
        error = str(caught)
        print(f"As written: ValueError: {error}")

    keras.utils.set_random_seed(0)
    # The images come in the shape and range that the listing gives them.
    (x_train, y_train), (x_test, y_test) = load(options.data)
    y_train = keras.utils.to_categorical(y_train, 10)
    y_test = keras.utils.to_categorical(y_test, 10)

    model = repaired()
    model.compile(optimizer=keras.optimizers.Adam(), loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, epochs=10, batch_size=128, validation_data=(x_test, y_test)).history
    draw(history, options.output)
    return {"error": error, **history}


def draw(history: dict, folder: Path) -> None:
    figure, [axis] = new_figure(1, 6, 3.5)
    epochs = range(1, len(history["accuracy"]) + 1)
    axis.plot(epochs, history["accuracy"], marker="o", label="training")
    axis.plot(epochs, history["val_accuracy"], marker="o", label="test")
    axis.set(xlabel="epoch", ylabel="accuracy", title="Document 001, repaired")
    axis.grid(alpha=0.3)
    axis.legend()
    save(figure, folder, "document_001.png")


if __name__ == "__main__":
    main()
