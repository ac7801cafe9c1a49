"""A training step of the documents' CNN with Adam, as users call it: forward, loss, gradients, Adam, moving statistics.

Ours is `train_on_batch`, with accuracy; Keras' is the same, compiled by TensorFlow or JAX. PyTorch's is the usual loop
in channels-last layout without a metric, once eager and once with `torch.compile` and its fused Adam.
"""

from _cnn import batch, keras_model, torch_model, torch_step
from _rows import Row

TITLE = "training step of the documents' CNN, Adam"
PEERS = ("PyTorch", "PyTorch compiled", "Keras on TensorFlow", "Keras on JAX")
PROCESSES = 3


def rows(setting):
    import swiftbn

    for count in (8,) if setting.quick else (64, 128):
        x, y = batch(count)
        model = keras_model(swiftbn)

        def ours(model=model, x=x, y=y):
            return model.train_on_batch(x, y)

        yield Row(f"batch {count}", ours, _peer(setting.peer, x, y), wanted=2.5, turn=0.1)


def _peer(peer, x, y):
    if peer is None:
        return None
    if peer.startswith("PyTorch"):
        import torch

        model, compiled = torch_model(), peer == "PyTorch compiled"
        return torch_step(torch.compile(model, dynamic=False) if compiled else model, x, y, fused=compiled)
    import keras

    model = keras_model(keras)
    return lambda: model.train_on_batch(x, y)
