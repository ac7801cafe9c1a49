"""CIFAR and Fashion-MNIST from small files of their formats."""

import os
import pickle
import re

import numpy as np
import pytest
from dataset_files import assert_same, cifar_pickle, idx, images, put_cifar100, put_fashion, tgz

import swiftbn
from swiftbn import datasets


def put_cifar10(data_cache):
    parts = {f"data_batch_{i}": (images(2, i), [i, 9 - i]) for i in range(1, 6)}
    parts["test_batch"] = (images(3, 6), [7, 8, 9])
    folder = {f"cifar-10-batches-py/{name}": cifar_pickle(*part) for name, part in parts.items()}
    data_cache("cifar-10-batches-py-target_archive", tgz(folder), datasets.cifar10)
    return parts


def test_cifar10(data_cache):
    parts = put_cifar10(data_cache)
    (x_train, y_train), (x_test, y_test) = datasets.cifar10.load_data()
    assert x_train.shape == (10, 32, 32, 3) and x_test.shape == (3, 32, 32, 3)
    assert {a.dtype.name for a in (x_train, y_train, x_test, y_test)} == {"uint8"}
    assert y_train.tolist() == [[1], [8], [2], [7], [3], [6], [4], [5], [5], [4]] and y_test.tolist() == [[7], [8], [9]]
    # In the files all red values of an image stand before the green and the blue ones, row by row.
    expected = parts["data_batch_2"][0][1]
    assert x_train[3, 5, 7].tolist() == [expected[5 * 32 + 7], expected[1024 + 167], expected[2048 + 167]]
    swiftbn.config.set_image_data_format("channels_first")
    try:
        first = datasets.cifar10.load_data()
    finally:
        swiftbn.config.set_image_data_format("channels_last")
    np.testing.assert_array_equal(first[0][0], x_train.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(first[1][0], x_test.transpose(0, 3, 1, 2))


def test_cifar100(data_cache):
    put_cifar100(data_cache)
    (x_train, y_train), (x_test, y_test) = datasets.cifar100.load_data()
    assert y_train.tolist() == [[99], [98], [97], [96]] and y_test.tolist() == [[99], [98]]
    np.testing.assert_array_equal(x_train, images(4, 1).reshape(4, 3, 32, 32).transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(x_test, images(2, 2).reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))
    assert datasets.cifar100.load_data("coarse")[0][1].tolist() == [[0], [1], [2], [3]]
    with pytest.raises(ValueError, match="label_mode to be one of .* Received: label_mode='all'"):
        datasets.cifar100.load_data("all")


CIFAR_DAMAGE = {
    "code": pickle.dumps(os.system),
    "cut off": cifar_pickle(images(2), [1, 2])[:-100],
    "labels": cifar_pickle(images(2), [1, 2, 3]),
    "key": cifar_pickle(images(2), [1, 2], "other"),
    "range": cifar_pickle(images(2), [1, 300]),
    "no dict": pickle.dumps([1, 2]),
    "opcodes": b"\x80\x02.",
}


@pytest.mark.parametrize("case", CIFAR_DAMAGE)
def test_damaged_cifar(data_cache, case):
    data_cache(
        "cifar-10-batches-py-target_archive",
        tgz({"cifar-10-batches-py/data_batch_1": CIFAR_DAMAGE[case]}),
        datasets.cifar10,
    )
    with pytest.raises(ValueError, match="data_batch_1 is no CIFAR file: "):
        datasets.cifar10.load_data()


def test_fashion_mnist(data_cache):
    found = put_fashion(data_cache)
    assert_same(datasets.fashion_mnist.load_data(), (found["train"], found["t10k"]))
    path = data_cache("fashion-mnist/t10k-labels-idx1-ubyte.gz", b"damaged")
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} is damaged: .*; delete it"):
        datasets.fashion_mnist.load_data()
    data_cache("fashion-mnist/t10k-labels-idx1-ubyte.gz", idx(np.zeros(9, np.uint8)))
    with pytest.raises(ValueError, match=r"expected extents \(10000,\). Received: \(9,\)"):
        datasets.fashion_mnist.load_data()
