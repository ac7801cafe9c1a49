"""Hashes of strings, as TensorFlow's `to_hash_bucket_fast` and `to_hash_bucket_strong` compute them, in NumPy.

Strings of one length are hashed together, as columns of 64-bit words. uint64 arithmetic on arrays wraps around.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

_K0, _K1, _K2 = (np.uint64(k) for k in (0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F))
_CAT = np.uint64(0xC6A4A7935BD1E995)


def fingerprint64(strings: list) -> np.ndarray:
    """FarmHash's Fingerprint64 (`farmhashna::Hash64`) of bytes objects, as uint64."""
    return _by_length(strings, _farmhash)


def siphash(strings: list, key) -> np.ndarray:
    """SipHash-2-4 of bytes objects with a key of two 64-bit integers (Aumasson and Bernstein 2012), as uint64."""
    key = [np.array([int(k) & 0xFFFFFFFFFFFFFFFF], "uint64") for k in key]
    return _by_length(strings, lambda rows: _siphash(rows, *key))


def fingerprint_cat64(first, second):
    """TensorFlow's FingerprintCat64 of two arrays of uint64."""
    result = first ^ _CAT
    result ^= _shift_mix(second * _CAT) * _CAT
    result *= _CAT
    return _shift_mix(_shift_mix(result) * _CAT)


def _by_length(strings: list, function) -> np.ndarray:
    lengths = np.fromiter(map(len, strings), "int64", len(strings))
    hashes = np.empty(len(strings), "uint64")
    order = np.argsort(lengths, kind="stable")
    borders = np.flatnonzero(np.diff(lengths[order], prepend=-1)).tolist() + [len(strings)]
    for begin, end in pairwise(borders):
        places = order[begin:end]
        joined = b"".join(strings[i] for i in places)
        hashes[places] = function(np.frombuffer(joined, "uint8").reshape(end - begin, -1))
    return hashes


def _word(rows: np.ndarray, place: int, size: int = 8) -> np.ndarray:
    """The little-endian word of `size` bytes at a place of each row, as uint64."""
    part = np.ascontiguousarray(rows[:, place : place + size])
    return part.view("<u8" if size == 8 else "<u4")[:, 0].astype("uint64")


def _rotated(x, by: int):
    """Bits rotated to the right."""
    return (x >> np.uint64(by)) | (x << np.uint64(64 - by))


def _shift_mix(x):
    return x ^ (x >> np.uint64(47))


def _mixed(u, v, mul):
    """HashLen16."""
    a = _shift_mix((u ^ v) * mul)
    return _shift_mix((v ^ a) * mul) * mul


def _farmhash(rows: np.ndarray) -> np.ndarray:
    count, length = rows.shape
    if length > 64:
        return _of_long(rows)
    n = np.uint64(length)
    mul = np.full(count, _K2) + n * np.uint64(2)
    if length > 16:
        return _of_two_words_and_more(rows, mul)
    if length >= 8:
        a, b = _word(rows, 0) + _K2, _word(rows, length - 8)
        return _mixed(_rotated(b, 37) * mul + a, (_rotated(a, 25) + b) * mul, mul)
    if length >= 4:
        return _mixed(n + (_word(rows, 0, 4) << np.uint64(3)), _word(rows, length - 4, 4), mul)
    if not length:
        return np.full(count, _K2)
    a, b, c = (rows[:, i].astype("uint64") for i in (0, length >> 1, length - 1))
    y, z = a + (b << np.uint64(8)), n + (c << np.uint64(2))
    return _shift_mix(y * _K2 ^ z * _K0) * _K2


def _of_two_words_and_more(rows: np.ndarray, mul) -> np.ndarray:
    """17 to 64 bytes."""
    length = rows.shape[1]
    short = length <= 32
    a = _word(rows, 0) * (_K1 if short else _K2)
    b, c, d = _word(rows, 8), _word(rows, length - 8) * mul, _word(rows, length - 16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _mixed(y, a + _rotated(b + _K2, 18) + c, mul)
    if short:
        return z
    e, f = _word(rows, 16) * mul, _word(rows, 24)
    g, h = (y + _word(rows, length - 32)) * mul, (z + _word(rows, length - 24)) * mul
    return _mixed(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, mul)


def _weak(rows: np.ndarray, place: int, a, b) -> tuple:
    """WeakHashLen32WithSeeds of the 32 bytes at a place."""
    w, x, y, z = (_word(rows, place + 8 * i) for i in range(4))
    a = a + w
    b = _rotated(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _rotated(a, 44) + c


def _of_long(rows: np.ndarray) -> np.ndarray:
    """More than 64 bytes, 64 at a time, then the last 64 again."""
    count, length = rows.shape
    zero = np.zeros(count, "uint64")
    x = np.full(count, 81, "uint64") * _K2 + _word(rows, 0)
    y = np.full(count, 81, "uint64") * _K1 + np.uint64(113)
    z = _shift_mix(y * _K2 + np.uint64(113)) * _K2
    v, w = (zero, zero), (zero, zero)

    def round_of(place, x, y, z, v, w, mul, nine):
        x = _rotated(x + y + v[0] + _word(rows, place + 8), 37) * mul
        y = _rotated(y + v[1] + _word(rows, place + 48), 42) * mul
        x = x ^ (w[1] * nine)
        y = y + v[0] * nine + _word(rows, place + 40)
        z = _rotated(z + w[0], 33) * mul
        v = _weak(rows, place, v[1] * mul, x + w[0])
        w = _weak(rows, place + 32, z + w[1], y + _word(rows, place + 16))
        return z, y, x, v, w

    for place in range(0, (length - 1) // 64 * 64, 64):
        x, y, z, v, w = round_of(place, x, y, z, v, w, _K1, np.uint64(1))
    mul = _K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    first = w[0] + np.uint64((length - 1) & 63)
    v = v[0] + first, v[1]
    w = first + v[0], w[1]
    x, y, z, v, w = round_of(length - 64, x, y, z, v, w, mul, np.uint64(9))
    return _mixed(_mixed(v[0], w[0], mul) + _shift_mix(y) * _K0 + z, _mixed(v[1], w[1], mul) + x, mul)


def _siphash(rows: np.ndarray, k0, k1) -> np.ndarray:
    count, length = rows.shape
    padded = np.zeros((count, length // 8 * 8 + 8), "uint8")
    padded[:, :length] = rows
    padded[:, -1] = length & 0xFF
    constants = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    v = [np.full(count, np.uint64(c)) ^ k for c, k in zip(constants, (k0, k1, k0, k1), strict=True)]

    def rounds(number):
        for _ in range(number):
            for a, b, c, d, first, second in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
                v[a] = v[a] + v[b]
                v[b] = _rotated(v[b], 64 - first) ^ v[a]
                v[a] = _rotated(v[a], 32)
                v[c] = v[c] + v[d]
                v[d] = _rotated(v[d], 64 - second) ^ v[c]

    for place in range(0, padded.shape[1], 8):
        word = _word(padded, place)
        v[3] = v[3] ^ word
        rounds(2)
        v[0] = v[0] ^ word
    v[2] = v[2] ^ np.uint64(0xFF)
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
