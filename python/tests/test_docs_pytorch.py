"""What docs/coming_from_pytorch.md says to be the same is the same."""

import numpy as np
import pytest

import swiftbn
from swiftbn import layers, losses, optimizers

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.interop
RANDOM = np.random.default_rng(61)
IMAGES = RANDOM.normal(size=(3, 4, 6, 8)).astype("float32")

# Modules on images (N, C, H, W), without weights or with first weights of 1 and 0.
MODULES = {
    "MaxPool2d": (lambda: torch.nn.MaxPool2d(2), lambda: layers.MaxPooling2D(2)),
    "AvgPool2d": (lambda: torch.nn.AvgPool2d(2), lambda: layers.AveragePooling2D(2)),
    "GroupNorm": (lambda: torch.nn.GroupNorm(2, 4), lambda: layers.GroupNormalization(2, epsilon=1e-5)),
    "InstanceNorm2d": (
        lambda: torch.nn.InstanceNorm2d(4),
        lambda: layers.InstanceNormalization(epsilon=1e-5, center=False, scale=False),
    ),
    "LeakyReLU": (lambda: torch.nn.LeakyReLU(), lambda: layers.LeakyReLU(0.01)),
    "GELU": (lambda: torch.nn.GELU(), lambda: layers.Activation("gelu")),
    "SiLU": (lambda: torch.nn.SiLU(), lambda: layers.Activation("silu")),
    "ZeroPad2d": (lambda: torch.nn.ZeroPad2d(1), lambda: layers.ZeroPadding2D(1)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name):
    module, layer = (make() for make in MODULES[name])
    expected = module(torch.from_numpy(IMAGES)).detach().numpy()
    found = layer(IMAGES.transpose(0, 2, 3, 1), training=False)
    np.testing.assert_allclose(np.transpose(found, (0, 3, 1, 2)), expected, atol=1e-6)


def test_global_pooling():
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    found = layers.GlobalAveragePooling2D()(IMAGES.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(found, module(torch.from_numpy(IMAGES)).numpy(), atol=1e-6)


LOGITS, CLASSES = RANDOM.normal(size=(7, 5)).astype("float32"), RANDOM.integers(0, 5, size=7)
TARGETS = RANDOM.integers(0, 2, size=(7, 5)).astype("float32")
LOSSES = {
    "CrossEntropyLoss": (CLASSES, losses.SparseCategoricalCrossentropy(from_logits=True)),
    "BCEWithLogitsLoss": (TARGETS, losses.BinaryCrossentropy(from_logits=True)),
    "MSELoss": (TARGETS, losses.MeanSquaredError()),
    "L1Loss": (TARGETS, losses.MeanAbsoluteError()),
    "HuberLoss": (TARGETS, losses.Huber()),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name):
    targets, loss = LOSSES[name]
    expected = getattr(torch.nn, name)()(torch.from_numpy(LOGITS), torch.from_numpy(targets))
    np.testing.assert_allclose(loss(targets, LOGITS), expected.numpy(), rtol=1e-5)


OPTIMIZERS = {
    "Adam": (lambda p: torch.optim.Adam(p, 0.01), lambda: optimizers.Adam(0.01, epsilon=1e-8)),
    "AdamW": (lambda p: torch.optim.AdamW(p, 0.01), lambda: optimizers.AdamW(0.01, weight_decay=0.01, epsilon=1e-8)),
    "SGD": (lambda p: torch.optim.SGD(p, 0.01, momentum=0.9), lambda: optimizers.SGD(0.01, momentum=0.9)),
    "clipped": (
        lambda p: torch.optim.SGD(p, 0.1),
        lambda: optimizers.SGD(0.1, global_clipnorm=1.0),
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name):
    make_theirs, make_ours = OPTIMIZERS[name]
    start = RANDOM.normal(size=(4, 3)).astype("float32")
    theirs = torch.nn.Parameter(torch.from_numpy(start.copy()))
    ours = swiftbn.Variable(start)
    optimizer, other = make_ours(), make_theirs([theirs])
    for gradient in RANDOM.normal(size=(5, 4, 3)).astype("float32"):
        theirs.grad = torch.from_numpy(gradient.copy())
        if name == "clipped":
            torch.nn.utils.clip_grad_norm_([theirs], 1.0)
        other.step()
        optimizer.apply([gradient], [ours])
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_data_loader():
    x, y = RANDOM.normal(size=(20, 3)).astype("float32"), RANDOM.normal(size=(20, 1)).astype("float32")
    dataset = torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y))
    model = swiftbn.Sequential([swiftbn.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(torch.utils.data.DataLoader(dataset, batch_size=6), epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]


def test_attention():
    module = torch.nn.MultiheadAttention(6, 2, batch_first=True)
    layer = layers.MultiHeadAttention(2, 3)
    x = RANDOM.normal(size=(2, 5, 6)).astype("float32")
    layer(x, x)
    weights = []
    for kernel, bias in zip(
        np.split(module.in_proj_weight.detach().numpy(), 3),
        np.split(module.in_proj_bias.detach().numpy(), 3),
        strict=True,
    ):
        weights += [kernel.T.reshape(6, 2, 3), bias.reshape(2, 3)]
    out = module.out_proj
    layer.set_weights([*weights, out.weight.detach().numpy().T.reshape(2, 3, 6), out.bias.detach().numpy()])
    expected = module(*[torch.from_numpy(x)] * 3)[0].detach().numpy()
    np.testing.assert_allclose(layer(x, x), expected, atol=1e-6)
