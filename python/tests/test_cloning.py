"""clone_model and model_from_json."""

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops
from swiftbn.models import clone_model, model_from_json

X = np.random.default_rng(5).normal(size=(6, 4)).astype("float32")


def make_sequential(**kwargs) -> Sequential:
    return Sequential([Input((4,), name="x"), layers.Dense(3, "relu", name="d"), layers.BatchNormalization()], **kwargs)


def make_functional() -> Model:
    """A shared layer, a nested model, functions of ops, two inputs and outputs."""
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    inner = Sequential([Input((3,)), layers.Dense(5, name="deep"), layers.ReLU()], name="inner")
    joined = layers.Concatenate(name="joined")([shared(a), shared(b)])
    c = ops.multiply(inner(shared(a)), 2.0)
    return Model({"a": a, "b": b}, [layers.Dense(2, name="end")(joined), c], name="whole")


def same(model, clone, x) -> bool:
    return all(
        np.allclose(p, q, atol=1e-6)
        for p, q in zip(_list(model.predict(x, verbose=0)), _list(clone.predict(x, verbose=0)), strict=True)
    )


def _list(value):
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("make, x", [(make_sequential, X), (make_functional, {"a": X, "b": X + 1})])
@pytest.mark.parametrize("recursive", [False, True])
def test_a_clone_has_the_same_layers_and_weights_of_its_own(make, x, recursive):
    model = make()
    clone = clone_model(model, recursive=recursive)
    assert type(clone) is type(model) and clone.name == model.name
    assert [layer.name for layer in clone.layers] == [layer.name for layer in model.layers]
    assert not {id(v) for v in clone.variables} & {id(v) for v in model.variables}
    assert [v.shape for v in clone.weights] == [v.shape for v in model.weights]
    assert not same(model, clone, x)
    clone.set_weights(model.get_weights())
    assert same(model, clone, x)
    assert clone.get_config() == model.get_config() and clone.optimizer is None


def test_unbuilt_and_frozen_sequential_models():
    model = Sequential([layers.Dense(3, name="d")], name="open", trainable=False)
    clone = clone_model(model)
    assert not clone.built and clone.trainable is False and clone(X).shape == (6, 3)
    assert clone_model(Sequential(name="empty")).layers == []


def test_a_compiled_model_gives_a_compiled_clone():
    model = make_sequential()
    model.compile(swiftbn.optimizers.Adam(0.02), "mse", metrics=["mae"])
    model.fit(X, X[:, :3], verbose=0)
    clone = clone_model(model)
    assert clone.optimizer is not model.optimizer and float(clone.optimizer.learning_rate) == pytest.approx(0.02)
    assert int(clone.optimizer.iterations.numpy()) == 0
    assert set(clone.evaluate(X, X[:, :3], return_dict=True, verbose=0)) == {"loss", "mae"}


def test_clone_function_is_given_each_layer_once():
    model, seen = make_functional(), []

    def clone(layer):
        seen.append(layer.name)
        return layer

    copy = clone_model(model, clone_function=clone)
    assert sorted(seen) == ["end", "inner", "joined", "shared"]
    assert same(model, copy, {"a": X, "b": X}) and copy.get_layer("end") is model.get_layer("end")
    seen.clear()
    deep = clone_model(model, clone_function=clone, recursive=True)
    assert "deep" in seen and deep.get_layer("inner").get_layer("deep") is model.get_layer("inner").get_layer("deep")
    assert deep.get_layer("inner") is not model.get_layer("inner")


def test_a_layer_shared_with_a_nested_model_stays_shared():
    shared = layers.Dense(4, name="shared")
    inner = Sequential([Input((4,)), shared], name="inner")
    x = Input((4,))
    model = Model(x, inner(shared(x)))
    clone = clone_model(model, recursive=True)
    assert len(clone.weights) == len(model.weights) == 2
    assert clone.get_layer("inner").layers[0] is clone.get_layer("shared") is not shared


def test_clone_function_that_changes_layers():
    def wider(layer):
        config = layer.get_config()
        if "units" in config:
            config["units"] *= 2
        return type(layer).from_config(config)

    assert clone_model(make_sequential(), clone_function=wider).output_shape == (None, 6)


def test_call_function_puts_layers_between():
    x = Input((4,))
    model = Model(x, layers.Dense(2, name="b")(layers.Dense(3, name="a")(x)))

    def call(layer, *args, **kwargs):
        return layers.Rescaling(2.0)(layer(*args, **kwargs)) if isinstance(layer, layers.Dense) else layer(*args)

    clone = clone_model(model, clone_function=lambda layer: layer, call_function=call)
    a, b = model.get_layer("a"), model.get_layer("b")
    np.testing.assert_allclose(clone(X), 2 * b(2 * a(X)), rtol=1e-5)
    assert sum(isinstance(layer, layers.Rescaling) for layer in clone.layers) == 2


def test_input_tensors():
    model = make_functional()
    new = {"a": Input((4,), name="p"), "b": Input((4,), name="q")}
    clone = clone_model(model, input_tensors=new)
    assert clone.input is not model.input and clone.input_names == ["p", "q"]
    x = Input((9,))
    behind = clone_model(make_sequential(), input_tensors=[layers.Dense(4)(x)])
    assert behind.input_shape == (None, 4) and behind.output_shape == (None, 3)
    y = Input((4,))
    inner = layers.Dense(4)(y)
    part = clone_model(Model(z := Input((4,)), layers.Dense(2)(z)), input_tensors=inner)
    assert part.inputs == [inner] and part(X).shape == (6, 2)


class Named(Model):
    def __init__(self, units=2, **kwargs):
        super().__init__(**kwargs)
        self.units, self.dense = units, layers.Dense(units)

    def call(self, x):
        return self.dense(x)


class OfGraph(Model):
    """A functional model of a subclass with a constructor of its own."""

    def __init__(self, units=2, **kwargs):
        x = Input((4,))
        super().__init__(x, layers.Dense(units)(x), **kwargs)
        self.units = units


def test_subclassed_models():
    model = Named(3)
    model(X)
    clone = clone_model(model)
    assert isinstance(clone, Named) and clone.units == 3 and clone(X).shape == (6, 3)
    assert len(clone.weights) == 2 and clone.weights[0] is not model.weights[0]
    for name, value in (
        ("clone_function", _list),
        ("call_function", _list),
        ("input_tensors", [Input((4,))]),
    ):
        with pytest.raises(ValueError, match=f"only {name}=None is supported for subclassed models such as Named"):
            clone_model(model, **{name: value})
    graph = clone_model(OfGraph(5))
    assert graph.output_shape == (None, 5)


BAD = [
    (lambda: clone_model(layers.Dense(2)), "expected a model"),
    (lambda: clone_model(make_sequential(), clone_function=3), "clone_function=3"),
    (lambda: clone_model(make_sequential(), cash=3), "unknown arguments. Received: cash"),
    (lambda: clone_model(make_sequential(), call_function=_list), "call_function=None is supported for sequential"),
    (lambda: clone_model(make_sequential(), clone_function=lambda layer: None), "return a layer.*None for layer 'd'"),
    (lambda: clone_model(make_sequential(), [Input((4,)), Input((4,))]), "one symbolic tensor"),
    (lambda: clone_model(make_functional(), X), "input_tensors to be symbolic tensors"),
    (lambda: clone_model(make_functional(), [Input((4,))]), "nested as the inputs"),
    (lambda: clone_model(make_functional(), call_function=lambda *a, **k: []), "return 1 tensor"),
    (lambda: model_from_json("{"), "text in JSON"),
    (lambda: model_from_json(None), "text in JSON"),
    (lambda: model_from_json("[1]"), "configuration of a model"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_bad_arguments(case):
    make, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("make, x", [(make_sequential, X), (make_functional, {"a": X, "b": X})])
def test_json(make, x):
    model = make()
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert same(model, again, x) and again.name == model.name


def test_json_of_classes_of_ones_own():
    model = Named(4)
    model(X)
    text = model.to_json(indent=1)
    assert model_from_json(text, custom_objects={"Named": Named}).units == 4
    with pytest.raises(ValueError, match="Named"):
        model_from_json(text)


@pytest.mark.interop
def test_keras_clones_the_same():
    keras = pytest.importorskip("keras")
    results = []
    for package in (swiftbn, keras):
        x = package.Input((4,), name="x")
        inner = package.Sequential([package.Input((3,)), package.layers.Dense(5, name="deep")], name="inner")
        shared = package.layers.Dense(3, name="shared")
        y = package.layers.Add(name="sum")([inner(shared(x)), inner(shared(package.layers.ReLU(name="r")(x)))])
        model = package.Model(x, y, name="m")
        seen = []

        def clone(layer, seen=seen):
            seen.append(layer.name)
            return type(layer).from_config(layer.get_config())

        for recursive in (False, True):
            made = package.models.clone_model(model, clone_function=clone, recursive=recursive)
            # Our copies of nested models keep the model's name in their paths.
            paths = ["/".join(w.path.split("/")[-2:]) for w in made.weights]
            results.append((package, sorted(seen), paths, made.name))
            seen.clear()
        results.append((package, package.models.model_from_json(model.to_json()).count_params()))
    ours = [result[1:] for result in results if result[0] is swiftbn]
    theirs = [result[1:] for result in results if result[0] is keras]
    assert ours == theirs


@pytest.mark.interop
def test_keras_reads_our_json_and_we_read_theirs():
    keras = pytest.importorskip("keras")
    weights = make_functional().get_weights()
    ours = model_from_json(make_functional().to_json())
    theirs = keras.models.model_from_json(make_functional().to_json())
    back = model_from_json(theirs.to_json())
    for model in (ours, theirs, back):
        model.set_weights(weights)
    x = {"a": X, "b": X - 1}
    for one in (theirs, back):
        for p, q in zip(ours.predict(x, verbose=0), one.predict(x, verbose=0), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-5)
