"""Variables of models in HDF5 groups, laid out as Keras 3 lays them out: `layers/conv2d_1/vars/0`."""

from __future__ import annotations

import warnings

import h5py
import numpy as np

from swiftbn._registry import snake_case
from swiftbn.layers.layer import Layer
from swiftbn.optimizers.base import Optimizer
from swiftbn.optimizers.loss_scale_optimizer import LossScaleOptimizer
from swiftbn.optimizers.multi_optimizer import MultiOptimizer
from swiftbn.random import SeedGenerator
from swiftbn.saving.datasets import arrays, open_group


def walk(saveable, path: str = "", seen: set | None = None):
    """Pairs (path, object with variables of its own), the model first, in Keras' order.

    The states of random generators are among them, which Keras does not save: it passes over them when it loads.
    """
    seen = set() if seen is None else seen
    if id(saveable) in seen:
        return
    seen.add(id(saveable))
    yield path, saveable
    if isinstance(saveable, LossScaleOptimizer):
        yield from walk(saveable.inner_optimizer, f"{path}/inner_optimizer", seen)
    if isinstance(saveable, MultiOptimizer):
        yield from _walk_container(saveable.optimizers, f"{path}/optimizers", seen)
    if isinstance(saveable, (Optimizer, SeedGenerator)):
        return
    for name, child in _children(saveable):
        inner = f"{path}/{name}" if path else name
        if isinstance(child, (Layer, Optimizer, SeedGenerator)):
            yield from walk(child, inner, seen)
        elif isinstance(child, (list, tuple, dict)):
            yield from _walk_container(child, inner, seen)


def _walk_container(container, path: str, seen: set):
    if id(container) in seen:
        return
    seen.add(id(container))
    used: dict[str, int] = {}

    def unique(name: str) -> str:
        used[name] = used.get(name, -1) + 1
        return f"{path}/{name}_{used[name]}" if used[name] else f"{path}/{name}"

    for child in container.values() if isinstance(container, dict) else container:
        if isinstance(child, (Layer, Optimizer, SeedGenerator)):
            # Objects are addressed by class, since their names depend on what was made before them.
            yield from walk(child, unique(snake_case(type(child).__name__)), seen)
        elif isinstance(child, (list, tuple, dict)):
            yield from _walk_container(child, unique("container"), seen)


def _children(saveable):
    from swiftbn.models.functional import Functional
    from swiftbn.models.model import Model
    from swiftbn.models.sequential import Sequential

    skipped = _internal_attributes()
    if isinstance(saveable, (Functional, Sequential)):
        yield "layers", saveable.layers
    attributes = {name: value for name, value in vars(saveable).items() if name not in skipped}
    if isinstance(saveable, Model) and saveable.optimizer is not None:
        attributes["optimizer"] = saveable.optimizer
    # Private ones come last, as in Keras, so that an object with two names has the public one.
    for name in sorted(attributes, key=lambda name: (name.startswith("_"), name)):
        yield name, attributes[name]


def _internal_attributes() -> set:
    """Attributes that belong to the implementation of layers and models."""
    if not _internal:
        from swiftbn.models.functional import Functional
        from swiftbn.models.model import Model
        from swiftbn.models.sequential import Sequential

        _internal.update(vars(Layer(name="probe")), vars(Model(name="probe")), vars(Sequential(name="probe")))
        _internal.update(Layer._untracked, Model._untracked, Functional._untracked, Sequential._untracked)
        _internal.update(("_functional", "_sequence", "_operations", "_nodes", "_inputs_struct", "_outputs_struct"))
        _internal.update(("inputs", "outputs", "_layers"))
    return _internal


_internal: set[str] = set()


def contents(model):
    """(path of the group, name or None, values by key) of each object of a model, and of its optimizer."""
    for path, saveable in walk(model):
        name = getattr(saveable, "name", None)
        store: dict = {}
        if isinstance(saveable, SeedGenerator):
            store["0"] = saveable.state.numpy()
        else:
            saveable.save_own_variables(store)
        yield f"{path}/vars" if path else "vars", name if isinstance(name, str) else None, store


def write(model, file: h5py.File) -> None:
    """Puts all variables of a model, and of its optimizer, into a file."""
    for place, name, store in contents(model):
        group = file.create_group(place)
        if name is not None:
            group.attrs["name"] = name
        for key, value in store.items():
            group[key] = np.asarray(value)


def shapes(model) -> dict:
    """The shape of each variable of a model by its path in a file, without "vars"."""
    found: dict = {}
    for path, saveable in walk(model):
        store: dict = {}
        if isinstance(saveable, SeedGenerator):
            # Keras does not save them.
            continue
        saveable.save_own_variables(store)
        found.update((f"{path}/{key}".lstrip("/"), tuple(np.shape(value))) for key, value in store.items())
    return found


def read(model, files: list, skip_mismatch: bool = False) -> None:
    """Takes all variables of a model from HDF5 files, each of which has a part of them.

    Everything is compared first: when something does not fit, nothing is changed.

    Raises:
        ValueError: a layer whose variables are missing, or have other shapes.
    """
    found, unfit = [], []
    for path, saveable in walk(model):
        store: dict = {}
        for file in files:
            store.update(open_group(file, f"{path}/vars" if path else "vars"))
        if isinstance(saveable, SeedGenerator) and not store:
            continue
        if isinstance(saveable, Optimizer) and len(store) != len(saveable.variables):
            if store:
                warnings.warn(
                    f"Optimizer '{saveable.name}' keeps its state: it has {len(saveable.variables)} variables, "
                    f"the file has {len(store)}",
                    stacklevel=4,
                )
            continue
        problem = _mismatch(saveable, path or "the model itself", store)
        if problem is None:
            found.append((saveable, store))
        else:
            unfit.append(problem)
    if unfit and not skip_mismatch:
        raise ValueError("The weights do not fit the model: " + "; ".join(unfit[:5]))
    _assign([(saveable, arrays(store)) for saveable, store in found])


def _assign(found: list) -> None:
    """Gives values to objects; when one refuses them, all are as before."""
    before = [(variable, np.array(variable.numpy())) for saveable, _ in found for variable in _variables(saveable)]
    try:
        for saveable, store in found:
            if isinstance(saveable, SeedGenerator):
                saveable.state.assign(store["0"])
            elif store or _variables(saveable):
                saveable.load_own_variables(store)
    except BaseException:
        for variable, value in before:
            variable.assign(value)
        raise


def _variables(saveable) -> list:
    if isinstance(saveable, SeedGenerator):
        return [saveable.state]
    return saveable._own_variables() if isinstance(saveable, Layer) else saveable.variables


def _mismatch(saveable, place: str, store: dict) -> str | None:
    kind = type(saveable)
    if isinstance(saveable, Layer) and kind.load_own_variables is not Layer.load_own_variables:
        return None
    variables = _variables(saveable)
    what = f"{'layer' if isinstance(saveable, Layer) else kind.__name__} '{saveable.name}'"
    if len(variables) != len(store):
        hint = "" if getattr(saveable, "built", True) else " (the layer is not built)"
        return f"{what} has {len(variables)} variables{hint}, the file has {len(store)} at {place}"
    for index, variable in enumerate(variables):
        if str(index) not in store:
            return f"{what}: variable {index} is missing at {place}"
        data = store[str(index)]
        if data.shape != variable.shape:
            return f"{what}: {variable.name} has shape {variable.shape}, the file has {data.shape} at {place}"
        if data.dtype.kind not in "fiub":
            return f"{what}: {variable.name} has dtype {variable.dtype}, the file has {data.dtype} at {place}"
    return None
