"""Calls of functions of `swiftbn.ops`: what they compute in NumPy, and which have gradients. Also run in Keras."""

import math
from typing import NamedTuple

import numpy as np

RANDOM = np.random.default_rng(40)
X = RANDOM.normal(size=(3, 4))
OTHER = RANDOM.normal(size=(3, 4))
CUBE = RANDOM.normal(size=(2, 3, 4))
UNIT = RANDOM.uniform(-0.95, 0.95, size=(3, 4))
ABOVE = RANDOM.uniform(1.1, 4, size=(3, 4))
VECTOR = RANDOM.normal(size=7)
HOLES = np.where(RANDOM.uniform(size=(4, 5)) < 0.3, np.nan, RANDOM.normal(size=(4, 5)))
HOLES[2] = np.nan
EDGES = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, np.inf, np.nan])
INTS = np.array([[3, -2, 7, 0], [1, 5, -6, 2]], "int32")
MORE = np.array([[1, 4, 2, 9], [3, 0, 5, 31]], "int32")
BOOLS = np.array([True, False, True, True])
PICKS = np.array([[2, 0, -1], [1, 1, 3], [0, 3, 2]], "int32")
GRID = np.array([[0, 1], [2, 3], [0, 1], [1, 0]], "int32")
IDS = np.array([2, 0, 2, 1, 2], "int32")
ROWS = RANDOM.normal(size=(5, 3))
TIES = np.array([[1.0, 3, 3, -1, 2], [0, 0, 0, 5, 5]])
BINS = np.array([-1.0, 0.0, 0.0, 0.5, 2.0])
_erf = np.vectorize(math.erf)


class Case(NamedTuple):
    """`name(*args, **kwargs)` equals `expected`, a function of the same arguments."""

    name: str
    args: tuple
    kwargs: dict
    expected: object
    # Whether gradients by all float arrays among the arguments are compared with differences.
    smooth: bool
    # Relative and absolute tolerance in float64.
    tolerance: float


CASES: list[Case] = []


def case(name, *args, expected=None, smooth=False, tolerance=1e-12, **kwargs):
    CASES.append(Case(name, args, kwargs, expected or getattr(np, name), smooth, tolerance))


for _name in ("arctan", "sinh", "cosh", "arcsinh", "deg2rad", "rad2deg", "exp2", "sinc", "cbrt", "fabs"):
    case(_name, X, smooth=True)
    case(_name, EDGES)
for _name in ("arcsin", "arccos", "arctanh"):
    case(_name, UNIT, smooth=True)
    case(_name, EDGES)
case("arccosh", ABOVE, smooth=True)
case("arccosh", EDGES)
for _name in ("arctan2", "hypot", "logaddexp", "logaddexp2", "fmax", "fmin"):
    case(_name, X, OTHER, smooth=True)
    case(_name, EDGES[:, None], EDGES)
case("erfc", X, expected=lambda x: 1 - _erf(x), smooth=True)
case("erfinv", _erf(X), expected=lambda x: X, smooth=True, tolerance=1e-10)
case("erfinv", np.array([-1.0, 1.0, 0.0]), expected=lambda x: np.array([-np.inf, np.inf, 0]))
case("fmod", X, ABOVE)
case("fmod", INTS, MORE + 1)
case("heaviside", EDGES, 0.5)
case("trunc", X)
case("trunc", EDGES)
case("ldexp", X, MORE[0])
case("nan_to_num", EDGES)
case("nan_to_num", EDGES, nan=1.0, posinf=2.0, neginf=-3.0)
case("isclose", EDGES[:, None], EDGES)
case("isclose", EDGES, EDGES + 1e-7, equal_nan=True)
case("allclose", X, X + 1e-9)
for _name in ("isposinf", "isneginf", "signbit", "isreal", "real", "imag", "conjugate", "conj", "copy", "angle"):
    case(_name, EDGES if _name != "angle" else X)
case("signbit", INTS)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift"):
    case(_name, INTS, MORE)
    if "shift" not in _name:
        case(_name, BOOLS, BOOLS[::-1].copy())
case("bitwise_left_shift", INTS, MORE, expected=np.left_shift)
case("bitwise_right_shift", INTS, MORE, expected=np.right_shift)
case("bitwise_not", INTS)
case("bitwise_invert", INTS, expected=np.invert)

for _axis in (None, 0, 1, -1):
    case("cumsum", CUBE, axis=_axis, smooth=True)
    case("cumprod", CUBE, axis=_axis, smooth=True)
    case("nancumsum", HOLES, axis=_axis if _axis != 0 else 0)
    case("nancumprod", HOLES, axis=_axis)
    case("sort", CUBE, axis=_axis, smooth=True)
    case("argsort", CUBE, axis=_axis)
case("cumsum", INTS, axis=1)
case("cumprod", np.array([2.0, 0.0, 3.0, 0.0]), smooth=True)
case("cumsum", np.zeros((0, 3)), axis=0)
case("sort", EDGES)
case("sort", INTS)
case("argsort", TIES, expected=lambda x: np.argsort(x, axis=-1, kind="stable"))
case("diff", CUBE, smooth=True)
case("diff", CUBE, n=2, axis=1, smooth=True)
case("diff", BOOLS)
case("trapezoid", CUBE, smooth=True, expected=lambda y: _trapezoid(y))
case("trapezoid", CUBE, np.sort(X[0]), axis=-1, smooth=True, expected=lambda y, x, axis: _trapezoid(y, x))
case("trapezoid", CUBE, dx=0.5, axis=1, expected=lambda y, dx, axis: _trapezoid(np.moveaxis(y, 1, -1)) * dx)
case("top_k", TIES, 2, expected=lambda x, k: _top_k(x, k))
case("top_k", CUBE, 3, expected=lambda x, k: _top_k(x, k))
case("in_top_k", IDS[:3], ROWS[:3], 2, expected=lambda t, p, k: (p > p[np.arange(3), t][:, None]).sum(-1) < k)
case("argpartition", X, 2, expected=lambda x, kth: np.argsort(x, axis=-1))
case("searchsorted", BINS, EDGES[:-1])
case("searchsorted", BINS, EDGES[:-1], side="right")
case("digitize", X, BINS)
case("isin", INTS, MORE)
case("isin", INTS, MORE, invert=True)
case("bincount", IDS, minlength=5)
case("bincount", IDS, weights=ROWS[:, 0].copy())
case("histogram", VECTOR, bins=4)
case("histogram", VECTOR, bins=3, range=(-0.5, 0.5))
for _axis in (None, 0, -1, (0, 2)):
    for _keep in (False, True):
        case("median", CUBE, axis=_axis, keepdims=_keep, smooth=True)
        case("quantile", CUBE, np.array([0.1, 0.5, 1.0]), axis=_axis, keepdims=_keep)
case("quantile", CUBE, 0.3, axis=1)
case("quantile", HOLES, 0.3, axis=1)
for _method in ("linear", "lower", "higher", "midpoint", "nearest"):
    case("quantile", X, 0.4, axis=1, method=_method)
    case("nanquantile", HOLES, 0.4, axis=1, method=_method)
case(
    "quantile", np.array([1.0, np.inf, np.inf]), 0.5, method="midpoint", expected=lambda x, q, method: np.array(np.inf)
)
case("quantile", np.array([1.0, 2.0, np.inf]), 0.5, expected=lambda x, q: np.array(2.0))
case("percentile", X, 40.0, axis=0)
case("nanpercentile", HOLES, 40.0, axis=0)
case("nanmedian", HOLES, axis=1)
for _name in ("nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"):
    for _axis in (None, 0, 1):
        case(_name, HOLES, axis=_axis)
    case(_name, X, axis=1, keepdims=True, smooth=True)
case("nanargmax", HOLES[:2], axis=1)
case("nanargmin", HOLES[:2], axis=1)
case("average", CUBE, axis=1, smooth=True)
case("average", CUBE, axis=1, weights=ABOVE[:, 0].copy(), smooth=True)
case("average", X, weights=ABOVE)
case("ptp", CUBE, axis=1)

case("take_along_axis", X, PICKS, axis=1, smooth=True)
case("take_along_axis", X, PICKS.ravel(), axis=None)
case("take_along_axis", CUBE, PICKS[None, :, :1] % 2, axis=0, expected=lambda x, i, axis: _along(x, i, axis))
case("scatter", GRID, VECTOR[:4], (3, 4), expected=lambda i, v, s: _scatter(np.zeros(s), i, v, np.add), smooth=True)
case("scatter", GRID[:, :1], ROWS[:4], (3, 3), expected=lambda i, v, s: _scatter(np.zeros(s), i, v, np.add))
case("scatter_update", X, GRID[:2], VECTOR[:2], expected=lambda x, i, u: _scatter(x, i, u, None), smooth=True)
for _reduction, _ufunc in (("add", np.add), ("max", np.maximum), ("min", np.minimum), ("mul", np.multiply)):
    case("scatter_update", X, GRID, VECTOR[:4], reduction=_reduction, smooth=True,
         expected=lambda x, i, u, reduction, ufunc=_ufunc: _scatter(x, i, u, ufunc))  # fmt: skip
case("slice", CUBE, (0, 1, 2), (2, 1, 2), expected=lambda x, start, shape: x[:, 1:2, 2:4], smooth=True)
case("slice_update", CUBE, (1, 0, 2), X[:1, None, :2] * 2, smooth=True,
     expected=lambda x, start, u: np.concatenate([x[:1], np.concatenate([np.concatenate(
         [x[1:, :1, :2], u], -1), x[1:, 1:]], 1)], 0))  # fmt: skip
_SEGMENTS = {"sum": (np.add, 0), "prod": (np.multiply, 1), "max": (np.maximum, -np.inf), "min": (np.minimum, np.inf)}
for _kind, (_ufunc, _empty) in _SEGMENTS.items():
    case(f"segment_{_kind}", ROWS, IDS, num_segments=3, smooth=True,
         expected=lambda x, i, num_segments, f=_ufunc, e=_empty: _segments(x, i, num_segments, f, e))  # fmt: skip
case("segment_sum", MORE[0], IDS[:4], num_segments=4, expected=lambda x, i, num_segments: np.array([4, 9, 3, 0]))
case("unravel_index", np.array([5, 0, 11], "int32"), (3, 4))

for _name in ("tril", "triu", "diagonal", "trace"):
    case(_name, X, smooth=True)
    case(_name, CUBE, 1 if _name.startswith("tri") else -1, smooth=True)
case("diagonal", CUBE, offset=1, axis1=2, axis2=0)
for _k in (-2, 0, 1):
    case("diag", VECTOR, k=_k, smooth=True)
    case("diag", X, k=_k)
    case("tri", 3, 4, k=_k)
case("diagflat", X[:2, :2].copy(), k=1)
case("inner", X, X[:2].copy(), smooth=True)
case("cross", ROWS, ROWS[::-1].copy(), smooth=True)
case("cross", ROWS[:, :2].copy(), ROWS, axis=-1, expected=lambda a, b, axis: np.cross(np.pad(a, [(0, 0), (0, 1)]), b))
case("cross", ROWS[:3], ROWS[:3] * 2 + 1, axisa=0, axisb=1, axisc=0)
case("kron", X, X[:2, :3].copy(), smooth=True)
case("kron", VECTOR, X)
for _mode in ("valid", "same", "full"):
    case("correlate", VECTOR, VECTOR[:3].copy(), mode=_mode, smooth=True)
    case("correlate", VECTOR[:2].copy(), VECTOR, mode=_mode)
case("corrcoef", X, smooth=True)
case("cdist", ROWS, ROWS[:2] + 1, expected=lambda x, y: np.sqrt(((x[:, None] - y) ** 2).sum(-1)), smooth=True)
case("vander", VECTOR[:3].copy(), N=4, smooth=True)
case("vander", VECTOR[:3].copy(), increasing=True)
for _name in ("hstack", "vstack", "dstack"):
    case(_name, [X, X * 2])
    case(_name, [VECTOR, VECTOR * 2])
case("append", X, X[0])
case("append", X, X[:1].copy(), axis=0, smooth=True)
case("array_split", VECTOR, 3)
case("array_split", X, [1, 3], axis=1)
case("hsplit", X, 2)
case("hsplit", VECTOR[:6].copy(), 2)
case("vsplit", X, 3)
case("dsplit", CUBE, 2)
case("fliplr", X, smooth=True)
case("flipud", X)
case("roll", CUBE, 5, smooth=True)
case("roll", CUBE, -1, axis=1)
case("roll", CUBE, (1, 2), axis=(0, 2))
for _k in (0, 1, 2, 3, -1):
    case("rot90", X, k=_k)
case("rot90", CUBE, axes=(2, 0))
case("meshgrid", VECTOR, BINS, X[0])
case("meshgrid", VECTOR, BINS, indexing="ij")
case("select", [X > 1, X > 0], [X, X * 2], 9.0, expected=lambda c, x, d: np.select(c, x, d))
for _name in ("bartlett", "blackman", "hamming", "hanning"):
    case(_name, 9, tolerance=1e-6)
case("kaiser", 9, 5.0, tolerance=1e-6)
case("logspace", 0.0, 2.0, num=5, tolerance=1e-6)
case("geomspace", 1.0, 8.0, num=4, tolerance=1e-6)
case("get_item", CUBE, (0, slice(1, 3)), expected=lambda x, key: x[key])
case("saturate_cast", np.array([-5.0, 3.7, 300.0]), "uint8", expected=lambda x, d: np.array([0, 3, 255], d))
case("saturate_cast", np.array([-5, 3, 300], "int32"), "uint8", expected=lambda x, d: np.array([0, 3, 255], d))

case("celu", X, alpha=0.7, expected=lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)), smooth=True)
case("glu", X, expected=lambda x: x[:, :2] / (1 + np.exp(-x[:, 2:])), smooth=True)
case("hard_tanh", X, expected=lambda x: np.clip(x, -1, 1), smooth=True)
case("hard_shrink", X, expected=lambda x: np.where(abs(x) > 0.5, x, 0), smooth=True)
case("soft_shrink", X, expected=lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0), smooth=True)
case("tanh_shrink", X, expected=lambda x: x - np.tanh(x), smooth=True)
case("threshold", X, 0.2, 7.0, expected=lambda x, t, d: np.where(x > t, x, d), smooth=True)
case("squareplus", X, expected=lambda x: (x + np.sqrt(x * x + 4)) / 2, smooth=True)
case("sparse_plus", X, smooth=True,
     expected=lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)))  # fmt: skip
case("sparse_sigmoid", X, expected=lambda x: np.clip((x + 1) / 2, 0, 1), smooth=True)
case("sparsemax", X, expected=lambda x: _sparsemax(x), smooth=True)
case("sparsemax", X, axis=0, expected=lambda x, axis: _sparsemax(x.T).T)
case(
    "rms_normalization",
    X,
    X[0],
    smooth=True,
    expected=lambda x, s: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-7) * s,
)
case("layer_normalization", X, X[0], X[1], expected=lambda x, g, b: _layer_norm(x) * g + b, smooth=True)
case("psnr", X, X + 0.1, 2.0, expected=lambda a, b, m: 20 * np.log10(m) - 10 * np.log10(((a - b) ** 2).mean()))


def _layer_norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-7)


def _trapezoid(y, x=None):
    widths = 1.0 if x is None else np.diff(x)
    return ((y[..., 1:] + y[..., :-1]) / 2 * widths).sum(-1)


def _top_k(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def _along(x, indices, axis):
    return np.take_along_axis(x, np.broadcast_to(indices, (1, 3, 4)), axis)


def _scatter(x, indices, updates, ufunc):
    x, key = x.copy(), tuple(np.moveaxis(indices, -1, 0))
    if ufunc is None:
        x[key] = updates
    else:
        ufunc.at(x, key, updates)
    return x


def _segments(x, ids, count, ufunc, empty):
    out = np.full((count, *x.shape[1:]), float(empty))
    ufunc.at(out, ids, x)
    return out


def _sparsemax(x):
    """By bisection of the threshold."""
    low, high = x.min(-1, keepdims=True) - 1, x.max(-1, keepdims=True)
    for _ in range(200):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(-1, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)
