"""Data in batches: generators, iterables, PyDataset, PyTorch's loaders."""

import numpy as np
import pytest
from training_batches import Again, Dataset, pieces
from training_models import LABELS, RANDOM, X, classifier, crossentropy, two_outputs

import swiftbn
from swiftbn import Input, Sequential, layers
from swiftbn.utils import PyDataset

WEIGHTS = RANDOM.uniform(0.5, 2, size=50).astype("float32")


def trained(x, y=None, epochs=2, kind="adam", **arguments):
    swiftbn.utils.set_random_seed(5)
    model = classifier()
    model.compile(kind, "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=epochs, shuffle=False, verbose=0, **arguments)
    return history.history, model.get_weights()


def assert_same(a, b):
    assert a[0] == b[0]
    for first, second in zip(a[1], b[1], strict=True):
        np.testing.assert_array_equal(first, second)


EVEN = [16, 16, 16, 2]
KINDS = {
    "dataset": (lambda *arrays: Dataset(pieces(*arrays, sizes=EVEN)), {}),
    "threads": (lambda *arrays: Dataset(pieces(*arrays, sizes=EVEN), workers=3, max_queue_size=2), {}),
    "iterable": (lambda *arrays: Again(pieces(*arrays, sizes=EVEN)), {}),
    "lists": (lambda *arrays: Again([list(batch) for batch in pieces(*arrays, sizes=EVEN)]), {}),
    "generator": (
        lambda *arrays: (batch for _ in range(2) for batch in pieces(*arrays, sizes=EVEN)),
        {"steps_per_epoch": 4},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_batches_train_as_arrays_do(kind):
    make, steps = KINDS[kind]
    assert_same(trained(make(X, LABELS), **steps), trained(X, LABELS, batch_size=16))
    weighted = trained(X, LABELS, batch_size=16, sample_weight=WEIGHTS)
    assert_same(trained(make(X, LABELS, WEIGHTS), **steps), weighted)
    classes = {0: 1.0, 1: 3.0, 2: 0.5}
    expected = trained(X, LABELS, batch_size=16, class_weight=classes)
    assert_same(trained(make(X, LABELS), class_weight=classes, **steps), expected)


def test_sizes_and_shapes_may_change_and_each_is_traced_once():
    model = Sequential([Input((None, None, 3)), layers.Conv2D(4, 1), layers.GlobalAveragePooling2D()])
    model.compile("sgd", "mse")
    shapes = [(n, size, size, 3) for n, size in ((4, 5), (2, 5), (4, 6), (4, 5), (3, 5))]
    data = [(RANDOM.normal(size=shape), RANDOM.normal(size=(shape[0], 4))) for shape in shapes]
    history = model.fit(iter(data), verbose=0)
    assert len([key for key in model._programs if key[0] == "train"]) == 4
    assert np.isfinite(history.history["loss"]).all()
    results = [((model.predict_on_batch(x) - y) ** 2).mean() for x, y in data]
    total = sum(r * len(x) for r, (x, _) in zip(results, data, strict=True)) / sum(len(x) for x, _ in data)
    assert model.evaluate(iter(data), verbose=0) == pytest.approx(total, rel=1e-5)


def test_evaluate_and_predict():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    probabilities = model.predict(X, verbose=0)
    for data in (Dataset(pieces(X, LABELS)), Again(pieces(X, LABELS)), pieces(X, LABELS)):
        np.testing.assert_allclose(model.predict(data, verbose=0), probabilities, rtol=1e-6)
    np.testing.assert_allclose(model.predict((x for (x,) in pieces(X)), verbose=0), probabilities, rtol=1e-6)
    np.testing.assert_allclose(model.predict(pieces(X), steps=2, verbose=0), probabilities[:32], rtol=1e-6)
    np.testing.assert_allclose(model.predict(X, steps=2, batch_size=8, verbose=0), probabilities[:16], rtol=1e-6)
    loss, accuracy = model.evaluate(Dataset(pieces(X, LABELS)), verbose=0)
    assert loss == pytest.approx(crossentropy(probabilities).mean(), rel=1e-5)
    assert accuracy == pytest.approx((probabilities.argmax(1) == LABELS).mean(), rel=1e-5)
    loss = model.evaluate(pieces(X, LABELS, WEIGHTS), steps=2, return_dict=True, verbose=0)["loss"]
    assert loss == pytest.approx((crossentropy(probabilities) * WEIGHTS)[:32].mean(), rel=1e-5)


def test_several_inputs_and_outputs_by_name():
    model = two_outputs()
    model.compile("adam", {"value": "mse", "kind": "sparse_categorical_crossentropy"})
    y = {"value": X[:, 3:], "kind": LABELS}
    by_name = [({"a": X, "b": X[:, :2]}, y), ([X, X[:, :2]], [y["value"], y["kind"]])]
    results = [model.evaluate(Again([batch]), verbose=0, return_dict=True) for batch in by_name]
    assert results[0] == results[1] == model.evaluate(*by_name[0], batch_size=50, verbose=0, return_dict=True)
    # Weights for one of the outputs.
    result = model.evaluate(*by_name[0], sample_weight={"value": WEIGHTS}, batch_size=50, verbose=0, return_dict=True)
    squares = (np.asarray(model([X, X[:, :2]])[0]) - y["value"])[:, 0] ** 2
    assert result["value_loss"] == pytest.approx((squares * WEIGHTS).mean(), rel=1e-4)
    assert result["kind_loss"] == results[0]["kind_loss"]


@pytest.mark.parametrize("by_name", [True, False])
def test_outputs_without_a_loss_need_no_targets(by_name):
    model = two_outputs()
    if by_name:
        model.compile("adam", {"kind": "sparse_categorical_crossentropy"}, metrics={"kind": ["accuracy"]})
        y = {"kind": LABELS}
    else:
        model.compile("adam", [None, "sparse_categorical_crossentropy"], metrics=[[], ["accuracy"]])
        y = [LABELS]
    inputs = [X, X[:, :2]]
    history = model.fit(inputs, y, epochs=2, verbose=0, sample_weight=WEIGHTS)
    assert set(history.history) == {"loss", "kind_accuracy"}
    result = model.evaluate(inputs, y, verbose=0, return_dict=True)
    assert result["loss"] == pytest.approx(crossentropy(np.asarray(model(inputs)[1])).mean(), rel=1e-4)


def test_validation_data_in_batches():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    expected = model.evaluate(X, LABELS, sample_weight=WEIGHTS, verbose=0)
    model.optimizer.learning_rate = 0.0
    for validation in (Dataset(pieces(X, LABELS, WEIGHTS)), Again(pieces(X, LABELS, WEIGHTS)), (X, LABELS, WEIGHTS)):
        history = model.fit(X, LABELS, epochs=2, validation_data=validation, verbose=0)
        np.testing.assert_allclose(history.history["val_loss"], expected, rtol=1e-5)
    endless = (batch for _ in iter(int, 1) for batch in pieces(X, LABELS))
    history = model.fit(X, LABELS, epochs=2, validation_data=endless, validation_steps=4, verbose=0)
    np.testing.assert_allclose(history.history["val_loss"], model.evaluate(X, LABELS, verbose=0), rtol=1e-5)


def test_a_generator_that_ends_ends_training():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.warns(UserWarning, match="ended after 0 batches"):
        history = model.fit(pieces(X, LABELS), epochs=3, verbose=0)
    assert history.epoch == [0, 1] and len(history.history["loss"]) == 1
    # The number of steps is known behind the first epoch.
    assert history.params["steps"] == 4


@pytest.mark.interop
def test_a_torch_loader():
    torch = pytest.importorskip("torch")
    tensors = torch.from_numpy(X.copy()), torch.from_numpy(LABELS.copy())
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), batch_size=16)
    assert_same(trained(loader), trained(X, LABELS, batch_size=16))
    assert np.shares_memory(swiftbn.models.arrays.as_arrays("x", tensors[0]), tensors[0].numpy())
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    with_history = torch.nn.Parameter(tensors[0])
    assert model.evaluate(with_history, tensors[1], verbose=0) == model.evaluate(X, LABELS, verbose=0)


@pytest.mark.interop
def test_a_tensorflow_data_set():
    tensorflow = pytest.importorskip("tensorflow")
    batches = tensorflow.data.Dataset.from_tensor_slices((X, LABELS)).batch(16)
    assert_same(trained(batches), trained(X, LABELS, batch_size=16))


BAD = [
    (dict(y=LABELS), "Expected y=None with data in batches.*generator and y"),
    (dict(sample_weight=WEIGHTS), "Expected sample_weight=None"),
    (dict(batch_size=3), "Expected batch_size=None"),
    (dict(validation_split=0.5), "validation_split=0.5"),
]


@pytest.mark.parametrize("arguments, text", BAD)
def test_arguments_that_batches_do_not_take(arguments, text):
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match=text):
        model.fit(pieces(X, LABELS), verbose=0, **arguments)


def test_bad_batches():
    model = classifier()
    model.compile(loss="sparse_categorical_crossentropy")
    cases = {
        "3 parts|4 parts": [(X, LABELS, WEIGHTS, X)],
        "0 … 2": [(X, LABELS), (X, LABELS + 1)],
        "same number of samples": [(X, LABELS[:5])],
        "at least one sample": [(X[:0], LABELS[:0])],
        "needs y": [(X,)],
    }
    for text, batches in cases.items():
        with pytest.raises(ValueError, match=text):
            model.fit(iter(batches), verbose=0)
    with pytest.raises(ValueError, match="without batches"):
        model.fit(Dataset([]), verbose=0)
    with pytest.raises(ValueError, match="without batches"), pytest.warns(UserWarning, match="0 batches"):
        model.predict(iter([]), verbose=0)
    with pytest.raises(TypeError, match="NumPy arrays"):
        model.fit("text", verbose=0)
    with pytest.raises(ValueError, match="use_multiprocessing=True"):
        PyDataset(use_multiprocessing=True)
    with pytest.raises(ValueError, match="workers=-1"):
        PyDataset(workers=-1)
    with pytest.raises(ValueError, match="max_queue_size=0"):
        PyDataset(max_queue_size=0)
    with pytest.raises(NotImplementedError, match="num_batches"):
        model.fit(PyDataset(), verbose=0)


def test_each_evaluation_begins_anew():
    model = classifier()
    model.compile(swiftbn.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    for data in ((X, LABELS), Again(pieces(X, LABELS, sizes=[32, 18])), Dataset(pieces(X, LABELS, sizes=[32, 18]))):
        history = model.fit(X, LABELS, epochs=3, validation_data=data, validation_steps=1, verbose=0)
        count = 50 if isinstance(data, tuple) else 32
        expected = model.evaluate(X[:count], LABELS[:count], verbose=0)
        np.testing.assert_allclose(history.history["val_loss"], expected, rtol=1e-5)
