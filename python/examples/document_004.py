"""Document 004: a batch normalization layer by PyTorch's conventions, and what its moving averages are good for.

    python python/examples/document_004.py [--quick]

`BatchNormalization` below is the document's PyTorch module written as a Keras layer, (N, C, H, W) in and out, with
these corrections:

- Statistics are over N, H and W, dimensions 0, 2, 3; the listing reduces 0, 1, 2 and keeps W.
- moving ← (1 − momentum) · moving + momentum · batch; the listing multiplies by momentum and adds the whole batch.
- The mean and the variance that normalize belong together: the batch's in training, the moving ones in inference.
- γ and β are learned by the optimizer; the listing computes them from the moving averages at each call.

The document also presents normalizing by the moving statistics as the rule for training. It is not: then they are
constants for the gradient, which does not know that the weights move them. Both ways are options of swiftbn's layer
(`normalize_with`), as are three kinds of moving averages (`moving_average`); this trains with each and draws what
happens.

Draws demo-output/document_004.png: a moving mean of each kind, and the loss in training by both rules.
Measured on MNIST, 300 steps of 32 with SGD(0.5): normalized by the batch, the loss is 0.42 and 91 to 93 % of the test
images are recognized, most with the short memories (0.9, a window of 10), whose statistics have arrived; normalized by
the moving statistics, the loss is NaN within 20 steps. 2 seconds of one core.
"""

from pathlib import Path

import numpy as np
from _digits import load, make_parser, new_figure, parse, save
from _tables import print_table

import swiftbn as keras
from swiftbn import ops


class BatchNormalization(keras.layers.Layer):
    def __init__(self, num_features, eps=1e-5, momentum=0.1, **kwargs):
        super().__init__(**kwargs)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        shape = (num_features,)
        self.gamma = self.add_weight(shape=shape, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=shape, initializer="zeros", name="beta")
        self.moving_average = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="moving_average")
        self.moving_variance = self.add_weight(shape=shape, initializer="ones", trainable=False, name="moving_variance")

    def call(self, x, training=None):
        if training:
            mean, var = ops.moments(x, axes=[axis for axis in range(len(x.shape)) if axis != 1])
            keep = 1 - self.momentum
            self.moving_average.assign(keep * self.moving_average + self.momentum * mean)
            self.moving_variance.assign(keep * self.moving_variance + self.momentum * var)
        else:
            mean, var = self.moving_average, self.moving_variance
        return ops.batch_normalization(x, mean, var, axis=1, offset=self.beta, scale=self.gamma, epsilon=self.eps)


def difference_from_built_in() -> float:
    """Largest difference from the built-in layer, outputs of training and of inference and moving statistics."""
    x = np.random.default_rng(0).normal(3, 2, (8, 5, 6, 7)).astype("float32")
    own = BatchNormalization(5)
    built_in = keras.layers.BatchNormalization.torch(unbiased_variance=False)
    pairs = [(own(x, training=training), built_in(x, training=training)) for training in (True, False)]
    pairs += [(own.moving_average.numpy(), built_in.moving_mean.numpy())]
    pairs += [(own.moving_variance.numpy(), built_in.moving_variance.numpy())]
    return max(float(np.abs(a - b).max()) for a, b in pairs)


class Watch(keras.callbacks.Callback):
    """Keeps the loss and one channel's moving mean after each batch."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.means, self.losses = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(float(self.layer.moving_mean.numpy()[0]))
        self.losses.append(logs["loss"])


def train(normalization: dict, steps: int, data) -> dict:
    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = data
    watched = keras.layers.BatchNormalization(**normalization)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(64),
            watched,
            keras.layers.ReLU(),
            keras.layers.Dense(64),
            keras.layers.BatchNormalization(**normalization),
            keras.layers.ReLU(),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=["accuracy"])
    watch = Watch(watched)
    model.fit(x_train[: steps * 32], y_train[: steps * 32], batch_size=32, callbacks=[watch], verbose=0)
    test_loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    return {"means": watch.means, "losses": watch.losses, "test_loss": test_loss, "accuracy": accuracy}


KINDS = {
    "batch, exponential 0.99": {},
    "batch, exponential 0.9": {"momentum": 0.9},
    "batch, cumulative": {"moving_average": "cumulative"},
    "batch, window of 10": {"moving_average": "window", "window": 10},
    "moving, exponential 0.9": {"momentum": 0.9, "normalize_with": "moving"},
    "moving, window of 10": {"moving_average": "window", "window": 10, "normalize_with": "moving"},
}


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    difference = difference_from_built_in()
    print(f"The layer differs from BatchNormalization.torch by at most {difference:.1e}")
    steps = 40 if options.quick else 300
    data = load(options.data, train=32 * steps)
    results = {name: train(kind, steps, data) for name, kind in KINDS.items()}
    rows = [
        (name, f"{result['losses'][-1]:.3g}", f"{result['test_loss']:.3g}", f"{result['accuracy']:.1%}")
        for name, result in results.items()
    ]
    columns = ("Normalized in training by", "Training loss", "Test loss", "Test accuracy")
    print_table(f"{steps} steps of 32", columns, rows)
    draw(results, options.output)
    return {"difference": difference, **results}


def draw(results: dict, folder: Path) -> None:
    figure, (left, right) = new_figure(2, 11, 4)
    for name, result in results.items():
        if name.startswith("batch"):
            left.plot(result["means"], label=name.removeprefix("batch, "))
        if name in ("batch, exponential 0.9", "moving, exponential 0.9", "moving, window of 10"):
            right.plot(result["losses"], label=name.replace("batch, exponential 0.9", "batch, any moving average"))
    left.set(xlabel="step", ylabel="moving mean", title="One channel of the first normalization")
    right.set(xlabel="step", ylabel="mean training loss so far", yscale="log", title="Normalized in training by …")
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    save(figure, folder, "document_004.png")


if __name__ == "__main__":
    main()
