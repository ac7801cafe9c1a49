"""Gradients as TensorFlow's users write them: a tape around a part of the traced code."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.ops._dispatch import call, dtype_of, resolve
from swiftbn.tensor import Tensor
from swiftbn.trace import current_trace, is_active
from swiftbn.variable import Variable


class GradientTape:
    """Marks the code whose results are differentiated, inside a `train_step` or a function given to `swiftbn.jit`.

    The gradient by a variable is the one by its value as the code inside the tape reads it: what was computed from the
    variable before the tape began counts as constant, and after an update inside the tape the value read last counts.
    The gradient by a tensor counts everything that was computed from it. Tapes may be nested for derivatives of higher
    order: what `gradient` returns is differentiable.

    Args:
        persistent: accepted, and without effect: every tape may be asked more than once.
        watch_accessed_variables: only True.

    Raises:
        RuntimeError: outside of code that is being traced, where no graph exists that could be differentiated.

    Example:
        >>> def train_step(self, data):
        ...     x, y = data
        ...     with swiftbn.GradientTape() as tape:
        ...         loss = self.compute_loss(x, y, self(x, training=True))
        ...     variables = self.trainable_variables
        ...     self.optimizer.apply(tape.gradient(loss, variables), variables)
        ...     return {"loss": loss}
    """

    # Whether a variable's gradient is the one by the value read first, through updates inside the tape.
    _through_updates = False

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        if watch_accessed_variables is not True:
            raise ValueError(
                "GradientTape: only watch_accessed_variables=True is supported. "
                f"Received: watch_accessed_variables={watch_accessed_variables!r}"
            )
        self._trace = None
        # (variable, value before it is read) to (variable, value that is read inside the tape), in the order of reading
        self._sources: dict[tuple, tuple] = {}

    def __enter__(self) -> GradientTape:
        trace = current_trace()
        if trace is None:
            raise RuntimeError(
                "GradientTape: expected to be used while a step is traced (in train_step, or in a function given to "
                "swiftbn.jit or swiftbn.value_and_grad); for arrays use swiftbn.value_and_grad(function)"
            )
        self._open(trace)
        return self

    def __exit__(self, *exception) -> None:
        self._close()

    def _open(self, trace) -> None:
        if self._trace is not None:
            raise RuntimeError("GradientTape: expected a new tape for each `with`. Received: one that was used before")
        self._trace = trace
        trace._tapes.append(self)

    def _close(self) -> None:
        self._trace._tapes.remove(self)

    def _source(self, variable, tensor: Tensor) -> Tensor:
        """The value that code inside the tape reads, apart from what others have computed from the same value."""
        key = (id(variable), tensor._index)
        if key not in self._sources:
            own = call("identity", tensor)[0] if self._trace.was_read(tensor) else tensor
            self._sources[key] = (variable, own)
        return self._sources[key][1]

    def watch(self, tensor) -> None:
        """Accepts tensors and variables, nested or not; every tensor can be differentiated by without it."""
        for leaf in tree.flatten(tensor):
            if not isinstance(leaf, (Tensor, Variable)):
                raise TypeError(f"GradientTape.watch: expected tensors. Received: {leaf!r}")

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients="none"):
        """d(sum of target)/d(source), nested as the sources.

        Args:
            target: tensor of a float dtype, or several, nested.
            sources: variables and tensors, nested.
            output_gradients: tensors nested as the target that weigh its elements, by default ones.
            unconnected_gradients: "none" or "zero", what is returned where the target does not depend on a source.

        Raises:
            RuntimeError: the code around the tape is no longer being traced.
            TypeError: sources that are no tensors or variables of a float dtype.
            ValueError: another `unconnected_gradients`, or output_gradients of another number or shape.
        """
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                "GradientTape.gradient: expected unconnected_gradients to be 'none' or 'zero'. "
                f"Received: unconnected_gradients={unconnected_gradients!r}"
            )
        if self._trace is None or not is_active(self._trace):
            raise RuntimeError("GradientTape.gradient: expected a call in the code that was traced with the tape")
        targets = [resolve(leaf) for leaf in tree.flatten(target)]
        seeds = None
        if output_gradients is not None:
            seeds = [_constant(self._trace, leaf) for leaf in tree.flatten(output_gradients)]
            if len(seeds) != len(targets):
                raise ValueError(
                    f"GradientTape.gradient: expected {len(targets)} output_gradients. Received: {len(seeds)}"
                )
            seeds = [seed for seed, leaf in zip(seeds, targets, strict=True) if isinstance(leaf, Tensor)]
        targets = [leaf for leaf in targets if isinstance(leaf, Tensor)]
        leaves = tree.flatten(sources)
        candidates = [self._candidates(leaf) for leaf in leaves]
        flat = [tensor for group in candidates for tensor in group]
        found = iter(self._trace.gradients(targets, flat, seeds) if targets and flat else [None] * len(flat))
        gradients = []
        for leaf, group in zip(leaves, candidates, strict=True):
            known = [gradient for gradient in [next(found) for _ in group] if gradient is not None]
            if known:
                gradients.append(known[0 if self._through_updates else -1])
            else:
                is_zero = unconnected_gradients == "zero"
                gradients.append(ops.zeros(tuple(leaf.shape), dtype_of(leaf)) if is_zero else None)
        return tree.pack_as(sources, gradients) if tree.is_nested(sources) else gradients[0]

    def _candidates(self, leaf) -> list[Tensor]:
        if isinstance(leaf, Variable):
            return [tensor for variable, tensor in self._sources.values() if variable is leaf]
        if not isinstance(leaf, Tensor):
            raise TypeError(
                f"GradientTape.gradient: expected variables and tensors as sources. "
                f"Received: {leaf!r} (of type {type(leaf).__name__})"
            )
        return [leaf]


class FunctionTape(GradientTape):
    """A tape that differentiates a computation as a function of what variables held before it, as JAX does; what it
    assigns to them is differentiated through, which TensorFlow's tapes do not do."""

    _through_updates = True


def _constant(trace, value) -> Tensor:
    value = resolve(value)
    return value if isinstance(value, Tensor) else trace.constant(value)
