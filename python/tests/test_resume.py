"""Training that goes on after a break equals training without one, bit by bit."""

import json

import numpy as np
import pytest
from training_models import LABELS, X

import swiftbn
from swiftbn import Input, Sequential, layers, models, optimizers
from swiftbn.callbacks import BackupAndRestore, Callback
from swiftbn.utils import PyDataset, set_random_seed


def make_model(schedule=False):
    rate = optimizers.schedules.ExponentialDecay(0.05, 3, 0.8) if schedule else 0.02
    model = Sequential(
        [
            Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Batches(PyDataset):
    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[10 * index : 10 * index + 10], LABELS[10 * index : 10 * index + 10]


def train(model, **arguments):
    set_random_seed(12)
    return model.fit(X, LABELS, batch_size=16, verbose=0, **arguments).history


def assert_same(a, b):
    for first, second in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    for first, second in zip(a.optimizer.variables, b.optimizer.variables, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())


@pytest.mark.parametrize("schedule", [False, True])
@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_two_epochs_and_three_more_are_five(tmp_path, schedule, shuffle):
    set_random_seed(3)
    whole = make_model(schedule)
    expected = train(whole, epochs=5, shuffle=shuffle)
    set_random_seed(3)
    first = make_model(schedule)
    found = train(first, epochs=2, shuffle=shuffle)
    first.save(tmp_path / "model.keras")
    # What happens in between does not matter.
    np.random.random(7)
    second = models.load_model(tmp_path / "model.keras")
    assert int(second.optimizer.iterations) == 8
    rest = train(second, epochs=5, initial_epoch=2, shuffle=shuffle)
    for name, values in expected.items():
        assert found[name] + rest[name] == values
    assert_same(whole, second)


def test_orders_of_epochs_differ():
    losses = []
    for epoch in (0, 1, 2):
        set_random_seed(3)
        model = make_model()
        losses.append(train(model, epochs=epoch + 1, initial_epoch=epoch)["loss"][0])
    assert len(set(losses)) == 3


def test_a_dataset_goes_on_as_well():
    results = []
    for breaks in ([5], [2, 5]):
        set_random_seed(3)
        model = make_model()
        begin = 0
        for end in breaks:
            set_random_seed(12)
            model.fit(Batches(), epochs=end, initial_epoch=begin, verbose=0)
            begin = end
        results.append(model)
    assert_same(*results)


class Interruption(Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.where, self.epoch = (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.where:
            raise KeyboardInterrupt


@pytest.mark.parametrize("double", [False, True])
def test_backup_and_restore(tmp_path, double):
    set_random_seed(3)
    whole = make_model()
    expected = train(whole, epochs=5)
    directory = tmp_path / "backup"
    set_random_seed(3)
    first = make_model()
    with pytest.raises(KeyboardInterrupt):
        callback = BackupAndRestore(directory, double_checkpoint=double)
        train(first, epochs=5, callbacks=[callback, Interruption(3, 1)])
    files = {path.name for path in directory.iterdir()}
    assert files >= {"latest.weights.h5", "training_metadata.json"} and (len(files) == 4) == double
    if double:
        # The newest is damaged, so that one epoch more is to be done.
        (directory / "latest.weights.h5").write_bytes(b"damaged")
    set_random_seed(77)
    second = make_model()
    history = train(second, epochs=5, callbacks=BackupAndRestore(directory, double_checkpoint=double))
    assert len(history["loss"]) == (3 if double else 2)
    assert history["loss"] == expected["loss"][-len(history["loss"]) :]
    assert_same(whole, second)
    assert not directory.exists()


def test_backup_by_batches(tmp_path):
    directory = tmp_path / "backup"
    model = make_model()
    with pytest.raises(KeyboardInterrupt):
        train(model, epochs=5, callbacks=[BackupAndRestore(directory, save_freq=3), Interruption(2, 2)])
    # Of ten batches nine are in the backup: two epochs of four, and one of the third epoch.
    assert json.loads((directory / "training_metadata.json").read_text()) == {"epoch": 2, "batch": 0}
    second = make_model()
    train(second, epochs=2, callbacks=BackupAndRestore(directory, delete_checkpoint=False))
    assert int(second.optimizer.iterations) == 9 and directory.exists()


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="backup_dir=''"):
        BackupAndRestore("")
    for value in (0, "batch", True, 1.5):
        with pytest.raises(ValueError, match=f"save_freq={value!r}"):
            BackupAndRestore(tmp_path, save_freq=value)
    model = make_model()
    (tmp_path / "latest.weights.h5").write_bytes(b"damaged")
    (tmp_path / "training_metadata.json").write_text('{"epoch": 1}')
    with pytest.raises(ValueError, match="damaged"):
        train(model, callbacks=BackupAndRestore(tmp_path))
    assert swiftbn.trace.current_trace() is None

    class Unbuilt(swiftbn.Model):
        def train_step(self, data):
            return {"zero": 0.0}

    unbuilt = Unbuilt()
    unbuilt.compile()
    with pytest.raises(ValueError, match="model that is built"):
        unbuilt.fit(X, callbacks=BackupAndRestore(tmp_path), verbose=0)
