"""The base class of layers: state, building, calling, configuration, with the meaning that Keras gives them."""

from __future__ import annotations

import functools
import inspect

from swiftbn import dtype_policies, naming, tree
from swiftbn.layers._call import (
    bind,
    build_arguments,
    call_context,
    map_shapes,
    remembering_shapes,
    training_by_name,
)
from swiftbn.layers._casting import Casting
from swiftbn.layers._config import automatic_config, base_config, regularizer, without_unknown_none
from swiftbn.layers._masks import Masks, fill_masks, previous_masks
from swiftbn.layers._state import State
from swiftbn.layers._stateless import Stateless
from swiftbn.layers._weights import Weights
from swiftbn.layers.input_spec import check_inputs, naming_inputs
from swiftbn.operation import Node, Operation, trace_output_spec
from swiftbn.rematerialization import recomputed
from swiftbn.tensor import KerasTensor, is_symbolic


class Layer(Weights, State, Stateless, Masks, Casting, Operation):
    """A function of tensors that owns variables.

    A subclass makes its variables in `__init__` or `build(input_shape)` with `add_weight` and computes in
    `call(inputs, training=None)` with `swiftbn.ops`; gradients come by themselves, and what `call` assigns to variables
    is kept. Layers, variables and seed generators held in attributes (also in lists and dicts) belong to the layer.

    Args:
        name: unique name, by default the class name in snake case with a number.
        trainable: whether optimizers change its weights.
        dtype: dtype of its weights and computations, "float32" or "float64"; by default `floatx()`. With "float16",
            "bfloat16", "mixed_float16" or "mixed_bfloat16" inputs and outputs are rounded to the 16-bit type, while
            weights and all computing stay in float32.
        activity_regularizer: function of the output; its value by the number of samples is added to the loss.
        input_shape: (on the first layer of a Sequential) shape of one sample.

    Raises:
        ValueError: unknown arguments.
    """

    def __new__(cls, *args, **kwargs):
        layer = super().__new__(cls)
        object.__setattr__(layer, "_init_call", (args, kwargs))
        return layer

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = remembering_shapes(cls.build)

    def __init__(self, *, activity_regularizer=None, trainable=True, dtype=None, name=None, **kwargs):
        Operation.__init__(self, name)
        if not isinstance(trainable, bool):
            raise ValueError(
                f"{type(self).__name__}: expected trainable to be a bool. Received: trainable={trainable!r}"
            )
        input_shape = kwargs.pop("input_shape", None)
        if "input_dim" in kwargs:
            input_shape = (kwargs.pop("input_dim"),)
        if input_shape is not None:
            self._input_shape_arg = tuple(input_shape) if isinstance(input_shape, (list, tuple)) else (input_shape,)
        if kwargs.pop("autocast", True) is not True:
            raise ValueError(f"{type(self).__name__}: only autocast=True is supported. Received: autocast=False")
        if kwargs:
            raise ValueError(f"{type(self).__name__}: unknown arguments. Received: {', '.join(sorted(kwargs))}")
        self._path = None
        self._set_policy(dtype_policies.get(dtype))
        self._trainable = trainable
        self.activity_regularizer = regularizer(activity_regularizer)
        self._losses = []
        self._input_spec = None
        self._build_shapes = None
        self.built = False

    @property
    def path(self) -> str | None:
        """Where the layer was built: the names of the layers around it and its own, joined by "/"; None before."""
        return self._path

    @property
    def input_spec(self):
        """What the layer expects of its inputs: an `InputSpec`, a list of them, or None."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value):
        self._input_spec = value

    # Building

    def build(self, input_shape):
        """Makes the layer's state; by default by calling it on symbolic inputs, which builds its sub-layers."""
        if not self.built and self._layers:
            inputs = map_shapes(lambda shape: KerasTensor(shape, self.dtype), input_shape)
            with naming.name_scope(self.name, caller=self):
                trace_output_spec(self.call, (inputs,), {})
        self._build_shapes = {"input_shape": input_shape}
        self.built = True

    def get_build_config(self) -> dict | None:
        """The shapes with which the layer was built."""
        if self._build_shapes is None:
            return None
        if len(self._build_shapes) == 1:
            return {"input_shape": next(iter(self._build_shapes.values()))}
        return {"shapes_dict": self._build_shapes}

    def build_from_config(self, config: dict) -> None:
        """Builds the layer with shapes from `get_build_config`."""
        if config and config.get("input_shape") is not None:
            self.build(config["input_shape"])
        elif config and "shapes_dict" in config:
            self.build(**config["shapes_dict"])

    def _build_for(self, arguments: dict) -> None:
        if self.built:
            return
        if type(self).build is not Layer.build:
            self.build(**build_arguments(self, arguments))
        elif not self._layers:
            self.built = True

    # Calling

    @functools.cached_property
    def _call_signature(self) -> inspect.Signature:
        return inspect.signature(self.call)

    def __call__(self, *args, **kwargs):
        self._check_initialized()
        signature = self._call_signature
        if len(args) > 1:
            args, kwargs = training_by_name(self, args, kwargs)
        training = kwargs.pop("training", None)
        if "training" in signature.parameters:
            bound = bind(self, signature, args, {**kwargs, "training": training})
            training = bound.arguments["training"]
        else:
            bound = bind(self, signature, args, kwargs)
        symbolic = is_symbolic((args, kwargs))
        arguments = dict(bound.arguments)
        if self._policy_map is not None:
            with naming.name_scope(self.name, caller=self):
                self._settle_policy(naming.current_path())
        if not symbolic:
            arguments = self._converted(arguments)
        if self._input_spec is not None:
            check_inputs(self._input_spec, tree.flatten(next(iter(arguments.values()))), self)
        with naming.name_scope(self.name, caller=self):
            was_built = self.built
            with naming_inputs(self, (args, kwargs)):
                self._build_for(arguments)
            self._path = self._path or naming.current_path()
            if self._input_spec is not None and not was_built:
                check_inputs(self._input_spec, tree.flatten(next(iter(arguments.values()))), self)
            if symbolic:
                outputs = self._symbolic(args, kwargs, training)
            else:
                outputs = self._concrete(bound, arguments, training)
        self.built = True
        return outputs

    def _concrete(self, bound, arguments: dict, training):
        parameter = bound.signature.parameters.get("training")
        default = None if parameter is None or parameter.default is parameter.empty else parameter.default
        with call_context(self, training, default) as training:
            if parameter is not None:
                # False where nothing says otherwise, so that `call` may write `if training`.
                arguments["training"] = bool(training) if training is None else training
            fill_masks(bound.signature.parameters, arguments)
            masks = previous_masks(arguments)
            bound.arguments.update(arguments)
            try:
                call = self.call
                if self._remat_mode is not None:
                    call = self.rematerialized_call(call, *bound.args, **bound.kwargs)
                outputs = call(*bound.args, **bound.kwargs)
                if self._compute_dtype != self.dtype:
                    outputs = tree.map_structure(self._rounded, outputs)
                if self.activity_regularizer is not None:
                    self._add_activity_losses(outputs)
                return self._pass_masks(arguments, masks, outputs)
            except (ValueError, TypeError) as error:
                error.add_note(f"in the call of layer '{self.name}' ({type(self).__name__})")
                raise

    def rematerialized_call(self, layer_call, *args, **kwargs):
        mode = self._remat_mode
        if mode is not None and mode.mode == "activations" and self.__dict__.get("activation") is not None:

            @functools.wraps(layer_call)
            def with_recomputed_activation(*args, **kwargs):
                # Not by assignment, which would look for state in it.
                original = self.__dict__["activation"]
                self.__dict__["activation"] = recomputed(original)
                try:
                    return layer_call(*args, **kwargs)
                finally:
                    self.__dict__["activation"] = original

            return with_recomputed_activation
        if mode is not None and mode.mode == "list_of_layers" and self.name in mode.layer_names:
            return recomputed(layer_call)
        return super().rematerialized_call(layer_call, *args, **kwargs)

    def _symbolic(self, args: tuple, kwargs: dict, training):
        given = kwargs if training is None else {**kwargs, "training": training}
        with naming_inputs(self, (args, kwargs)):
            outputs = self.compute_output_spec(*args, **given)
            self._symbolic_masks(self._call_signature.bind_partial(*args, **kwargs).arguments, outputs)
        Node(self, args, given, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """KerasTensors with the shapes and dtypes of what a call returns."""
        return trace_output_spec(self._traced_call, args, kwargs)

    def _traced_call(self, *args, training=None, **kwargs):
        if "training" in self._call_signature.parameters:
            kwargs["training"] = training
        bound = bind(self, self._call_signature, args, kwargs)
        return self._concrete(bound, self._converted(bound.arguments), training)

    def compute_output_shape(self, input_shape):
        """The shape that a call returns for inputs of a shape."""
        inputs = map_shapes(lambda shape: KerasTensor(shape, self.dtype), input_shape)
        with naming.name_scope(self.name, caller=self):
            self._build_for({"inputs": inputs})
            outputs = self.compute_output_spec(inputs)
        return tree.map_structure(lambda x: x.shape, outputs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def _check_initialized(self) -> None:
        if "_losses" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}: super().__init__() has to be called first in __init__()")

    # Configuration

    def get_config(self) -> dict:
        """What `from_config` needs to make the layer anew.

        A subclass whose constructor takes only numbers, strings, bools and None need not define it.

        Raises:
            NotImplementedError: the constructor takes other things.
        """
        config = base_config(self)
        if type(self).get_config is not Layer.get_config or type(self).__init__ is Layer.__init__:
            return config
        return automatic_config(self, config)

    @classmethod
    def from_config(cls, config: dict):
        """A new layer from `get_config`, also from Keras' own; entries that are None and unknown here are left out."""
        return cls(**without_unknown_none(cls, config))
