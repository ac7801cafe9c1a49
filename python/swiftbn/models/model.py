"""The base class of models: a layer that can be trained, evaluated and saved."""

from __future__ import annotations

from swiftbn.layers._call import is_tensor_structure, map_shapes, shape_structure
from swiftbn.layers.layer import Layer
from swiftbn.models.loops import Loops
from swiftbn.models.state_tree import StateTree
from swiftbn.operation import trace_output_spec
from swiftbn.tensor import KerasTensor


class Model(Loops, StateTree, Layer):
    """A layer with `compile`, `fit`, `evaluate`, `predict` and `save`.

    `Model(inputs, outputs)` makes a functional model of layer calls on `Input`s. A subclass makes its layers in
    `__init__` and calls them in `call(inputs, training=None)`.

    Args:
        inputs, outputs: symbolic tensors, for a functional model.
        name: unique name.
        trainable: whether optimizers change its weights.
    """

    _untracked = Layer._untracked | Loops._trainer_attributes

    def __new__(cls, *args, **kwargs):
        if cls is Model and _is_functional(args, kwargs):
            from swiftbn.models.functional import Functional

            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        from swiftbn.models.functional import Functional

        Loops.__init__(self)
        if _is_functional(args, kwargs) and not isinstance(self, Functional):
            # A subclass that hands inputs and outputs to Model's constructor is a functional model, too.
            kind = type(self)
            self.__class__ = type(kind.__name__, (kind, Functional), {"__module__": kind.__module__})
            Functional.__init__(self, *args, **kwargs)
        else:
            Layer.__init__(self, *args, **kwargs)

    def call(self, inputs, training=None):
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a call() method; a subclass has to define it"
        )

    @property
    def layers(self) -> list:
        """The layers that the model calls itself."""
        return self._layers

    @layers.setter
    def layers(self, _):
        raise AttributeError("`layers` is found from the model's attributes and cannot be set")

    # A model without a build() of its own is built by its first call, whose shapes are saved to repeat it.

    def _build_for(self, arguments: dict) -> None:
        super()._build_for(arguments)
        if self._build_shapes is None and type(self).build is Layer.build:
            shapes = {
                f"{name}_shape": shape_structure(value)
                for name, value in arguments.items()
                if is_tensor_structure(value)
            }
            self._build_shapes = {"input_shape": shapes.popitem()[1]} if len(shapes) == 1 else shapes or None

    def build_from_config(self, config: dict) -> None:
        """Builds the model with shapes from `get_build_config`."""
        shapes = (config or {}).get("shapes_dict")
        if shapes is None or type(self).build is not Layer.build:
            super().build_from_config(config)
            return
        named = {
            name.removesuffix("_shape"): map_shapes(lambda shape: KerasTensor(shape, self.dtype), shape)
            for name, shape in shapes.items()
        }
        trace_output_spec(self.call, (), named)
        self._build_shapes = shapes
        self.built = True

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of a name, or at a position in `layers`.

        Raises:
            ValueError: there is none, or not exactly one of name and index is given.
        """
        if (name is None) == (index is None):
            raise ValueError(f"get_layer: expected either name or index. Received: name={name!r}, index={index!r}")
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"Model '{self.name}' has {len(layers)} layers. Received: index={index}")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"Model '{self.name}' has no layer named {name!r}, only {', '.join(layer.name for layer in layers)}"
        )

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers with their output shapes and numbers of parameters.

        Args:
            line_length: width in characters.
            positions: only None.
            print_fn: function that gets the text instead of standard output.
            expand_nested: whether layers of nested models are listed.
            show_trainable: whether a column says what is trained.
            layer_range: two names (or regular expressions) of layers, between which layers are listed.
        """
        from swiftbn.utils.summary import print_summary

        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    def plan_summary(
        self,
        x=None,
        y=None,
        sample_weight=None,
        *,
        batch_size=32,
        print_fn=None,
        accumulate=1,
        accumulate_statistics="each",
    ):
        """Prints the steps of the compiled program for a batch, what was fused, and the memory they need.

        With y the program is that of a training step, else of a prediction; see `swiftbn.profiling.plan_summary`.
        """
        from swiftbn.profiling import plan_summary

        return plan_summary(
            self,
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            print_fn=print_fn,
            accumulate=accumulate,
            accumulate_statistics=accumulate_statistics,
        )

    def recalibrate(self, x, batch_size=None, method: str = "layerwise", verbose: int = 0) -> None:
        """Measures the moving statistics of all batch normalizations anew over data; weights stay as they are.

        Each layer's moving mean and variance become the mean and the biased variance of all values that it is given,
        μ = Σ x / n and σ² = Σ (x - μ)² / n per channel, joined over the batches in float64 with the differences
        between their means. `momentum` has no part in it, dropout is off, and frozen layers are measured, too.

        "layerwise" makes one pass over the data for each layer, in the order of their calls, in inference mode and
        with the earlier layers' new statistics. It gives the statistics that the layers meet in inference, exactly but
        for rounding, whatever the batch size; only of a layer that is called more than once, and whose inputs depend
        on its own outputs, they are those that its old statistics led to.

        "together" makes a single pass in which every layer normalizes by its batch's own statistics, as in training.
        It is exact for the first layer; later ones get the statistics that they meet in training with this batch size,
        which is also exact when one batch holds all data.

        Meanwhile no other thread may use the model.

        Args:
            x: inputs, as for `predict`, (N, …).
            batch_size: samples per batch, by default 32.
            method: "layerwise" or "together".
            verbose: 1 prints a line for each layer.

        Raises:
            ValueError: a model that is not built or has no batch normalization, or one that is not called; unknown
                methods; inputs of a layer that are not finite. All statistics are as before then.

        Source: Ioffe & Szegedy 2015 (arXiv 1502.03167), algorithm 2; Wu & Johnson 2021 (arXiv 2105.07576), section 3.
        """
        from swiftbn.batch_norm.recalibration import recalibrate

        recalibrate(self, x, batch_size=batch_size, method=method, verbose=verbose)

    def save(self, filepath, overwrite: bool = True, zipped=None) -> None:
        """Writes architecture, weights, and training configuration to a `.keras` file."""
        from swiftbn.saving import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped)

    def save_weights(self, filepath, overwrite: bool = True, max_shard_size=None) -> None:
        """Writes the weights to a `.weights.h5` file, or with `max_shard_size` (in GB) to several."""
        from swiftbn.saving import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size)

    def load_weights(self, filepath, skip_mismatch: bool = False) -> None:
        """Takes the weights from a `.weights.h5`, `.weights.json` or `.keras` file."""
        from swiftbn.saving import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch)

    def to_json(self, **kwargs) -> str:
        """The model's configuration as JSON."""
        import json

        from swiftbn.saving import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        if cls is Model and "layers" in config:
            from swiftbn.models.functional import Functional

            return Functional.from_config(config, custom_objects)
        return super().from_config(config)


def _is_functional(args: tuple, kwargs: dict) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)
