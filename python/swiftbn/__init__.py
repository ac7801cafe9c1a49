"""swiftbn: Keras-like neural networks for CPUs on a Swift core, batch normalization first."""

from swiftbn import ops, random
from swiftbn.config import config, get_num_threads, set_num_threads
from swiftbn.tensor import KerasTensor, Tensor
from swiftbn.variable import Variable
