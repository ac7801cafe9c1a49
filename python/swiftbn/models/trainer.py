"""What is trained and how: compile, losses, metrics, and the programs that do it."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn.config import floatx
from swiftbn.models._labels import check_labels
from swiftbn.models.data import Data, order_targets
from swiftbn.tensor import KerasTensor


class Trainer:
    """Configuration of training, and the programs for batches of given shapes."""

    _trainer_attributes = frozenset(
        (
            "optimizer",
            "_compiled_loss",
            "_compiled_metrics",
            "_loss_tracker",
            "_programs",
            "_compile_config",
            "history",
        )
    )

    def __init__(self):
        self._clear_programs()
        self.optimizer = None
        self.loss = None
        self._compiled_loss = None
        self._compiled_metrics = None
        self._loss_tracker = None
        self._compile_config = None
        self.history = None
        self.stop_training = False

    def _clear_programs(self) -> None:
        self._programs = {}

    def __getstate__(self) -> dict:
        """For copies and pickles, which are not compiled: an optimizer belongs to the weights it was made for."""
        nothing = dict.fromkeys(self._trainer_attributes)
        return {**self.__dict__, **nothing, "_programs": {}, "loss": None}

    # Configuration

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Chooses how the model is trained.

        Args:
            optimizer: name or object.
            loss: name, function or Loss; with several outputs also a list or a dict by output name.
            loss_weights: numbers by which the outputs' losses are multiplied, a list or a dict.
            metrics, weighted_metrics: lists of names, functions or Metrics; with several outputs nested like the loss.
            run_eagerly: only False; steps_per_execution: only 1.
            jit_compile, auto_scale_loss: accepted, and without effect: every step is compiled, in full precision.

        Raises:
            ValueError: unknown names, or values that are not supported.
        """
        from swiftbn import metrics as metrics_module
        from swiftbn import optimizers
        from swiftbn.models.compiled import CompiledLoss, CompiledMetrics

        if run_eagerly:
            raise ValueError(f"compile: only run_eagerly=False is supported. Received: run_eagerly={run_eagerly!r}")
        if steps_per_execution != 1:
            raise ValueError(f"compile: only steps_per_execution=1 is supported. Received: {steps_per_execution!r}")
        if jit_compile not in ("auto", True, False):
            raise ValueError(f"compile: expected jit_compile to be 'auto', True or False. Received: {jit_compile!r}")
        optimizer, compiled_metrics = optimizers.get(optimizer), CompiledMetrics(metrics, weighted_metrics)
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        self._compiled_metrics = compiled_metrics
        self.optimizer = optimizer
        self.loss = loss
        self._loss_tracker = metrics_module.Mean(name="loss")
        self._compile_config = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self.stop_training = False
        self._clear_programs()

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compile_config is not None

    def get_compile_config(self) -> dict | None:
        """The arguments of `compile`, for saving."""
        from swiftbn.saving import serialize_keras_object

        if not self.compiled:
            return None
        return {name: serialize_keras_object(value) for name, value in self._compile_config.items()}

    def compile_from_config(self, config: dict) -> None:
        """Compiles with what `get_compile_config` returned."""
        from swiftbn.saving import deserialize_keras_object

        restored = {name: deserialize_keras_object(value) for name, value in config.items()}
        known = {"optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "steps_per_execution"}
        self.compile(**{name: value for name, value in restored.items() if name in known and value is not None})
        if self.built:
            self.optimizer.build(self.trainable_variables)

    @property
    def metrics(self) -> list:
        """The loss's mean, the compiled metrics, and metrics held in attributes of the model and its layers."""
        found = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compiled_metrics is not None:
            found += self._compiled_metrics.metrics
        if self._compiled_loss is not None:
            found += self._compiled_loss.metrics
        return found + [metric for layer in self._flatten_layers() for metric in layer._metrics]

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    def reset_metrics(self) -> None:
        """Sets all metrics back to nothing seen."""
        for metric in self.metrics:
            metric.reset_state()

    # What a step computes; a subclass may override these.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss of a batch: compiled losses, those from `add_loss`, and regularizers."""
        total = None
        if self._compiled_loss is not None and y is not None:
            targets, outputs = self._match(y, y_pred)
            weights = [None] * len(outputs) if sample_weight is None else tree.flatten(sample_weight)
            batch = tree.flatten(x)[0].shape[0]
            total = self._compiled_loss(targets, outputs, weights, batch)
        for loss in self.losses:
            loss = ops.sum(loss) if len(loss.shape) else loss
            total = loss if total is None else ops.add(total, loss)
        if total is None:
            raise ValueError(
                f"Model '{self.name}' has no loss: compile(loss=...) with y given, or add_loss() in a layer, is needed"
            )
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Updates the compiled metrics with a batch and returns the results of all metrics by name."""
        if y is not None:
            targets, outputs = self._match(y, y_pred)
            weights = [None] * len(outputs) if sample_weight is None else tree.flatten(sample_weight)
            self._compiled_metrics.update(targets, outputs, weights)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict:
        """The present results of all metrics by name, the loss first."""
        results = {"loss": self._loss_tracker.result()}
        results.update(self._compiled_metrics.results())
        others = [] if self._compiled_loss is None else self._compiled_loss.metrics
        others = others + [metric for layer in self._flatten_layers() for metric in layer._metrics]
        for metric in others:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def _match(self, y, y_pred) -> tuple[list, list]:
        if isinstance(y_pred, dict) and isinstance(y, dict) and set(y) != set(y_pred):
            raise ValueError(
                f"Model '{self.name}' has outputs {', '.join(sorted(y_pred))}. Received: y for {', '.join(sorted(y))}"
            )
        return tree.flatten(y), tree.flatten(y_pred)

    def _output_names(self, outputs) -> list[str]:
        from swiftbn.models.compiled import flat_names

        if isinstance(outputs, dict):
            return sorted(outputs)
        names = getattr(self, "output_names", None) if self.built else None
        return names if names is not None else flat_names(outputs)

    def _input_dtypes(self, count: int) -> list:
        """The dtypes that the model declared for its inputs, None where it did not."""
        try:
            inputs = self.inputs
        except AttributeError:
            return [None] * count
        return [x.dtype for x in inputs] if len(inputs) == count else [None] * count

    def _has_class_targets(self, index: int) -> bool:
        return self._compiled_loss is not None and self._compiled_loss.is_sparse(index)

    # Programs

    def _prepare(self, kind: str, data: Data) -> Data:
        """Builds the model and matches losses and metrics with its outputs, from one symbolic call.

        Returns the data with targets in the order of the outputs.
        """
        if kind != "predict" and not self.compiled:
            raise ValueError(f"Model '{self.name}' has to be compiled before it can be trained or evaluated")
        if kind != "predict" and data.y is None and self._compiled_loss is not None:
            raise ValueError(f"Model '{self.name}' was compiled with a loss, which needs y. Received: y=None")
        wanted = iter(self._input_dtypes(len(tree.flatten(data.x))))

        def symbolic(array):
            dtype = next(wanted) or (floatx() if array.dtype.kind == "f" else array.dtype.name)
            return KerasTensor((None, *array.shape[1:]), dtype)

        x = tree.map_structure(symbolic, data.x)
        key = ("outputs", *((t.shape, t.dtype) for t in tree.flatten(x)))
        if key not in self._programs:
            self._programs[key] = self._symbolic_outputs(x)
        outputs = self._programs[key]
        if kind == "predict" or data.y is None:
            return data
        y = tree.map_structure(lambda a: KerasTensor((None, *a.shape[1:]), a.dtype.name), data.y)
        if len(tree.flatten(y)) != len(tree.flatten(outputs)):
            raise ValueError(
                f"Model '{self.name}' has {len(tree.flatten(outputs))} output(s). "
                f"Received: y with {len(tree.flatten(y))} array(s)"
            )
        names = self._output_names(outputs)
        if isinstance(data.y, dict) and not isinstance(outputs, dict):
            data, y = order_targets(data, names), order_targets(data._replace(y=y), names).y
        targets, flat = self._match(y, outputs)
        if self._compiled_loss is not None and self._compiled_loss.losses is None:
            self._compiled_loss.build(flat, names, [len(t.shape) for t in targets])
        if not self._compiled_metrics.built:
            self._compiled_metrics.build(targets, flat, names)
        if self._compiled_loss is not None:
            check_labels(self._compiled_loss, tree.flatten(data.y), flat)
        return data

    def _symbolic_outputs(self, x):
        from swiftbn import naming

        with naming.name_scope(self.name, caller=self):
            if not self.built:
                self._build_for({"inputs": x})
            outputs = self.compute_output_spec(x)
        self.built = True
        return outputs

    def _step(self, kind: str, data: Data, batch: int):
        """The program for batches of a size, traced when it is first needed."""
        from swiftbn.models.step import make_step

        key = (kind, batch, *((a.shape[1:], a.dtype) for a in data.arrays), data.weights is None)
        if key not in self._programs:
            self._programs[key] = make_step(self, kind, data, batch)
        return self._programs[key]
