"""model_to_dot and plot_model; what needs pydot is skipped without it."""

import builtins
import importlib.util

import pytest

import swiftbn
from swiftbn import Input, Model, Sequential, layers, ops
from swiftbn.utils import drawing, model_to_dot, plot_model

needs_pydot = pytest.mark.skipif(importlib.util.find_spec("pydot") is None, reason="needs pydot")


def make_model() -> Model:
    a, b = Input((4,), name="a"), Input((4,), name="b")
    inner = Sequential([Input((3,)), layers.Dense(5, "relu", name="deep"), layers.ReLU(name="last")], name="inner")
    shared = layers.Dense(3, name="shared")
    pair = Model(x := Input((3,), name="p"), [layers.Dense(1, name="q")(x), layers.Dense(2, name="r")(x)], name="pair")
    left, right = pair(shared(a))
    joined = layers.Concatenate(name="joined")([left, inner(shared(b))])
    return Model([a, b], [ops.abs(joined), right], name="whole")


def named(pairs) -> set:
    return {(begin.name.rstrip("_0123456789"), end.name.rstrip("_0123456789")) for begin, end in pairs}


def test_arrows():
    model = make_model()
    assert named(drawing._arrows(model, False)) == {
        ("a", "shared"),
        ("b", "shared"),
        ("shared", "pair"),
        ("shared", "inner"),
        ("pair", "joined"),
        ("inner", "joined"),
        ("joined", "abs"),
    }
    assert named(drawing._arrows(model, True)) == {
        ("a", "shared"),
        ("b", "shared"),
        ("shared", "p"),
        ("p", "q"),
        ("p", "r"),
        ("q", "joined"),
        ("shared", "deep"),
        ("deep", "last"),
        ("last", "joined"),
        ("joined", "abs"),
    }
    row = Sequential([Input((3,)), layers.Dense(3, name="x"), layers.Dense(3, name="y"), layers.Dense(3, name="z")])
    assert named(drawing._arrows(row, False)) == named(drawing._arrows(row, True)) == {("x", "y"), ("y", "z")}
    nested = Sequential([Input((3,)), row, Sequential([Input((3,)), layers.Dense(1, name="w")])])
    assert named(drawing._arrows(nested, True)) == {("x", "y"), ("y", "z"), ("z", "w")}
    assert drawing._arrows(Sequential(), True) == []


def test_boxes():
    model = make_model()
    shared = model.get_layer("shared")
    shared.trainable = False
    text = drawing.box_label(shared, True, True, True, True, True)
    for part in (
        "<b>shared</b> (Dense)",
        "Input shape: <b>(None, 4)",
        "Output shape: <b>(None, 3)",
        "dtype: <b>float32",
    ):
        assert part in text
    assert "Activation: <b>linear" in text and "Non-trainable" in text and "firebrick" in text
    assert "<b>Dense</b>" in drawing.box_label(shared, show_layer_names=False)
    assert "shape" not in drawing.box_label(shared) and "Activation" not in drawing.box_label(shared)
    source = drawing.box_label(model.get_layer("a"), show_shapes=True)
    assert "Input shape" not in source and "Output shape: <b>(None, 4)" in source
    assert "Input shape: <b>?" in drawing.box_label(layers.Dense(2), show_shapes=True)
    assert "&lt;x&gt;" in drawing.box_label(layers.Dense(2, name="<x>"))
    assert "Trainable" not in drawing.box_label(layers.ReLU(), show_trainable=True)


def test_errors(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match="has to be built"):
        model_to_dot(Sequential([layers.Dense(2)]))
    with pytest.raises(ValueError, match="layer_range"):
        plot_model(make_model(), layer_range=["a", "b"])
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pydot":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match="pip install pydot"):
        plot_model(make_model(), tmp_path / "model.png")


@needs_pydot
@pytest.mark.parametrize("expand_nested", [False, True])
def test_graph(expand_nested, tmp_path):
    model = make_model()
    graph = model_to_dot(model, expand_nested=expand_nested, rankdir="LR", dpi=90, splines="line", show_shapes=True)
    assert (graph.get_rankdir(), str(graph.get_dpi()), graph.get_splines()) == ("LR", "90", "line")
    assert len(graph.get_edges()) == len(drawing._arrows(model, expand_nested))
    assert {frame.get_label() for frame in graph.get_subgraphs()} == ({"inner", "pair"} if expand_nested else set())
    plot_model(model, tmp_path / "model.dot", expand_nested=expand_nested)
    text = (tmp_path / "model.dot").read_text()
    assert text.startswith("digraph") and text.count("->") == len(graph.get_edges())
    assert model_to_dot(model, subgraph=True).get_style() == "dashed"


@needs_pydot
def test_a_subclassed_model_is_one_box():
    class Own(Model):
        def call(self, x):
            return x

    model = Own(name="own")
    model(ops.ones((2, 3)))
    graph = model_to_dot(model)
    assert not graph.get_edges() and "own" in graph.to_string()


@needs_pydot
def test_without_graphviz(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match="Graphviz"):
        plot_model(make_model(), tmp_path / "model.png")
    with pytest.raises(FileNotFoundError):
        plot_model(make_model(), tmp_path / "nowhere" / "model.dot")


@pytest.mark.interop
@needs_pydot
@pytest.mark.parametrize("expand_nested", [False, True])
def test_keras_draws_the_same(expand_nested):
    keras = pytest.importorskip("keras")

    def drawn(package):
        a = package.Input((4,), name="a")
        inner = package.Sequential(
            [package.Input((3,)), package.layers.Dense(5, name="deep"), package.layers.ReLU(name="last")], name="inner"
        )
        y = package.layers.Concatenate(name="joined")([a, inner(package.layers.Dense(3, name="shared")(a))])
        model = package.Model(a, package.layers.Dense(2, name="end")(y), name="m")
        graph = package.utils.model_to_dot(model, expand_nested=expand_nested, show_shapes=True, show_dtype=True)
        names = {}

        def collect(part):
            for node in part.get_nodes():
                for name in ("a", "inner", "deep", "last", "joined", "shared", "end"):
                    if f"<b>{name}</b>" in (node.get_label() or ""):
                        names[node.get_name()] = name
            for frame in part.get_subgraphs():
                collect(frame)
                edges.extend(frame.get_edges())

        edges = list(graph.get_edges())
        collect(graph)
        return sorted(names.values()), {(names[e.get_source()], names[e.get_destination()]) for e in edges}

    assert drawn(swiftbn) == drawn(keras)
