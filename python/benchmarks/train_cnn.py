"""A training step of the documents' CNN (Conv, BN, pool twice, Dense, BN, Dense; Adam), as users call it.

    python python/benchmarks/train_cnn.py [--threads 1] [--batch 64] [--peer torch|tensorflow|jax]

The peer is PyTorch in channels-last layout, or Keras' `train_on_batch` on TensorFlow or JAX (compiled by them).

Both sides get the same random images and labels and do a whole step: forward, loss, gradients, Adam, moving statistics.
"""

import argparse
import os

from _interleave import compare, limit_threads


def torch_step(x, y):
    import torch
    from torch import nn

    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.BatchNorm2d(32, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.BatchNorm2d(64, eps=1e-3, momentum=0.01),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1600, 128),
        nn.ReLU(),
        nn.BatchNorm1d(128, eps=1e-3, momentum=0.01),
        nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = nn.CrossEntropyLoss()
    images = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(y.astype("int64"))

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()

    return step


def keras_model(keras):
    """The documents' listing; `keras` is swiftbn or Keras itself."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def peer_step(peer, threads, x, y):
    if peer == "torch":
        import torch

        torch.set_num_threads(threads)
        return torch_step(x, y)
    if peer == "tensorflow":
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    import keras

    model = keras_model(keras)
    return lambda: model.train_on_batch(x, y)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument(
        "--peer", choices=["torch", "tensorflow", "jax"], default="torch", help="Keras runs on the others"
    )
    arguments = parser.parse_args()
    limit_threads(arguments.threads)
    os.environ.update(KERAS_BACKEND=arguments.peer, TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="")

    import numpy as np

    import swiftbn

    rng = np.random.default_rng(0)
    x = rng.random((arguments.batch, 28, 28, 1), dtype=np.float32)
    y = rng.integers(0, 10, arguments.batch).astype(np.int32)
    model = keras_model(swiftbn)
    theirs = peer_step(arguments.peer, arguments.threads, x, y)
    result = compare(lambda: model.train_on_batch(x, y), theirs, seconds=0.2)
    name = "PyTorch" if arguments.peer == "torch" else f"Keras on {arguments.peer}"
    print(f"train step, batch {arguments.batch}, {arguments.threads} thread(s), against {name}: {result}")


if __name__ == "__main__":
    main()
