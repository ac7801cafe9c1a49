"""What the batch's size does to accuracy, time and the noise of batch normalization's statistics.

    python python/examples/batch_size_study.py [--quick]

One CNN is trained once for each size from 1 to 1,024, always for the same number of epochs, with Adam at its default
rate. Then, at the first normalization, the means of random batches of that size are compared with the moving mean:
the noise is the root mean square of (batch − moving) / standard deviation over batches and channels. It falls with
1/√size, where size counts images: pixels of one image are not independent. Batches of large sizes are few, so that
the moving statistics, with Keras' momentum of 0.99, have not arrived when training ends; `Model.recalibrate`
measures them anew, and the last column shows what that is worth.

Draws demo-output/batch_size_study.png: accuracy, time and noise by batch size.
Measured on 10,240 images of MNIST, 3 epochs: 96.4 to 97.8 % of the test images for sizes up to 64; 78, 54, 62 and 74 %
for 128 to 1,024, which recalibration brings to 97, 96, 94 and 90 %, what is missing being steps; noise 0.13 for single
images, 0.025 for 32 and 0.004 for 1,024; an epoch took 7 s for size 1 and 2 to 3 s from 8 on, on a busy machine.
1 minute of one core; --quick, on the package's digits: 3 seconds.
"""

import time
from pathlib import Path

import numpy as np
from _digits import load, make_parser, new_figure, parse, save
from _tables import print_table

import swiftbn as keras

ACCURACIES = ("Training accuracy", "Test accuracy", "Recalibrated")


def make_model():
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(16, 3),
            keras.layers.BatchNormalization(name="first"),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class EpochClock(keras.callbacks.Callback):
    """Seconds of each epoch, of which the shortest was disturbed least."""

    def __init__(self):
        super().__init__()
        self.seconds = []

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds.append(time.perf_counter() - self.start)


def noise_of_means(model, images, size: int) -> float:
    """Of 200 random batches."""
    layer = model.get_layer("first")
    means = keras.Model(model.inputs, keras.layers.GlobalAveragePooling2D()(layer.input))
    of_images = means.predict(images, batch_size=256, verbose=0)
    batches = np.random.default_rng(0).integers(len(images), size=(200, size))
    of_batches = of_images[batches].mean(axis=1, dtype="float64")
    deviation = np.sqrt(layer.moving_variance.numpy() + layer.epsilon)
    return float(np.sqrt(np.mean(((of_batches - layer.moving_mean.numpy()) / deviation) ** 2)))


def study(size: int, epochs: int, data) -> dict:
    (x_train, y_train), (x_test, y_test) = data
    keras.utils.set_random_seed(0)
    model = make_model()
    model.fit(x_train[:size], y_train[:size], batch_size=size, verbose=0)  # compiles, so that it is not timed
    clock = EpochClock()
    history = model.fit(x_train, y_train, batch_size=size, epochs=epochs, callbacks=[clock], verbose=0).history
    _, accuracy = model.evaluate(x_test, y_test, batch_size=256, verbose=0)
    model.recalibrate(x_train, batch_size=256)
    _, recalibrated = model.evaluate(x_test, y_test, batch_size=256, verbose=0)
    return {
        "Training accuracy": history["accuracy"][-1],
        "Test accuracy": accuracy,
        "Recalibrated": recalibrated,
        "seconds": min(clock.seconds),
        "noise": noise_of_means(model, x_train, size),
    }


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    sizes = (2, 16, 128, 512) if options.quick else [2**power for power in range(11)]
    epochs = 1 if options.quick else 3
    data = load(options.data, train=1024 if options.quick else 10_240)
    results = {size: study(size, epochs, data) for size in sizes}
    rows = []
    for size, result in results.items():
        accuracies = (f"{result[name]:.2%}" for name in ACCURACIES)
        rows.append((f"{size:,}", f"{result['seconds']:.2f}", f"{result['noise']:.4f}", *accuracies))
    title = f"{epochs} epochs, {len(data[0][0]):,} digits"
    print_table(title, ("Batch size", "s / epoch", "Noise", *ACCURACIES), rows)
    draw(results, title, options.output)
    return results


def draw(results: dict, title: str, folder: Path) -> None:
    figure, (left, middle, right) = new_figure(3, 12, 3.7)
    sizes = np.array(list(results))

    def values(name):
        return np.array([result[name] for result in results.values()])

    for name in ACCURACIES:
        left.plot(sizes, values(name), marker="o", label=name.lower())
    left.set(ylabel="accuracy", title="Accuracy")
    left.legend()
    middle.plot(sizes, values("seconds"), marker="o")
    middle.set(ylabel="seconds per epoch", yscale="log", title="Time")
    right.plot(sizes, values("noise"), marker="o", label="measured")
    right.plot(sizes, values("noise")[0] * np.sqrt(sizes[0] / sizes), "--", color="gray", label="∝ 1/√size")
    right.set(ylabel="noise of batches' means", yscale="log", title="Batch means against the moving mean")
    right.legend()
    for axis in (left, middle, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(sizes[::2], [str(size) for size in sizes[::2]])
        axis.set_xlabel("batch size")
        axis.grid(alpha=0.3)
    figure.suptitle(title)
    save(figure, folder, "batch_size_study.png")


if __name__ == "__main__":
    main()
