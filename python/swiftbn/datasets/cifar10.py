"""CIFAR-10: 60,000 colour images of 32 × 32, of ten classes."""

from __future__ import annotations

import os

import numpy as np

from swiftbn.datasets import _cifar

SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def load_data():
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Labels: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck.

    Returns:
        ((x_train, y_train), (x_test, y_test)): uint8 arrays (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3),
        (10000, 1); images have their channels first when that is the image data format.

    Raises:
        ValueError: damaged files.
        OSError: the download failed.

    Source: Krizhevsky 2009.
    """
    place = _cifar.extracted("cifar-10-batches-py-target", "cifar-10-python.tar.gz", "cifar-10-batches-py", SHA256)
    batches = [_cifar.load_batch(os.path.join(place, f"data_batch_{i}"), "labels") for i in range(1, 6)]
    images, labels = zip(*batches, strict=True)
    return (np.concatenate(images), np.concatenate(labels)), _cifar.load_batch(
        os.path.join(place, "test_batch"), "labels"
    )
