"""Sequences of different lengths."""

from swiftbn.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]
