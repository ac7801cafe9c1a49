"""swiftbn.utils and swiftbn.random: values, statistics, seeds, errors."""

import random as python_random

import numpy as np
import pytest
from checks import traced

from swiftbn import layers, ops, random, utils

LABELS = np.array([2, 0, 1, 2])


def test_to_categorical():
    for labels in (LABELS, LABELS.tolist(), LABELS[:, None], LABELS.astype("float32"), LABELS.astype("uint8")):
        found = utils.to_categorical(labels)
        np.testing.assert_array_equal(found, np.eye(3)[LABELS])
        assert found.dtype == "float64"
    np.testing.assert_array_equal(utils.to_categorical(LABELS, 5), np.eye(5)[LABELS])
    np.testing.assert_array_equal(utils.to_categorical(LABELS.reshape(2, 2)), np.eye(3)[LABELS.reshape(2, 2)])
    np.testing.assert_array_equal(utils.to_categorical(1, 3), [0, 1, 0])
    assert utils.to_categorical([], 3).shape == (0, 3)


def test_normalize():
    x = np.random.default_rng(1).normal(size=(3, 4))
    for axis in (0, 1, -1):
        for order, norm in ((2, np.sqrt((x**2).sum(axis, keepdims=True))), (1, np.abs(x).sum(axis, keepdims=True))):
            np.testing.assert_allclose(utils.normalize(x, axis, order), x / norm, rtol=1e-12)
    np.testing.assert_array_equal(utils.normalize([[3, 4], [0, 0]]), [[0.6, 0.8], [0, 0]])


def test_one_seed_for_all_generators():
    def draw():
        dense = layers.Dense(3)
        return [
            python_random.random(),
            *np.random.normal(size=2),
            *random.normal((3,)),
            *random.uniform((2,)),
            *dense(np.ones((1, 2)))[0],
            *random.dropout(np.ones(20), 0.5),
        ]

    utils.set_random_seed(5)
    first = draw()
    second = draw()
    utils.set_random_seed(5)
    assert draw() == first
    assert not set(first[:6]) & set(second[:6])
    utils.set_random_seed(6)
    assert not set(first[:6]) & set(draw()[:6])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions(dtype):
    shape = (300, 200)
    normal = random.normal(shape, 2.0, 3.0, dtype, seed=1)
    cut = random.truncated_normal(shape, 2.0, 3.0, dtype, seed=1)
    even = random.uniform(shape, -1.0, 3.0, dtype, seed=1)
    assert normal.shape == cut.shape == even.shape == shape
    assert normal.dtype == cut.dtype == even.dtype == dtype
    assert normal.mean() == pytest.approx(2, abs=0.05) and normal.std() == pytest.approx(3, rel=0.01)
    # Skewness and kurtosis of a normal distribution are 0 and 3.
    unit = (normal.astype("float64") - 2) / 3
    assert (unit**3).mean() == pytest.approx(0, abs=0.05) and (unit**4).mean() == pytest.approx(3, abs=0.1)
    assert cut.mean() == pytest.approx(2, abs=0.05) and cut.std() == pytest.approx(3 * 0.8796, rel=0.01)
    assert -4 <= cut.min() < -3.9 and 7.9 < cut.max() <= 8
    assert -1 <= even.min() < -0.99 and 2.99 < even.max() <= 3
    np.testing.assert_allclose(np.histogram(even, 8)[0], 60000 / 8, rtol=0.05)
    # Neighbours do not depend on each other.
    assert abs(np.corrcoef(unit[:-1].ravel(), unit[1:].ravel())[0, 1]) < 0.02


def test_integers():
    found = random.randint((5000,), -3, 4, seed=2)
    assert found.dtype == "int32" and set(found.tolist()) == {-3, -2, -1, 0, 1, 2, 3}
    np.testing.assert_allclose(np.bincount(found + 3), 5000 / 7, rtol=0.15)
    assert random.randint((2,), 0, 10, "uint8", seed=2).dtype == "uint8"
    assert set(random.randint((50,), 7, 8, seed=3).tolist()) == {7}


def test_shuffle_and_dropout():
    x = np.arange(60).reshape(20, 3)
    rows = random.shuffle(x, seed=1)
    assert sorted(rows[:, 0].tolist()) == x[:, 0].tolist() and not np.array_equal(rows, x)
    np.testing.assert_array_equal(rows[:, 1], rows[:, 0] + 1)
    columns = random.shuffle(np.arange(60).reshape(2, 30), axis=-1, seed=1)
    np.testing.assert_array_equal(columns[1], columns[0] + 30)
    assert not np.array_equal(columns[0], np.arange(30))
    dropped = random.dropout(np.full((200, 100), 3.0), 0.25, seed=1)
    assert set(np.unique(dropped)) == {0.0, 4.0} and (dropped == 0).mean() == pytest.approx(0.25, abs=0.01)
    np.testing.assert_array_equal(random.dropout(np.ones(9), 0.0, seed=1), np.ones(9))


@pytest.mark.parametrize("draw", [random.normal, random.truncated_normal, random.uniform])
def test_seeds(draw):
    first = draw((6,), seed=4)
    np.testing.assert_array_equal(draw((6,), seed=4), first)
    assert not np.array_equal(draw((6,), seed=5), first)
    generator, again = random.SeedGenerator(4), random.SeedGenerator(4)
    a, b = draw((6,), seed=generator), draw((6,), seed=generator)
    np.testing.assert_array_equal(a, first)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(draw((6,), seed=again), a)
    np.testing.assert_array_equal(draw((6,), seed=again), b)
    assert not np.array_equal(draw((6,)), draw((6,)))


def test_generators_count_inside_programs():
    generator = random.SeedGenerator(4)

    def step(x):
        return ops.add(x, random.normal((3,), seed=generator)), random.uniform((3,), seed=generator)

    first = traced(step, np.zeros(3, "float32"))
    assert generator.state.numpy().tolist() == [4, 2]
    second = traced(step, np.zeros(3, "float32"))
    assert generator.state.numpy().tolist() == [4, 4]
    other = random.SeedGenerator(4)
    np.testing.assert_array_equal(first[0], random.normal((3,), seed=other))
    np.testing.assert_array_equal(first[1], random.uniform((3,), seed=other))
    assert not np.array_equal(first[0], second[0])


def test_configuration_of_generators():
    generator = random.SeedGenerator(4, name="g")
    assert generator.get_config() == {"seed": 4, "name": "g"}
    copy = random.SeedGenerator.from_config(generator.get_config())
    np.testing.assert_array_equal(copy.state.numpy(), [4, 0])
    assert random.SeedGenerator().get_config()["seed"] is None


BAD = [
    (lambda: utils.to_categorical(LABELS, 2), r"class numbers in 0 … 1. Received: numbers from 0 to 2"),
    (lambda: utils.to_categorical([-1, 0]), "Received: numbers from -1 to 0"),
    (lambda: utils.to_categorical([0.5]), "NaN, infinities or fractions"),
    (lambda: utils.to_categorical([np.nan]), "NaN, infinities or fractions"),
    (lambda: utils.to_categorical(["a"]), "an array of dtype <U1"),
    (lambda: utils.to_categorical([1], True), "num_classes to be an integer. Received: True"),
    (lambda: utils.to_categorical([1], 2.5), r"num_classes to be an integer. Received: 2\.5"),
    (lambda: utils.normalize([["a"]]), "normalize: expected numbers.*<U1"),
    (lambda: utils.normalize([[3, 4]], axis=7), "normalize: expected .*axis=7"),
    *[(lambda s=seed: utils.set_random_seed(s), "Received: seed=") for seed in (-1, 2**32, "a", 1.5, None, True)],
    (lambda: random.SeedGenerator(-1), "Received: seed=-1"),
    (lambda: random.normal((2,), seed=1.5), r"Received: seed=1\.5"),
    (lambda: random.normal((2,), stddev=-1), "normal: expected stddev .* >= 0. Received: stddev=-1"),
    (lambda: random.truncated_normal((2,), mean="a"), "truncated_normal: expected mean .*mean='a'"),
    (lambda: random.normal("a"), r"integers >= 0. Received: shape=\('a',\)"),
    (lambda: random.uniform((2, -1)), r"Received: shape=\(2, -1\)"),
    (lambda: random.uniform((2,), dtype="int32"), "uniform: expected dtype .*dtype='int32'"),
    (lambda: random.uniform((2,), 1.0, 0.0), r"uniform: expected maxval .* >= 1. Received: maxval=0\.0"),
    (lambda: random.randint((2,), 5, 5), "minval < maxval. Received: minval=5, maxval=5"),
    (lambda: random.randint((2,), 0.5, 5), r"randint: expected minval to be an integer. Received: minval=0\.5"),
    (lambda: random.randint((2,), 0, 5, "float32"), "randint: expected dtype .*dtype='float32'"),
    (lambda: random.dropout(np.ones(3), 1.5), r"dropout: .*1\.5"),
    (lambda: random.dropout(np.ones(3), 0.5, noise_shape=(2,)), "broadcasts to the inputs"),
    (lambda: random.shuffle(np.ones(3), axis=3), "shuffle: expected .*axis=3"),
]


@pytest.mark.parametrize("case", range(len(BAD)))
def test_errors(case):
    function, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        function()
