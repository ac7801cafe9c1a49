"""swiftbn.config, keras.backend's names, messages, limits, scopes of names, devices."""

import logging

import numpy as np
import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, backend, config, layers, ops, utils
from swiftbn.config import _limits

X, Y = np.ones((70, 3), "float32"), np.ones((70, 1), "float32")


@pytest.fixture(autouse=True)
def as_before():
    yield
    _limits.clear()
    config.enable_interactive_logging()
    swiftbn.dtype_policies.reset()


def make_model() -> Sequential:
    model = Sequential([Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_max_epochs():
    assert config.max_epochs() is None
    config.set_max_epochs(2)
    with pytest.warns(UserWarning, match="Limiting epochs to 2"):
        assert len(make_model().fit(X, Y, epochs=5, verbose=0).epoch) == 2
    assert len(make_model().fit(X, Y, epochs=1, verbose=0).epoch) == 1
    config.set_max_epochs(None)
    assert len(make_model().fit(X, Y, epochs=3, verbose=0).epoch) == 3
    for value in (0, -1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="max_epochs"):
            config.set_max_epochs(value)


def test_max_steps_per_epoch():
    config.set_max_steps_per_epoch(2)
    model, seen = make_model(), []
    note = swiftbn.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append("train"),
        on_epoch_end=lambda epoch, logs: seen.append("epoch"),
    )
    with pytest.warns(UserWarning, match="Limiting the steps of an epoch to 2"):
        model.fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=[note])
    assert seen == ["train", "train", "epoch"] * 2
    with pytest.warns(UserWarning, match="to 2"):
        assert model.predict(X, batch_size=10, verbose=0).shape == (20, 1)
    with pytest.warns(UserWarning, match="to 2"):
        model.evaluate(iter([(X[:4], Y[:4])] * 5), verbose=0)
    assert model.predict(X, batch_size=40, verbose=0).shape == (70, 1)
    assert model.predict(X, batch_size=10, steps=1, verbose=0).shape == (10, 1)


def test_limits_in_the_environment(monkeypatch):
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "3")
    monkeypatch.setenv("KERAS_MAX_STEPS_PER_EPOCH", "none")
    assert config.max_epochs() == 3
    config.set_max_epochs(None)
    assert config.max_epochs() is None
    with pytest.raises(ValueError, match="KERAS_MAX_STEPS_PER_EPOCH.*'none'"):
        config.max_steps_per_epoch()


def test_messages(capsys, caplog):
    assert config.is_interactive_logging_enabled() and utils.is_interactive_logging_enabled()
    model = make_model()
    schedule = swiftbn.callbacks.LearningRateScheduler(lambda epoch: 0.5, verbose=1)
    model.fit(X, Y, verbose=2, callbacks=[schedule])
    text = capsys.readouterr().out
    assert "Epoch 1/1" in text and "setting learning rate to 0.5" in text
    utils.disable_interactive_logging()
    assert not config.is_interactive_logging_enabled()
    with caplog.at_level(logging.INFO, logger="swiftbn"):
        model.fit(X, Y, verbose=1, callbacks=[schedule])
        model.fit(X, Y, verbose="auto")
        model.summary()
    assert capsys.readouterr().out == ""
    assert (
        "setting learning rate to 0.5" in caplog.text
        and "Epoch 1/1" in caplog.text
        and "Total params: 4" in caplog.text
    )
    assert {record.name for record in caplog.records} == {"swiftbn"}
    utils.enable_interactive_logging()
    model.fit(X, Y, verbose=2)
    assert "Epoch 1/1" in capsys.readouterr().out


def test_what_there_is_one_of():
    assert swiftbn.version() == swiftbn.__version__
    assert config.backend() == backend.backend() == "swiftbn"
    config.set_backend("swiftbn")
    assert config.is_flash_attention_enabled() is config.is_nnx_enabled() is False
    assert config.is_traceback_filtering_enabled() is False
    config.disable_flash_attention()
    config.disable_traceback_filtering()
    with pytest.raises(ValueError, match="backend='jax'"):
        config.set_backend("jax")
    for name in ("enable_flash_attention", "enable_traceback_filtering", "enable_unsafe_deserialization"):
        with pytest.raises(ValueError, match=name):
            getattr(config, name)()
    for name in ("cpu", "CPU", "cpu:0", "/CPU:0", "/device:CPU:0"):
        with swiftbn.device(name):
            assert ops.sum(X).shape == ()
    for name in ("gpu", "cpu:1", "", None):
        with pytest.raises(ValueError, match="device_name="):
            swiftbn.device(name)


def test_policy_of_all_layers():
    config.set_dtype_policy("mixed_float16")
    assert config.dtype_policy().name == "mixed_float16"
    assert Sequential([Input((3,)), layers.Dense(1)]).output.dtype == "float16"
    utils.clear_session()
    assert config.dtype_policy().name == "float32"


def test_names_and_sessions():
    utils.clear_session()
    assert [layers.Dense(1).name, layers.Dense(1).name] == ["dense", "dense_1"]
    utils.clear_session(free_memory=False)
    assert layers.Dense(1).name == "dense"
    assert [backend.get_uid("text"), backend.get_uid("text"), backend.get_uid()] == [1, 2, 1]


def test_name_scope():
    with swiftbn.name_scope("outer"):
        with swiftbn.name_scope("inner"):
            a = swiftbn.Variable(1.0, name="a")
            with swiftbn.name_scope("new", override_parent="x/y"):
                b = swiftbn.Variable(1.0, name="b")
        layer = layers.Dense(2, name="d")
        layer(X)
        caller = object()
        with swiftbn.name_scope("s", caller), swiftbn.name_scope("s", caller):
            c = swiftbn.Variable(1.0, name="c")
        with swiftbn.name_scope("s", caller), swiftbn.name_scope("s", caller, deduplicate=False):
            d = swiftbn.Variable(1.0, name="d")
    assert [v.path for v in (a, b, c, d)] == ["outer/inner/a", "x/y/new/b", "outer/s/c", "outer/s/s/d"]
    assert layer.kernel.path == "outer/d/kernel" and layer.path == "outer/d"
    with pytest.raises(ValueError, match="'a/b'"):
        swiftbn.name_scope("a/b")


def test_symbolic_tensors():
    x, y = Input((3,), name="x"), Input((4,), name="y")
    z = layers.Concatenate()([layers.Dense(2)(x), ops.abs(y), x])
    assert utils.get_source_inputs(z) == [x, y] and utils.get_source_inputs(x) == [x]
    assert utils.is_keras_tensor(z) and backend.is_keras_tensor(x) and not utils.is_keras_tensor(X)
    deep = x
    for _ in range(2000):
        deep = ops.add(deep, deep)
    assert utils.get_source_inputs(deep) == [x]
    assert Model(utils.get_source_inputs(z), z)([X, np.ones((70, 4))]).shape == (70, 9)
    with pytest.raises(ValueError, match="symbolic tensor"):
        utils.get_source_inputs(X)


def test_dtypes():
    assert (
        backend.is_float_dtype("float16") and backend.is_float_dtype(np.float32) and not backend.is_float_dtype("bool")
    )
    assert backend.is_int_dtype("int64") and backend.is_int_dtype(int) and not backend.is_int_dtype("float32")
    assert utils.standardize_dtype(None) == backend.standardize_dtype(float) == "float32"
    with pytest.raises(ValueError, match="dtype='text'"):
        backend.is_int_dtype("text")


TENSORS = ["bool", "uint8", "int32", "uint32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("first", TENSORS)
@pytest.mark.parametrize("second", [*TENSORS, int, float])
def test_result_type_is_that_of_sums(first, second):
    operand = {int: 2, float: 0.5}.get(second)
    operand = np.ones(2, second) if operand is None else operand
    wanted = str(ops.add(np.ones(2, first), operand).dtype)
    if {first, second} == {"bool"}:
        return
    assert backend.result_type(first, second) == backend.result_type(second, first) == wanted


def test_result_type_of_numbers():
    assert backend.result_type() == "float32" == backend.result_type(None) == backend.result_type(float)
    assert backend.result_type(int) == "int32" and backend.result_type(int, float) == "float32"
    assert backend.result_type("int32", "int64", "float16") == "float16"
    with pytest.raises(ValueError, match="'text'"):
        backend.result_type("text")


@pytest.mark.interop
def test_keras_has_the_same_names():
    keras = pytest.importorskip("keras")
    import importlib

    theirs = importlib.import_module("keras.backend")
    names = {name for name in dir(theirs) if not name.startswith("_")} - {"src"}
    # On TensorFlow Keras keeps the names of Keras 2, too.
    assert set(backend.__all__) <= names
    for pair in (
        ("int32", "float32"),
        ("bool", "float32"),
        ("uint8", "int32"),
        ("float16", "float32"),
        ("int64", float),
    ):
        assert backend.result_type(*pair) == keras.backend.result_type(*pair)
