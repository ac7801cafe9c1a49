"""Epochs of data in batches: numbers of steps, orders of batches, threads, endless data."""

import threading

import numpy as np
import pytest
from training_batches import Again, Dataset
from training_models import LABELS, X, classifier

import swiftbn
from swiftbn import Input, Sequential, layers, ops
from swiftbn.utils import PyDataset


class Counter(layers.Layer):
    """Gathers the sums of the batches that it sees in training."""

    def __init__(self):
        super().__init__()
        self.seen = self.add_weight(shape=(40,), initializer="zeros", trainable=False)
        self.place = self.add_weight(shape=(), initializer="zeros", dtype="int32", trainable=False)

    def call(self, inputs, training=None):
        if training:
            mark = ops.cast(ops.equal(ops.arange(40), self.place), "float32")
            self.seen.assign_add(mark * ops.sum(inputs))
            self.place.assign_add(1)
        return inputs


def sums_seen(x, y, **arguments):
    counter = Counter()
    model = Sequential([Input((1,)), counter, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0, **arguments)
    return counter.seen.numpy()[: int(counter.place)].tolist()


NUMBERS = np.arange(10, dtype="float32")[:, None]


def test_steps_per_epoch_go_on_where_the_last_epoch_ended():
    arrays = dict(y=NUMBERS, shuffle=False, batch_size=2)
    assert sums_seen(NUMBERS, steps_per_epoch=2, epochs=2, **arrays) == [1, 5, 9, 13]
    # Five batches: after two epochs of two there is one left for the third.
    with pytest.warns(UserWarning, match="ended after 1 of 2 batches"):
        assert sums_seen(NUMBERS, steps_per_epoch=2, epochs=4, **arrays) == [1, 5, 9, 13, 17, 1, 5]
    assert sums_seen(NUMBERS, NUMBERS, steps_per_epoch=2, epochs=1, shuffle=False) == [10, 35]
    batches = [(NUMBERS[i : i + 2], NUMBERS[i : i + 2]) for i in range(0, 8, 2)]
    for data in (Again(batches), Dataset(batches)):
        assert sums_seen(data, None, steps_per_epoch=2, epochs=3, shuffle=False) == [1, 5, 9, 13, 1, 5]


def test_shuffled_batches():
    seen = sums_seen(NUMBERS, NUMBERS, shuffle="batch", batch_size=4, epochs=6)
    epochs = [tuple(seen[i : i + 3]) for i in range(0, 18, 3)]
    assert {tuple(sorted(epoch[:2])) for epoch in epochs} == {(6, 22)} and {epoch[2] for epoch in epochs} == {17}
    assert len(set(epochs)) == 2
    batches = [(NUMBERS[i : i + 1], NUMBERS[i : i + 1]) for i in range(10)]
    orders = [sums_seen(Dataset(batches, workers=w), None, shuffle=True, epochs=2) for w in (1, 2)]
    for order in orders:
        first, second = order[:10], order[10:]
        assert sorted(first) == sorted(second) == list(range(10)) and first != second


def test_dataset_events_and_threads():
    dataset = Dataset([(X, LABELS)] * 3)
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    epoch = ["begin", (0, True), (1, True), (2, True), "end"]
    assert dataset.events == [*epoch, *epoch]
    before = threading.active_count()
    threaded = Dataset([(X, LABELS)] * 30, workers=2, max_queue_size=3)
    model.fit(threaded, epochs=1, shuffle=False, verbose=0)
    assert sorted(e[0] for e in threaded.events[1:-1]) == list(range(30))
    assert not any(e[1] for e in threaded.events[1:-1])

    class Stop(swiftbn.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    stopped = Dataset([(X, LABELS)] * 30, workers=2, max_queue_size=3)
    model.fit(stopped, epochs=1, shuffle=False, verbose=0, callbacks=[Stop()])
    assert len(stopped.events) <= 6 and threading.active_count() <= before
    failing = Dataset([(X, LABELS), (X,), (X, LABELS)], workers=2)
    failing.items[1] = None
    with pytest.raises((TypeError, ValueError), match="x"):
        model.fit(failing, shuffle=False, verbose=0)


def test_an_endless_dataset():
    class Endless(PyDataset):
        @property
        def num_batches(self):
            return None

        def __getitem__(self, index):
            return X[:2] + index, LABELS[:2]

    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    history = model.fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2 and int(model.optimizer.iterations) == 6
    with pytest.raises(ValueError, match="number of steps"):
        model.fit(Endless(), verbose=0)


def test_steps_per_execution():
    numbers = []

    class Recorder(swiftbn.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            numbers.append(batch)

        def on_train_batch_end(self, batch, logs=None):
            numbers.append(batch)

    results = []
    for steps in (1, 3):
        swiftbn.utils.set_random_seed(1)
        model = classifier()
        model.compile("adam", "sparse_categorical_crossentropy", steps_per_execution=steps)
        numbers.clear()
        model.fit(X, LABELS, batch_size=10, callbacks=[Recorder()], verbose=0)
        results.append((model.evaluate(X, LABELS, verbose=0), model.predict(X, batch_size=10, verbose=0)))
    assert numbers == [0, 2, 3, 4] and results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])
