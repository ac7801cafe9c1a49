"""Learning rates that change from step to step, as functions of the number of updates; computed inside the step."""

from __future__ import annotations

import math

from swiftbn import _registry, ops
from swiftbn._checks import finite
from swiftbn.config import floatx
from swiftbn.optimizers._schedule import LearningRateSchedule


def _positive(schedule, name: str, value):
    if not _finite(schedule, name, value) > 0:
        raise ValueError(f"{type(schedule).__name__}: expected {name} to be a number > 0. Received: {name}={value!r}")
    return value


def _finite(schedule, name: str, value):
    return finite(type(schedule).__name__, name, value)


def _number(step):
    return ops.cast(ops.convert_to_tensor(step), floatx())


class ExponentialDecay(LearningRateSchedule):
    """initial·rate^(step / decay_steps); in whole decay_steps if `staircase`."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"):
        self.initial_learning_rate = _finite(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.decay_rate = _finite(self, "decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def __call__(self, step):
        exponent = ops.divide(_number(step), float(self.decay_steps))
        if self.staircase:
            exponent = ops.floor(exponent)
        return ops.multiply(ops.power(float(self.decay_rate), exponent), float(self.initial_learning_rate))

    def get_config(self) -> dict:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": self.name,
        }


class InverseTimeDecay(ExponentialDecay):
    """initial / (1 + rate·step / decay_steps); in whole decay_steps if `staircase`."""

    def __init__(self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        progress = ops.divide(_number(step), float(self.decay_steps))
        if self.staircase:
            progress = ops.floor(progress)
        return ops.divide(
            float(self.initial_learning_rate), ops.add(ops.multiply(progress, float(self.decay_rate)), 1.0)
        )


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[0] up to and including step boundaries[0], then values[1] up to boundaries[1], …"""

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "PiecewiseConstantDecay: expected one value more than boundaries. "
                f"Received: {len(boundaries)} boundaries, {len(values)} values"
            )
        for argument, numbers in (("boundaries", boundaries), ("values", values)):
            for number in numbers:
                _finite(self, argument, number)
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def __call__(self, step):
        step = _number(step)
        rate = ops.add(ops.multiply(step, 0.0), float(self.values[0]))
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            rate = ops.where(ops.greater(step, float(boundary)), float(value), rate)
        return rate

    def get_config(self) -> dict:
        return {"boundaries": self.boundaries, "values": self.values, "name": self.name}


class PolynomialDecay(LearningRateSchedule):
    """(initial - end)·(1 - step / decay_steps)^power + end; with `cycle` decay_steps grows in whole multiples."""

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = _finite(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.end_learning_rate = _finite(self, "end_learning_rate", end_learning_rate)
        self.power = _finite(self, "power", power)
        self.cycle = cycle
        self.name = name

    def __call__(self, step):
        step = _number(step)
        if self.cycle:
            periods = ops.maximum(ops.ceil(ops.divide(step, float(self.decay_steps))), 1.0)
            length = ops.multiply(periods, float(self.decay_steps))
        else:
            length = float(self.decay_steps)
            step = ops.minimum(step, length)
        left = ops.power(ops.subtract(1.0, ops.divide(step, length)), float(self.power))
        return ops.add(
            ops.multiply(left, float(self.initial_learning_rate - self.end_learning_rate)),
            float(self.end_learning_rate),
        )

    def get_config(self) -> dict:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": self.name,
        }


class CosineDecay(LearningRateSchedule):
    """From the initial rate along half a cosine to alpha times it, after an optional linear warm-up to `warmup_target`.

    Loshchilov & Hutter 2017 (arXiv 1608.03983).
    """

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = _finite(self, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _positive(self, "decay_steps", decay_steps)
        self.alpha = _finite(self, "alpha", alpha)
        self.name = name
        self.warmup_target = None if warmup_target is None else _finite(self, "warmup_target", warmup_target)
        self.warmup_steps = _finite(self, "warmup_steps", warmup_steps)

    def _decayed(self, step, base: float):
        progress = ops.divide(ops.minimum(step, float(self.decay_steps)), float(self.decay_steps))
        cosine = ops.multiply(ops.add(ops.cos(ops.multiply(progress, math.pi)), 1.0), 0.5)
        return ops.multiply(ops.add(ops.multiply(cosine, 1.0 - self.alpha), float(self.alpha)), base)

    def __call__(self, step):
        step = _number(step)
        initial = float(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._decayed(step, initial)
        target, warmup = float(self.warmup_target), float(self.warmup_steps)
        rising = ops.add(ops.multiply(ops.divide(step, max(warmup, 1.0)), target - initial), initial)
        return ops.where(ops.less(step, warmup), rising, self._decayed(ops.subtract(step, warmup), target))

    def get_config(self) -> dict:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": self.name,
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        }


class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine from the initial rate to alpha times it, again and again.

    Each period is `t_mul` times as long as the one before, and begins with `m_mul` times its rate.
    Loshchilov & Hutter 2017 (arXiv 1608.03983).
    """

    def __init__(self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"):
        self.initial_learning_rate = _finite(self, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _positive(self, "first_decay_steps", first_decay_steps)
        self._t_mul = _positive(self, "t_mul", t_mul)
        self._m_mul = _positive(self, "m_mul", m_mul)
        self.alpha = _finite(self, "alpha", alpha)
        self.name = name

    def _period(self, progress) -> tuple:
        """The number of whole periods in `progress` first ones, and the part of the present period that is over."""
        growth = float(self._t_mul)
        if growth == 1.0:
            period = ops.floor(progress)
            return period, ops.subtract(progress, period)
        scaled = ops.add(ops.multiply(progress, growth - 1.0), 1.0)
        period = ops.floor(ops.divide(ops.log(scaled), math.log(growth)))
        length = ops.power(growth, period)
        over = ops.divide(ops.subtract(length, 1.0), growth - 1.0)
        return period, ops.divide(ops.subtract(progress, over), length)

    def __call__(self, step):
        period, part = self._period(ops.divide(_number(step), float(self.first_decay_steps)))
        cosine = ops.multiply(ops.add(ops.cos(ops.multiply(part, math.pi)), 1.0), 0.5)
        height = ops.multiply(ops.power(float(self._m_mul), period), 1.0 - self.alpha)
        decayed = ops.add(ops.multiply(height, cosine), float(self.alpha))
        return ops.multiply(decayed, float(self.initial_learning_rate))

    def get_config(self) -> dict:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self._t_mul,
            "m_mul": self._m_mul,
            "alpha": self.alpha,
            "name": self.name,
        }


_TABLE = {
    cls.__name__: cls
    for cls in (
        CosineDecay,
        CosineDecayRestarts,
        ExponentialDecay,
        InverseTimeDecay,
        PiecewiseConstantDecay,
        PolynomialDecay,
    )
}


def serialize(learning_rate_schedule):
    """The configuration of a schedule."""
    return _registry.serialize(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule that `serialize` described; `custom_objects` maps names to classes.

    Raises:
        ValueError: something else than a configuration.
    """
    if not isinstance(config, dict):
        raise ValueError(f"Expected the configuration of a learning rate schedule. Received: {config!r}")
    return _registry.deserialize(config, custom_objects, lambda value: _registry.get(value, _TABLE, "schedule"))
