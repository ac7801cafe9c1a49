"""The table of ops: against NumPy at once, in programs and on symbolic tensors; gradients; against real Keras."""

import os
import warnings

import numpy as np
import pytest
from checks import check_gradient, traced
from op_cases import BINS, CASES

import swiftbn
from swiftbn import ops, tree

IDS = [f"{number} {case.name}" for number, case in enumerate(CASES)]


def is_float(value):
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def reference(case, convert=lambda a: a):
    """What NumPy computes, warnings apart."""
    args = tree.map_structure(lambda a: convert(a) if is_float(a) else a, case.args)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return case.expected(*args, **case.kwargs)


def check(found, expected, tolerance):
    """Equal structures of equal arrays; kinds of dtypes agree."""
    found, expected = ([np.asarray(v) for v in _flat(values)] for values in (found, expected))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape and (a.dtype.kind == b.dtype.kind or {a.dtype.kind, b.dtype.kind} <= set("iu"))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def _flat(values):
    return list(values) if isinstance(values, (list, tuple)) else [values]


def call(case, *args):
    return getattr(ops, case.name)(*args, **case.kwargs)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values(case):
    check(call(case, *case.args), reference(case), case.tolerance)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values_in_float32(case):
    args = tree.map_structure(lambda a: a.astype("float32") if is_float(a) else a, case.args)
    case = case._replace(kwargs={k: v.astype("float32") if is_float(v) else v for k, v in case.kwargs.items()})
    found = call(case, *args)
    assert all(np.asarray(v).dtype != "float64" for v in _flat(found))
    if case.name == "nan_to_num" and not case.kwargs:
        case = case._replace(kwargs={"posinf": np.finfo("float32").max, "neginf": np.finfo("float32").min})
    rounded = reference(case, lambda a: a.astype("float32").astype("float64"))
    check(found, rounded, 2e-4 if case.name == "erfinv" else 2e-5)


@pytest.mark.parametrize("case", [c for c in CASES if isinstance(c.args[0], np.ndarray) and c.name != "bincount"])
def test_values_in_programs(case):
    arrays = [a for a in case.args if isinstance(a, np.ndarray) and a is not BINS and "quantile" not in case.name]
    arrays = arrays or [case.args[0]]

    def function(*tensors):
        given = iter(tensors)
        results = call(case, *(next(given) if any(a is b for b in arrays) else a for a in case.args))
        return list(results) if isinstance(results, tuple) else results

    check(traced(function, *arrays), reference(case), case.tolerance)


@pytest.mark.parametrize("case", [c for c in CASES if c.smooth], ids=lambda c: c.name)
def test_gradients(case):
    arrays = [a for a in case.args if is_float(a)]

    def function(*values):
        given = iter(values)
        return call(case, *(next(given) if is_float(a) else a for a in case.args))

    check_gradient(function, *arrays, tolerance=2e-6)


@pytest.mark.parametrize("name", sorted({c.name for c in CASES if isinstance(c.args[0], np.ndarray)} - {"bincount"}))
def test_symbolic_tensors_have_the_results_shapes(name):
    """In the functional API, with the batch's extent unknown where the function allows it."""
    case = next(c for c in CASES if c.name == name)
    x = swiftbn.Input(batch_shape=case.args[0].shape, dtype=case.args[0].dtype.name)
    symbolic = _flat(getattr(ops, name)(x, *case.args[1:], **case.kwargs))
    for a, b in zip(symbolic, _flat(reference(case)), strict=True):
        assert tuple(a.shape) == np.shape(b)


# Where Keras computes something else on every backend.
NOT_KERAS = {
    "sparsemax": "Keras adds up cumulative sums where the paper, and PyTorch's entmax, add up elements",
    "array_split": "Keras takes a number of parts only",
}
# Where TensorFlow's backend differs from NumPy, and JAX's agrees with it: NaN and infinities, truth values, vectors.
NOT_TENSORFLOW = {
    "argpartition",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "correlate",
    "heaviside",
    "hypot",
    "isclose",
    "rot90",
    "vstack",
}


@pytest.mark.interop
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_values_are_keras(case):
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    keras = pytest.importorskip("keras")
    args = tree.map_structure(lambda a: a.astype("float32") if is_float(a) else a, case.args)
    differs = case.name in NOT_KERAS or (keras.backend.backend() == "tensorflow" and case.name in NOT_TENSORFLOW)
    try:
        theirs = getattr(keras.ops, case.name)(*args, **case.kwargs)
        theirs = [keras.ops.convert_to_numpy(v) for v in _flat(theirs)]
    except Exception as error:
        if not differs and not isinstance(error, NotImplementedError):
            raise
        pytest.skip(f"Keras has no {case.name} of these arguments: {error}")
    ours = [np.asarray(v) for v in _flat(call(case, *args))]
    agrees = len(ours) == len(theirs) and all(
        a.shape == b.shape and np.allclose(a.astype("float64"), b.astype("float64"), 1e-4, 1e-4, equal_nan=True)
        for a, b in zip(ours, theirs, strict=True)
    )
    assert agrees or differs, f"{ours} and {theirs}"
