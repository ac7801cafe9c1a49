"""A training step of one recurrent layer and a Dense behind it, with Adam, as users call it.

Both sides read the same sequences and do a whole step: forward, loss, gradients back through time, Adam.
"""

from _rows import Row

TITLE = "training step of a recurrent layer, Adam"
PEERS = ("PyTorch",)

# Layer, sequences (N, T, F), units.
CASES = (
    ("LSTM", (64, 28, 28), 128),
    ("GRU", (64, 28, 28), 128),
    ("SimpleRNN", (64, 28, 28), 128),
    ("LSTM", (32, 32, 256), 512),
)


def rows(setting):
    import numpy as np

    rng = np.random.default_rng(0)
    for kind, shape, units in [(kind, (2, 3, 4), 8) for kind, _, _ in CASES[:3]] if setting.quick else CASES:
        x = rng.standard_normal(shape, dtype=np.float32)
        y = rng.integers(0, 10, len(x)).astype(np.int32)
        theirs = None if setting.peer is None else torch_step(kind, units, x, y)
        yield Row(f"{kind} {shape} to {units}", our_step(kind, units, x, y), theirs, wanted=1, turn=0.05)


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
