"""Names, order and defaults of arguments are those of Keras 3.15; what differs is listed here, with the reason."""

import inspect

import pytest

import swiftbn

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.interop

MODULES = [
    "layers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
    "ops",
    "utils",
    "random",
    "datasets.mnist",
]

# Parameters that Keras has and swiftbn does not, parameters that only swiftbn has (keyword-only or instead of
# **kwargs). Arguments for other backends, for distribution and for features that later versions will have.
DIFFERENCES = {
    "layers.Add": ((), ("activity_regularizer", "trainable", "dtype", "name")),
    "layers.BatchNormalization": (
        (),
        (
            "data_format fused moving_average window normalize_with virtual_batch_size unbiased_variance nonfinite "
            "single_value"
        ).split(),
    ),
    "layers.InputSpec": (("allow_last_axis_squeeze", "optional"), ("built_shape",)),
    "layers.Layer": (("autocast",), ()),
    "layers.Layer.add_weight": (("args", "autocast", "aggregation", "overwrite_with_gradient"), ()),
    "metrics.Metric.add_variable": (("aggregation",), ()),
    "metrics.SparseTopKCategoricalAccuracy": (("from_sorted_ids",), ()),
    "metrics.sparse_top_k_categorical_accuracy": (("from_sorted_ids",), ()),
    # Keras says *args, **kwargs here; its base class has these.
    "optimizers.Optimizer": (
        ("args",),
        (
            "learning_rate weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum "
            "ema_overwrite_frequency loss_scale_factor gradient_accumulation_steps name"
        ).split(),
    ),
    **{
        f"initializers.{name}": (("input_axes", "output_axes"), ())
        for name in "GlorotNormal GlorotUniform HeNormal HeUniform LecunNormal LecunUniform VarianceScaling".split()
    },
    "ops.convert_to_tensor": (("sparse", "ragged"), ()),
    "ops.max": (("initial",), ()),
    "ops.min": (("initial",), ()),
    "ops.prod": (("dtype",), ()),
    "ops.multi_hot": (("sparse",), ()),
    "Model.summary": (("layer_range",), ()),
    "Model.save": (("zipped",), ()),
    "Model.save_weights": (("max_shard_size",), ()),
}


def module(root, path):
    for part in path.split("."):
        root = getattr(root, part, None)
    return root


def public(path):
    ours, theirs = module(swiftbn, path), module(keras, path)
    for name in dir(ours):
        value, other = getattr(ours, name), getattr(theirs, name, None)
        if name.startswith("_") or inspect.ismodule(value) or not callable(value) or other is None:
            continue
        yield name


def parameters(value):
    target = value.__init__ if inspect.isclass(value) else value
    found = inspect.signature(target).parameters.values()
    return [p for p in found if p.name != "self" and p.kind is not p.VAR_KEYWORD]


CASES = [(path, name) for path in MODULES for name in public(path)]


@pytest.mark.parametrize("path,name", CASES, ids=[f"{path}.{name}" for path, name in CASES])
def test_signature(path, name):
    ours, theirs = (parameters(getattr(module(root, path), name)) for root in (swiftbn, keras))
    missing, added = DIFFERENCES.get(f"{path}.{name}", ((), ()))
    expected = [(p.name, p.default) for p in theirs if p.name not in missing]
    found = [(p.name, p.default) for p in ours if p.name not in added]
    assert found == expected
    assert {p.name for p in theirs} >= set(missing) and {p.name for p in ours} >= set(added)


METHODS = {
    "Model": "compile fit evaluate predict train_on_batch test_on_batch predict_on_batch summary save save_weights "
    "load_weights get_weights set_weights get_config from_config get_layer count_params reset_metrics",
    "Sequential": "add pop",
    "layers.Layer": "add_weight build call get_config from_config get_weights set_weights count_params",
    "optimizers.Optimizer": "apply_gradients apply build get_config from_config",
    "metrics.Metric": "update_state reset_state result add_variable add_weight get_config from_config",
    "losses.Loss": "call get_config from_config",
    "callbacks.Callback": "set_params set_model on_epoch_begin on_epoch_end on_train_batch_end on_train_begin",
}
METHOD_CASES = [(owner, name) for owner, names in METHODS.items() for name in names.split()]


@pytest.mark.parametrize("owner,name", METHOD_CASES, ids=[f"{owner}.{name}" for owner, name in METHOD_CASES])
def test_method(owner, name):
    ours, theirs = (getattr(module(root, owner), name, None) for root in (swiftbn, keras))
    assert ours is not None
    missing, added = DIFFERENCES.get(f"{owner}.{name}", ((), ()))
    expected = [(p.name, p.default) for p in parameters(theirs) if p.name not in missing]
    assert [(p.name, p.default) for p in parameters(ours) if p.name not in added] == expected


@pytest.mark.parametrize(
    "name", "Initializer Input InputSpec Layer Loss Metric Model Optimizer Regularizer Sequential Variable".split()
)
def test_top_level_names(name):
    assert hasattr(keras, name) and hasattr(swiftbn, name)
