"""Bad input to functional batch normalization: type and text of errors, and that nothing is written."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

from swiftbn import functional

F = np.float32
POOL = np.arange(200, dtype=F)
X = POOL[:24].reshape(6, 4)
GAMMA, BETA = np.ones(4, F), np.zeros(4, F)
MEAN, INV_STD = np.full(4, 0.5, F), np.full(4, 2, F)


def read_only():
    out = np.zeros((6, 4), F)
    out.flags.writeable = False
    return out


def names(call):
    return {
        "batch_norm": ("x", "gamma", "beta"),
        "batch_norm_backward": ("dy", "x", "gamma", "mean", "inv_std"),
        "batch_norm_inference": ("x", "gamma", "beta", "moving_mean", "moving_variance"),
    }[call]


GOOD = dict(
    x=X,
    dy=X + 1,
    gamma=GAMMA,
    beta=BETA,
    mean=MEAN,
    inv_std=INV_STD,
    moving_mean=MEAN,
    moving_variance=INV_STD,
)


def run(call, **changes):
    arguments = {name: GOOD[name] for name in names(call)} | changes
    return getattr(functional, call)(**arguments)


def fails(call, error, text, **changes):
    """The call raises exactly this, and its arguments are what they were."""
    arrays = [v for v in [*GOOD.values(), *changes.values()] if isinstance(v, np.ndarray)]
    before = [v.copy() for v in arrays]
    pool = POOL.copy()
    with pytest.raises(error) as caught:
        run(call, **changes)
    assert type(caught.value) is error
    assert str(caught.value) == f"{call}: {text}"
    assert np.array_equal(POOL, pool)
    for one, other in zip(before, arrays, strict=True):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


CALLS = ["batch_norm", "batch_norm_backward", "batch_norm_inference"]
WITH_EPSILON = ["batch_norm", "batch_norm_inference"]

TYPES = {
    "int32": ("i4", "x has dtype int32, expected float32 or float64"),
    "int64": ("i8", "x has dtype int64, expected float32 or float64"),
    "bool": ("?", "x has dtype bool, expected float32 or float64"),
    "int16": ("i2", "x has elements of format 'h', expected float32 or float64"),
    "complex64": ("F", "x has elements of format 'Zf', expected float32 or float64"),
    "object": ("O", "x has elements of format 'O', expected float32 or float64"),
    "text": ("U3", "x has elements of format '3w', expected float32 or float64"),
    "big-endian": (">f4", "x has elements of format '>f', expected float32 or float64"),
    "dates": ("M8[s]", "x is ndarray, expected an array of numbers"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype, text", TYPES.values(), ids=TYPES)
def test_wrong_dtype(call, dtype, text):
    fails(call, TypeError, text, x=np.zeros((6, 4), dtype))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("value", [[[1.0, 2.0]], 3.0, None, "text"], ids=["list", "float", "None", "str"])
def test_no_array(call, value):
    fails(call, TypeError, f"x is {type(value).__name__}, expected an array of numbers", x=value)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", [(), (4,)])
def test_wrong_rank(call, shape):
    fails(call, ValueError, f"x has shape {shape}, expected rank >= 2", x=np.zeros(shape, F))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("axis", [2, -3, 100])
def test_axis_out_of_range(call, axis):
    fails(call, ValueError, f"axis {axis} is out of range for rank 2, expected -2 <= axis < 2", axis=axis)


@pytest.mark.parametrize("call", CALLS)
def test_axis_is_no_small_integer(call):
    fails(call, TypeError, "axis is float, expected int", axis=1.0)
    fails(call, TypeError, "axis is str, expected int", axis="1")
    fails(call, TypeError, "axis is list, expected int", axis=[1])
    fails(call, ValueError, "axis does not fit 64 bits", axis=10**30)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("shape", [(0, 4), (6, 0), (0, 0)])
def test_empty_batch(call, shape):
    fails(
        call,
        ValueError,
        f"x has shape {shape}, expected at least one value per channel",
        x=np.zeros(shape, F),
    )


@pytest.mark.parametrize("call", WITH_EPSILON)
@pytest.mark.parametrize(
    "epsilon, text", [(0, "0.0"), (-1e-3, "-0.001"), (np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")]
)
def test_bad_epsilon(call, epsilon, text):
    fails(call, ValueError, f"epsilon is {text}, expected a finite number > 0", epsilon=epsilon)


@pytest.mark.parametrize("call", WITH_EPSILON)
def test_epsilon_is_no_number(call):
    fails(call, TypeError, "epsilon is str, expected a number", epsilon="1e-3")
    fails(call, TypeError, "epsilon is NoneType, expected a number", epsilon=None)


@pytest.mark.parametrize("call, name", [(c, n) for c in CALLS for n in names(c) if n not in ("x", "dy")])
def test_parameters_that_do_not_fit(call, name):
    for shape, text in [((3,), "(3,)"), ((5,), "(5,)"), ((), "()"), ((1, 4), "(1, 4)")]:
        fails(call, ValueError, f"{name} has shape {text}, expected (C,) = (4,)", **{name: np.ones(shape, F)})
    fails(call, TypeError, f"{name} has dtype float64, expected float32 as x has", **{name: np.ones(4)})
    fails(call, TypeError, f"{name} has dtype int64, expected float32 as x has", **{name: np.ones(4, "i8")})
    fails(call, TypeError, f"{name} is list, expected an array of numbers", **{name: [1.0] * 4})
    strided = np.ones(8, F)[::2]
    fails(
        call,
        ValueError,
        f"{name} is not contiguous, and copying is not allowed",
        copy=False,
        **{name: strided},
    )


def test_statistics_are_required():
    fails("batch_norm_backward", TypeError, "mean is NoneType, expected an array of numbers", mean=None)
    text = "moving_variance is NoneType, expected an array of numbers"
    fails("batch_norm_inference", TypeError, text, moving_variance=None)


def test_dy_that_does_not_fit():
    call = "batch_norm_backward"
    fails(call, ValueError, "dy has shape (4, 6), expected (6, 4) as x has", dy=np.ones((4, 6), F))
    fails(call, ValueError, "dy has shape (24,), expected (6, 4) as x has", dy=np.ones(24, F))
    fails(call, TypeError, "dy has dtype float64, expected float32 as x has", dy=np.ones((6, 4)))
    text = "dy has its axes in another order in memory than x, expected the same"
    fails(call, ValueError, text, dy=np.ones((6, 4), F, order="F"), copy=False)


@pytest.mark.parametrize("call", CALLS)
def test_no_copy(call):
    text = "x is not contiguous in any order of its axes, and copying is not allowed"
    fails(call, ValueError, text, x=np.zeros((6, 8), F)[:, ::2], copy=False)
    fails(call, ValueError, text, x=np.zeros((6, 4), F)[::-1], copy=False)
    fails(call, ValueError, text, x=np.broadcast_to(np.ones(4, F), (6, 4)), copy=False)
    field = np.zeros((6, 4), [("value", F), ("flag", "u1")])["value"]
    fails(call, ValueError, text, x=field, copy=False)


@pytest.mark.parametrize("call", CALLS)
def test_bad_out(call):
    fails(call, ValueError, "out is read-only, expected a writable array", out=read_only())
    fails(call, ValueError, "out is read-only, expected a writable array", out=bytes(96))
    fails(call, TypeError, "out is list, expected an array of numbers", out=[0.0] * 24)
    fails(call, ValueError, "out has shape (4, 6), expected (6, 4) as x has", out=np.zeros((4, 6), F))
    fails(call, TypeError, "out has dtype float64, expected float32 as x has", out=np.zeros((6, 4)))
    text = "out has its axes in another order in memory than x, expected the same"
    fails(call, ValueError, text, out=np.zeros((6, 4), F, order="F"))
    fails(call, ValueError, text, out=np.zeros((6, 8), F)[:, ::2])
    fails(call, ValueError, text, out=np.zeros((6, 4), F)[::-1])


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("offset", [1, 4, 23])
def test_out_overlaps_the_input_in_part(call, offset):
    name = "dy" if call == "batch_norm_backward" else "x"
    overlapping = {name: POOL[30:54].reshape(6, 4)}
    text = f"out overlaps {name} in part, expected the same memory or none of it"
    for start in (30 - offset, 30 + offset):
        fails(call, ValueError, text, out=POOL[start : start + 24].reshape(6, 4), **overlapping)


@pytest.mark.parametrize("call, name", [(c, n) for c in CALLS for n in names(c) if n not in ("x", "dy")])
def test_out_overlaps_a_parameter(call, name):
    out = POOL[100:124].reshape(6, 4)
    for start in (97, 110, 123):
        fails(
            call,
            ValueError,
            f"out overlaps {name}, expected memory of its own",
            out=out,
            **{name: POOL[start:][:4]},
        )
    for start in (96, 124):
        run(call, out=out.copy(), **{name: POOL[start:][:4]})


def test_out_overlaps_x_in_the_backward_pass():
    text = "out overlaps x, expected memory of its own"
    fails("batch_norm_backward", ValueError, text, out=POOL[2:26].reshape(6, 4))


def test_names_and_counts_are_pythons():
    with pytest.raises(TypeError, match="positional"):
        functional.batch_norm(X, GAMMA, BETA, -1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'eps'"):
        functional.batch_norm(X, GAMMA, BETA, eps=1e-3)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'beta'"):
        functional.batch_norm(X, GAMMA)


class Ambiguous:
    def __bool__(self):
        raise RuntimeError("neither yes nor no")


def test_errors_of_the_arguments_come_through():
    with pytest.raises(RuntimeError, match="neither yes nor no"):
        functional.batch_norm(X, GAMMA, BETA, copy=Ambiguous())


def test_nothing_leaks():
    """References and memory stay as they are after good calls, copying calls and failing calls."""
    strided = np.zeros((6, 8), F)[:, ::2]
    counted = [X, GAMMA, BETA, MEAN, INV_STD, strided]

    def work():
        for call in CALLS:
            run(call)
            run(call, x=strided)
            run(call, out=np.empty((6, 4), F))
            for bad in (dict(gamma=np.ones(3, F)), dict(out=read_only()), dict(x=strided, copy=False)):
                with pytest.raises(ValueError):
                    run(call, **bad)

    work()
    gc.collect()
    references = [sys.getrefcount(a) for a in counted]
    tracemalloc.start()
    work()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(50):
        work()
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert [sys.getrefcount(a) for a in counted] == references
    assert grown < 20_000
