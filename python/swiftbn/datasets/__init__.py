"""Small data sets to learn and test with."""

from swiftbn.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    imdb,
    mnist,
    reuters,
)

__all__ = [
    *("boston_housing", "california_housing", "cifar10", "cifar100", "digits"),
    *("fashion_mnist", "imdb", "mnist", "reuters"),
]
