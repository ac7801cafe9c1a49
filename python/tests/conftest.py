"""Every test begins with the same random state and the same names, so that a failure can be repeated alone."""

import hashlib
import sys

import pytest

import swiftbn

# PyTorch's optimizers import triton, which aborts the process when TensorFlow has been loaded into it; none is needed.
sys.modules.setdefault("triton", None)


@pytest.fixture(autouse=True)
def fresh_state():
    swiftbn.utils.set_random_seed(1)
    # Else "dense" is "dense_7" in the eighth test, and what looks at names depends on the order of tests.
    swiftbn.utils.clear_session(free_memory=False)
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.utils.clear_session(free_memory=False)


@pytest.fixture(scope="module")
def eager_keras():
    """Keras runs a few steps of small models faster than TensorFlow compiles them."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        yield
    else:
        tensorflow.config.run_functions_eagerly(True)
        yield
        tensorflow.config.run_functions_eagerly(False)


@pytest.fixture
def data_cache(tmp_path, monkeypatch):
    """Puts a file into an empty cache, from which there is no way to the net."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def unreachable(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    (tmp_path / "datasets").mkdir()

    def put(name, data, module=None, constant="SHA256"):
        path = tmp_path / "datasets" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        if module is not None:
            algorithm = constant.rsplit("_", 1)[-1].lower()
            monkeypatch.setattr(module, constant, hashlib.new(algorithm, data).hexdigest())
        return path

    return put
