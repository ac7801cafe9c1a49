"""Kernels divided by their largest singular value."""

from __future__ import annotations

from swiftbn import initializers, ops
from swiftbn._checks import positive_integer
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.wrapper import Wrapper
from swiftbn.micro_batches import current_part

# The square of the smallest norm by which is divided.
_SMALLEST = 1e-14


class SpectralNormalization(Wrapper):
    """In training the kernel of a layer, as a matrix (…, units), is divided by its largest singular value σ.

    σ = v·W·uᵀ comes from power iterations v = u·Wᵀ/‖u·Wᵀ‖, u = v·W/‖v·W‖, which go on from call to call in the weight
    `vector_u` (1, units); a kernel of zeros stays. Miyato et al. 2018 (arXiv 1802.05957).

    Args:
        layer: a layer with a weight `kernel` or `embeddings`.
        power_iterations: how many for each call, >= 1.
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        iterations = positive_integer("SpectralNormalization", "power_iterations", power_iterations)
        super().__init__(layer, **kwargs)
        self.power_iterations = iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        kernel = getattr(self.layer, "kernel", None)
        self.kernel = getattr(self.layer, "embeddings", None) if kernel is None else kernel
        if self.kernel is None:
            raise ValueError(
                f"SpectralNormalization '{self.name}': expected a layer with a weight 'kernel' or 'embeddings'. "
                f"Received: layer={self.layer!r}"
            )
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            dtype=self.kernel.dtype,
        )

    def call(self, inputs, training=False):
        part = current_part()
        # Once for all micro-batches of a batch, which read what the first one has assigned.
        if training and (part is None or part.is_first):
            u, kernel = self.normalized_weights()
            zero = ops.all(ops.equal(self.kernel, 0))
            u, kernel = ops.where(zero, self.vector_u, u), ops.where(zero, self.kernel, kernel)
            self.vector_u.assign(u)
            self.kernel.assign(kernel)
        return self.layer(inputs)

    def normalized_weights(self):
        """(u, kernel / σ) after the power iterations."""
        weights = ops.reshape(self.kernel, (-1, self.kernel.shape[-1]))
        u = ops.stop_gradient(self.vector_u)
        fixed = ops.stop_gradient(weights)
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(fixed)))
            u = _unit(ops.matmul(v, fixed))
        sigma = ops.matmul(ops.matmul(v, weights), ops.transpose(u))
        # 1 where a kernel of zeros has no singular value to divide by.
        sigma = ops.where(ops.equal(sigma, 0), 1, sigma)
        return u, ops.reshape(ops.divide(weights, sigma), self.kernel.shape)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "power_iterations": self.power_iterations}


def _unit(x):
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), _SMALLEST)))
