"""`dtype_policies.DTypePolicyMap`: dtypes by the paths of layers."""

import numpy as np
import pytest

import swiftbn
from swiftbn import DTypePolicy, Input, Sequential, layers
from swiftbn.dtype_policies import DTypePolicyMap, get, serialize

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def test_a_mapping():
    policies = DTypePolicyMap("float64", {"a/.*": "mixed_float16"})
    assert (
        policies["x"].name == "float64"
        and policies["a/b/c"].name == "mixed_float16"
        and policies["a"].name == "float64"
    )
    policies["a/b"] = DTypePolicy("bfloat16")
    # A path of its own comes before patterns.
    assert policies["a/b"].name == "bfloat16"
    assert len(policies) == 2 and list(policies) == ["a/.*", "a/b"] and "a/b" in policies and "a/c" not in policies
    assert (policies.name, policies.compute_dtype, policies.variable_dtype) == ("map_float64", "float64", "float64")
    assert policies.quantization_mode is None and policies.default_policy == DTypePolicy("float64")
    policies["a/b.*"] = "float32"
    with pytest.raises(
        ValueError, match=r"expected one pattern at most to match 'a/bc'. Received: \['a/\.\*', 'a/b\.\*'\]"
    ):
        policies["a/bc"]
    del policies["a/b.*"]
    assert policies["a/bc"].name == "mixed_float16"
    with pytest.raises(KeyError):
        del policies["nothing"]
    assert repr(policies) == (
        "<DTypePolicyMap default_policy=float64, mapping={'a/.*': 'mixed_float16', 'a/b': 'bfloat16'}>"
    )
    assert DTypePolicyMap().default_policy == swiftbn.config.dtype_policy()


def test_configurations():
    policies = DTypePolicyMap(DTypePolicy("float64"), {"a": "mixed_bfloat16"})
    config = serialize(policies)
    assert (config["module"], config["class_name"]) == ("keras.dtype_policies", "DTypePolicyMap")
    again = get(config)
    assert isinstance(again, DTypePolicyMap) and again == policies and again is not policies
    assert again != DTypePolicyMap("float64") and again != DTypePolicy("float64")
    assert serialize(DTypePolicyMap())["config"]["default_policy"] is None


@pytest.mark.parametrize(
    "function, error, text",
    [
        (lambda: DTypePolicyMap(DTypePolicyMap()), ValueError, "default_policy to be no map"),
        (
            lambda: DTypePolicyMap(policy_map=[("a", "float32")]),
            TypeError,
            "policy_map to be a dict. Received: policy_map=",
        ),
        (lambda: DTypePolicyMap(policy_map={"a": "int8"}), ValueError, "expected dtype policies. Received: 'int8'"),
        (
            lambda: DTypePolicyMap().__setitem__("a", None),
            ValueError,
            "expected dtype policies, and no maps. Received: None",
        ),
        (lambda: DTypePolicyMap().__setitem__("a", DTypePolicyMap()), ValueError, "and no maps"),
        (
            lambda: DTypePolicyMap(policy_map={"a": "float32"}).__setitem__("a", "float64"),
            ValueError,
            "'a' is there already",
        ),
    ],
)
def test_errors(function, error, text):
    with pytest.raises(error, match=text):
        function()


class Block(layers.Layer):
    """Hands its policy on to two layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3, name="first", dtype=self.dtype_policy)
        self.second = layers.Dense(3, name="second", dtype=self.dtype_policy)

    def call(self, x):
        return self.second(self.first(x))

    def get_config(self):
        return super().get_config()


def dtypes(layer):
    return [(part.compute_dtype, part.variable_dtype) for part in (layer, layer.first, layer.second)]


@pytest.mark.parametrize("way", ["call", "build", "model"])
def test_layers_take_theirs_when_they_are_built(way):
    policies = DTypePolicyMap("float32", {"block/first": "float64", "block/second": "mixed_float16"})
    block = Block(dtype=policies, name="block")
    assert block.dtype_policy is policies and dtypes(block) == [("float32", "float32")] * 3
    if way == "call":
        assert block(X).dtype == np.float16
    elif way == "build":
        block.build((None, 3))
    else:
        inputs = Input((3,))
        swiftbn.Model(inputs, block(inputs))
    assert dtypes(block) == [("float32", "float32"), ("float64", "float64"), ("float16", "float32")]
    assert block.first.kernel.dtype == "float64" and block.second.kernel.dtype == "float32"
    assert block.first.dtype_policy is policies


def test_values():
    policies = DTypePolicyMap("float32", {"block/first": "float64"})
    block = Block(dtype=policies, name="block")
    found = block(X)
    first = X.astype("float64") @ block.first.kernel.numpy()
    np.testing.assert_allclose(found, first.astype("float32") @ block.second.kernel.numpy(), rtol=1e-5, atol=1e-6)
    assert block.first(X).dtype == np.float64


def test_assigned_policies():
    policies = DTypePolicyMap("float32")
    dense = layers.Dense(2, dtype=policies, name="d")
    dense(X)
    dense.dtype_policy = "mixed_float16"
    assert policies["d"].name == "mixed_float16" and dense.dtype_policy is policies and dense.compute_dtype == "float16"
    dense.dtype_policy = "mixed_bfloat16"
    assert policies["d"].name == "mixed_bfloat16" and len(policies) == 1
    with pytest.raises(ValueError, match="has weights of dtype float32"):
        dense.dtype_policy = "float64"
    plain = layers.Dense(2, name="p")
    plain.dtype_policy = DTypePolicyMap("float64", {"p": "float32"})
    assert plain(X).dtype == np.float32 and plain.dtype_policy["p"].name == "float32"


def test_saved_layers(tmp_path):
    policies = DTypePolicyMap("float32", {".*d1": "mixed_float16"})
    model = Sequential(
        [Input((3,)), layers.Dense(2, dtype=policies, name="d1"), layers.Dense(2, dtype=policies, name="d2")]
    )
    assert [layer.compute_dtype for layer in model.layers] == ["float16", "float32"]
    model.save(tmp_path / "m.keras")
    loaded = swiftbn.saving.load_model(tmp_path / "m.keras")
    assert loaded.layers[0].dtype_policy == policies
    assert [layer.compute_dtype for layer in loaded.layers] == ["float16", "float32"]
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.interop
def test_same_as_keras():
    keras = pytest.importorskip("keras")
    theirs = keras.dtype_policies.DTypePolicyMap("float32", {"a/.*": keras.DTypePolicy("mixed_float16")})
    ours = DTypePolicyMap("float32", {"a/.*": "mixed_float16"})
    for path in ("a", "a/b", "b/a/c"):
        assert ours[path].name == theirs[path].name
    assert (ours.name, ours.compute_dtype) == (theirs.name, theirs.compute_dtype)
    loaded = keras.saving.deserialize_keras_object(swiftbn.saving.serialize_keras_object(ours))
    assert loaded["a/b"].name == "mixed_float16" and loaded.default_policy.name == "float32"
    assert get(keras.saving.serialize_keras_object(theirs)) == ours
    dense = layers.Dense(2, dtype=ours, name="x")
    other = keras.layers.Dense.from_config(dense.get_config())
    assert isinstance(other.dtype_policy, keras.dtype_policies.DTypePolicyMap)
