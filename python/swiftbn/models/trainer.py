"""What is trained and how: compile, losses, metrics."""

from __future__ import annotations

from swiftbn import ops, tree
from swiftbn._checks import one_of
from swiftbn._recent import Recent
from swiftbn.models._per_output import output_names
from swiftbn.stateless_scope import StatelessScope, mapping


class Trainer:
    """Configuration of training, and what it measures."""

    _trainer_attributes = frozenset(
        (
            "optimizer",
            "_compiled_loss",
            "_compiled_metrics",
            "_loss_tracker",
            "_programs",
            "_compile_config",
            "history",
            "_initial_epoch",
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
        self.stop_evaluating = False
        self.stop_predicting = False
        self.steps_per_execution = 1
        # Epoch that a callback found in a backup, to go on with.
        self._initial_epoch = None

    def _clear_programs(self) -> None:
        self._programs = Recent()

    def __getstate__(self) -> dict:
        """For copies and pickles, which are not compiled: an optimizer belongs to the weights it was made for."""
        nothing = dict.fromkeys(self._trainer_attributes)
        return {**self.__dict__, **nothing, "_programs": Recent(), "loss": None}

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
            run_eagerly: only False: steps are always traced.
            steps_per_execution: batches between two calls of callbacks, which are told the first and the last.
            jit_compile: accepted, and without effect: every step is compiled.
            auto_scale_loss: accepted, and without effect: no step computes in half precision.

        Raises:
            ValueError: unknown names, or values that are not supported.
        """
        from swiftbn import metrics as metrics_module
        from swiftbn import optimizers
        from swiftbn.models.compiled import CompiledLoss, CompiledMetrics

        if run_eagerly:
            raise ValueError(f"compile: only run_eagerly=False is supported. Received: run_eagerly={run_eagerly!r}")
        if isinstance(steps_per_execution, bool) or not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(
                f"compile: expected steps_per_execution to be an integer >= 1. Received: {steps_per_execution!r}"
            )
        one_of("compile", "jit_compile", jit_compile, ("auto", True, False))
        optimizer = optimizers.get(optimizer)
        compiled_metrics = CompiledMetrics(metrics, weighted_metrics, self._match, self._output_names)
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        self._compiled_metrics = compiled_metrics if metrics or weighted_metrics else None
        self.optimizer = optimizer
        self.loss = loss
        self.steps_per_execution = steps_per_execution
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

    @property
    def jit_compile(self) -> bool:
        """Always True: every step is a compiled program."""
        return True

    @jit_compile.setter
    def jit_compile(self, value):
        one_of("Model", "jit_compile", value, ("auto", True, False))

    @property
    def run_eagerly(self) -> bool:
        """Always False: steps are traced."""
        return False

    @run_eagerly.setter
    def run_eagerly(self, value):
        if value:
            raise ValueError(f"Model: only run_eagerly=False is supported. Received: run_eagerly={value!r}")

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
        """The loss's mean, the compiled metrics as one, and metrics held in attributes of the model and its layers.

        As in Keras, those of models inside belong to their own training. A subclass may return others.
        """
        found = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compiled_metrics is not None:
            found.append(self._compiled_metrics)
        if self._compiled_loss is not None:
            found += self._compiled_loss.metrics
        layers = [self, *(layer for layer in self._flatten_layers(False) if not isinstance(layer, Trainer))]
        return found + [metric for layer in layers for metric in layer._metrics]

    @property
    def metrics_names(self) -> list[str]:
        return [metric.name for metric in self.metrics]

    @property
    def metrics_variables(self) -> list:
        """The states of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def reset_metrics(self) -> None:
        """Sets all metrics back to nothing seen."""
        for metric in self.metrics:
            metric.reset_state()

    # What a step computes; a subclass may override these.

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The total loss of a batch: compiled losses, those from `add_loss`, and regularizers."""
        total = None
        if self._compiled_loss is not None and y is not None:
            targets, outputs, weights = self._match(y, y_pred, sample_weight)
            if self._compiled_loss.losses is None:
                self._compiled_loss.build(targets, y_pred, self._output_names(y_pred))
            total = self._compiled_loss(targets, outputs, weights)
        for loss in self.losses:
            loss = ops.sum(loss) if len(loss.shape) else loss
            total = loss if total is None else ops.add(total, ops.cast(loss, total.dtype))
        if total is None:
            raise ValueError(
                f"Model '{self.name}' has no loss: compile(loss=...) with y given, or add_loss() in a layer, is needed"
            )
        return total

    def stateless_compute_loss(
        self,
        trainable_variables,
        non_trainable_variables,
        metrics_variables,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ) -> tuple:
        """`compute_loss` when the model's variables have given values; all of them stay as they are.

        Args:
            trainable_variables, non_trainable_variables, metrics_variables: values in the order of the attributes.
            others: as of `compute_loss`.

        Returns:
            (loss, (trainable_variables, non_trainable_variables, metrics_variables)), with the values behind it.

        Raises:
            ValueError: numbers or shapes of values that do not fit.
        """
        others, states = self.non_trainable_variables, self.metrics_variables
        pairs = mapping(
            self,
            trainable_variables=(self.trainable_variables, trainable_variables),
            non_trainable_variables=(others, non_trainable_variables),
            metrics_variables=(states, metrics_variables),
        )
        with StatelessScope(pairs) as scope:
            loss = self._compute_loss(x, y, y_pred, sample_weight, training)
            values = [[scope.get_current_value(v) for v in variables] for variables in (others, states)]
        return loss, (trainable_variables, *values)

    def compute_metrics(self, x, y, y_pred, sample_weight=None) -> dict:
        """Updates the compiled metrics with a batch and returns the results of all metrics by name."""
        if y is not None and self._compiled_metrics is not None:
            self._compiled_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict:
        """The present results of `metrics` by name, the loss first."""
        results: dict = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def _match(self, y, y_pred, sample_weight=None) -> tuple[list, list, list]:
        """Flat targets, outputs and weights, one for each output; None for outputs that have no target.

        Raises:
            ValueError: targets for other outputs than those that have a loss, or than all.
        """
        targets, outputs = tree.flatten(y), tree.flatten(y_pred)
        weights = [None] * len(targets) if sample_weight is None else tree.flatten(sample_weight)
        if len(weights) == 1:
            weights = weights * len(targets)
        by_name = isinstance(y_pred, dict) and isinstance(y, dict)
        if len(targets) == len(outputs) and not (by_name and set(y) != set(y_pred)):
            return targets, outputs, weights
        names = self._output_names(y_pred)
        places = [] if self._compiled_loss is None else self._compiled_loss.places(y_pred, names)
        if by_name and set(y) != {names[place] for place in places}:
            raise ValueError(
                f"Model '{self.name}' has outputs {', '.join(sorted(y_pred))}. Received: y for {', '.join(sorted(y))}"
            )
        if len(targets) != len(places):
            raise ValueError(
                f"Model '{self.name}' has {len(outputs)} output(s). Received: y with {len(targets)} array(s)"
            )
        spread: list = [None] * len(outputs)
        spread_weights: list = [None] * len(outputs)
        for place, target, weight in zip(places, targets, weights, strict=True):
            spread[place], spread_weights[place] = target, weight
        return spread, outputs, spread_weights

    def _output_names(self, outputs) -> list[str]:
        return output_names(outputs, getattr(self, "output_names", None) if self.built else None)

    def _input_dtypes(self, count: int) -> list:
        """The dtypes that the model declared for its inputs, None where it did not."""
        try:
            inputs = self.inputs
        except AttributeError:
            return [None] * count
        return [x.dtype for x in inputs] if len(inputs) == count else [None] * count

    def _has_class_targets(self, index: int) -> bool:
        return self._compiled_loss is not None and self._compiled_loss.is_sparse(index)
