"""A variational autoencoder with two latent numbers per digit (Kingma & Welling 2014, arXiv 1312.6114).

    python python/examples/vae.py [--quick]

Shows a layer that draws random numbers, a loss that a layer adds to the model's (the KL divergence), and models that
share layers. Writes demo-output/vae.png: where the test digits lie in the latent plane, and what the plane decodes to.

Measured on 20,000 digits of MNIST, 15 epochs: the loss of test digits falls from 0.693 to 0.198 per pixel; of it the
divergence is 0.007, or 5.2 nats per digit. With --quick, on the package's digits: 0.693 to 0.321. Takes 75 s of
processor time, 4 s with --quick.
"""

import numpy as np
from _digits import load, make_parser, new_figure, parse, save, tile

import swiftbn as keras
from swiftbn import layers, ops


class Sampling(layers.Layer):
    """Draws z ~ N(μ, σ²) as μ + σ·ε, so that gradients reach μ and log σ², and adds KL(N(μ, σ²) ‖ N(0, 1)) to the loss.

    In inference z = μ.
    """

    def __init__(self, weight=1.0, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs, training=None):
        mean, log_variance = inputs
        divergence = -0.5 * ops.sum(1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=1)
        self.add_loss(self.weight * ops.mean(divergence))
        if not training:
            return mean
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean), seed=self.seed_generator)

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


def make_models(latent: int = 2):
    """The encoder to (μ, log σ²), the decoder, and the whole that is trained."""
    images = keras.Input((28, 28, 1))
    x = images
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.ReLU()(x)
    x = layers.Dense(32, activation="relu")(layers.Flatten()(x))
    mean, log_variance = layers.Dense(latent, name="mean")(x), layers.Dense(latent, name="log_variance")(x)
    encoder = keras.Model(images, [mean, log_variance], name="encoder")

    decoder = keras.Sequential(
        [
            keras.Input((latent,)),
            layers.Dense(7 * 7 * 32, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    # The reconstruction is a mean over pixels, so the divergence is one per pixel too.
    z = Sampling(weight=1 / 784, name="sampling")(encoder(images))
    return encoder, decoder, keras.Model(images, decoder(z), name="vae")


def decode_plane(decoder, count: int = 16) -> np.ndarray:
    """What a grid of points decodes to that is even in the probability of N(0, 1)."""
    from statistics import NormalDist

    points = [NormalDist().inv_cdf((i + 0.5) / count) for i in range(count)]
    grid = np.array([(x, -y) for y in points for x in points], "float32")
    return decoder.predict(grid, verbose=0)


def draw(encoder, plane, images, labels, folder):
    figure, (left, right) = new_figure(2, 10, 4.6)
    mean, _ = encoder.predict(images, verbose=0)
    points = left.scatter(*mean.T, c=labels, s=4, cmap="tab10")
    figure.colorbar(points, ax=left, label="digit")
    left.set(xlabel="z₀", ylabel="z₁", title="Test digits in the latent plane")
    right.imshow(tile(plane, 16), cmap="gray_r")
    right.set(title="What the plane decodes to")
    right.set_axis_off()
    return save(figure, folder, "vae.png")


def main(arguments=None) -> dict:
    options = parse(make_parser(__doc__), arguments)
    keras.utils.set_random_seed(0)
    (x_train, _), (x_test, y_test) = load(options.data, train=20_000, test=2_000)
    encoder, decoder, vae = make_models()
    vae.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy")
    untrained = vae.evaluate(x_test, x_test, verbose=0)
    epochs = 6 if options.quick else 15
    history = vae.fit(x_train, x_train, epochs=epochs, batch_size=64, verbose=2, validation_data=(x_test, x_test))
    mean, log_variance = encoder.predict(x_test, verbose=0)
    divergence = -0.5 * np.sum(1 + log_variance - mean**2 - np.exp(log_variance), axis=1).mean()
    print(f"Loss of test digits: {untrained:.4f} untrained, {history.history['val_loss'][-1]:.4f} trained")
    print(f"Of it, the divergence is {divergence / 784:.4f} ({divergence:.2f} nats per digit)")
    plane = decode_plane(decoder)
    picture = draw(encoder, plane, x_test, y_test, options.output)
    return {
        "untrained": untrained,
        "losses": history.history["loss"],
        "val_losses": history.history["val_loss"],
        "divergence": float(divergence),
        "plane": plane,
        "models": (encoder, decoder, vae),
        "picture": picture,
    }


if __name__ == "__main__":
    main()
