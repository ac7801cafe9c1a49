"""ops.norm against NumPy."""

import numpy as np
import pytest

from swiftbn import ops

RANDOM = np.random.default_rng(12)


def matrices(shape, dtype="float64"):
    return RANDOM.normal(size=shape).astype(dtype)


class TestNorms:
    @pytest.mark.parametrize("ord", [None, 0, 1, -1, 2, -2, 3, 0.5, np.inf, -np.inf])
    @pytest.mark.parametrize("keepdims", [False, True])
    def test_of_vectors(self, ord, keepdims):
        x = matrices((3, 4, 5))
        x[0, 0, 0] = 0 if ord in (0, None) else 1
        for axis in (0, 1, -1, (1,)):
            expected = np.linalg.norm(x, ord, axis[0] if isinstance(axis, tuple) else axis, keepdims)
            np.testing.assert_allclose(ops.norm(x, ord, axis, keepdims), expected, rtol=1e-12)

    @pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
    @pytest.mark.parametrize("keepdims", [False, True])
    def test_of_matrices(self, ord, keepdims):
        x = matrices((3, 4, 5))
        for axis in ((0, 1), (1, 0), (-1, 0), (1, 2)):
            np.testing.assert_allclose(
                ops.norm(x, ord, axis, keepdims), np.linalg.norm(x, ord, axis, keepdims), rtol=1e-12
            )
        np.testing.assert_allclose(ops.norm(x[0], ord), np.linalg.norm(x[0], ord), rtol=1e-12)

    def test_of_everything(self):
        x = matrices((2, 3, 4))
        np.testing.assert_allclose(ops.norm(x), np.linalg.norm(x), rtol=1e-12)
        assert ops.norm(x, keepdims=True).shape == (1, 1, 1) and ops.norm(np.array(-3.0)) == 3
        assert ops.norm([3, 4]) == 5 and ops.norm([3, 4]).dtype == "float32"

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({"ord": "fro", "axis": 0}, "ord to be a number for vectors. Received: ord='fro'"),
            ({"ord": 3, "axis": (0, 1)}, "Received: ord=3"),
            ({"ord": "max", "axis": (0, 1)}, "Received: ord='max'"),
            ({"ord": 2}, "expected one or two axes"),
            ({"axis": (0, 1, 2)}, "expected one or two axes"),
            ({"axis": ()}, "expected one or two axes"),
            ({"axis": (0, 0)}, "different axes"),
        ],
    )
    def test_unknown_norms_are_named(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            ops.norm(matrices((2, 3, 4)), **arguments)
