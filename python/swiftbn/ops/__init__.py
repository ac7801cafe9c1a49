# ruff: noqa: F401  (names are imported to be re-exported)
"""Functions of tensors, with the names and arguments of `keras.ops`.

On NumPy arrays and variables they compute at once and return NumPy arrays. On the symbolic tensors of a layer's `call`,
a loss or a differentiated function they describe the computation; on the `KerasTensor`s of the functional API they add
a node to the model.
"""

from swiftbn.ops import _operators  # noqa: F401  (gives tensors their operators)
from swiftbn.ops.activation import (
    celu,
    glu,
    hard_shrink,
    hard_tanh,
    soft_shrink,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh_shrink,
    threshold,
)
from swiftbn.ops.creation import (
    arange,
    array,
    convert_to_numpy,
    convert_to_tensor,
    eye,
    full,
    full_like,
    identity,
    is_tensor,
    linspace,
    ones,
    ones_like,
    zeros,
    zeros_like,
)
from swiftbn.ops.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from swiftbn.ops.einsum import einsum
from swiftbn.ops.elementwise import (
    abs,
    absolute,
    add,
    cast,
    ceil,
    clip,
    cos,
    divide,
    divide_no_nan,
    equal,
    erf,
    exp,
    expm1,
    floor,
    floor_divide,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    log,
    log1p,
    log2,
    log10,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mod,
    multiply,
    negative,
    not_equal,
    power,
    reciprocal,
    remainder,
    round,
    rsqrt,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    stop_gradient,
    subtract,
    tan,
    tanh,
    true_divide,
    where,
)
from swiftbn.ops.indexing import getitem
from swiftbn.ops.linear import dot, matmul, outer, tensordot, vdot
from swiftbn.ops.nn import (
    average_pool,
    batch_normalization,
    conv,
    elu,
    gelu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    max_pool,
    multi_hot,
    normalize,
    one_hot,
    relu,
    relu6,
    selu,
    silu,
    softmax,
    softplus,
    softsign,
    swish,
)
from swiftbn.ops.reduction import (
    all,
    amax,
    amin,
    any,
    argmax,
    argmin,
    count_nonzero,
    logsumexp,
    max,
    mean,
    min,
    moments,
    norm,
    prod,
    std,
    sum,
    var,
)
from swiftbn.ops.shaping import (
    broadcast_to,
    concatenate,
    expand_dims,
    flatten,
    flip,
    moveaxis,
    ndim,
    pad,
    ravel,
    repeat,
    reshape,
    shape,
    size,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    tile,
    transpose,
    unstack,
)


def __getattr__(name):
    if name != "image":
        raise AttributeError(f"module 'swiftbn.ops' has no attribute {name!r}")
    # Few programs need it.
    import importlib

    return importlib.import_module("swiftbn.ops.image")


def __dir__():
    return sorted({*globals(), "image"})
