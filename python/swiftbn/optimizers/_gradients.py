"""What happens to gradients before an optimizer uses them: checks, change of dtype, clipping."""

from __future__ import annotations

import warnings

from swiftbn import ops
from swiftbn.optimizers._conditions import is_due


def matched(optimizer, grads: list, variables) -> tuple[list, list]:
    """Gradients, and as many variables: those given, or those that the optimizer was built for.

    Raises:
        ValueError: no variables, or another number of them.
    """
    if variables is None:
        if not optimizer.built:
            raise ValueError(
                f"Optimizer '{optimizer.name}': expected variables, or build(variables) to be called before. "
                f"Received: {len(grads)} gradients alone"
            )
        variables = optimizer._trainable_variables
    variables = list(variables)
    if len(grads) != len(variables):
        raise ValueError(f"Optimizer '{optimizer.name}': expected {len(variables)} gradients. Received: {len(grads)}")
    return grads, variables


def checked(optimizer, grads: list, variables: list) -> tuple[list, list]:
    """Gradients in their variables' dtype and these variables, without those that have no gradient.

    Raises:
        ValueError: another shape than the variable's, or no gradient at all.
    """
    missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
    if len(missing) == len(grads):
        raise ValueError(f"Optimizer '{optimizer.name}': there are no gradients for {', '.join(missing)}")
    if missing:
        warnings.warn(f"Optimizer '{optimizer.name}': no gradients for {', '.join(missing)}", stacklevel=3)
    pairs = [(ops.cast(g, v.dtype), v) for g, v in zip(grads, variables, strict=True) if g is not None]
    for gradient, variable in pairs:
        if tuple(gradient.shape) != tuple(variable.shape):
            raise ValueError(
                f"Optimizer '{optimizer.name}': expected a gradient of shape {tuple(variable.shape)} for "
                f"{variable.path}. Received: shape {tuple(gradient.shape)}"
            )
    return [g for g, _ in pairs], [v for _, v in pairs]


def overwritten(optimizer, grads: list, variables: list) -> tuple[list, list]:
    """The gradients and variables that are left when those that take their gradients as values have done so.

    While gradients are accumulated, such a variable takes the largest ones of the steps.
    """
    left = []
    for gradient, variable in zip(grads, variables, strict=True):
        if not variable.overwrite_with_gradient:
            left.append((gradient, variable))
        elif optimizer.gradient_accumulation_steps:
            largest = optimizer._accumulated_gradients[optimizer._get_variable_index(variable)]
            due = is_due(optimizer._iterations, optimizer.gradient_accumulation_steps)
            gradient = ops.maximum(gradient, largest)
            variable.assign(ops.where(due, gradient, variable))
            largest.assign(ops.where(due, 0.0, gradient))
        else:
            variable.assign(gradient)
    return [g for g, _ in left], [v for _, v in left]


def clipped(optimizer, grads: list) -> list:
    """Gradients cut element by element, shortened one by one, or shortened together."""
    if optimizer.clipvalue:
        return [ops.clip(g, -optimizer.clipvalue, optimizer.clipvalue) for g in grads]
    if optimizer.clipnorm:
        return [_shortened(g, _norm([g]), optimizer.clipnorm) for g in grads]
    if optimizer.global_clipnorm:
        norm = _norm(grads)
        # An infinite or undefined norm makes all gradients undefined instead of some of them zero.
        norm = ops.add(norm, ops.subtract(norm, norm))
        return [_shortened(g, norm, optimizer.global_clipnorm) for g in grads]
    return grads


def _norm(grads):
    total = None
    for gradient in grads:
        squares = ops.sum(ops.square(gradient))
        total = squares if total is None else ops.add(total, ops.cast(squares, total.dtype))
    return ops.sqrt(total)


def _shortened(gradient, norm, longest):
    return ops.multiply(gradient, ops.divide(longest, ops.cast(ops.maximum(norm, longest), gradient.dtype)))
