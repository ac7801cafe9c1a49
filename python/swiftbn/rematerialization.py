"""Recomputation: values that the backward pass computes again instead of keeping them from the forward pass."""

from __future__ import annotations

import functools
import math
import threading
from typing import NamedTuple

from swiftbn import tree
from swiftbn._checks import finite, one_of
from swiftbn.micro_batches import current_part
from swiftbn.tensor import Tensor, is_symbolic
from swiftbn.trace import current_trace

_local = threading.local()
_MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematMode(NamedTuple):
    """What the scope in which a layer was made asks of it."""

    mode: str | None
    output_size_threshold: int
    layer_names: list


class RematScope:
    """Layers that are made inside compute values of their calls again in the backward pass instead of keeping them.

    The innermost scope counts, when a layer (or an operation of the functional API) is made, not when it is called.

    Args:
        mode: "full": every layer; "activations": the activation functions of layers that have one; "larger_than":
            layers whose outputs have more than `output_size_threshold` elements, counted for the whole batch;
            "list_of_layers": those named in `layer_names`; None: none.
        output_size_threshold: a number of elements, for "larger_than".
        layer_names: names of layers, for "list_of_layers".

    Raises:
        ValueError: another mode, or a threshold that is no number.

    Example:
        >>> with RematScope(mode="larger_than", output_size_threshold=4096):
        ...     layer = layers.Dense(64, activation="gelu")
    """

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        one_of("RematScope", "mode", mode, _MODES)
        finite("RematScope", "output_size_threshold", output_size_threshold)
        if isinstance(layer_names, str) or not all(isinstance(name, str) for name in layer_names or []):
            raise ValueError(
                f"RematScope: expected layer_names to be a list of names. Received: layer_names={layer_names!r}"
            )
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(layer_names or [])

    def __enter__(self) -> RematScope:
        _scopes().append(self)
        return self

    def __exit__(self, *exception) -> None:
        _scopes().pop()


def _scopes() -> list:
    if not hasattr(_local, "scopes"):
        _local.scopes = []
    return _local.scopes


def get_current_remat_mode() -> RematMode | None:
    """What the innermost scope asks for, None outside of scopes."""
    scopes = _scopes()
    if not scopes:
        return None
    scope = scopes[-1]
    return RematMode(scope.mode, scope.output_size_threshold, scope.layer_names)


def remat(f):
    """A function (or layer) that does as `f`, while gradients through it need less memory and more time.

    What `f` computes inside a step, or a function that is differentiated, is not kept for the backward pass, which
    computes it again from what `f` was given and from the variables it reads. Results, gradients, random numbers and
    what is assigned to variables stay the same: values that random operations draw are drawn again from the same
    states, and variables are written once. What the backward pass reads anyway, such as an output that the next layer
    has kept, is not computed a second time. Calls may be nested. Gradients of second order keep what the first ones
    have computed again.

    Called on arrays, where nothing is kept, it is `f`.

    Raises:
        TypeError: `f` cannot be called; or it is called on KerasTensors, which have no gradients: use it in the `call`
            of a layer, or make layers in a `RematScope`.

    Example:
        >>> block = remat(lambda x: ops.tanh(ops.matmul(ops.tanh(ops.matmul(x, w1)), w2)))
    """
    if not callable(f):
        raise TypeError(f"remat: expected f to be a function or layer. Received: f={f!r} (of type {type(f).__name__})")
    return recomputed(f)


def recomputed(f, is_wanted=None):
    """`remat`, for calls whose results `is_wanted` says yes to."""

    @functools.wraps(f, updated=())
    def wrapper(*args, **kwargs):
        if is_symbolic((args, kwargs)):
            raise TypeError(
                "remat: expected tensors and arrays. Received: a KerasTensor; use remat in the call() of a layer, or "
                "make layers in a RematScope"
            )
        trace = current_trace()
        if trace is None:
            leaves = tree.flatten((args, kwargs))
            trace = next((leaf._trace for leaf in leaves if isinstance(leaf, Tensor)), None)
        if trace is None:
            return f(*args, **kwargs)
        part = current_part()
        meetings = part and part.meetings
        mark = trace.graph.mark()
        result = f(*args, **kwargs)
        # Micro-batches that have met in between are recomputed from one meeting to the next.
        if (is_wanted is None or is_wanted(result)) and meetings == (part and part.meetings):
            trace.graph.recompute(mark)
        return result

    return wrapper


def is_larger_than(threshold):
    """Whether results have more elements together; extents that are not known count as 1, as in Keras."""

    def is_larger(results) -> bool:
        shapes = (leaf.shape for leaf in tree.flatten(results) if hasattr(leaf, "shape"))
        return sum(math.prod(extent or 1 for extent in shape) for shape in shapes) > threshold

    return is_larger
