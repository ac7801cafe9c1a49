"""Small data sets to learn and test with."""

from swiftbn.datasets import digits, mnist

__all__ = ["digits", "mnist"]
