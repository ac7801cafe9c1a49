"""Training steps of the examples' models, as users call them, against PyTorch in channels-last layout.

    python python/benchmarks/train_models.py [--threads 1] [--batch 64] [--models LSTM GRU dcgan mobile efficient plain]

LSTM, GRU: examples/sequence_classifier.py on sequences of full length (28, 28), without masks, which PyTorch has not.
dcgan: examples/dcgan.py, both networks. mobile, efficient, plain: examples/mobile_nets.py. All with Adam, and with what
batch normalization does to its moving statistics.

With 2 threads on a machine that others use too, set OMP_WAIT_POLICY=PASSIVE, or PyTorch's threads wait for each other
in loops and its times mean nothing.
"""

import argparse
import sys
from pathlib import Path

from _interleave import compare, limit_threads

sys.path.append(str(Path(__file__).parents[1] / "examples"))


def our_sequences(kind, x, y):
    import sequence_classifier

    import swiftbn

    layers = sequence_classifier.make_model(kind).layers
    model = swiftbn.Sequential([swiftbn.Input((28, 28)), *layers[1:]])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, (x[..., 0], y)


def our_dcgan(x):
    import dcgan

    gan = dcgan.Dcgan(dcgan.make_generator(), dcgan.make_discriminator())
    gan.compile(dcgan.adam(dcgan.D_RATE), dcgan.adam(dcgan.G_RATE))
    return gan, (x,)


def our_net(kind, x, y):
    import mobile_nets

    model = mobile_nets.make_model(kind)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, (x, y)


def ours(name, x, y):
    if name == "dcgan":
        return our_dcgan(x)
    return our_sequences(name, x, y) if name in ("LSTM", "GRU") else our_net(name, x, y)


def torch_images(x):
    import torch

    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def torch_classifier_step(model, inputs, y):
    import torch

    labels = torch.from_numpy(y.astype("int64"))
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss_function(model(inputs), labels).backward()
        optimizer.step()

    return step


def torch_sequences(kind, x, y):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self, units=64):
            super().__init__()
            layer = getattr(nn, kind)
            self.norms = nn.ModuleList(nn.BatchNorm1d(size, eps=1e-3) for size in (28, units, units))
            self.first, self.second = layer(28, units, batch_first=True), layer(units, units, batch_first=True)
            self.dense = nn.Linear(units, 10)

        def forward(self, x):
            def norm(layer, x):
                return layer(x.reshape(-1, x.shape[-1])).reshape(x.shape)

            x = self.first(norm(self.norms[0], x))[0]
            x = self.second(norm(self.norms[1], x))[0][:, -1]
            return self.dense(self.norms[2](x))

    return torch_classifier_step(Network(), torch.from_numpy(x[..., 0].copy()), y)


def torch_dcgan(x, width=32, noise=64):
    import torch
    from torch import nn

    def norm(layer, size):
        return layer(size, eps=1e-3, momentum=0.1)

    generator = nn.Sequential(
        nn.Linear(noise, 98 * width, bias=False),
        norm(nn.BatchNorm1d, 98 * width),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        norm(nn.BatchNorm2d, width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Sigmoid(),
    ).to(memory_format=torch.channels_last)
    discriminator = nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),
        norm(nn.BatchNorm2d, 2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(98 * width, 1),
    ).to(memory_format=torch.channels_last)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.5, 0.999))
    g_optimizer = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.999))
    loss_function = nn.BCEWithLogitsLoss()
    real, count = torch_images(x), len(x)
    ones, zeros = torch.ones(count, 1), torch.zeros(count, 1)

    def step():
        with torch.no_grad():
            fake = generator(torch.randn(count, noise))
        discriminator.train()
        d_optimizer.zero_grad()
        loss = loss_function(discriminator(real), ones) + loss_function(discriminator(fake), zeros)
        loss.backward()
        d_optimizer.step()
        discriminator.eval()
        discriminator.requires_grad_(False)
        g_optimizer.zero_grad()
        loss_function(discriminator(generator(torch.randn(count, noise))), ones).backward()
        g_optimizer.step()
        discriminator.requires_grad_(True)

    return step


def torch_net(kind, x, y):
    import mobile_nets
    import torch
    from torch import nn

    activation = nn.SiLU if kind == "efficient" else nn.ReLU

    def block(inputs, outputs, size, stride=1, groups=1, activate=True):
        convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
        norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.1)
        return nn.Sequential(convolution, norm, *([activation()] if activate else []))

    class SqueezeExcite(nn.Module):
        def __init__(self, channels, reduced):
            super().__init__()
            self.reduce, self.expand = nn.Conv2d(channels, reduced, 1), nn.Conv2d(reduced, channels, 1)

        def forward(self, x):
            s = self.reduce(x.mean((2, 3), keepdim=True))
            return x * torch.sigmoid(self.expand(nn.functional.silu(s)))

    class InvertedResidual(nn.Module):
        def __init__(self, inputs, outputs, stride, expansion=4):
            super().__init__()
            wide = expansion * inputs
            self.layers = nn.Sequential(
                block(inputs, wide, 1),
                block(wide, wide, 3, stride, groups=wide),
                SqueezeExcite(wide, inputs // 4),
                block(wide, outputs, 1, activate=False),
            )
            self.has_residual = stride == 1 and inputs == outputs

        def forward(self, x):
            return x + self.layers(x) if self.has_residual else self.layers(x)

    parts, channels = [block(1, 16, 3, 2)], 16
    for filters, stride in mobile_nets.BLOCKS:
        if kind == "mobile":
            parts += [block(channels, channels, 3, stride, groups=channels), block(channels, filters, 1)]
        elif kind == "efficient":
            parts.append(InvertedResidual(channels, filters, stride))
        else:
            parts.append(block(channels, filters, 3, stride))
        channels = filters
    model = nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    return torch_classifier_step(model.to(memory_format=torch.channels_last), torch_images(x), y)


def theirs(name, x, y):
    if name == "dcgan":
        return torch_dcgan(x)
    return torch_sequences(name, x, y) if name in ("LSTM", "GRU") else torch_net(name, x, y)


def main() -> None:
    names = ["LSTM", "GRU", "dcgan", "mobile", "efficient", "plain"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--models", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    limit_threads(arguments.threads)

    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.random((arguments.batch, 28, 28, 1), dtype=np.float32)
    y = rng.integers(0, 10, arguments.batch)

    import torch

    torch.set_num_threads(arguments.threads)
    for name in arguments.models:
        model, arrays = ours(name, x, y)
        result = compare(lambda: model.train_on_batch(*arrays), theirs(name, x, y), seconds=0.2)  # noqa: B023
        print(f"{name}, batch {arguments.batch}, {arguments.threads} thread(s): {result}", flush=True)


if __name__ == "__main__":
    main()
