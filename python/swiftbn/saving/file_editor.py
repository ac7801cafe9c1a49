"""Files of weights looked at and changed without a model."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from swiftbn import messages
from swiftbn.saving import archive, weights
from swiftbn.saving.datasets import arrays, open_group
from swiftbn.saving.files import replacing

# No model's parts are nested deeper; groups may be linked to groups that they are in.
_DEEPEST = 100


class KerasFileEditor:
    """The weights of a `.weights.h5` or `.keras` file as nested dicts, to be changed and written to another file.

    Objects (the model's layers, optimizer, …) are named by their paths, such as "layers/dense_1", or by their last part
    where only one has it.

    Args:
        filepath: the file.

    Attributes:
        weights_dict: dict from names to arrays ("0", "1", …) and to the dicts of objects inside.
        object_metadata: dict from paths of objects to dicts with their names.
        config, metadata: what a `.keras` file says about the model and itself, else None.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another ending, or a damaged file.

    Example:
        >>> editor = KerasFileEditor("old.weights.h5")
        >>> editor.rename_object("layers/dense_2", new_name="dense_3")
        >>> editor.add_object("layers/dense_2", weights={"0": kernel, "1": bias})
        >>> editor.save("new.weights.h5")
    """

    def __init__(self, filepath):
        self.filepath = os.fspath(filepath)
        self.config = self.metadata = self.model = None
        path = Path(self.filepath)
        if path.name.endswith(".keras"):
            source, self.config, self.metadata, _ = archive.parts(path)
        elif path.name.endswith(".weights.h5"):
            if not path.is_file():
                raise FileNotFoundError(f"{path} does not exist")
            source = str(path)
        else:
            raise ValueError(
                f"KerasFileEditor: expected a path that ends in '.weights.h5' or '.keras'. Received: {path}"
            )
        self.weights_dict: dict = {}
        self.object_metadata: dict = {}
        with archive.h5(source, path) as file:
            self._read(file)

    def _read(self, file) -> None:
        # Not by `visititems`, which follows links.
        stack = [""]
        while stack:
            place = stack.pop()
            if place.count("/") > _DEEPEST:
                raise ValueError(f"{self.filepath} is refused: its groups hold each other")
            group = file[place] if place else file
            # What is put on the stack last comes first.
            for name in reversed(list(group)):
                inner = f"{place}/{name}".lstrip("/")
                is_link = not isinstance(group.get(name, getlink=True), h5py.HardLink)
                if not is_link and not isinstance(group[name], h5py.Group):
                    raise ValueError(f"{self.filepath} is no file of weights: {inner} is outside of 'vars'")
                if is_link or name == "vars":
                    # Refuses links, and all that is no plain data set.
                    store = arrays(open_group(file, inner))
                    own = self._object(place)
                    own.update({key: store[key] for key in sorted(store, key=_number)})
                    if place and "name" in group[name].attrs:
                        self.object_metadata[place] = {"name": str(group[name].attrs["name"])}
                else:
                    stack.append(inner)

    def _object(self, path: str) -> dict:
        """The dict of an object, made where there is none."""
        found = self.weights_dict
        for part in filter(None, path.split("/")):
            found = found.setdefault(part, {})
        return found

    # Looking

    def summary(self) -> None:
        """Shows the tree of objects with the shapes and dtypes of their weights."""
        messages.show("\n".join(["Weights structure", *_lines(self.weights_dict, "", self.object_metadata)]))

    def compare(self, reference_model) -> dict:
        """Shows where the file and a model differ.

        Returns:
            A dict with "status" ("success" or "error"), "error_count" and "match_count".
        """
        ours, theirs = _shapes(self.weights_dict), weights.shapes(reference_model)
        errors = [f"{path}: in the file only, of shape {ours[path]}" for path in ours if path not in theirs]
        errors += [f"{path}: in the model only, of shape {theirs[path]}" for path in theirs if path not in ours]
        both = [path for path in theirs if path in ours]
        differing = [path for path in both if ours[path] != theirs[path]]
        errors += [f"{path}: of shape {ours[path]} in the file, {theirs[path]} in the model" for path in differing]
        matching = len(both) - len(differing)
        found = f"{len(errors)} differences" if errors else f"no differences, {matching} weights match"
        messages.show(
            "\n".join([f"Comparison of {self.filepath} with model '{reference_model.name}': {found}", *errors])
        )
        return {
            "status": "error" if errors else "success",
            "error_count": len(errors),
            "match_count": matching,
        }

    # Changing

    def rename_object(self, object_name, new_name) -> None:
        """Gives an object another last name."""
        outer, name = self._find(object_name)
        if not isinstance(new_name, str) or "/" in new_name:
            raise ValueError(f"rename_object: expected new_name to be a name without '/'. Received: {new_name=}")
        if new_name in outer:
            raise ValueError(f"rename_object: expected a new name. Received: {new_name=}, which is there already")
        outer[new_name] = outer.pop(name)

    def delete_object(self, object_name) -> None:
        """Takes an object, and what is in it, away."""
        outer, name = self._find(object_name)
        del outer[name]

    def add_object(self, object_path, weights) -> None:
        """Puts a new object in a place.

        Args:
            object_path: the path, whose outer objects are there.
            weights: dict from "0", "1", … to arrays.
        """
        *outer, name = object_path.split("/")
        place = self.weights_dict
        for part in outer:
            if not isinstance(place.get(part), dict):
                raise ValueError(f"add_object: there is no object {'/'.join(outer)} in {self.filepath}")
            place = place[part]
        if name in place:
            raise ValueError(f"add_object: expected a new path. Received: {object_path=}, which is there already")
        place[name] = _checked(weights)

    def delete_weight(self, object_name, weight_name) -> None:
        """Takes one weight, such as "1", away from an object."""
        outer, name = self._find(object_name)
        if not isinstance(outer[name].get(weight_name), np.ndarray):
            known = [key for key, value in outer[name].items() if isinstance(value, np.ndarray)]
            raise ValueError(f"delete_weight: {object_name} has the weights {known}. Received: {weight_name=}")
        del outer[name][weight_name]

    def add_weights(self, object_name, weights) -> None:
        """Gives an object more weights, or others, as a dict from "0", "1", … to arrays."""
        outer, name = self._find(object_name)
        outer[name].update(_checked(weights))

    def _find(self, object_name: str) -> tuple[dict, str]:
        """The dict that an object is in, and its name there.

        Raises:
            ValueError: there is none, or several.
        """
        paths = [path for path in _objects(self.weights_dict) if path == object_name]
        if not paths and "/" not in object_name:
            paths = [path for path in _objects(self.weights_dict) if path.rsplit("/", 1)[-1] == object_name]
        if not paths:
            raise ValueError(f"There is no object {object_name} in {self.filepath}; summary() shows all")
        if len(paths) > 1:
            raise ValueError(f"Expected a path, as there are {', '.join(paths)}. Received: {object_name!r}")
        *outer, name = paths[0].split("/")
        return self._object("/".join(outer)), name

    # Writing

    def save(self, filepath) -> None:
        """Writes the weights to a `.weights.h5` file.

        Raises:
            ValueError: another ending.
        """
        path = Path(os.fspath(filepath))
        if not path.name.endswith(".weights.h5"):
            raise ValueError(f"KerasFileEditor.save: expected a path that ends in '.weights.h5'. Received: {path}")
        with replacing(path) as name, h5py.File(name, "w") as file:
            for place in ["", *_objects(self.weights_dict)]:
                own = {key: value for key, value in self._object(place).items() if isinstance(value, np.ndarray)}
                group = file.create_group(f"{place}/vars".lstrip("/"))
                if place in self.object_metadata:
                    group.attrs["name"] = self.object_metadata[place]["name"]
                for key, value in own.items():
                    group[key] = value

    resave_weights = save


def _number(key: str):
    """Sorts "10" behind "9"."""
    return (0, int(key), "") if key.isdecimal() else (1, 0, key)


def _checked(weights) -> dict:
    if not isinstance(weights, dict):
        raise ValueError(f"Expected weights to be a dict from names to arrays. Received: {weights!r}")
    found = {str(name): np.asarray(value) for name, value in weights.items()}
    for name, value in found.items():
        if "/" in name or value.dtype.kind not in "biuf":
            raise ValueError(f"Expected weights to be arrays of numbers by name. Received: {name!r} of {value.dtype}")
    return found


def _objects(tree: dict, before: str = "") -> list[str]:
    """The paths of all objects, outer ones first."""
    found = []
    for name, value in tree.items():
        if isinstance(value, dict):
            found += [before + name, *_objects(value, f"{before}{name}/")]
    return found


def _shapes(tree: dict, before: str = "") -> dict:
    found = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update(_shapes(value, f"{before}{name}/"))
        else:
            found[before + name] = tuple(value.shape)
    return found


def _lines(tree: dict, indent: str, names: dict, before: str = ""):
    for number, (name, value) in enumerate(tree.items()):
        is_last = number == len(tree) - 1
        line = f"{indent}{'└─' if is_last else '├─'} {name}"
        if isinstance(value, dict):
            known = names.get(before + name)
            yield line + (f" ('{known['name']}')" if known else "")
            yield from _lines(value, indent + ("   " if is_last else "│  "), names, f"{before}{name}/")
        else:
            yield f"{line}: shape={value.shape}, dtype={value.dtype}"
