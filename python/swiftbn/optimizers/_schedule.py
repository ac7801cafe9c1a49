"""What a learning rate that changes is."""

from __future__ import annotations


class LearningRateSchedule:
    """A function of the number of updates; subclasses define `__call__(step)`, built from `swiftbn.ops`."""

    def __call__(self, step):
        raise NotImplementedError(f"{type(self).__name__} has to define __call__(step)")

    def get_config(self) -> dict:
        raise NotImplementedError(f"{type(self).__name__} has to define get_config()")

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)
