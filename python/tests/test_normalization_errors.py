"""Configurations of the normalization layers, and type and text of their errors."""

import numpy as np
import pytest

from swiftbn import Input, layers, saving

LN, GN, IN = layers.LayerNormalization, layers.GroupNormalization, layers.InstanceNormalization
RMS, UNIT = layers.RMSNormalization, layers.UnitNormalization

CONFIGURED = [
    LN(axis=[1, -1], epsilon=0.1, center=False, gamma_initializer="zeros", gamma_regularizer="l2", name="a"),
    GN(groups=3, axis=1, scale=False, beta_constraint="non_neg", dtype="float64"),
    IN(axis=2, epsilon=0.5, trainable=False),
    RMS(axis=[1, 2], epsilon=0.25),
    UNIT(axis=[0, 1]),
]


@pytest.mark.parametrize("layer", CONFIGURED, ids=lambda layer: type(layer).__name__)
def test_configuration(layer):
    config = layer.get_config()
    again = type(layer).from_config(config)
    assert again.get_config() == config and again.name == layer.name and again.dtype == layer.dtype
    stored = saving.serialize_keras_object(layer)
    assert type(saving.deserialize_keras_object(stored)) is type(layer)
    assert saving.deserialize_keras_object(stored).get_config() == config


CALL_ERRORS = [
    (lambda: LN(axis=1.0), TypeError, "LayerNormalization: expected axis to be an integer or a list.* axis=1.0"),
    (lambda: LN(axis="1"), TypeError, "axis='1'"),
    (lambda: UNIT(axis=[0, 1.5]), TypeError, r"UnitNormalization: .*Received: axis=\[0, 1.5\]"),
    (lambda: RMS(axis=True), TypeError, "RMSNormalization: .*Received: axis=True"),
    (lambda: LN(axis=[]), ValueError, r"LayerNormalization: expected at least one axis. Received: axis=\[\]"),
    (lambda: GN(axis=[1]), ValueError, r"GroupNormalization: expected axis to be an integer. Received: axis=\[1\]"),
    (lambda: IN(axis=None), ValueError, "InstanceNormalization: expected axis to be an integer. Received: axis=None"),
    (lambda: LN(epsilon=0), ValueError, "LayerNormalization: expected epsilon to be a finite number > 0.*epsilon=0"),
    (lambda: GN(epsilon="1"), ValueError, "GroupNormalization: expected epsilon to be .* Received: epsilon='1'"),
    (lambda: RMS(epsilon=float("nan")), ValueError, "RMSNormalization: .*Received: epsilon=nan"),
    (lambda: LN(rms_scaling=True), ValueError, "only rms_scaling=False is supported. Received: rms_scaling=True"),
    (lambda: LN(momentum=0.9), ValueError, "LayerNormalization: unknown arguments. Received: momentum"),
    (lambda: GN(groups=0), ValueError, "GroupNormalization: expected groups to be an integer >= 1.*groups=0"),
    (lambda: GN(groups=2.0), ValueError, "Received: groups=2.0"),
    (lambda: GN(groups=4)(np.ones((2, 6))), ValueError, r"groups to divide the 6 channels .*\(2, 6\).* groups=4"),
    (lambda: GN()(np.ones((2, 3, 6))), ValueError, r"groups to divide the 6 channels .*\(2, 3, 6\).* groups=32"),
    (lambda: GN(2, axis=0)(np.ones((2, 6))), ValueError, r"channel axis behind axis 0 .*\(2, 6\). Received: axis=0"),
    (lambda: GN(2, axis=-2)(np.ones((2, 6))), ValueError, "Received: axis=-2"),
    (lambda: GN(2, axis=3)(np.ones((2, 6))), ValueError, r"expected -2 <= axis < 2 .*\(2, 6\). Received: axis=3"),
    (lambda: GN(2)(np.ones(6)), ValueError, r"\(6,\)"),
    (lambda: IN()(np.ones((2, 6))), ValueError, r"\(2, 6\)"),
    (lambda: LN(axis=[1, 4])(np.ones((2, 6))), ValueError, r"-2 <= axis < 2 .*\(2, 6\). Received: axis=\[1, 4\]"),
    (lambda: LN(axis=[1, -1])(np.ones((2, 6))), ValueError, r"different axes for rank 2. Received: axis=\[1, -1\]"),
    (lambda: RMS(axis=5)(np.ones((2, 6))), ValueError, "RMSNormalization 'rms.*Received: axis=5"),
    (lambda: UNIT(axis=-3)(np.ones((2, 6))), ValueError, "UnitNormalization 'unit.*Received: axis=-3"),
    (lambda: UNIT(axis=2).compute_output_shape((2, 6)), ValueError, "Received: axis=2"),
    (lambda: LN(axis=[0, 1])(Input((3,))), ValueError, r"known extents on axis \[0, 1\].*\(None, 3\)"),
    (lambda: LN()(Input((None,))), ValueError, r"known extents on axis -1.*\(None, None\)"),
    (lambda: GN()(Input((4, None))), ValueError, r"known extent on axis -1.*\(None, 4, None\)"),
]


@pytest.mark.parametrize("function, error, text", CALL_ERRORS)
def test_errors(function, error, text):
    with pytest.raises(error, match=text) as caught:
        function()
    assert type(caught.value) is error


@pytest.mark.parametrize("cls, options", [(LN, {}), (GN, {"groups": 2}), (IN, {}), (RMS, {})])
def test_built_for_another_shape(cls, options):
    layer = cls(**options, name="norm")
    layer(np.ones((2, 3, 4)))
    for shape in [(2, 3, 6), (2, 4)]:
        with pytest.raises(ValueError) as error:
            layer(np.ones(shape))
        assert "norm" in str(error.value) and str(shape) in str(error.value)
