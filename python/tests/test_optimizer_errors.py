"""Arguments of optimizers and schedules that are out of range or not supported are errors that name them."""

import pytest

from swiftbn import optimizers

schedules = optimizers.schedules
NAN = float("nan")
CLASSES = [optimizers.SGD, optimizers.Adam, optimizers.AdamW, optimizers.RMSprop]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"use_ema": True}, "only use_ema=False is supported. Received: use_ema=True"),
        ({"ema_overwrite_frequency": 5}, "only ema_overwrite_frequency=None .* ema_overwrite_frequency=5"),
        ({"loss_scale_factor": 2.0}, r"only loss_scale_factor=None .* loss_scale_factor=2\.0"),
        ({"gradient_accumulation_steps": 2}, "only gradient_accumulation_steps=None .* gradient_accumulation_steps=2"),
        ({"learning_rate": -0.1}, r"learning_rate=-0\.1"),
        ({"learning_rate": NAN}, "learning_rate=nan"),
        ({"learning_rate": "fast"}, "learning_rate='fast'"),
        ({"learning_rate": True}, "learning_rate=True"),
        ({"learning_rate": None}, "learning_rate=None"),
        ({"learning_rate": lambda: 0.1}, "LearningRateSchedule. Received: learning_rate=<function"),
        ({"weight_decay": -1}, "weight_decay=-1"),
        ({"weight_decay": "a"}, "weight_decay='a'"),
        ({"clipnorm": -1.0}, r"clipnorm=-1\.0"),
        ({"clipvalue": "a"}, "clipvalue='a'"),
        ({"global_clipnorm": NAN}, "global_clipnorm=nan"),
        ({"clipnorm": 1.0, "clipvalue": 1.0}, "at most one of clipnorm, clipvalue, global_clipnorm"),
        ({"name": 3}, "name=3"),
    ],
)
def test_common_arguments(cls, arguments, text):
    with pytest.raises(ValueError, match=text):
        cls(**arguments)


@pytest.mark.parametrize("cls", CLASSES)
def test_unknown_arguments(cls):
    with pytest.raises(TypeError, match="decay_rate"):
        cls(decay_rate=0.1)


BAD = [
    (lambda: optimizers.SGD(momentum=1.5), r"SGD: expected momentum .* momentum=1\.5"),
    (lambda: optimizers.SGD(momentum="a"), "momentum='a'"),
    (lambda: optimizers.SGD(nesterov="yes"), "SGD: expected nesterov to be True or False.*nesterov='yes'"),
    (lambda: optimizers.Adam(beta_1=1.0), r"Adam: expected beta_1 .* < 1\.0. Received: beta_1=1\.0"),
    (lambda: optimizers.Adam(beta_2=-0.1), r"beta_2=-0\.1"),
    (lambda: optimizers.Adam(epsilon=-1), "epsilon=-1"),
    (lambda: optimizers.Adam(amsgrad=1), "amsgrad=1"),
    (lambda: optimizers.AdamW(weight_decay=None), "AdamW: expected weight_decay .* weight_decay=None"),
    (lambda: optimizers.RMSprop(rho=2.0), r"rho=2\.0"),
    (lambda: optimizers.RMSprop(momentum=-1.0), r"momentum=-1\.0"),
    (lambda: optimizers.RMSprop(centered=None), "centered=None"),
    (lambda: optimizers.get("nadam"), "Unknown optimizer 'nadam'.*rmsprop"),
    (lambda: optimizers.get(None), "Expected an optimizer.*None"),
    (lambda: optimizers.get(3), "Expected a optimizer.*3|Expected an optimizer.*3"),
    (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "ExponentialDecay: expected decay_steps .* decay_steps=0"),
    (lambda: schedules.ExponentialDecay("a", 1, 0.5), "initial_learning_rate='a'"),
    (lambda: schedules.ExponentialDecay(0.1, 1, None), "decay_rate=None"),
    (lambda: schedules.InverseTimeDecay(0.1, -2, 0.5), "InverseTimeDecay: expected decay_steps .* decay_steps=-2"),
    (lambda: schedules.PolynomialDecay(0.1, "a"), "PolynomialDecay: .* decay_steps='a'"),
    (lambda: schedules.PolynomialDecay(0.1, 10, NAN), "end_learning_rate=nan"),
    (lambda: schedules.PolynomialDecay(0.1, 10, power="a"), "power='a'"),
    (lambda: schedules.CosineDecay(0.1, 0), "CosineDecay: expected decay_steps .* decay_steps=0"),
    (lambda: schedules.CosineDecay(0.1, 5, alpha=NAN), "alpha=nan"),
    (lambda: schedules.CosineDecay(0.1, 5, warmup_target="a"), "warmup_target='a'"),
    (lambda: schedules.CosineDecay(0.1, 5, warmup_steps=None), "warmup_steps=None"),
    (lambda: schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2]), "2 boundaries, 2 values"),
    (lambda: schedules.PiecewiseConstantDecay([1], [0.1, "a"]), "values='a'"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_other_arguments(case):
    make, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("value", [-1.0, "a", None, NAN, True, schedules.CosineDecay(0.1, 5)])
def test_bad_learning_rates_are_not_assigned(value):
    optimizer = optimizers.SGD(0.5)
    with pytest.raises(ValueError, match="SGD: expected learning_rate to be a number"):
        optimizer.learning_rate = value
    assert float(optimizer.learning_rate) == 0.5


def test_a_schedule_cannot_be_replaced():
    optimizer = optimizers.SGD(schedules.CosineDecay(0.1, 5))
    with pytest.raises(TypeError, match="SGD was made with a LearningRateSchedule"):
        optimizer.learning_rate = 0.1


def test_subclasses_have_to_define_their_parts():
    with pytest.raises(NotImplementedError, match="Optimizer has to define update_step"):
        optimizers.Optimizer(0.1).update_step(None, None, None)
    with pytest.raises(NotImplementedError, match="LearningRateSchedule has to define __call__"):
        schedules.LearningRateSchedule()(1)
    with pytest.raises(NotImplementedError, match="LearningRateSchedule has to define get_config"):
        schedules.LearningRateSchedule().get_config()
