"""Models for the tests of folding, recalibration and the report, and the comparison of folded ones."""

import numpy as np

import swiftbn
from swiftbn import Input, Sequential, layers


def mnist_cnn(shape=(28, 28, 1), filters=(8, 12), units=16, momentum=0.99):
    """The documents' CNN, by default with fewer channels."""
    return Sequential(
        [
            Input(shape),
            layers.Conv2D(filters[0], 3, activation="relu"),
            layers.BatchNormalization(momentum=momentum, name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(filters[1], 3, activation="relu", name="convolution"),
            layers.BatchNormalization(momentum=momentum, name="second"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(units, activation="relu", name="hidden"),
            layers.BatchNormalization(momentum=momentum, name="third"),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )


def normalizations(model):
    return [x for x in model._flatten_layers() if isinstance(x, layers.BatchNormalization)]


def randomize(model, seed=0, negative=False):
    """Weights that are not the initial ones: biases, γ, β and moving statistics; returns the model."""
    random = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if getattr(layer, "bias", None) is not None:
            layer.bias[...] = random.normal(size=layer.bias.shape)
        if not isinstance(layer, layers.BatchNormalization):
            continue
        count = layer.moving_mean.shape
        if layer.gamma is not None:
            layer.gamma[...] = random.uniform(0.3, 2, count)
            if negative:
                layer.gamma[::2] *= -1
        if layer.beta is not None:
            layer.beta[...] = random.normal(size=count)
        layer.moving_mean[...] = random.normal(size=count)
        layer.moving_variance[...] = random.uniform(0.1, 3, count)
    return model


def values(model):
    return [np.array(v.numpy()) for v in model.variables]


def assert_values(model, expected):
    for variable, value in zip(model.variables, expected, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def folded_equal(model, kept=(), negative=False, seed=0, tolerance=2e-5):
    """Folds a model with random weights; the outputs stay, exactly the layers named in `kept` do as well."""
    randomize(model, seed, negative)
    before = values(model)
    folded = swiftbn.fold_batch_norm(model)
    assert_values(model, before)
    assert type(folded) is type(model) and folded.name == model.name and folded.optimizer is None
    names = {layer.name for layer in normalizations(model)}
    assert {name.split("/")[-1] for name, _ in folded.folding_report} == names
    assert len(folded.folding_report) == len(names)
    assert {layer.name for layer in normalizations(folded)} == set(kept)
    for name, result in folded.folding_report:
        assert result.startswith("kept: " if name.split("/")[-1] in kept else "folded into '")
    assert not {id(v) for v in folded.variables} & {id(v) for v in model.variables}
    random = np.random.default_rng(seed + 1)
    for scale in (1, 10):
        x = [scale * random.normal(size=(5, *i.shape[1:])).astype(i.dtype) for i in model.inputs]
        x = x[0] if len(x) == 1 else x
        expected, got = model(x), folded(x)
        for a, b in zip(*map(swiftbn.tree.flatten, (expected, got)), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * np.abs(a).max())
    for a, b in zip(*(swiftbn.tree.flatten(m.predict(x, verbose=0)) for m in (model, folded)), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=tolerance * np.abs(a).max())
    return folded
