"""What all initializers share."""

from __future__ import annotations


class Initializer:
    """A function of shape and dtype that makes a first value; subclasses define `__call__`."""

    def __call__(self, shape, dtype=None):
        raise NotImplementedError(f"{type(self).__name__} has to define __call__(shape, dtype)")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)
