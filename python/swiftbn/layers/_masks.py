"""How layers hand masks on: from the tensors they are called on to their `call`, and to what they return."""

from __future__ import annotations

import warnings

from swiftbn import tree
from swiftbn.masking import any_mask, mask_outputs, masks_of


def fill_masks(parameters, arguments: dict) -> None:
    """Gives `mask` the masks of the call's only tensor, or with several tensors `a_mask` that of each `a`.

    A mask that the caller gave is left. As in Keras, a call with several tensors gets no `mask` by itself.
    """
    tensors = [name for name, value in arguments.items() if _is_maskable(value)]
    if len(tensors) == 1:
        wanted = {"mask": tensors[0]}
    else:
        wanted = {f"{name}_mask": name for name in tensors}
    for name, tensor in wanted.items():
        if name in parameters and arguments.get(name) is None:
            masks = masks_of(arguments[tensor])
            if any_mask(masks):
                arguments[name] = masks


def _is_maskable(value) -> bool:
    """A tensor, or nested ones among which some may be None."""
    leaves = tree.flatten(value) if tree.is_nested(value) else [value]
    return any(leaf is not None for leaf in leaves) and all(
        leaf is None or (hasattr(leaf, "shape") and hasattr(leaf, "dtype")) for leaf in leaves
    )


def previous_masks(arguments: dict):
    """What `compute_mask` is given: the call's `mask`, or the masks of its first argument."""
    mask = arguments.get("mask")
    return masks_of(_first(arguments)) if mask is None else mask


def _first(arguments: dict):
    return next(iter(arguments.values()), None)


class Masks:
    """The part of a layer that deals with masks."""

    @property
    def supports_masking(self) -> bool:
        """Whether outputs get masks from `compute_mask`; by default when the layer's class defines it."""
        given = self.__dict__.get("_supports_masking")
        return type(self).compute_mask is not Masks.compute_mask if given is None else given

    @supports_masking.setter
    def supports_masking(self, value):
        self._supports_masking = bool(value)

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs, from the inputs and theirs; of several outputs a list. By default theirs."""
        return previous_mask

    def _pass_masks(self, arguments: dict, masks, outputs):
        """The outputs of a call with their masks, if the layer supports masking; else masks end here."""
        present = masks_of(outputs)
        if self.supports_masking:
            if all(mask is not None for mask in tree.flatten(present)):
                return outputs
            masks = self.compute_mask(_first(arguments), masks)
            return outputs if masks is None else mask_outputs(outputs, masks, list(arguments.values()))
        if any_mask(masks) and not any_mask(present):
            warnings.warn(
                f"Layer '{self.name}' ({type(self).__name__}) was given an input with a mask and does not support "
                "masking, so the layers behind it get no mask",
                stacklevel=4,
            )
        return outputs

    def _symbolic_masks(self, arguments: dict, outputs) -> None:
        """Masks of symbolic outputs as symbolic tensors, which layers may be given by `mask=`."""
        if self.supports_masking:
            masks = self.compute_mask(_first(arguments), previous_masks(arguments))
            for output, mask in zip(tree.flatten(outputs), tree.flatten(masks), strict=False):
                output._keras_mask = output._keras_mask if mask is None else mask
