"""Losses, weights and metrics as they are given to `compile`, one for each output of a model."""

from __future__ import annotations

from swiftbn import tree


def per_output(argument: str, value, outputs, names: list, share: bool) -> list:
    """What is given for each output, None for nothing; `share` says whether one value may stand for all.

    Raises:
        ValueError: names that no output has, or another number than there are outputs.
    """
    if _is_deep(outputs):
        return _along(argument, value, outputs)
    count = len(names)
    if isinstance(value, dict):
        _check_names(argument, value, names)
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != count:
            raise ValueError(
                f"compile: expected {argument} for {count} output(s) ({', '.join(names)}). Received: {len(value)}"
            )
        return list(value)
    if value is not None and count > 1 and not share:
        raise ValueError(f"compile: expected {argument} for each of {count} outputs. Received: {value!r}")
    return [value] * count


def metric_groups(metrics, outputs, names: list) -> list:
    """For each output a list of metric identifiers."""
    if not metrics:
        return [[] for _ in names]

    def group(value):
        return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]

    if _is_deep(outputs):
        return [group(value) for value in _along("metrics", metrics, outputs)]
    if isinstance(metrics, dict):
        _check_names("metrics", metrics, names)
        return [group(metrics.get(name)) for name in names]
    if len(names) == 1:
        flat = group(metrics)
        return [[item for entry in flat for item in group(entry)]]
    metrics = group(metrics)
    if len(metrics) != len(names):
        raise ValueError(
            f"compile: expected metrics nested as the {len(names)} outputs {', '.join(names)}. "
            f"Received: {len(metrics)} entries"
        )
    return [group(entry) for entry in metrics]


def output_names(outputs, own: list[str] | None) -> list[str]:
    """Names of the outputs, flat: their keys in a dict, else the model's own, else "output_1", …

    Below the first level a name is the path to the output, as in Keras.
    """
    if not tree.is_nested(outputs):
        return own or ["output_1"]
    flat = tree.flatten(outputs)
    own = own if own is not None and len(own) == len(flat) else [f"output_{i + 1}" for i in range(len(flat))]
    return ["/".join(path) for path in _paths(outputs, iter(own))]


def _paths(outputs, own) -> list[tuple]:
    if not tree.is_nested(outputs):
        return [()]
    paths = []
    keys = tree.keys(outputs) if isinstance(outputs, dict) else range(len(outputs))
    for key in keys:
        for path in _paths(outputs[key], own):
            # A leaf in a list has the model's name for it in place of its position.
            name = next(own) if not path else None
            paths.append((name,) if isinstance(key, int) and not path else (str(key), *path))
    return paths


def _is_deep(outputs) -> bool:
    parts = outputs.values() if isinstance(outputs, dict) else outputs if tree.is_nested(outputs) else ()
    return any(tree.is_nested(part) for part in parts)


def _check_names(argument: str, given: dict, outputs) -> None:
    unknown = [str(key) for key in given if key not in outputs]
    if unknown:
        raise ValueError(
            f"compile: expected {argument} to be given for the outputs {', '.join(map(str, outputs))}. "
            f"Received: {', '.join(unknown)}"
        )


def _along(argument: str, value, outputs) -> list:
    """Values nested as the outputs, flat; one that is not nested stands for all outputs at its place."""
    if not tree.is_nested(outputs):
        return [value]
    if isinstance(outputs, dict) and isinstance(value, dict):
        _check_names(argument, value, outputs)
        return [v for key in tree.keys(outputs) for v in _along(argument, value.get(key), outputs[key])]
    if isinstance(outputs, (list, tuple)) and isinstance(value, (list, tuple)) and len(value) == len(outputs):
        return [v for part, output in zip(value, outputs, strict=True) for v in _along(argument, part, output)]
    if tree.is_nested(value):
        raise ValueError(f"compile: expected {argument} nested as the outputs. Received: {value!r}")
    return [value] * len(tree.flatten(outputs))
