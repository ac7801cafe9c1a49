"""compile, fit, evaluate, predict and the functions on single batches."""

from __future__ import annotations

import sys

import numpy as np

from swiftbn import ops, tree
from swiftbn.models._labels import check_labels
from swiftbn.models.data import Data, check_batch_size, make_data, split
from swiftbn.tensor import KerasTensor


class Trainer:
    """The training half of `Model`."""

    _trainer_attributes = frozenset(
        ("optimizer", "_compiled_loss", "_compiled_metrics", "_loss_tracker", "_programs", "_compile_config", "history")
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
            raise ValueError(
                f"compile: only steps_per_execution=1 is supported. Received: {steps_per_execution!r}"
            )
        if jit_compile not in ("auto", True, False):
            raise ValueError(f"compile: expected jit_compile to be 'auto', True or False. Received: {jit_compile!r}")
        optimizer = optimizers.get(optimizer)
        self._compiled_loss = None if loss is None else CompiledLoss(loss, loss_weights)
        self._compiled_metrics = CompiledMetrics(metrics, weighted_metrics)
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
        if isinstance(y, dict) and not isinstance(y_pred, dict):
            names = self._output_names(y_pred)
            if set(names) != set(y):
                raise ValueError(f"Model '{self.name}' has outputs {names}. Received: y for {sorted(y)}")
            return [y[name] for name in names], tree.flatten(y_pred)
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

    def _prepare(self, kind: str, data: Data) -> None:
        """Builds the model and matches losses and metrics with its outputs, from one symbolic call."""
        if kind != "predict" and not self.compiled:
            raise ValueError(f"Model '{self.name}' has to be compiled before it can be trained or evaluated")
        if kind != "predict" and data.y is None and self._compiled_loss is not None:
            raise ValueError(f"Model '{self.name}' was compiled with a loss, which needs y. Received: y=None")
        wanted = iter(self._input_dtypes(len(tree.flatten(data.x))))

        def symbolic(array):
            dtype = next(wanted) or ("float32" if array.dtype.kind == "f" else array.dtype.name)
            return KerasTensor((None, *array.shape[1:]), dtype)

        x = tree.map_structure(symbolic, data.x)
        outputs = self._symbolic_outputs(x)
        if kind == "predict" or data.y is None:
            return
        y = tree.map_structure(lambda a: KerasTensor((None, *a.shape[1:]), a.dtype.name), data.y)
        if len(tree.flatten(y)) != len(tree.flatten(outputs)):
            raise ValueError(
                f"Model '{self.name}' has {len(tree.flatten(outputs))} output(s). "
                f"Received: y with {len(tree.flatten(y))} array(s)"
            )
        names = self._output_names(outputs)
        targets, flat = self._match(y, outputs)
        if self._compiled_loss is not None and self._compiled_loss.losses is None:
            self._compiled_loss.build(flat, names, [len(t.shape) for t in targets])
        if not self._compiled_metrics.built:
            self._compiled_metrics.build(targets, flat, names)
        if self._compiled_loss is not None:
            arrays, _ = self._match(data.y, outputs)
            check_labels(self._compiled_loss, arrays, flat)

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

        key = (kind, batch, *((a.shape[1:], a.dtype.name) for a in data.arrays), data.weights is None)
        if key not in self._programs:
            self._programs[key] = make_step(self, kind, data, batch)
        return self._programs[key]

    # Loops

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains the model for a number of epochs.

        Args:
            x: array, or nested lists, tuples or dicts of arrays, one row per sample.
            y: targets, nested as the model's outputs.
            batch_size: samples per step, 32 by default; the last batch of an epoch may be smaller.
            epochs: number of the epoch to stop behind.
            verbose: 0 silent, 1 progress bar, 2 one line per epoch, "auto" 1 on a terminal and else 2.
            callbacks: list of Callbacks.
            validation_split: part of the data, from its end, that is not trained on but evaluated each epoch.
            validation_data: (x, y) or (x, y, sample_weight) to evaluate each epoch, instead.
            shuffle: whether samples are trained in a new random order each epoch.
            class_weight: dict from class number to weight.
            sample_weight: weights of samples, one array or one for each output.
            initial_epoch: epoch to begin with.
            steps_per_epoch, validation_steps: only None.
            validation_batch_size: batch size of the evaluation, by default `batch_size`.
            validation_freq: every how many epochs to evaluate, or a list of epochs (counted from 1).

        Returns:
            A History, whose `history` maps the names of losses and metrics to a list with one number per epoch.

        Raises:
            TypeError: data that are no arrays of numbers.
            ValueError: arguments out of range, data that do not fit, labels out of range. Nothing is changed then.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps_per_epoch=steps_per_epoch, validation_steps=validation_steps)
        batch_size = check_batch_size(batch_size)
        epochs, initial_epoch = _epoch("epochs", epochs), _epoch("initial_epoch", initial_epoch)
        if not isinstance(shuffle, (bool, np.bool_)):
            raise ValueError(f"fit: only shuffle=True and False are supported. Received: shuffle={shuffle!r}")
        data = make_data(x, y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            validation = _validation(validation_data)
        elif validation_split:
            data, validation = split(data, validation_split)
        evaluates_on = _frequency(validation_freq)
        verbose = _verbosity(verbose)
        self._prepare("train", data)
        if validation is not None:
            self._prepare("test", validation)
            validation_batch = check_batch_size(validation_batch_size, batch_size)

        steps = -(-data.count // batch_size)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_history=True,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=epochs,
                steps=steps,
                model=self,
            )
        self.stop_training = False
        callbacks.on_train_begin()
        logs: dict = {}
        for epoch in range(initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = self._train_epoch(data, batch_size, bool(shuffle), callbacks)
            epoch_logs = dict(logs)
            if validation is not None and evaluates_on(epoch + 1):
                results = self._evaluate(validation, validation_batch, callbacks)
                epoch_logs.update((f"val_{name}", value) for name, value in results.items())
            callbacks.on_epoch_end(epoch, epoch_logs)
            logs = epoch_logs
            if self.stop_training:
                break
        callbacks.on_train_end(logs=logs)
        return self.history

    def _train_epoch(self, data: Data, batch_size: int, shuffle: bool, callbacks) -> dict:
        order = np.random.permutation(data.count) if shuffle else None
        arrays = data.arrays
        logs: dict = {}
        for number, begin in enumerate(range(0, data.count, batch_size)):
            end = min(begin + batch_size, data.count)
            callbacks.on_train_batch_begin(number)
            step = self._step("train", data, end - begin)
            if order is None:
                logs = step.logs(data.rows(begin, end))
            else:
                logs = step.logs(arrays, order[begin:end])
            callbacks.on_train_batch_end(number, logs)
            if self.stop_training:
                break
        return _sorted(logs)

    def _evaluate(self, data: Data, batch_size: int, callbacks) -> dict:
        self.reset_metrics()
        callbacks.on_test_begin()
        logs: dict = {}
        for number, begin in enumerate(range(0, data.count, batch_size)):
            end = min(begin + batch_size, data.count)
            callbacks.on_test_batch_begin(number)
            logs = self._step("test", data, end - begin).logs(data.rows(begin, end))
            callbacks.on_test_batch_end(number, logs)
        callbacks.on_test_end(logs)
        return logs

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
    ):
        """Loss and metrics on data, in inference mode.

        Arguments are those of `fit`; `steps` only None.

        Returns:
            The loss, or a list of the loss and the metrics, or with `return_dict` a dict by name.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps=steps)
        batch_size = check_batch_size(batch_size)
        data = make_data(x, y, sample_weight)
        verbose = _verbosity(verbose)
        self._prepare("test", data)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=-(-data.count // batch_size),
                model=self,
            )
        logs = self._evaluate(data, batch_size, callbacks)
        return _result(logs, return_dict)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The model's outputs for data, in inference mode, as NumPy arrays.

        Arguments are those of `fit`; `steps` only None.
        """
        from swiftbn import callbacks as callbacks_module

        _only_none(steps=steps)
        batch_size = check_batch_size(batch_size)
        data = make_data(x)
        verbose = _verbosity(verbose)
        self._prepare("predict", data)
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks,
                add_progbar=verbose != 0,
                verbose=verbose,
                epochs=1,
                steps=-(-data.count // batch_size),
                model=self,
            )
        callbacks.on_predict_begin()
        parts = []
        for number, begin in enumerate(range(0, data.count, batch_size)):
            end = min(begin + batch_size, data.count)
            callbacks.on_predict_batch_begin(number)
            step = self._step("predict", data, end - begin)
            results = step.program.run(data.rows(begin, end))
            parts.append(results)
            callbacks.on_predict_batch_end(number, {"outputs": tree.pack_as(step.structure, results)})
        callbacks.on_predict_end()
        joined = [np.concatenate(column) if len(column) > 1 else column[0] for column in zip(*parts)]
        return tree.pack_as(step.structure, joined)

    # Single batches

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One step of training on a batch; metrics go on from earlier batches until `reset_metrics`.

        Returns:
            As `evaluate`.
        """
        data = make_data(x, y, sample_weight, class_weight)
        self._prepare("train", data)
        return _result(self._step("train", data, data.count).logs(data.arrays), return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics on a batch; metrics go on from earlier batches until `reset_metrics`."""
        data = make_data(x, y, sample_weight)
        self._prepare("test", data)
        return _result(self._step("test", data, data.count).logs(data.arrays), return_dict)

    def predict_on_batch(self, x):
        """The model's outputs for a batch."""
        data = make_data(x)
        self._prepare("predict", data)
        step = self._step("predict", data, data.count)
        return tree.pack_as(step.structure, step.program.run(data.arrays))


def _sorted(logs: dict) -> dict:
    return dict(sorted(logs.items()))


def _result(logs: dict, return_dict: bool):
    if return_dict:
        return _sorted(logs)
    values = list(logs.values())
    return values[0] if len(values) == 1 else values


def _only_none(**arguments) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise ValueError(f"Only {name}=None is supported. Received: {name}={value!r}")


def _epoch(name: str, value) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 0:
        raise ValueError(f"fit: expected {name} to be an integer >= 0. Received: {name}={value!r}")
    return int(value)


def _verbosity(verbose) -> int:
    if verbose == "auto":
        return 1 if sys.stdout is not None and sys.stdout.isatty() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"Expected verbose to be 'auto', 0, 1 or 2. Received: verbose={verbose!r}")
    return int(verbose)


def _validation(value) -> Data:
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= 3:
        raise ValueError(
            "fit: expected validation_data to be (x, y) or (x, y, sample_weight). "
            f"Received: {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, (list, tuple)) else "")
        )
    return make_data(*value)


def _frequency(value):
    if isinstance(value, (list, tuple, set)):
        epochs = set(value)
        return lambda epoch: epoch in epochs
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"fit: expected validation_freq to be an integer >= 1 or a list. Received: {value!r}")
    return lambda epoch: epoch % value == 0
