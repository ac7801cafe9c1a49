"""`.keras` and `.weights.h5` files: what is saved comes back, and training goes on as if it had never stopped."""

import json
import zipfile

import h5py
import numpy as np
import pytest
from saving_checks import LABELS, MODELS, Subclassed, X, assert_same, functional, sequential, trained, values

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops, saving

OPTIMIZERS = {
    "adam": lambda: swiftbn.optimizers.Adam(0.003, beta_1=0.8),
    "momentum": lambda: swiftbn.optimizers.SGD(0.02, momentum=0.9, nesterov=True),
    "rmsprop": lambda: swiftbn.optimizers.RMSprop(0.002, momentum=0.5),
    "schedule": lambda: swiftbn.optimizers.Adam(swiftbn.optimizers.schedules.ExponentialDecay(0.01, 3, 0.7)),
}


@pytest.mark.parametrize(
    "make, optimizer", [(make, "adam") for make in MODELS] + [(sequential, name) for name in list(OPTIMIZERS)[1:]]
)
def test_keras_file_goes_on_as_if_uninterrupted(make, optimizer, tmp_path):
    model = trained(make, OPTIMIZERS[optimizer]())
    model.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert type(loaded) is type(model) and loaded.name == model.name
    assert_same(values(model), values(loaded))
    assert type(loaded.optimizer) is type(model.optimizer)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.loss == "sparse_categorical_crossentropy"
    assert_same([model.predict(X, verbose=0)], [loaded.predict(X, verbose=0)])
    assert model.evaluate(X, LABELS, verbose=0) == loaded.evaluate(X, LABELS, verbose=0)
    histories = [m.fit(X, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0).history for m in (model, loaded)]
    assert histories[0] == histories[1]
    assert_same(values(model), values(loaded))
    assert int(loaded.optimizer.iterations.numpy()) == 12


@pytest.mark.parametrize("make", MODELS)
def test_weights_file_goes_on_as_if_uninterrupted(make, tmp_path):
    model = trained(make)
    model.save_weights(tmp_path / "m.weights.h5")
    other = trained(make, epochs=1)
    assert not np.array_equal(model.predict(X, verbose=0), other.predict(X, verbose=0))
    other.load_weights(tmp_path / "m.weights.h5")
    assert_same(values(model), values(other))
    assert_same([model.predict(X, verbose=0)], [other.predict(X, verbose=0)])
    for m in (model, other):
        m.fit(X, LABELS, batch_size=16, epochs=1, shuffle=False, verbose=0)
    assert_same(values(model), values(other))


def test_weights_can_be_taken_from_a_keras_file(tmp_path):
    model, other = trained(functional), trained(functional, epochs=1)
    model.save(tmp_path / "m.keras")
    other.load_weights(str(tmp_path / "m.keras"))
    assert_same(values(model), values(other))


def test_every_variable_is_in_the_file_once(tmp_path):
    model = trained(Subclassed)
    model.save_weights(tmp_path / "m.weights.h5")
    found = []
    with h5py.File(tmp_path / "m.weights.h5") as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    assert len(found) == len(model.variables) + len(model.optimizer.variables)
    assert {"branches/container/dense_1/vars/0", "branches/container_1/batch_normalization/vars/0"} <= set(found)


def test_compile_configuration_comes_back(tmp_path):
    inputs = Input((4,))
    model = Model(inputs, [layers.Dense(2, name="p")(inputs), layers.Dense(3, activation="softmax", name="q")(inputs)])
    model.compile(
        swiftbn.optimizers.SGD(0.1, momentum=0.9, clipnorm=1.0, weight_decay=0.01),
        {"p": "mse", "q": swiftbn.losses.SparseCategoricalCrossentropy()},
        loss_weights={"p": 0.5, "q": 2.0},
        metrics={"q": ["accuracy", swiftbn.metrics.SparseCategoricalCrossentropy(name="ce")]},
    )
    x, y = X[:, :4, 0, 0], {"p": X[:, :2, 0, 0], "q": LABELS}
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    expected = model.evaluate(x, y, return_dict=True, verbose=0)
    assert set(expected) == {"loss", "p_loss", "q_loss", "q_accuracy", "q_ce"}
    assert loaded.evaluate(x, y, return_dict=True, verbose=0) == expected


def test_without_compile(tmp_path):
    model = trained(functional)
    model.save(tmp_path / "m.keras")
    loaded = saving.load_model(tmp_path / "m.keras", compile=False)
    assert not loaded.compiled and loaded.optimizer is None
    assert_same([model.predict(X, verbose=0)], [loaded.predict(X, verbose=0)])
    plain = functional()
    plain.save(tmp_path / "plain.keras")
    assert not saving.load_model(tmp_path / "plain.keras").compiled


def test_functions_have_keras_places(tmp_path):
    assert swiftbn.models.load_model is saving.load_model and swiftbn.models.save_model is saving.save_model
    model = trained(functional)
    saving.save_model(model, str(tmp_path / "m.keras"))
    saving.save_weights(model, str(tmp_path / "m.weights.h5"))
    loaded = swiftbn.models.load_model(str(tmp_path / "m.keras"))
    loaded.set_weights([w * 0 for w in loaded.get_weights()])
    saving.load_weights(loaded, str(tmp_path / "m.weights.h5"))
    assert_same(values(model), values(loaded))


def test_learning_rate_as_it_was(tmp_path):
    model = trained(functional)
    model.optimizer.learning_rate = 0.25
    model.save(tmp_path / "m.keras")
    assert float(saving.load_model(tmp_path / "m.keras").optimizer.learning_rate) == 0.25


def test_own_classes_and_functions_by_custom_objects(tmp_path):
    class Twice(layers.Layer):
        def call(self, inputs):
            return 2.0 * inputs

    def bent(x):
        return ops.maximum(x, 0.1 * x)

    def far(y_true, y_pred):
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    model = Sequential([Input((4,)), Twice(), layers.Dense(2, activation=bent)])
    model.compile("sgd", far, metrics=[far])
    x = X[:, :4, 0, 0]
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / "m.keras")
    objects = {"Twice": Twice, "bent": bent, "far": far}
    loaded = saving.load_model(tmp_path / "m.keras", custom_objects=objects)
    assert_same([model.predict(x, verbose=0)], [loaded.predict(x, verbose=0)])
    assert model.evaluate(x, x[:, :2], verbose=0) == loaded.evaluate(x, x[:, :2], verbose=0)
    with saving.custom_object_scope(objects):
        assert isinstance(saving.load_model(tmp_path / "m.keras").layers[0], Twice)
    for name in ("Twice", "bent", "far"):
        with pytest.raises(ValueError, match=f"Unknown (class|function).*{name}.*custom_objects"):
            saving.load_model(tmp_path / "m.keras", {key: objects[key] for key in objects if key != name})


def test_a_layer_that_saves_its_variables_itself(tmp_path):
    class Own(layers.Dense):
        def save_own_variables(self, store):
            store["both"] = np.concatenate([self.kernel.numpy().ravel(), self.bias.numpy()])

        def load_own_variables(self, store):
            both = np.asarray(store["both"])
            self.kernel.assign(both[:-3].reshape(self.kernel.shape))
            self.bias.assign(both[-3:])

    models = [Sequential([Input((2,)), Own(3)]) for _ in range(2)]
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    assert_same(models[0].get_weights(), models[1].get_weights())


def test_the_archive_is_what_keras_writes(tmp_path):
    model = trained(sequential)
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
        assert set(json.loads(archive.read("metadata.json"))) == {"keras_version", "date_saved"}
        config = json.loads(archive.read("config.json"))
    assert (config["module"], config["class_name"], config["registered_name"]) == ("keras", "Sequential", None)
    assert config["config"]["layers"][5]["registered_name"] == "tests>Scale"
    assert config["compile_config"]["optimizer"]["class_name"] == "Adam"


@saving.register_keras_serializable(package="tests")
class Pair(Model):
    """A model whose call takes two tensors."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first = layers.Dense(3)
        self.second = layers.Dense(3)

    def call(self, left, right, training=None):
        return self.first(left) + self.second(right)


@saving.register_keras_serializable(package="tests")
class Nested(Pair):
    """A model whose call takes a dict of tensors."""

    def call(self, inputs):
        return self.first(inputs["left"]) + self.second(inputs["right"])


def test_models_built_by_calls_are_built_when_loaded(tmp_path):
    left, right = X[:, :4, 0, 0], X[:, :5, 1, 1]
    for model, call in ((Pair(), (left, right)), (Nested(), ({"left": left, "right": right},))):
        expected = model(*call)
        model.save(tmp_path / "m.keras")
        loaded = saving.load_model(tmp_path / "m.keras")
        assert_same(model.get_weights(), loaded.get_weights())
        assert_same([expected], [loaded(*call)])


def test_a_model_that_is_not_built_is_not_saved(tmp_path):
    for save in (lambda m: m.save(tmp_path / "m.keras"), lambda m: m.save_weights(tmp_path / "m.weights.h5")):
        with pytest.raises(ValueError, match="has to be built"):
            save(Subclassed())
    assert list(tmp_path.iterdir()) == []


def test_copies_of_a_loaded_model_do_not_share_memory(tmp_path):
    model = trained(functional)
    model.save(tmp_path / "m.keras")
    before = values(model)
    loaded = saving.load_model(tmp_path / "m.keras")
    loaded.fit(X, LABELS, verbose=0)
    assert_same(values(model), before)


def test_loaded_variables_have_their_paths(tmp_path):
    inner = Sequential([Input((3,)), layers.Dense(2, name="deep")], name="inner")
    outer = Sequential([Input((3,)), layers.Dense(3, name="first"), inner], name="outer")
    x = Input((3,))
    model = Model(x, outer(layers.Dense(3, name="begin")(x)), name="whole")
    model.save(tmp_path / "model.keras")
    paths = [v.path for v in saving.load_model(tmp_path / "model.keras").variables]
    assert paths == [v.path for v in model.variables]
    assert paths[::2] == ["begin/kernel", "outer/first/kernel", "inner/deep/kernel"]
