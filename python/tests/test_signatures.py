"""What Keras has under the same name has the same parameters, in the same order, with the same defaults."""

import inspect
import os

import pytest

import swiftbn

# On JAX Keras' optimizers show the parameters that they hide elsewhere.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
keras = pytest.importorskip("keras")

pytestmark = pytest.mark.interop
MODULES = (
    "",
    "activations",
    "callbacks",
    "constraints",
    *(f"datasets.{name}" for name in "boston_housing california_housing cifar10 cifar100".split()),
    *(f"datasets.{name}" for name in "fashion_mnist imdb mnist reuters".split()),
    "distillation",
    "dtype_policies",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "ops.image",
    "ops.linalg",
    "optimizers",
    "optimizers.schedules",
    "random",
    "regularizers",
    "saving",
    "utils",
    "wrappers",
)

SPARSE = "there are no sparse and ragged tensors"
DEVICES = "there is one device and no automatic change of dtype"
# Parameters of Keras that are missing here: giving them is a TypeError that names them.
MISSING = {
    "KerasTensor": ("sparse ragged record_history", SPARSE),
    "add_variable": ("aggregation layout", DEVICES),
    "ops.convert_to_tensor": ("sparse ragged", SPARSE),
    "ops.multi_hot": ("sparse", SPARSE),
    "layers.Dense.call": ("training", "the layer does the same in training"),
}
PREPROCESSING = (
    "CategoryEncoding CenterCrop Discretization Normalization RandomBrightness RandomContrast RandomCrop RandomFlip "
    "RandomRotation RandomTranslation RandomZoom Rescaling Resizing "
    "ContrastLimitedAdaptiveHistogramEqualization MaxNumBoundingBoxes "
    "AugMix AutoContrast CutMix Equalization MelSpectrogram MixUp RandAugment RandomColorDegeneration "
    "RandomColorJitter RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue RandomInvert "
    "RandomPerspective RandomPosterization RandomSaturation RandomSharpness RandomShear Solarization"
)
for _name in PREPROCESSING.split():
    MISSING[f"layers.{_name}.__call__"] = ("inputs", "as of every other layer, the parameters are those of `call`")
# What differs otherwise, and why.
DIFFERENT = {
    "InputSpec": "describes what the layers here need",
    "layers.InputSpec": "see InputSpec",
    "Optimizer": "Keras hides its parameters behind *args; they are those of its base class",
    "optimizers.Optimizer": "see Optimizer",
    "Operation": "Keras hides its parameter behind *args; it is name",
    "name_scope": "Keras hides its parameters behind **kwargs on TensorFlow; they are those of its base class",
    "layers.BatchNormalization": "has options of its own after Keras' parameters, by keyword only",
    "ops.multi_hot": "the number of classes has to be given",
    "Sequential": "Keras hides its parameters behind *args; they are layers, trainable, name",
    "models.Sequential": "see Sequential",
    "Layer.compute_output_shape": "Keras hides the parameter behind *args",
    "Model.compute_output_shape": "see Layer",
    "layers.Layer.compute_output_shape": "see Layer",
    "models.Model.compute_output_shape": "see Layer",
    "distillation.Distiller.compute_output_shape": "see Layer",
    "layers.Pipeline.compute_output_shape": "see Layer",
    "utils.FeatureSpace.compute_output_shape": "see Layer",
    "layers.GRUCell.compute_output_shape": "see Layer",
    "layers.LSTMCell.compute_output_shape": "see Layer",
    "layers.SimpleRNNCell.compute_output_shape": "see Layer",
    "layers.StackedRNNCells.compute_output_shape": "see Layer",
    "layers.Wrapper.compute_output_shape": "see Layer",
    "layers.InputLayer.compute_output_shape": "Keras' takes nothing, unlike that of other layers",
    "Model.call": "Keras hides the parameters behind *args",
    "models.Model.call": "see Model",
}
# Parameters that Keras does not have, by keyword only; of models, not of estimators.
OWN = {"fit": "accumulate accumulate_statistics"}
# Methods that fit calls with positional arguments, and those whose parameters users do not see.
INTERNAL = {"compute_output_spec", "build", "set_params", "set_model"}
# Methods whose parameters depend on Keras' backend: on JAX they take the state of the model, too.
INTERNAL |= {"train_step", "test_step", "predict_step"}


def resolved(package, path):
    for part in filter(None, path.split(".")):
        package = getattr(package, part)
    return package


def shared():
    """Names to pairs of (ours, Keras'): classes, functions, and methods of both."""
    found = {}
    for module in MODULES:
        ours, theirs = resolved(swiftbn, module), resolved(keras, module)
        for name in sorted(dir(ours)):
            mine, other = getattr(ours, name), getattr(theirs, name, None)
            if name.startswith("_") or inspect.ismodule(mine) or not callable(mine) or not callable(other):
                continue
            path = f"{module}.{name}".lstrip(".")
            found[path] = (mine, other)
            if path == "callbacks.CallbackList" or not inspect.isclass(mine) or not inspect.isclass(other):
                continue
            for method in sorted(set(dir(mine)) & set(dir(other)) - INTERNAL):
                pair = (getattr(mine, method), getattr(other, method))
                if (method == "__call__" or not method.startswith("_")) and all(map(inspect.isroutine, pair)):
                    found[f"{path}.{method}"] = pair
    return found


def parameters(function):
    """(name, default as text, whether by keyword only); *args and **kwargs are for old names and subclasses."""
    found = []
    for p in inspect.signature(function).parameters.values():
        if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL):
            continue
        default = p.default
        if isinstance(default, (int, float)) and not isinstance(default, bool):
            default = float(default)
        simple = isinstance(default, (float, str, bool, tuple, list, type(None)))
        text = "required" if default is p.empty else repr(default) if simple else "an object"
        found.append((p.name, text))
    return found


PAIRS = shared()


def keys(path):
    """A method is also found in the tables by its name alone."""
    return path, path.rsplit(".", 1)[-1]


@pytest.mark.parametrize("path", [path for path in PAIRS if path not in DIFFERENT])
def test_signature(path):
    ours, theirs = map(parameters, PAIRS[path])
    missing = {name for key in keys(path) if key in MISSING for name in MISSING[key][0].split()}
    is_estimator = path.startswith("wrappers.")
    own = {name for key in keys(path) for name in OWN.get(key, "").split() if not is_estimator}
    assert own <= {name for name, _ in ours}
    ours = [parameter for parameter in ours if parameter[0] not in own]
    assert ours == [parameter for parameter in theirs if parameter[0] not in missing]


@pytest.mark.parametrize("path", [*MISSING, *DIFFERENT])
def test_the_tables_are_needed(path):
    """An entry that no longer holds, or names nothing, has to go."""
    if path in ("Optimizer", "optimizers.Optimizer", "name_scope") and keras.backend.backend() == "jax":
        pytest.skip("Keras hides the parameters on other backends only")
    pairs = [pair for other, pair in PAIRS.items() if path in keys(other)]
    assert pairs and any(parameters(mine) != parameters(theirs) for mine, theirs in pairs)
    for name in MISSING.get(path, ("",))[0].split():
        assert all(name not in dict(parameters(mine)) for mine, _ in pairs)
        assert any(name in dict(parameters(theirs)) for _, theirs in pairs)


def test_many_names_are_compared():
    assert len(PAIRS) > 600
    for path in ("layers.Dense", "optimizers.Adam", "ops.softmax", "Model.fit", "losses.MeanSquaredError.__call__"):
        assert path in PAIRS
