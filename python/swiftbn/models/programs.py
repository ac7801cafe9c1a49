"""The programs of a model for batches of given shapes, each traced when it is first needed."""

from __future__ import annotations

from swiftbn import tree
from swiftbn.config import floatx
from swiftbn.models._labels import check_labels
from swiftbn.models.data import Data, order_targets
from swiftbn.models.steps import Steps
from swiftbn.tensor import KerasTensor


class Programs(Steps):
    """Builds models for data, and keeps the 64 programs used last, by kind and shape."""

    def _prepare(self, kind: str, data: Data) -> Data:
        """Builds the model and matches losses and metrics with its outputs, from one symbolic call.

        Returns the data with targets in the order of the outputs.
        """
        if kind != "predict" and not self.compiled:
            raise ValueError(f"Model '{self.name}' has to be compiled before it can be trained or evaluated")
        is_custom = self._is_custom(kind)
        if kind != "predict" and data.y is None and self._compiled_loss is not None and not is_custom:
            raise ValueError(f"Model '{self.name}' was compiled with a loss, which needs y. Received: y=None")
        if is_custom:
            # What the step calls, and with what, is its own affair; it is seen when the step is traced.
            return data
        arrays = tree.flatten(data.x)
        dtypes = tuple(
            wanted or (floatx() if array.dtype.kind == "f" else array.dtype.name)
            for wanted, array in zip(self._input_dtypes(len(arrays)), arrays, strict=True)
        )
        key = ("outputs", dtypes, *[array.shape[1:] for array in arrays])
        outputs = self._programs.get(key)
        if outputs is None:
            inputs = [KerasTensor((None, *a.shape[1:]), dtype) for a, dtype in zip(arrays, dtypes, strict=True)]
            outputs = self._programs[key] = self._symbolic_outputs(tree.pack_as(data.x, inputs))
        if kind == "predict" or data.y is None:
            return data
        names = self._output_names(outputs)
        if isinstance(data.y, dict) and not isinstance(outputs, dict):
            places = range(len(names)) if self._compiled_loss is None else self._compiled_loss.places(outputs, names)
            data = order_targets(data, names, [names[place] for place in places])
        y = tree.map_structure(lambda a: KerasTensor((None, *a.shape[1:]), a.dtype.name), data.y)
        targets, flat, _ = self._match(y, outputs)
        if self._compiled_loss is not None and self._compiled_loss.losses is None:
            self._compiled_loss.build(targets, outputs, names)
        if self._compiled_metrics is not None and not self._compiled_metrics.built:
            self._compiled_metrics.build(targets, outputs, names)
        if self._compiled_loss is not None:
            labels, _, _ = self._match(data.y, outputs)
            check_labels(self._compiled_loss, labels, flat)
        return data

    def _symbolic_outputs(self, x):
        from swiftbn import naming

        with naming.name_scope(self.name, caller=self):
            if not self.built:
                self._build_for({"inputs": x})
            outputs = self.compute_output_spec(x)
        self.built = True
        return outputs

    def _step(self, kind: str, data: Data, batch: int, parts: int = 1, statistics: str = "each"):
        """The program for batches of a size, traced when it is first needed; `parts` are micro-batches, normalized by
        statistics of each or of their union."""
        from swiftbn.models.step import make_step

        weights = None if data.weights is None else tuple(w is None for w in data.weights)
        key = (kind, batch, parts, statistics, weights, *((a.shape[1:], a.dtype) for a in data.arrays))
        step = self._programs.get(key)
        if step is None:
            step = self._programs[key] = make_step(self, kind, data, batch, parts, statistics)
        return step
