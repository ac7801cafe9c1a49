"""Comparison of a model with the one in which its batch normalizations are folded."""

from __future__ import annotations

import numpy as np

from swiftbn import tree
from swiftbn.batch_norm._statistics import observe
from swiftbn.layers import BatchNormalization

_SAMPLES = 8
_UNKNOWN_EXTENT = 32
_SCALES = 6


def check_folded(model, folded) -> None:
    """Compares the outputs of both models on random inputs of several scales.

    The allowed difference is a multiple of the dtype's ε, of the number of layers with weights, of the largest output
    and of the largest |μ|/√(σ² + ε), by which subtracting the mean magnifies rounding, plus as many times what the
    original's outputs change when its inputs are rounded otherwise.

    Raises:
        ArithmeticError: the models differ by more.
        ValueError: the model does not run on such inputs.
    """
    random = np.random.default_rng(0)
    normalizations = [layer for layer in model._flatten_layers() if isinstance(layer, BatchNormalization)]
    weighted = [layer for layer in model._flatten_layers() if layer._own_variables()]
    epsilon = max((np.finfo(layer.dtype).eps for layer in weighted), default=np.finfo("float32").eps)
    magnified = max((_magnification(layer) for layer in normalizations), default=1.0)
    factor = 16 * max(len(weighted), 1)
    for x in _inputs(model, normalizations, random):
        try:
            expected = _flat(model, x)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"fold_batch_norm: '{model.name}' cannot be checked, as it does not run on random inputs of shapes "
                f"{', '.join(str(a.shape) for a in x)}; use check=False. {error}"
            ) from error
        got = _flat(folded, x)
        moved = _flat(model, [_rounded_otherwise(a, epsilon, random) for a in x])
        for name, a, b, c in zip(model.output_names, expected, got, moved, strict=True):
            finite = np.isfinite(a)
            scale = float(np.abs(a[finite]).max(initial=0))
            noise = float(np.abs((c - a)[finite & np.isfinite(c)]).max(initial=0))
            allowed = factor * (epsilon * scale * magnified + noise) + np.finfo(a.dtype).tiny
            difference = float(np.abs((b - a)[finite]).max(initial=0))
            # NaN, where the original is finite, is a difference as well.
            if not difference <= allowed:
                raise ArithmeticError(
                    f"fold_batch_norm: output '{name}' of '{model.name}' differs by {difference:.3g} behind folding, "
                    f"more than the {allowed:.3g} that rounding explains, for outputs up to {scale:.3g}; "
                    f"{'; '.join(f'{layer}: {result}' for layer, result in folded.folding_report)}"
                )


def _flat(model, x: list) -> list:
    return [np.asarray(y, "float64") for y in tree.flatten(model(tree.pack_as(model.input, x), training=False))]


def _magnification(layer) -> float:
    mean, variance = (np.asarray(v.numpy(), "float64") for v in (layer.moving_mean, layer.moving_variance))
    with np.errstate(all="ignore"):
        ratio = np.abs(mean) / np.sqrt(variance + layer.epsilon)
    return 1 + float(ratio[np.isfinite(ratio)].max(initial=0))


def _rounded_otherwise(x, epsilon: float, random):
    if x.dtype.kind != "f":
        return x
    return (x * (1 + epsilon * random.choice((-1, 1), x.shape))).astype(x.dtype)


def _inputs(model, normalizations: list, random):
    """Flat inputs: normal, uniform, and such that the normalized values are of the size of the moving statistics."""
    normal = [_draw(x, random) for x in model.inputs]
    yield normal
    yield [_draw(x, random, uniform=True) for x in model.inputs]
    used = [1.0]
    for layer in normalizations:
        if len(used) <= _SCALES:
            scale = _scale_of_statistics(model, layer, normal)
            if all(not 0.5 < scale / other < 2 for other in used):
                used.append(scale)
                yield [_scaled(_draw(x, random), scale) for x in model.inputs]
    for layer in normalizations:
        for node in layer._inbound_nodes:
            if len(node.inputs) == 1 and any(node.inputs[0] is x for x in model.inputs):
                yield [_like_statistics(_draw(x, random), layer, x is node.inputs[0]) for x in model.inputs]


def _draw(x, random, uniform: bool = False) -> np.ndarray:
    batch, *sample = x.shape
    shape = (_SAMPLES if batch is None else batch, *(_UNKNOWN_EXTENT if e is None else e for e in sample))
    if "float" not in x.dtype:
        return random.integers(0, 2 if x.dtype == "bool" else 10, shape).astype(x.dtype)
    return (random.uniform(size=shape) if uniform else random.normal(size=shape)).astype(x.dtype)


def _scaled(x, scale: float):
    return (x * scale).astype(x.dtype) if x.dtype.kind == "f" else x


def _scale_of_statistics(model, layer, normal: list) -> float:
    """By how much inputs are to be multiplied for the layer's inputs to have about the moving statistics' size."""
    wanted = np.mean(np.square(layer.moving_mean.numpy(), dtype="float64") + layer.moving_variance.numpy())
    scale = 1.0
    # As layers add biases, sizes are not proportional, and the ratio is taken again.
    for _ in range(3):
        x = tree.pack_as(model.input, [_scaled(a, scale) for a in normal])
        moments = observe(model, [layer], [x]).get(id(layer))
        if moments is None:
            break
        with np.errstate(all="ignore"):
            ratio = float(np.sqrt(wanted / np.mean(np.square(moments.mean) + moments.variance)))
        if not np.isfinite(ratio) or ratio <= 0 or 0.5 < ratio < 2:
            break
        scale = float(np.clip(scale * ratio, 1e-4, 1e6))
    return scale


def _like_statistics(x, layer, is_its_input: bool):
    if not is_its_input or x.dtype.kind != "f":
        return x
    extents = [1] * x.ndim
    extents[layer.axis] = -1
    mean, variance = (np.reshape(v.numpy(), extents) for v in (layer.moving_mean, layer.moving_variance))
    return (mean + np.sqrt(np.maximum(variance, 0)) * x).astype(x.dtype)
