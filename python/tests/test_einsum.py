"""ops.einsum against NumPy's: values, gradients, unknown extents, errors."""

import numpy as np
import pytest
from checks import check_gradient, traced

from swiftbn import KerasTensor, ops

RANDOM = np.random.default_rng(5)
EXTENTS = dict(a=2, b=3, c=4, d=5, e=3, f=2, h=3, i=2, j=3, k=4, m=5, q=2, u=3)
CASES = [
    "ab->ba", "ab->", "ab->b", "abc->cb", "ab", "ba", "aa->a", "aa->", "aba->b", "aaa->a", "aab->ba",
    "ab,bc->ac", "ab,bc", "ab,cb->ca", "ab,b->a", "a,a->", "a,a->a", "a,b->ab", "a,b->ba", "a,b->",
    "abc,cde->abde", "abc,cd->abd", "abde,dec->abc", "aecd,abcd->acbe", "acbe,aecd->abcd",
    "bij,bjk->bik", "bij,bjk->ikb", "abcd,abcd->abcd", "abcd,abcd->", "abcd,db->ca", "ab,abc->c", "aab,bc->ac",
    "ab,ac->bc", "ab,bc,cd->ad", "ab,ab,ab->b", "a,b,c->cab", "abc,bd,ce->ade", "bqm,muh->bquh", " ab , bc -> ac ",
]  # fmt: skip
ELLIPSIS = [
    ("...ab,...bc->...ac", [(2, 3, 4), (2, 4, 5)]),
    ("...ab,bc->...ac", [(2, 3, 3, 4), (4, 5)]),
    ("...ab,...bc->...ac", [(7, 1, 3, 4), (2, 4, 5)]),
    ("a...,a->...", [(2, 3, 4), (2,)]),
    ("ab...,bc->ac...", [(2, 3, 4, 2), (3, 5)]),
    ("...a->...", [(3, 2)]),
    ("...a,...a", [(3, 2), (1, 2)]),
    ("...", [(3, 2)]),
    ("ab,ab->ab", [(1, 3), (2, 3)]),
    ("ab,bc->ac", [(2, 1), (4, 3)]),
    ("ab,ab->", [(1, 3), (2, 1)]),
    ("ab,bc->ac", [(0, 3), (3, 2)]),
    ("ab,bc->ac", [(2, 0), (0, 2)]),
    ("abc,cd->abd", [(2, 0, 3), (3, 2)]),
]


def operands(subscripts):
    parts = subscripts.replace(" ", "").split("->")[0].split(",")
    return [RANDOM.normal(size=[3 if len(set(part)) < len(part) else EXTENTS[a] for a in part]) for part in parts]


ALL = [(case, None) for case in CASES] + ELLIPSIS


@pytest.mark.parametrize("subscripts, shapes", ALL)
def test_values(subscripts, shapes):
    tensors = operands(subscripts) if shapes is None else [RANDOM.normal(size=shape) for shape in shapes]
    if subscripts == "aab,bc->ac":
        tensors = [RANDOM.normal(size=(2, 2, 3)), RANDOM.normal(size=(3, 4))]
    expected = np.einsum(subscripts, *tensors)
    for y in (ops.einsum(subscripts, *tensors), traced(lambda *x: ops.einsum(subscripts, *x), *tensors)):
        assert y.shape == expected.shape and y.dtype == "float64"
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    if all(x.size for x in tensors):
        check_gradient(lambda *x: ops.einsum(subscripts, *x), *tensors, tolerance=1e-7)


def test_integers_and_mixed_dtypes():
    x = np.arange(6, dtype="int32").reshape(2, 3)
    y = ops.einsum("ab,cb->ac", x, x)
    assert y.dtype == "int32" and y.tolist() == (x @ x.T).tolist()
    assert ops.einsum("ab,b->a", x.astype("float32"), np.ones(3)).dtype == "float64"


def test_a_diagonal_does_not_see_the_rest():
    assert ops.einsum("aa->a", np.array([[1.0, np.nan], [np.inf, 2.0]])).tolist() == [1, 2]


@pytest.mark.parametrize(
    "subscripts, shapes, expected",
    [
        ("abc,cde->abde", [(None, 3, 4), (4, 5, 2)], (None, 3, 5, 2)),
        ("abc,cde->abde", [(None, None, 4), (4, 5, 2)], (None, None, 5, 2)),
        ("aecd,abcd->acbe", [(None, 3, 2, 4), (None, 5, 2, 4)], (None, 2, 5, 3)),
        ("ab,b->ab", [(None, 3), (3,)], (None, 3)),
    ],
)
def test_unknown_extents(subscripts, shapes, expected):
    assert ops.einsum(subscripts, *map(KerasTensor, shapes)).shape == expected


BAD = [
    ("ab,bc->ac", 1, "names 2 operands. Received: 1"),
    ("abc->a", 1, "'abc' in 'abc->a' does not fit a tensor of rank 2"),
    ("a->a", 1, "'a' in 'a->a' does not fit a tensor of rank 2"),
    ("ab->c", 1, "among the inputs'. 'ab->c'"),
    ("ab->aa", 1, "each letter of the output once"),
    ("ab,bc->ac", 2, r"extents of 'b' in 'ab,bc->ac' differ. Received: shapes \(2, 3\), \(2, 3\)"),
    ("a1->a", 1, "expected letters"),
    ("aa->a", 1, r"equal known extents. Received: shape \(2, 3\)"),
    (5, 1, "subscripts as a string"),
]


@pytest.mark.parametrize("subscripts, count, text", BAD)
def test_errors(subscripts, count, text):
    with pytest.raises(ValueError, match=text):
        ops.einsum(subscripts, *[np.ones((2, 3))] * count)
