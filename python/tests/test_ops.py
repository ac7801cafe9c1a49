"""Dtypes, symbolic tensors, random numbers and defaults of swiftbn.ops."""

import numpy as np
import pytest
from checks import traced

import swiftbn
from swiftbn import KerasTensor, Variable, ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(3, 4))
Y = RANDOM.normal(size=(4,))


def test_dtypes():
    f32, f64 = np.ones(2, "float32"), np.ones(2, "float64")
    i32, i64, u8 = np.ones(2, "int32"), np.ones(2, "int64"), np.ones(2, "uint8")
    assert ops.add(f32, 1).dtype == ops.add(f32, 1.5).dtype == "float32"
    assert ops.add(f32, i64).dtype == "float32"
    assert ops.add(f32, f64).dtype == "float64"
    assert ops.add(i32, 1).dtype == "int32"
    assert ops.add(i32, 0.5).dtype == "float32"
    assert ops.add(i32, i64).dtype == "int64"
    assert ops.divide(i32, i32).dtype == "float32"
    assert ops.add(u8, i32).dtype == "int32"
    assert ops.multiply(u8, u8).dtype == "uint8"
    assert ops.exp(i32).dtype == "float32"
    assert ops.cast(f32, "int64").dtype == "int64"
    assert ops.convert_to_tensor([1.0, 2.0]).dtype == "float32"
    assert ops.convert_to_tensor([1, 2]).dtype == "int32"
    assert ops.convert_to_tensor(np.ones(2, ">f4")).dtype == np.dtype("float32").newbyteorder("=")
    np.testing.assert_array_equal(ops.cast(np.array([1.7, -1.7]), "int32"), [1, -1])


@pytest.mark.parametrize("bad", [np.ones(2, complex), np.array([None, 1]), np.array(["a"]), [[1, 2], [3]]], ids=str)
def test_data_that_are_no_numbers(bad):
    with pytest.raises(TypeError, match="Expected"):
        ops.add(bad, 1)


def test_stop_gradient():
    gradient = swiftbn.grad(lambda x: ops.sum(x * ops.stop_gradient(x)))(X)
    np.testing.assert_allclose(gradient, X)


def test_symbolic_ops_make_nodes():
    x = KerasTensor((None, 3))
    y = ops.mean(x * 2 + 1, axis=-1)
    assert y.shape == (None,) and y.dtype == "float32"
    assert y._keras_history.operation.name.startswith("mean")
    assert (x @ np.ones((3, 5), "float32")).shape == (None, 5)
    assert ops.reshape(KerasTensor((None, 4)), (-1, 2, 2)).shape == (None, 2, 2)
    assert ops.concatenate([x, x], axis=-1).shape == (None, 6)
    assert (x > 0).dtype == "bool"


def test_symbolic_tensors_have_no_numbers():
    x = KerasTensor((None, 3))
    for convert in (np.asarray, float, bool):
        with pytest.raises(TypeError, match="symbolic"):
            convert(x)
    with pytest.raises(TypeError, match="symbolic"):
        traced(lambda t: t if t else t, X)
    with pytest.raises(TypeError, match="symbolic"):
        traced(lambda t: np.exp(t), X)


def test_numpy_on_the_left():
    variable = Variable(Y)
    assert isinstance(X * variable, np.ndarray)
    np.testing.assert_allclose(X - variable, X - Y)
    np.testing.assert_allclose(traced(lambda t: X / t, Y), X / Y)


def test_random_is_reproducible_and_distributed_right():
    for function in (swiftbn.random.normal, swiftbn.random.uniform, swiftbn.random.truncated_normal):
        first, second = function((1000,), seed=7), function((1000,), seed=7)
        np.testing.assert_array_equal(first, second)
        assert not np.array_equal(first, function((1000,), seed=8))
    normal = swiftbn.random.normal((100_000,), mean=2.0, stddev=3.0, seed=1)
    assert abs(normal.mean() - 2) < 0.05 and abs(normal.std() - 3) < 0.05
    uniform = swiftbn.random.uniform((100_000,), -1.0, 3.0, seed=1)
    assert uniform.min() >= -1 and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.02
    assert np.abs(swiftbn.random.truncated_normal((10_000,), seed=1)).max() <= 2
    integers = swiftbn.random.randint((1000,), 2, 5, seed=1)
    assert set(integers.tolist()) == {2, 3, 4}
    shuffled = swiftbn.random.shuffle(np.arange(100), seed=1)
    assert sorted(shuffled.tolist()) == list(range(100)) and shuffled.tolist() != list(range(100))


def test_seed_generator_moves_on():
    generator = swiftbn.random.SeedGenerator(3)
    first, second = (swiftbn.random.normal((4,), seed=generator) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(generator.state.numpy(), [3, 2])
    again = swiftbn.random.SeedGenerator(3)
    np.testing.assert_array_equal(swiftbn.random.normal((4,), seed=again), first)
    with pytest.raises(ValueError, match="seed"):
        swiftbn.random.SeedGenerator(-1)


def test_dropout_op():
    x = np.ones((1000, 10), "float32")
    y = swiftbn.random.dropout(x, 0.25, seed=5)
    assert set(np.unique(y).tolist()) <= {0.0, np.float32(1 / 0.75).item()}
    assert abs((y == 0).mean() - 0.25) < 0.02


def test_defaults_of_creation_and_concatenation():
    a, b = np.ones((2, 3)), np.zeros((1, 3))
    np.testing.assert_array_equal(ops.concatenate([a, b]), np.concatenate([a, b]))
    np.testing.assert_array_equal(ops.identity(3, "float64"), np.eye(3))
    assert ops.identity(2, dtype="int32").dtype == "int32"
    np.testing.assert_array_equal(ops.arange(1, 4), [1, 2, 3])
