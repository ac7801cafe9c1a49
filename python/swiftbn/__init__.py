"""swiftbn: Keras-like neural networks for CPUs on a Swift core, batch normalization first."""

from swiftbn import layers, models, ops, random
from swiftbn.config import config, get_num_threads, set_num_threads
from swiftbn.layers import Input, Layer
from swiftbn.models import Model, Sequential
from swiftbn.tensor import KerasTensor, Tensor
from swiftbn.transforms import grad, value_and_grad
from swiftbn.variable import Variable
