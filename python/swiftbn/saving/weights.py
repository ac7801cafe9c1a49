"""Variables of models in HDF5 groups, laid out as Keras 3 lays them out: `layers/conv2d_1/vars/0`."""

from __future__ import annotations

import h5py
import numpy as np

from swiftbn._registry import snake_case
from swiftbn.layers.layer import Layer
from swiftbn.optimizers.base import Optimizer


def walk(saveable, path: str = "", seen: set | None = None):
    """Pairs (path, object with variables of its own), the model first, in Keras' order."""
    seen = set() if seen is None else seen
    if id(saveable) in seen:
        return
    seen.add(id(saveable))
    yield path, saveable
    if isinstance(saveable, Optimizer):
        return
    for name, child in _children(saveable):
        inner = f"{path}/{name}" if path else name
        if isinstance(child, (Layer, Optimizer)):
            yield from walk(child, inner, seen)
        elif isinstance(child, (list, tuple, dict)):
            yield from _walk_container(child, inner, seen)


def _walk_container(container, path: str, seen: set):
    used: dict[str, int] = {}
    for child in container.values() if isinstance(container, dict) else container:
        if not isinstance(child, Layer):
            continue
        # Objects are addressed by class, since their names depend on what was made before them.
        name = snake_case(type(child).__name__)
        if name in used:
            used[name] += 1
            name = f"{name}_{used[name]}"
        else:
            used[name] = 0
        yield from walk(child, f"{path}/{name}", seen)


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
    for name in sorted(attributes):
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


def write(model, file: h5py.File) -> None:
    """Puts all variables of a model, and of its optimizer, into a file."""
    for path, saveable in walk(model):
        group = file.create_group(f"{path}/vars" if path else "vars")
        if isinstance(getattr(saveable, "name", None), str):
            group.attrs["name"] = saveable.name
        store: dict = {}
        saveable.save_own_variables(store)
        for key, value in store.items():
            group[key] = np.asarray(value)


def read(model, file: h5py.File, skip_mismatch: bool = False) -> None:
    """Takes all variables of a model from a file.

    Everything is compared first: when something does not fit, nothing is changed.

    Raises:
        ValueError: a layer whose variables are missing, or have other shapes.
    """
    found, unfit = [], []
    for path, saveable in walk(model):
        store = _group(file, path)
        if isinstance(saveable, Optimizer):
            # A file of weights alone, or of another optimizer, leaves the optimizer as it is.
            if len(store) == len(saveable.variables):
                found.append((saveable, store))
            continue
        problem = _mismatch(saveable, path, store)
        if problem is None:
            found.append((saveable, store))
        else:
            unfit.append(problem)
    if unfit and not skip_mismatch:
        raise ValueError("The weights do not fit the model: " + "; ".join(unfit[:5]))
    for saveable, store in found:
        if store or saveable_has_variables(saveable):
            saveable.load_own_variables(store)


def saveable_has_variables(saveable) -> bool:
    return isinstance(saveable, Layer) and bool(saveable._own_variables())


def _mismatch(layer, path: str, store: dict) -> str | None:
    if type(layer).load_own_variables is not Layer.load_own_variables:
        return None
    variables = layer._own_variables()
    place = path or "the model itself"
    if len(variables) != len(store):
        hint = "" if layer.built else " (the layer is not built)"
        return f"layer '{layer.name}' has {len(variables)} variables{hint}, the file has {len(store)} at {place}"
    for index, variable in enumerate(variables):
        if str(index) not in store:
            return f"layer '{layer.name}': variable {index} is missing at {place}"
        if store[str(index)].shape != variable.shape:
            return (
                f"layer '{layer.name}': {variable.name} has shape {variable.shape}, the file has "
                f"{store[str(index)].shape} at {place}"
            )
    return None


def _group(file: h5py.File, path: str) -> dict:
    """The arrays of a group; links to other files are refused."""
    name = f"{path}/vars" if path else "vars"
    group = file
    for part in name.split("/"):
        link = group.get(part, getlink=True) if part in group else None
        if link is None:
            return {}
        _refuse_links(link, name)
        group = group[part]
    if not isinstance(group, h5py.Group):
        raise ValueError(f"The file is no Keras file: {name} is not a group")
    arrays = {}
    for key in group:
        _refuse_links(group.get(key, getlink=True), f"{name}/{key}")
        dataset = group[key]
        if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
            raise ValueError(f"The file is no Keras file: {name}/{key} is no plain data set")
        arrays[key] = np.asarray(dataset)
    return arrays


def _refuse_links(link, name: str) -> None:
    if isinstance(link, (h5py.ExternalLink, h5py.SoftLink)):
        raise ValueError(f"The file is refused: {name} is a link to another place")
