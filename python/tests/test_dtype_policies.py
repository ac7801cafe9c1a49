"""Dtype policies, of layers and for all layers."""

import copy

import numpy as np
import pytest

import swiftbn
from swiftbn import DTypePolicy, FloatDTypePolicy, dtype_policies, layers, mixed_precision

X = np.ones((2, 3), "float32")


@pytest.fixture(autouse=True)
def no_global_policy():
    yield
    dtype_policies._global.clear()


@pytest.mark.parametrize(
    "name, compute, variable",
    [
        ("float32", "float32", "float32"),
        ("float64", "float64", "float64"),
        ("float16", "float16", "float32"),
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
    ],
)
def test_policies(name, compute, variable):
    policy = DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy.quantization_mode is None and repr(policy) == f'<DTypePolicy "{name}">'
    assert policy == FloatDTypePolicy(name) and policy != DTypePolicy("float64" if name != "float64" else "float32")
    assert hash(policy) == hash(copy.deepcopy(policy)) and policy != name
    layer = layers.Dense(2, dtype=policy)
    assert layer.dtype_policy == policy and layer.compute_dtype == compute and layer.variable_dtype == variable
    config = dtype_policies.serialize(policy)
    assert config == {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}
    assert dtype_policies.deserialize(config) == dtype_policies.get(config) == policy
    assert layers.Dense(2, dtype=config).dtype_policy == policy == DTypePolicy.from_config(policy.get_config())


def test_the_global_policy():
    assert dtype_policies.get(None) == dtype_policies.get("float32") == DTypePolicy()
    mixed_precision.set_global_policy("mixed_float16")
    assert mixed_precision.global_policy() == mixed_precision.Policy("mixed_float16") == DTypePolicy()
    layer = layers.Dense(2)
    assert layer(X).dtype == "float16" and layer.kernel.dtype == "float32"
    assert layers.Dense(2, dtype="float32")(X).dtype == "float32"
    mixed_precision.set_dtype_policy(DTypePolicy("float64"))
    assert layers.Dense(2)(X).dtype == "float64"
    assert mixed_precision.LossScaleOptimizer is swiftbn.optimizers.LossScaleOptimizer
    assert "LossScaleOptimizer" in dir(mixed_precision)


def test_the_default_follows_floatx():
    swiftbn.config.set_floatx("float64")
    try:
        assert DTypePolicy().name == "float64" == layers.Dense(2).dtype
    finally:
        swiftbn.config.set_floatx("float32")


def test_a_policy_may_be_assigned():
    layer = layers.Dense(2)
    layer.dtype_policy = "float64"
    assert layer(X).dtype == "float64"
    with pytest.raises(ValueError, match="weights of dtype float64.*dtype_policy='mixed_float16'"):
        layer.dtype_policy = "mixed_float16"
    other = layers.Dense(2)
    other(X)
    other.dtype_policy = DTypePolicy("mixed_float16")
    assert other(X).dtype == "float16" and other.get_config()["dtype"]["config"]["name"] == "mixed_float16"


def test_convert_input():
    policy = DTypePolicy("mixed_float16")
    assert policy.convert_input(X, True, "float16").dtype == "float16"
    assert policy.convert_input(X, False, "float16") is X
    integers = np.ones(3, "int32")
    assert policy.convert_input(integers, True, "float32") is integers
    assert policy.convert_input("text", True, "float32") == "text"
    symbolic = swiftbn.Input((3,))
    assert policy.convert_input(symbolic, True, "float64").dtype == "float64"


@pytest.mark.parametrize("name", ["int32", "float8", "mixed_float32", ""])
def test_unknown_policies(name):
    with pytest.raises(ValueError, match=f"dtype='{name}'"):
        DTypePolicy(name)
    with pytest.raises(ValueError, match=f"dtype='{name}'"):
        mixed_precision.set_dtype_policy(name)
    assert DTypePolicy().name == "float32"


def test_what_is_no_policy():
    with pytest.raises(TypeError, match="name=3"):
        DTypePolicy(3)
    with pytest.raises(ValueError, match="policy=None"):
        dtype_policies.set_dtype_policy(None)
    with pytest.raises(ValueError, match="configuration of a DTypePolicy"):
        dtype_policies.deserialize(swiftbn.regularizers.serialize(swiftbn.regularizers.L1(0.5)))
    assert dtype_policies.get(np.float64) == DTypePolicy("float64")


@pytest.mark.interop
def test_keras_agrees():
    keras = pytest.importorskip("keras")
    for name in ("float32", "float64", "mixed_float16", "mixed_bfloat16"):
        ours, theirs = DTypePolicy(name), keras.DTypePolicy(name)
        for attribute in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
            assert getattr(ours, attribute) == getattr(theirs, attribute)
        assert repr(ours) == repr(theirs)
        assert dtype_policies.serialize(ours) == keras.dtype_policies.serialize(theirs)
