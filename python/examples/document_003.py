"""Document 003: batch normalization of ten features of 32 samples, by PyTorch's conventions.

    python python/examples/document_003.py

The document's listing calls `nn.BatchNorm1d(10)` on a (32, 10) tensor; here is the same with swiftbn, on features of
different means and scales so that there is something to see. The document's formula is y = (x − μ)/√(σ² + ε) · (w +
β) with γ and β as means of weights. What is meant, and computed here: y = γ (x − μ)/√(σ² + ε) + β, where γ and β are
learned, one each per feature, and are 1 and 0 at first. Nor need the inputs be distributed normally: half of the
features are not.

What the batch's size does to accuracy, time and the statistics' noise, the document's question: batch_size_study.py.

Draws demo-output/document_003.png: the features before and after.
Measured: the outputs are within 2e-7 of the formula in double precision. 2 seconds.
"""

from pathlib import Path

import numpy as np
from _digits import make_parser, new_figure, parse, save

import swiftbn as keras


class BNLayer(keras.layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # PyTorch's conventions: channels on axis 1, ε = 1e-5, momentum = 0.1 as weight of the new, unbiased variance.
        self.bn = keras.layers.BatchNormalization.torch()

    def call(self, x, training=None):
        return self.bn(x, training=training)


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    random = np.random.default_rng(0)
    features = np.concatenate([random.normal(size=(32, 5)), random.exponential(size=(32, 5))], axis=1)
    input_features = (features * np.linspace(0.5, 4, 10) + np.linspace(-5, 5, 10)).astype("float32")

    bn_layer = BNLayer()
    output_features = bn_layer(input_features, training=True)  # a PyTorch module is in training mode from the start
    print(output_features)

    x = input_features.astype("float64")
    expected = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
    result = {
        "outputs": output_features,
        "difference": float(np.abs(output_features - expected).max()),
        "moving_mean": bn_layer.bn.moving_mean.numpy() / (0.1 * x.mean(0)),
        "moving_variance": (bn_layer.bn.moving_variance.numpy() - 0.9) / (0.1 * x.var(0, ddof=1)),
    }
    print(f"Differs from the formula in double precision by at most {result['difference']:.1e}")
    draw(input_features, output_features, options.output)
    return result


def draw(given, normalized, folder: Path) -> None:
    figure, axes = new_figure(2, 9, 3.5)
    for axis, values, title in zip(axes, (given, normalized), ("given", "after batch normalization"), strict=True):
        axis.boxplot(values)
        axis.set(xlabel="feature (1 to 5 normal, 6 to 10 exponential)", title=title)
        axis.grid(alpha=0.3)
    figure.suptitle("Ten features of 32 samples")
    save(figure, folder, "document_003.png")


if __name__ == "__main__":
    main()
