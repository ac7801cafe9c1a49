"""`import swiftbn` loads little; what it leaves for later is found all the same, under every name."""

import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import swiftbn

PACKAGES = "callbacks functional layers losses metrics models ops optimizers saving utils".split()
# What takes long to load, and what few programs need.
HEAVY = """
    h5py rich matplotlib scipy ml_dtypes asyncio concurrent.futures csv json multiprocessing shutil tempfile unittest
    urllib zipfile logging difflib
    swiftbn.batch_norm swiftbn.callbacks swiftbn.datasets swiftbn.functional swiftbn.losses swiftbn.metrics
    swiftbn.optimizers swiftbn.saving.archive swiftbn.saving.weights swiftbn.layers.multi_head_attention
    swiftbn.layers.preprocessing swiftbn.layers.rnn swiftbn.ops.contraction swiftbn.ops.image swiftbn.ops.sorting
    swiftbn.backend swiftbn.models.cloning
""".split()
# What `import swiftbn` loads itself: it finds and loads the native library, and has settings.
MOST_MODULES = 15


def fresh(code: str) -> str:
    """What a program prints that has imported nothing before."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def late_names(package) -> list:
    """Names that a package finds late, as its `__dir__` knows them."""
    return sorted(inspect.getclosurevars(package.__dir__).nonlocals["late"])


def loaded_by(code: str) -> set:
    """The modules that a program loads beyond those that NumPy loads by itself."""
    code = f"import sys, numpy; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    return set(fresh(code).split())


def test_import_loads_little():
    loaded = loaded_by("import swiftbn")
    assert {"swiftbn", "swiftbn._native"} <= loaded
    assert not loaded & {*HEAVY, *(f"swiftbn.{name}" for name in PACKAGES), "dataclasses", "inspect", "threading"}
    assert len(loaded) <= MOST_MODULES, sorted(loaded)


def test_operators_of_the_first_variable():
    """Nobody has asked for `swiftbn.ops` when a pickled variable comes."""
    data = pickle.dumps(swiftbn.Variable([1.0, 2.0]))
    code = f"import pickle; v = pickle.loads({data!r}); print((v + 1)[1], -v, 2 / v, v == 2, v != 2, v in {{v}})"
    assert fresh(code) == "3.0 [-1. -2.] [2. 1.] [False  True] [ True False] True"


def test_a_common_model_loads_little():
    loaded = loaded_by("from swiftbn import Sequential, layers; Sequential([layers.Input((4,)), layers.Dense(2)])")
    assert "swiftbn.layers.dense" in loaded
    assert not loaded & set(HEAVY)


def test_functions_of_arrays_need_no_layers():
    code = "import swiftbn; swiftbn.functional.batch_norm(numpy.ones((2, 3)), None, None)"
    assert not loaded_by(code) & {"swiftbn.layers", "swiftbn.models", "swiftbn.ops"}


# The native library can be loaded once in a process.
FIRST = """
import sys, swiftbn
found = []
for name in list(swiftbn.__all__):
    for module in list(sys.modules):
        if module.startswith("swiftbn.") and module != "swiftbn._native" or module == "swiftbn":
            del sys.modules[module]
    import swiftbn
    getattr(swiftbn, name)
    found.append(name)
print(found)
"""


def test_any_public_name_can_be_the_first():
    """Modules that import each other in a circle would work in one order only."""
    assert fresh(FIRST) == str(swiftbn.__all__)


def test_the_modules_that_must_not_be_loaded_exist():
    ours = [name for name in HEAVY if name.startswith("swiftbn.")]
    assert ours and all(importlib.util.find_spec(name) for name in ours)


@pytest.mark.parametrize("name", ["", *PACKAGES])
def test_late_names(name):
    package = getattr(swiftbn, name) if name else swiftbn
    late = late_names(package)
    assert late and set(late) <= set(dir(package)) and set(late) <= set(package.__all__)
    path = package.__name__
    # All in a new process, in which none of them is there yet.
    assert fresh(f"from {path} import {', '.join(late)}\nimport {path} as p\nprint({late[0]} is p.{late[0]})") == "True"
    starred = fresh(f"import {path} as p; n = set(p.__all__); from {path} import *; print(n - set(globals()))")
    assert starred == "set()"
    with pytest.raises(AttributeError, match=f"module '{path}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018
    with pytest.raises(ImportError, match="nothing"):
        exec(f"from {path} import nothing")


@pytest.mark.parametrize("name", PACKAGES)
def test_no_module_hides_a_late_name(name):
    """Importing a module binds its name in the package, where a function of the same name would be."""
    package = getattr(swiftbn, name)
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    hidden = {n for n in modules & set(package.__all__) if not isinstance(getattr(package, n), ModuleType)}
    assert not {n for n in hidden if n in late_names(package)}
    for module in modules:
        importlib.import_module(f"{package.__name__}.{module}")
    assert not [n for n in hidden if isinstance(getattr(package, n), ModuleType)]


def test_every_public_object_of_a_package_can_be_pickled():
    for name in PACKAGES:
        package = getattr(swiftbn, name)
        for item in (getattr(package, n) for n in package.__all__):
            if not isinstance(item, ModuleType):
                assert pickle.loads(pickle.dumps(item)) is item


def test_unpickling_loads_what_it_needs(tmp_path):
    layer = swiftbn.layers.Dense(3, kernel_constraint="unit_norm")
    objects = [swiftbn.losses.Dice(), swiftbn.metrics.R2Score(), swiftbn.callbacks.EarlyStopping(), layer]
    (tmp_path / "objects").write_bytes(pickle.dumps(objects))
    code = f"import pickle; print(*(type(x).__name__ for x in pickle.load(open({str(tmp_path / 'objects')!r}, 'rb'))))"
    assert fresh(code) == "Dice R2Score EarlyStopping Dense"


@pytest.mark.parametrize(
    "code, expected",
    [
        (
            "losses.get('huber').__name__, losses.get('Dice').name, losses.get('kld').__name__",
            "huber dice kl_divergence",
        ),
        ("metrics.get('auc').name, metrics.get('r2_score').name", "auc r2_score"),
        ("metrics.get('MSE').name, metrics.get('f1_score').name", "mean_squared_error f1_score"),
        ("optimizers.get('Lion').name, optimizers.get('ScheduleFreeAdamW').name", "lion schedule_free_adam_w"),
        ("metrics.get('nothing')", "ValueError"),
    ],
)
def test_strings(code, expected):
    program = f"from swiftbn import *\ntry:\n    print(*({code}))\nexcept Exception as e:\n    print(type(e).__name__)"
    assert fresh(program) == expected


@pytest.mark.parametrize("module", ["losses", "metrics", "optimizers"])
def test_tables_load_what_is_looked_up(module):
    """And nothing else; in a process in which only the package is there."""
    name, other = {"losses": ("dice", "similarity"), "metrics": ("AUC", "iou"), "optimizers": ("Lion", "muon")}[module]
    code = f"""
import sys, swiftbn
swiftbn.{module}._TABLE[{name!r}]
print('swiftbn.{module}.{other}' in sys.modules, len(set(swiftbn.{module}._TABLE)) == len(swiftbn.{module}._TABLE))
"""
    assert fresh(code) == "False True"


@pytest.mark.parametrize("module", ["losses", "metrics", "optimizers"])
def test_names_in_tables(module):
    package = getattr(swiftbn, module)
    for name in package._TABLE:
        found = package._TABLE[name]
        assert found.__module__.startswith("swiftbn.")
        assert package._TABLE.get(name) is found
    assert len(package._TABLE) == len(set(package._TABLE)) > 10
    with pytest.raises(ValueError, match="'nothing', expected one of .*, .*, "):
        package.get("nothing")


def test_deserialization_by_class_name():
    code = """
import swiftbn
for module, name in (("losses", "Huber"), ("losses", "CTC"), ("metrics", "BinaryIoU"), ("optimizers", "Lamb"),
                     ("optimizers.schedules", "CosineDecay"), ("layers", "GaussianNoise"), ("regularizers", "L2"),
                     ("constraints", "NonNeg")):
    arguments = {"BinaryIoU": {"threshold": 0.5}, "GaussianNoise": {"stddev": 1.0},
                 "CosineDecay": {"initial_learning_rate": 1.0, "decay_steps": 2}}.get(name, {})
    config = {"module": f"keras.{module}", "class_name": name, "config": arguments, "registered_name": None}
    found = swiftbn.saving.deserialize_keras_object(config)
    assert type(found).__name__ == name
    assert swiftbn.saving.serialize_keras_object(found)["class_name"] == name
print("done")
"""
    assert fresh(code) == "done"


def test_metrics_that_are_losses_are_the_same_functions():
    assert swiftbn.metrics.huber is swiftbn.losses.huber
    assert swiftbn.utils.Sequence is swiftbn.utils.PyDataset
