"""Arguments of optimizers and schedules that are out of range or not supported are errors that name them."""

import pytest
from optimizer_formulas import CASES

from swiftbn import optimizers

schedules = optimizers.schedules
NAN = float("nan")
CLASSES = list({case[0].__name__: case[0] for case in CASES}.values())


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"use_ema": 1}, "use_ema to be True or False. Received: use_ema=1"),
        ({"ema_momentum": 1.5}, r"ema_momentum to be a number >= 0.0 and <= 1.0. Received: ema_momentum=1\.5"),
        ({"ema_overwrite_frequency": 0}, "None or an integer >= 1. Received: ema_overwrite_frequency=0"),
        ({"ema_overwrite_frequency": 2.5}, r"None or an integer >= 1. Received: ema_overwrite_frequency=2\.5"),
        ({"loss_scale_factor": 0}, "loss_scale_factor to be a number > 0. Received: loss_scale_factor=0"),
        ({"loss_scale_factor": "a"}, "loss_scale_factor='a'"),
        ({"gradient_accumulation_steps": 1}, "an integer >= 2. Received: gradient_accumulation_steps=1"),
        ({"gradient_accumulation_steps": True}, "an integer >= 2. Received: gradient_accumulation_steps=True"),
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
    (lambda: optimizers.Adagrad(initial_accumulator_value=-1), "initial_accumulator_value=-1"),
    (lambda: optimizers.Adadelta(rho=1.5), r"Adadelta: expected rho .* rho=1\.5"),
    (lambda: optimizers.Adamax(beta_1=1.0), r"beta_1=1\.0"),
    (lambda: optimizers.Nadam(beta_2=1.0), r"beta_2=1\.0"),
    (lambda: optimizers.Ftrl(learning_rate_power=0.5), r"Ftrl: expected learning_rate_power .*=0\.5"),
    (lambda: optimizers.Ftrl(l1_regularization_strength=-1), "l1_regularization_strength=-1"),
    (lambda: optimizers.Ftrl(l2_shrinkage_regularization_strength=-1), "l2_shrinkage_regularization_strength=-1"),
    (lambda: optimizers.Lion(beta_1=0.0), r"Lion: expected beta_1 .* > 0. Received: beta_1=0\.0"),
    (lambda: optimizers.Lamb(epsilon="a"), "epsilon='a'"),
    (lambda: optimizers.Adafactor(beta_2_decay=0.5), r"beta_2_decay=0\.5"),
    (lambda: optimizers.Adafactor(relative_step=1), "relative_step=1"),
    (lambda: optimizers.Muon(ns_steps=1.5), r"ns_steps=1\.5"),
    (lambda: optimizers.Muon(ns_steps=None), "ns_steps=None"),
    (lambda: optimizers.ScheduleFreeAdamW(beta_1=0.0), r"ScheduleFreeAdamW: expected beta_1 .* beta_1=0\.0"),
    (lambda: optimizers.ScheduleFreeAdamW(warmup_steps=-1), "warmup_steps=-1"),
    (lambda: optimizers.LossScaleOptimizer("sgd"), "another optimizer. Received: inner_optimizer='sgd'"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), 0.0), r"initial_scale=0\.0"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), dynamic_growth_steps=0), "dynamic_growth_steps=0"),
    (lambda: optimizers.get("newton"), "Unknown optimizer 'newton'.*rmsprop"),
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
    (lambda: schedules.CosineDecayRestarts(0.1, 0), "CosineDecayRestarts: expected first_decay_steps .*=0"),
    (lambda: schedules.CosineDecayRestarts(0.1, 5, t_mul=-1.0), r"t_mul=-1\.0"),
    (lambda: schedules.CosineDecayRestarts(0.1, 5, m_mul="a"), "m_mul='a'"),
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
