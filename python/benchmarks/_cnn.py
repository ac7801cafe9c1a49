"""The documents' CNN (Conv, BN, pool twice, Dense, BN, Dense) in each library, with the same weights if wanted."""


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


def torch_model():
    """The same up to the logits, in channels-last layout."""
    import torch
    from torch import nn

    return nn.Sequential(
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


def torch_images(x):
    """(N, H, W, C) as PyTorch's (N, C, H, W), channels last in memory."""
    import torch

    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def torch_step(model, x, y, *, fused: bool = False):
    """A whole training step of a model that returns logits."""
    import torch

    optimizer = torch.optim.Adam(model.parameters(), fused=fused)
    loss_function = torch.nn.CrossEntropyLoss()
    images, labels = torch_images(x), torch.from_numpy(y.astype("int64"))

    def step():
        optimizer.zero_grad()
        loss = loss_function(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


def batch(count: int, shape=(28, 28, 1), seed: int = 0):
    """Random images and labels."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return rng.random((count, *shape), dtype=np.float32), rng.integers(0, 10, count).astype(np.int32)


def set_trained_like_weights(model) -> list:
    """Gives a Keras-like model weights as after training, moving statistics other than 0 and 1; returns them."""
    import numpy as np

    rng = np.random.default_rng(1)
    weights = []
    for old in model.get_weights():
        if old.ndim > 1:
            new = rng.standard_normal(old.shape) * np.sqrt(2 / np.prod(old.shape[:-1]))
        else:
            new = rng.uniform(0.5, 1.5, old.shape)
        weights.append(new.astype(np.float32))
    model.set_weights(weights)
    return weights


def channels_first_weights(weights: list) -> list:
    """Keras' list as (O, C, KH, KW) and (outputs, inputs), the inputs of the first Dense in the order (C, H, W)."""
    result = []
    for w in weights:
        if w.ndim == 4:
            w = w.transpose(3, 2, 0, 1)
        elif w.ndim == 2:
            w = w.reshape(5, 5, 64, -1).transpose(2, 0, 1, 3).reshape(w.shape) if w.shape[0] == 1600 else w
            w = w.T
        result.append(w.copy())
    return result


def exact_probabilities(weights: list, x):
    """The CNN's outputs in inference, in float64 NumPy."""
    import numpy as np

    w = iter(np.asarray(v, np.float64) for v in weights)

    def normalize(h):
        gamma, beta, mean, variance = (next(w) for _ in range(4))
        return gamma * (h - mean) / np.sqrt(variance + 1e-3) + beta

    h = x.astype(np.float64)
    for _ in range(2):
        windows = np.lib.stride_tricks.sliding_window_view(h, (3, 3), axis=(1, 2))
        h = np.einsum("nhwcij,ijco->nhwo", windows, next(w), optimize=True) + next(w)
        h = normalize(np.maximum(h, 0))
        n, height, width, channels = h.shape
        h = h[:, : height // 2 * 2, : width // 2 * 2].reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))
    h = normalize(np.maximum(h.reshape(len(h), -1) @ next(w) + next(w), 0))
    h = h @ next(w) + next(w)
    h = np.exp(h - h.max(1, keepdims=True))
    return h / h.sum(1, keepdims=True)
