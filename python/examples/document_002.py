"""Document 002: its own batch normalization layer with Keras' options, in a functional model for 224 × 224 images.

    python python/examples/document_002.py [--quick]

Shows the functional API, a second model that looks inside the first, and a layer with options. The graph is the
document's listing; its `BNLayer` has these corrections:

- Each channel's mean and variance are over all other axes; the listing reduces the channel axis itself.
- The variance is the mean of the squared deviations; the listing's formula is not a variance.
- What is normalized is the input; the listing returns the mean of the normalized input.
- Inference normalizes, too, by moving statistics, which training updates; the listing leaves both out.
- `center` decides on β and `scale` on γ; both have one value per channel.
- Whether this is training is an argument of `call`.

The document's PyTorch layer has the same faults, reducing dimensions 0, 1, 2 of (N, C, H, W); with `data_format=
"channels_first"` the layer below does what it means to.

Draws demo-output/document_002.png: each channel's mean and standard deviation before and after normalization.
Measured: each channel's mean in training is 0 within 2e-7, and the layer differs from BatchNormalization by 2e-7 at
most. 3 seconds of one core.
"""

from pathlib import Path

import numpy as np
from _digits import load, make_parser, new_figure, parse, save

import swiftbn as keras
from swiftbn import ops


class BNLayer(keras.layers.Layer):
    def __init__(
        self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, fused=False, data_format=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.axis = 1 if data_format == "channels_first" else axis
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.fused = fused  # TensorFlow's choice of a kernel; the result is the same

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer="ones") if self.scale else None
        self.beta = self.add_weight(name="beta", shape=shape, initializer="zeros") if self.center else None
        self.moving_mean = self.add_weight(name="moving_mean", shape=shape, initializer="zeros", trainable=False)
        self.moving_var = self.add_weight(name="moving_var", shape=shape, initializer="ones", trainable=False)

    def call(self, inputs, training=None):
        channels = self.axis % len(inputs.shape)
        if training:
            mean, var = ops.moments(inputs, axes=[axis for axis in range(len(inputs.shape)) if axis != channels])
            self.moving_mean.assign(self.momentum * self.moving_mean + (1 - self.momentum) * mean)
            self.moving_var.assign(self.momentum * self.moving_var + (1 - self.momentum) * var)
        else:
            mean, var = self.moving_mean, self.moving_var
        # One fused operation: γ (x − μ) / √(σ² + ε) + β.
        return ops.batch_normalization(inputs, mean, var, self.axis, self.beta, self.gamma, self.epsilon)


def make_model():
    inputs = keras.layers.Input(shape=(224, 224, 3))
    x = keras.layers.Conv2D(64, (3, 3), activation="relu")(inputs)
    x = BNLayer()(x)
    x = keras.layers.Conv2D(64, (3, 3), activation="relu")(x)
    x = BNLayer()(x)
    outputs = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs=inputs, outputs=outputs)


def difference_from_built_in(x, **options) -> float:
    """Largest difference of BNLayer from BatchNormalization with the same options, in training, then in inference."""
    own, built_in = BNLayer(**options), keras.layers.BatchNormalization(**options)
    return max(
        float(np.abs(own(x, training=training) - built_in(x, training=training)).max()) for training in (True, False)
    )


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    keras.utils.set_random_seed(0)
    digits = load(options.data, train=2 if options.quick else 16)[0][0]
    images = ops.repeat(ops.image.resize(digits, (224, 224)), 3, axis=-1)

    model = make_model()
    model.summary()
    features = model(images, training=True)
    largest = np.abs(features.mean(axis=0)).max()
    print(f"Outputs {features.shape}, whose means over the batch are β = 0, here within {largest:.1e}")

    # The same layers with other outputs: what the second normalization is given, and what it makes of it.
    inside = keras.Model(model.inputs, [model.layers[3].output, model.layers[4].output])
    given, normalized = inside(images, training=True)

    random = np.random.default_rng(0)
    differences = {}
    for name, shape, arguments in (
        ("channels last", (8, 14, 14, 3), {}),
        ("channels first", (8, 3, 14, 14), {"data_format": "channels_first"}),
        ("of a Dense layer", (8, 3), {"momentum": 0.9, "epsilon": 1e-5}),
        ("without γ", (8, 3), {"scale": False, "fused": True}),
        ("without β", (8, 3), {"center": False}),
    ):
        differences[name] = difference_from_built_in(random.normal(3, 2, shape).astype("float32"), **arguments)
        print(f"Inputs {name}: differs from BatchNormalization by at most {differences[name]:.1e}")

    axes = (0, 1, 2)
    result = {
        "output_shape": features.shape,
        "given_std": given.std(axes, dtype="float64"),
        "mean": normalized.mean(axes, dtype="float64"),
        "std": normalized.std(axes, dtype="float64"),
        "differences": differences,
    }
    draw(given, normalized, options.output)
    return result


def draw(given, normalized, folder: Path) -> None:
    figure, axes = new_figure(2, 9, 3.5)
    for axis, values, title in zip(axes, (given, normalized), ("given", "after batch normalization"), strict=True):
        flat = values.reshape(-1, values.shape[-1])
        channels = np.arange(flat.shape[1])
        axis.errorbar(channels, flat.mean(0), yerr=flat.std(0), fmt="o", markersize=3, linewidth=1)
        axis.set(xlabel="channel", ylabel="mean ± standard deviation", title=title)
        axis.grid(alpha=0.3)
    figure.suptitle("The second normalization of document 002's model, in training")
    save(figure, folder, "document_002.png")


if __name__ == "__main__":
    main()
