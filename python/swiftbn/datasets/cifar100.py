"""CIFAR-100: 60,000 colour images of 32 × 32, of a hundred classes in twenty groups."""

from __future__ import annotations

import os

from swiftbn._checks import one_of
from swiftbn.datasets import _cifar

SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode="fine"):
    """The data set, from Keras' cache, where it is downloaded to first if need be.

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for their twenty groups.

    Returns:
        ((x_train, y_train), (x_test, y_test)): uint8 arrays (50000, 32, 32, 3), (50000, 1), (10000, 32, 32, 3),
        (10000, 1); images have their channels first when that is the image data format.

    Raises:
        ValueError: another `label_mode`, or damaged files.
        OSError: the download failed.

    Source: Krizhevsky 2009.
    """
    one_of("cifar100", "label_mode", label_mode, ("fine", "coarse"))
    place = _cifar.extracted("cifar-100-python-target", "cifar-100-python.tar.gz", "cifar-100-python", SHA256)
    train, test = (_cifar.load_batch(os.path.join(place, part), f"{label_mode}_labels") for part in ("train", "test"))
    return train, test
