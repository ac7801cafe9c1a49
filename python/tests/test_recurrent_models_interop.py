"""Models of recurrent layers against real Keras: outputs, training, files."""

import pytest
from recurrent_peers import RANDOM, keras, randomize, same

import swiftbn
from swiftbn import saving

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("eager_keras"), pytest.mark.filterwarnings("ignore")]


def build_model(k):
    ids = k.Input((6,), dtype="int32", name="ids")
    x = k.layers.Embedding(9, 5, mask_zero=True, name="embedding")(ids)
    x = k.layers.Bidirectional(k.layers.LSTM(4, return_sequences=True, name="lstm"), name="both")(x)
    x = k.layers.BatchNormalization(name="bn")(x)
    x = k.layers.GRU(5, return_sequences=True, reset_after=False, name="gru")(x)
    x = k.layers.TimeDistributed(k.layers.Dense(4, name="dense"), name="times")(x)
    cells = k.layers.StackedRNNCells([k.layers.LSTMCell(3, name="c1"), k.layers.GRUCell(4, name="c2")], name="cells")
    x = k.layers.RNN(cells, name="rnn")(x)
    return k.Model(ids, k.layers.Dense(2, name="out")(x), name="model")


IDS = RANDOM.integers(1, 9, size=(8, 6)).astype("int32")
for row in range(8):
    IDS[row, 6 - row % 5 :] = 0


def test_models_and_files_go_both_ways(tmp_path):
    theirs, ours = build_model(keras), build_model(swiftbn)
    randomize(ours, theirs)
    for training in (False, True):
        same(ours(IDS, training=training), theirs(IDS, training=training), 1e-4)
    expected = ours(IDS)
    theirs.save(tmp_path / "theirs.keras")
    ours.save(tmp_path / "ours.keras")
    same(saving.load_model(tmp_path / "theirs.keras")(IDS), theirs(IDS), 1e-4)
    same(expected, keras.saving.load_model(tmp_path / "ours.keras")(IDS), 1e-4)
    ours.save_weights(tmp_path / "ours.weights.h5")
    other = build_model(keras)
    other.load_weights(tmp_path / "ours.weights.h5")
    same(expected, other(IDS), 1e-4)


def test_training_as_in_keras():
    theirs, ours = build_model(keras), build_model(swiftbn)
    randomize(ours, theirs)
    y = RANDOM.normal(size=(8, 2)).astype("float32")
    for model in (ours, theirs):
        model.compile("sgd", "mse")
        model.fit(IDS, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    same(ours.get_weights(), theirs.get_weights(), 2e-3)
