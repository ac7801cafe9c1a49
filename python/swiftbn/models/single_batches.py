"""Training, evaluating and predicting on one batch."""

from __future__ import annotations

from swiftbn import tree
from swiftbn.dtypes import is_plain
from swiftbn.models.data import Data, make_data
from swiftbn.models.programs import Programs


class SingleBatches(Programs):
    """Runs a model's programs once."""

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on a batch.

        Returns:
            As `evaluate`.
        """
        return self._on_batch("train", make_data(x, y, sample_weight, class_weight), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics on a batch alone."""
        return self._on_batch("test", make_data(x, y, sample_weight), return_dict)

    def predict_on_batch(self, x):
        """The model's outputs for a batch."""
        # One array like one before needs no checks: they take as long as the CNN of the demo for one image.
        key = ("predict_on_batch", x.shape, x.dtype) if is_plain(x) else None
        step = self._programs.get(key) if key else None
        arrays = (x,)
        if step is None:
            data = self._prepare("predict", make_data(x))
            step, arrays = self._step("predict", data, data.count), data.arrays
            if key:
                self._programs[key] = step
        return tree.pack_as(step.structure, step.run(arrays))

    def _on_batch(self, kind: str, data: Data, return_dict: bool):
        data = self._prepare(kind, data)
        step = self._step(kind, data, data.count)
        if type(self).reset_metrics is not Programs.reset_metrics:
            self.reset_metrics()
        else:
            # Finding them in the attributes of all layers takes longer than the step of a small model.
            step.metrics = step.metrics or self.metrics
            for metric in step.metrics:
                metric.reset_state()
        logs = step.logs(data.arrays)
        if step.order is None and not return_dict:
            step.order = self._order(logs)
        return self._result(logs, return_dict, step.order)

    def _result(self, logs: dict, return_dict: bool, order=None):
        """The logs as a dict, or a list in the order of the metrics, of one alone that one."""
        if return_dict:
            return dict(sorted(logs.items()))
        values = [logs[name] for name in order or self._order(logs)]
        return values[0] if len(values) == 1 else values

    def _order(self, logs: dict) -> list[str]:
        """The names of metrics among logs as the metrics follow each other, then the others."""
        known = [name for name in self.get_metrics_result() if name in logs]
        return [*known, *(name for name in sorted(logs) if name not in known)]
