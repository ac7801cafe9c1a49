"""Programs that were not used for long are forgotten: memory is given back, and results stay right."""

import copy
import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

from swiftbn import Sequential, Variable, jit, layers, ops
from swiftbn._recent import PROGRAM_LIMIT, Recent


def test_what_was_used_longest_ago_is_forgotten():
    recent = Recent(3)
    for key in "abc":
        recent[key] = key.upper()
    assert recent["a"] == "A" and recent.get("b") == "B" and recent.get("x") is None
    recent["d"] = "D"
    assert list(recent) == ["a", "b", "d"] and "c" not in recent and len(recent) == 3
    assert dict(recent.items()) == {"a": "A", "b": "B", "d": "D"}
    recent["a"] = "new"
    recent["e"] = "E"
    assert list(recent) == ["d", "a", "e"] and recent["a"] == "new"
    with pytest.raises(KeyError):
        recent["b"]


def test_looking_does_not_count_as_using():
    recent = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert "a" in recent and list(recent.items()) == [("a", 1), ("b", 2)]
    recent["c"] = 3
    assert list(recent) == ["b", "c"]


def test_copies_are_empty():
    recent = Recent(2)
    recent["a"] = threading.Lock()
    copied = copy.deepcopy(recent)
    assert len(copied) == 0 and copied._limit == 2 and "a" in recent


def test_threads():
    recent = Recent(8)
    errors = []

    def work(offset):
        try:
            for i in range(3000):
                key = (i + offset) % 20
                assert recent.get(key, key) == key
                recent[key] = key
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and len(recent) == 8


def test_jit_forgets_forms_and_stays_right():
    traces, results = [], []
    total = Variable(np.zeros((), "float32"))

    @jit
    def function(x):
        traces.append(x.shape)
        total.assign_add(ops.sum(x))
        squares = ops.square(x)
        results.append(weakref.ref(squares))
        return squares

    for n in range(1, PROGRAM_LIMIT + 11):
        np.testing.assert_array_equal(function(np.full(n, 2.0, "float32")), np.full(n, 4.0))
    gc.collect()
    assert sum(result() is not None for result in results) == PROGRAM_LIMIT
    count = len(traces)
    function(np.full(PROGRAM_LIMIT, 2.0, "float32"))
    assert len(traces) == count
    np.testing.assert_array_equal(function(np.full(1, 3.0, "float32")), [9.0])
    assert len(traces) == count + 1
    # What is kept from call to call is in variables and not in programs.
    assert float(total) == 2 * sum(range(1, PROGRAM_LIMIT + 11)) + 2 * PROGRAM_LIMIT + 3


def make_model():
    model = Sequential([layers.Dense(3, kernel_initializer="ones"), layers.Dense(1, kernel_initializer="ones")])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def test_model_forgets_forms_and_trains_on():
    """Two models see the same batches, one of them never more forms than it keeps."""
    limited, free = make_model(), make_model()
    limited._programs, free._programs = Recent(3), Recent(1000)
    steps = []
    random = np.random.default_rng(0)
    for size in (5, 1, 2, 3, 4, 5, 1, 1, 2, 3, 4, 5):
        x, y = random.normal(size=(size, 4)).astype("float32"), random.normal(size=(size, 1)).astype("float32")
        assert limited.train_on_batch(x, y) == free.train_on_batch(x, y)
        np.testing.assert_array_equal(limited.predict_on_batch(x), free.predict_on_batch(x))
        steps += [weakref.ref(step) for key, step in limited._programs.items() if key[0] == "train"]
    gc.collect()
    assert len(limited._programs) == 3 < len(free._programs)
    assert int(limited.optimizer.iterations.numpy()) == 12
    assert len({id(step()) for step in steps if step() is not None}) <= 3
    assert any(step() is None for step in steps)


def test_models_keep_as_many_forms_as_the_documentation_says():
    model = make_model()
    for size in range(1, PROGRAM_LIMIT + 5):
        model.predict_on_batch(np.ones((size, 4), "float32"))
    assert len(model._programs) == PROGRAM_LIMIT == 64
    np.testing.assert_allclose(model.predict_on_batch(np.ones((1, 4), "float32")), [[12.0]])


FORMS = """
import numpy as np
from swiftbn import compiled_function, jit, ops
from swiftbn._recent import Recent

def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

compiled_function.Recent = lambda: Recent(4)
function = jit(lambda x: ops.sum(ops.matmul(ops.reshape(x, (-1, 1)), ops.reshape(x, (1, -1))), axis=0))
x = np.ones(1600, "float32")
for n in range(1400, 1404):
    function(x[:n])
before = resident_bytes()
for n in range(1404, 1500):
    assert function(x[:n])[0] == n
print(resident_bytes() - before)
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="this system has no /proc")
def test_memory_is_given_back():
    """100 forms of 8 MB each would be 800 MB; four are kept.

    In a process of its own: what else lies on its heap decides whether the C library gives memory back.
    """
    result = subprocess.run([sys.executable, "-c", FORMS], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 150e6
