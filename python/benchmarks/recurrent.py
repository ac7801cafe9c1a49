"""A training step of one recurrent layer and a Dense behind it, with Adam, as users call it, against PyTorch.

    python python/benchmarks/recurrent.py [--threads 1] [--batch 64] [--steps 28] [--inputs 28] [--units 128]

Both sides read the same sequences and do a whole step: forward, loss, gradients back through time, Adam.
"""

import argparse

from _interleave import compare, limit_threads


def torch_step(kind, units, x, y):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            layer = {"LSTM": nn.LSTM, "GRU": nn.GRU, "SimpleRNN": nn.RNN}[kind]
            self.recurrent = layer(x.shape[2], units, batch_first=True)
            self.dense = nn.Linear(units, 10)

        def forward(self, inputs):
            return self.dense(self.recurrent(inputs)[0][:, -1])

    model = Network()
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = nn.CrossEntropyLoss()
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y.astype("int64"))

    def step():
        optimizer.zero_grad()
        loss_function(model(inputs), labels).backward()
        optimizer.step()

    return step


def our_step(kind, units, x, y):
    import swiftbn
    from swiftbn import layers

    recurrent = getattr(layers, kind)(units)
    model = swiftbn.Sequential([swiftbn.Input(x.shape[1:]), recurrent, layers.Dense(10)])
    model.compile("adam", swiftbn.losses.SparseCategoricalCrossentropy(from_logits=True))
    return lambda: model.train_on_batch(x, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("threads", 1), ("batch", 64), ("steps", 28), ("inputs", 28), ("units", 128)):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    limit_threads(arguments.threads)

    import numpy as np
    import torch

    torch.set_num_threads(arguments.threads)
    rng = np.random.default_rng(0)
    shape = (arguments.batch, arguments.steps, arguments.inputs)
    x = rng.standard_normal(shape, dtype=np.float32)
    y = rng.integers(0, 10, arguments.batch).astype(np.int32)
    for kind in ("LSTM", "GRU", "SimpleRNN"):
        result = compare(our_step(kind, arguments.units, x, y), torch_step(kind, arguments.units, x, y), seconds=0.1)
        print(f"{kind} {shape} -> {arguments.units}, {arguments.threads} thread(s): {result}")


if __name__ == "__main__":
    main()
