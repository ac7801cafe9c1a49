"""Models as pictures: boxes for layers, arrows for tensors, through pydot and Graphviz."""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path

from swiftbn import tree


def model_to_dot(
    model,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    subgraph=False,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """The graph of a model's layers; a subclassed model is one box.

    Args:
        model: a built model.
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable: what is written in the boxes.
        rankdir: "TB" draws from top to bottom, "LR" from left to right.
        expand_nested: whether the layers of models inside are drawn, in frames.
        dpi: resolution of pictures.
        subgraph: whether a `pydot.Cluster`, the frame of a model inside, is returned.
        splines: form of the arrows: "ortho", "curved", "polyline", "spline" or "line".

    Returns:
        A `pydot.Dot`.

    Raises:
        ImportError: without pydot.
        ValueError: a model that is not built, unknown arguments.
    """
    if kwargs:
        raise ValueError(f"model_to_dot: unknown arguments. Received: {', '.join(sorted(kwargs))}")
    if not model.built:
        raise ValueError(f"Model '{model.name}' has to be built before it can be drawn: call it, fit it, or build() it")
    pydot = _pydot("model_to_dot")
    options = {
        "show_shapes": show_shapes,
        "show_dtype": show_dtype,
        "show_layer_names": show_layer_names,
        "show_layer_activations": show_layer_activations,
        "show_trainable": show_trainable,
    }
    if subgraph:
        graph = pydot.Cluster(graph_name=model.name, style="dashed", label=model.name, labeljust="l")
    else:
        graph = pydot.Dot(rankdir=rankdir, concentrate=True, dpi=dpi, splines=splines)
        graph.set_node_defaults(shape="record")
    _fill(pydot, graph, model, expand_nested, options)
    for begin, end in _arrows(model, expand_nested):
        graph.add_edge(pydot.Edge(_key(begin), _key(end)))
    return graph


def plot_model(
    model,
    to_file="model.png",
    show_shapes=False,
    show_dtype=False,
    show_layer_names=False,
    rankdir="TB",
    expand_nested=False,
    dpi=200,
    show_layer_activations=False,
    show_trainable=False,
    splines="ortho",
    **kwargs,
):
    """Writes the picture of a model's layers to a file; arguments are those of `model_to_dot`.

    Args:
        to_file: path, whose ending is the format: png, svg, pdf, or dot for the graph as text.

    Returns:
        In a notebook the picture, else None.

    Raises:
        ImportError: without pydot, or without the programs of Graphviz (which "dot" does not need).
    """
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    path = Path(os.fspath(to_file))
    kind = path.suffix[1:].lower() or "png"
    try:
        graph.write(str(path), format="raw" if kind == "dot" else kind)
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise
        raise ImportError(f"plot_model needs the programs of Graphviz (graphviz.org): {error}") from None
    if "IPython" in sys.modules and kind in ("png", "jpg", "jpeg"):
        return sys.modules["IPython"].display.Image(filename=str(path))
    return None


def _pydot(function: str):
    try:
        import pydot
    except ImportError:
        raise ImportError(f"{function} needs the package pydot: pip install pydot") from None
    return pydot


def _key(layer) -> str:
    return str(id(layer))


def _parts(model) -> list | None:
    """What a model calls, None if it is a subclassed one."""
    from swiftbn.models import Functional, Sequential

    if isinstance(model, Sequential):
        return model.layers
    return model.operations if isinstance(model, Functional) else None


def _fill(pydot, graph, model, expand_nested: bool, options: dict) -> None:
    """Draws the boxes of a model, and those of models inside in frames of their own."""
    for layer in [model] if _parts(model) is None else _parts(model):
        if expand_nested and _parts(layer) is not None:
            frame = pydot.Cluster(graph_name=layer.name, style="dashed", label=layer.name, labeljust="l")
            _fill(pydot, frame, layer, expand_nested, options)
            graph.add_subgraph(frame)
        else:
            label = box_label(layer, **options)
            graph.add_node(pydot.Node(_key(layer), label=label, fontname="Helvetica", border="0", margin="0"))


def _arrows(model, expand_nested: bool) -> list[tuple]:
    """Pairs of layers between which tensors go, each once, in models inside, too, where they are drawn."""
    from swiftbn.models import Functional, Sequential

    def last(tensor):
        """The layer, as it is drawn, that makes a tensor."""
        operation, _, index = tensor._keras_history
        while expand_nested and _parts(operation) is not None:
            operation, _, index = operation.outputs[index]._keras_history
        return operation

    def first(layer, index: int):
        """The layer, as it is drawn, that takes the tensor `index` of those that a layer is called on."""
        while expand_nested and _parts(layer) is not None:
            if isinstance(layer, Functional):
                return layer.inputs[index]._keras_history.operation
            layer = layer.layers[0]
        return layer

    pairs = []
    if isinstance(model, Sequential):
        layers = model.layers
        if not layers:
            return []
        for before, layer in zip(layers[:-1], layers[1:], strict=True):
            pairs.append(
                (last(before.output) if expand_nested and _parts(before) is not None else before, first(layer, 0))
            )
    elif isinstance(model, Functional):
        for node in model._nodes:
            for index, tensor in enumerate(node.inputs):
                pairs.append((last(tensor), first(node.operation, index)))
    if expand_nested:
        for layer in _parts(model) or []:
            pairs += _arrows(layer, True)
    return list(dict.fromkeys(pairs))


def box_label(
    layer,
    show_shapes=False,
    show_dtype=False,
    show_layer_names=True,
    show_layer_activations=False,
    show_trainable=False,
) -> str:
    """What is written in a layer's box, as a table in Graphviz's HTML."""
    kind = type(layer).__name__
    title = f"<b>{html.escape(layer.name)}</b> ({kind})" if show_layer_names else f"<b>{kind}</b>"
    cells = []
    if show_shapes:
        if kind != "InputLayer":
            cells.append(("white", "black", f"Input shape: <b>{_described(layer, 'input', 'shape')}</b>"))
        cells.append(("white", "black", f"Output shape: <b>{_described(layer, 'output', 'shape')}</b>"))
    if show_dtype:
        cells.append(("white", "black", f"Output dtype: <b>{_described(layer, 'output', 'dtype')}</b>"))
    if show_trainable and getattr(layer, "weights", None):
        trains = layer.trainable
        cells.append(
            ("forestgreen" if trains else "firebrick", "white", f"<b>{'Trainable' if trains else 'Non-trainable'}</b>")
        )
    rows = [_row([("black", "white", title)], 16, max(1, len(cells)))]
    activation = getattr(layer, "activation", None)
    if show_layer_activations and activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", None) or str(activation)
        rows.append(_row([("white", "black", f"Activation: <b>{html.escape(name)}</b>")], 14, max(1, len(cells))))
    if cells:
        rows.append(_row(cells, 14, 1))
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{"".join(rows)}</table>>'


def _row(cells: list[tuple], size: int, span: int) -> str:
    return "".join(
        ["<tr>"]
        + [
            f'<td colspan="{span}" bgcolor="{color}"><font point-size="{size}" color="{ink}">{text}</font></td>'
            for color, ink, text in cells
        ]
        + ["</tr>"]
    )


def _described(layer, which: str, attribute: str) -> str:
    """Shapes or dtypes of the symbolic inputs or outputs, "?" where a layer has none."""
    try:
        found = tree.map_structure(lambda x: getattr(x, attribute), getattr(layer, which))
    except (AttributeError, ValueError):
        return "?"
    text = ", ".join(f"{name}: {value}" for name, value in found.items()) if isinstance(found, dict) else str(found)
    return html.escape(text)
