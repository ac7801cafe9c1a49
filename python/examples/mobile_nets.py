"""Two nets for small machines: MobileNet-like and EfficientNet-like, beside a plain one.

    python python/examples/mobile_nets.py [--quick]

mobile: a depthwise convolution, which filters every channel by itself, then one of 1 × 1, which mixes them, each
    followed by batch normalization (Howard et al. 2017, arXiv 1704.04861).
efficient: inverted residuals (widen by 1 × 1, filter depthwise, narrow again; Sandler et al. 2018, arXiv 1801.04381)
    with swish and squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507), as in EfficientNet (Tan & Le 2019,
    arXiv 1905.11946).
plain: the same number of channels by 3 × 3 convolutions.

Writes demo-output/mobile_nets.png: test accuracy by epoch, and against weights and time. For inference
`fold_batch_norm` makes the batch normalizations part of the convolutions.

Measured on 10,000 digits of MNIST, 5 epochs: mobile recognizes 95.5 % of 2,000 test digits with 9,610 weights,
efficient 97.0 % with 68,470, plain 95.3 % with 61,402; the folded nets' probabilities differ by at most 2e-6. Fewer
weights are not less time in the same measure: taken in turn, a training step of efficient takes three to four times
that of plain, one of mobile half to three quarters of it. With --quick, on 1,200 of the package's digits and after 3
epochs: 87 %, 93 %, 88 %. Takes 55 s of processor time, 7 s with --quick.
"""

import time

import numpy as np
from _digits import load, make_parser, new_figure, parse, save

import swiftbn as keras
from swiftbn import layers


def normalized(x, activation=None):
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Activation(activation)(x) if activation else x


def pointwise(x, filters, activation=None):
    return normalized(layers.Conv2D(filters, 1, use_bias=False)(x), activation)


def depthwise(x, strides, activation):
    return normalized(layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x), activation)


def full(x, filters, strides, activation):
    return normalized(layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x), activation)


def squeeze_excite(x, reduced: int):
    """Scales every channel by a number in 0 … 1 that follows from the means of all channels."""
    channels = x.shape[-1]
    s = layers.GlobalAveragePooling2D(keepdims=True)(x)
    s = layers.Conv2D(reduced, 1, activation="swish")(s)
    s = layers.Conv2D(channels, 1, activation="sigmoid")(s)
    return layers.Multiply()([x, s])


def inverted_residual(x, filters: int, strides: int, expansion: int = 4):
    channels = x.shape[-1]
    y = pointwise(x, expansion * channels, "swish")
    y = depthwise(y, strides, "swish")
    y = squeeze_excite(y, reduced=max(1, channels // 4))
    y = pointwise(y, filters)
    return layers.Add()([x, y]) if strides == 1 and filters == channels else y


# Filters and strides of the blocks, from 14 × 14 pixels to 7 × 7.
BLOCKS = [(32, 1), (64, 2), (64, 1)]


def make_model(kind: str):
    """`kind` is "mobile", "efficient" or "plain"."""
    activation = "swish" if kind == "efficient" else "relu"
    images = keras.Input((28, 28, 1))
    x = full(images, 16, 2, activation)
    for filters, strides in BLOCKS:
        if kind == "mobile":
            x = pointwise(depthwise(x, strides, activation), filters, activation)
        elif kind == "efficient":
            x = inverted_residual(x, filters, strides)
        else:
            x = full(x, filters, strides, activation)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(images, layers.Dense(10, activation="softmax")(x), name=kind)


def seconds_per_step(model, x, y) -> float:
    """The least time of a training step of 64 images, as other programs may be in the way of some."""
    times = []
    for _ in range(20):
        start = time.perf_counter()
        model.train_on_batch(x[:64], y[:64])
        times.append(time.perf_counter() - start)
    return min(times)


def draw(results, folder):
    figure, (left, right) = new_figure(2, 9, 3.5)
    for kind, result in results.items():
        left.plot(range(1, len(result["history"]) + 1), result["history"], marker="o", label=kind)
        right.scatter(result["weights"], 1e3 * result["seconds"])
        label = f" {kind}: {result['accuracy']:.1%}"
        right.annotate(label, (result["weights"], 1e3 * result["seconds"]), rotation=20)
    left.set(xlabel="epoch", ylabel="test accuracy")
    left.legend()
    right.set(xlabel="weights", ylabel="ms per training step of 64 images", xscale="log", ylim=(0, None))
    right.margins(0.3)
    for axis in (left, right):
        axis.grid(alpha=0.3)
    return save(figure, folder, "mobile_nets.png")


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    (x_train, y_train), (x_test, y_test) = load(options.data, train=1_200 if options.quick else 10_000, test=2_000)
    results = {}
    for kind in ("mobile", "efficient", "plain"):
        keras.utils.set_random_seed(0)
        model = make_model(kind)
        model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            x_train,
            y_train,
            epochs=3 if options.quick else 5,
            batch_size=32 if options.quick else 64,
            verbose=2,
            validation_data=(x_test, y_test),
        )
        folded = keras.fold_batch_norm(model)
        probabilities = model.predict(x_test, verbose=0)
        results[kind] = {
            "history": history.history["val_accuracy"],
            "accuracy": history.history["val_accuracy"][-1],
            "weights": model.count_params(),
            "folded": folded.count_params(),
            "difference": float(np.abs(folded.predict(x_test, verbose=0) - probabilities).max()),
            # The last use of the model, as it trains on.
            "seconds": seconds_per_step(model, x_train, y_train),
            "model": model,
        }
        numbers = results[kind]
        print(
            f"{kind}: accuracy {numbers['accuracy']:.2%}, {numbers['weights']:,} weights, "
            f"{numbers['folded']:,} when folded (probabilities differ by {numbers['difference']:.0e}), "
            f"{1e3 * numbers['seconds']:.1f} ms per training step"
        )
    return {**results, "picture": draw(results, options.output)}


if __name__ == "__main__":
    main()
