"""How strong frequencies of signals are in the course of time. Fourier transforms of windows are matrix products."""

from __future__ import annotations

import math
import warnings

import numpy as np

from swiftbn import initializers, ops
from swiftbn._checks import integer, number, one_of, padding_mode, positive_integer
from swiftbn._windows import check_window, fourier, window_values
from swiftbn.config import epsilon, standardize_data_format
from swiftbn.dtypes import is_float_dtype
from swiftbn.layers._arguments import known_channels
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.ops._dispatch import dtype_of


class STFTSpectrogram(Layer):
    """The short-time Fourier transform of each channel, as a convolution with trainable kernels that begin with it.

    Shapes: (N, T, C) → (N, T', C·F), F being fft_length/2 + 1 frequencies (twice as many with mode="stft"), with
    `expand_dims` (N, T', F, C); channels first (N, C, T) → (N, C·F, T') or (N, C, T', F).

    Args:
        mode: "log", "magnitude", "psd" (power of both halves of the spectrum), "real", "imag", "angle", or "stft": real
            and imaginary parts, one behind the other.
        frame_length: how long windows are.
        frame_step: steps between windows, by default half of that.
        fft_length: by default the next power of 2.
        window: "hann", "hamming", "blackman", "bartlett", "boxcar", an array of numbers, or None.
        periodic, scaling: as of `initializers.STFT`.
        padding: "valid" or "same".
        expand_dims: whether frequencies have an axis of their own.
        data_format: "channels_last" or "channels_first"; None for `image_data_format()`.
    """

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        kind = "STFTSpectrogram"
        one_of(kind, "mode", mode, ("log", "magnitude", "psd", "real", "imag", "angle", "stft"))
        one_of(kind, "scaling", scaling, (None, "density", "spectrum"))
        length = positive_integer(kind, "frame_length", frame_length)
        if frame_step is not None and positive_integer(kind, "frame_step", frame_step) > length:
            raise ValueError(f"{kind}: expected frame_step <= frame_length={length}. Received: frame_step={frame_step}")
        if fft_length is not None:
            integer(kind, "fft_length", fft_length, length)
            if fft_length & -fft_length != fft_length:
                warnings.warn(f"{kind}: fft_length should be a power of 2. Received: {fft_length}", stacklevel=2)
        check_window(kind, window)
        super().__init__(**kwargs)
        self.mode = mode
        self.frame_length = length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = bool(periodic)
        self.scaling = scaling
        self.padding = padding_mode(kind, padding)
        self.expand_dims = bool(expand_dims)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=3)
        self._frame_step = frame_step or max(1, length // 2)
        self._frequencies = (fft_length or 2 ** math.ceil(math.log2(length))) // 2 + 1

    @property
    def _is_last(self) -> bool:
        return self.data_format == "channels_last"

    def build(self, input_shape):
        known_channels(self, input_shape, -1 if self._is_last else 1)
        if self.mode != "imag":
            self.real_kernel = self._kernel("real")
        if self.mode != "real":
            self.imag_kernel = self._kernel("imag")

    def _kernel(self, side: str):
        return self.add_weight(
            shape=(self.frame_length, 1, self._frequencies),
            initializer=initializers.STFT(side, self.window, self.scaling, self.periodic),
            name=f"{side}_kernel",
        )

    def _transformed(self, inputs, kernel):
        """(N, C, T', F)."""
        x = ops.transpose(inputs, (0, 2, 1)) if self._is_last else inputs
        channels, steps = x.shape[1:]
        x = ops.reshape(x, (-1, steps, 1))
        x = ops.conv(x, kernel, self._frame_step, self.padding, data_format="channels_last")
        return ops.reshape(x, (-1, channels, *x.shape[1:]))

    def _arranged(self, x):
        """From (N, C, T', F)."""
        _, channels, steps, frequencies = x.shape
        if self.expand_dims:
            return ops.transpose(x, (0, 2, 3, 1)) if self._is_last else x
        if self._is_last:
            return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, steps, channels * frequencies))
        return ops.reshape(ops.transpose(x, (0, 1, 3, 2)), (-1, channels * frequencies, steps))

    def call(self, inputs):
        if not is_float_dtype(dtype_of(inputs)):
            raise TypeError(f"STFTSpectrogram '{self.name}': expected floats. Received: dtype {dtype_of(inputs)}")
        if self.mode in ("real", "imag"):
            return self._arranged(self._transformed(inputs, getattr(self, f"{self.mode}_kernel")))
        real, imag = (self._transformed(inputs, kernel) for kernel in (self.real_kernel, self.imag_kernel))
        if self.mode == "angle":
            return self._arranged(ops.arctan2(imag, real))
        if self.mode == "stft":
            return self._arranged(ops.concatenate([real, imag], axis=-1))
        power = ops.add(ops.square(real), ops.square(imag))
        if self.mode == "psd":
            inner = np.ones(self._frequencies, self.dtype)
            inner[1:-1] = 2
            return self._arranged(ops.multiply(power, inner))
        magnitude = ops.sqrt(ops.maximum(power, epsilon()))
        return self._arranged(magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, epsilon())))

    def compute_output_shape(self, input_shape):
        batch, *rest = input_shape
        steps, channels = rest if self._is_last else rest[::-1]
        frequencies = self._frequencies * (2 if self.mode == "stft" else 1)
        if steps is not None:
            whole = steps if self.padding == "same" else steps - self.frame_length + 1
            steps = -(-whole // self._frame_step)
        if self.expand_dims:
            return (batch, steps, frequencies, channels) if self._is_last else (batch, channels, steps, frequencies)
        joined = None if channels is None else channels * frequencies
        return (batch, steps, joined) if self._is_last else (batch, joined, steps)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": self.window,
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "data_format": self.data_format,
            "expand_dims": self.expand_dims,
        }


class MelSpectrogram(Layer):
    """How strong the bands of the mel scale are in windows of signals, in decibels.

    Signals are mirrored at their ends, so that a window is around each step.

    Shapes: (T,) or (N, T) → (num_mel_bins, T') or (N, num_mel_bins, T'), T' = ⌊T/sequence_stride⌋ + 1.

    Args:
        fft_length: of the Fourier transform.
        sequence_stride: steps between windows.
        sequence_length: how long windows are, by default fft_length.
        window: "hann", "hamming", "blackman", "bartlett", "boxcar" (periodic), an array of numbers, or None.
        sampling_rate: samples per second.
        num_mel_bins: how many bands there are.
        min_freq, max_freq: where the bands begin and end, in hertz; by default at 20 and half of the sampling rate.
        power_to_db: whether 10·log₁₀(band/ref_power) is taken, at least `top_db` below the largest one of the batch.
        top_db: see there.
        mag_exp: power of the magnitudes.
        min_power: the least power before logarithms.
        ref_power: the power of 0 decibels.
    """

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        kind = "MelSpectrogram"
        fft_length = positive_integer(kind, "fft_length", fft_length)
        length = fft_length if sequence_length is None else positive_integer(kind, "sequence_length", sequence_length)
        if length > fft_length:
            raise ValueError(
                f"{kind}: expected sequence_length <= fft_length={fft_length}. Received: sequence_length={length}"
            )
        check_window(kind, window)
        for name, value in (("sampling_rate", sampling_rate), ("min_power", min_power), ("mag_exp", mag_exp)):
            number(kind, name, value, lambda v: v > 0, "a number > 0")
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = positive_integer(kind, "sequence_stride", sequence_stride)
        self.sequence_length = length
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = positive_integer(kind, "num_mel_bins", num_mel_bins)
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = bool(power_to_db)
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power

    def call(self, inputs):
        x = ops.cast(inputs, self.dtype)
        half = self.fft_length // 2
        if len(x.shape) not in (1, 2) or x.shape[-1] <= half:
            raise ValueError(
                f"MelSpectrogram '{self.name}': expected signals (T,) or (N, T) of more than fft_length/2={half} "
                f"steps. Received: shape {tuple(x.shape)}"
            )
        # d c b | a b c d | c b a
        period = max(1, 2 * (x.shape[-1] - 1))
        places = np.abs((np.arange(-half, x.shape[-1] + half) + period // 2) % period - period // 2)
        x = ops.take(x, places.astype("int32"), axis=-1)
        before = (self.fft_length - self.sequence_length) // 2
        window = np.zeros(self.fft_length)
        own = window_values("MelSpectrogram", self.window, self.sequence_length, periodic=True)
        window[before : before + self.sequence_length] = own
        frames = ops.extract_sequences(x, self.fft_length, self.sequence_stride)
        parts = (window[:, None] * part for part in fourier(self.fft_length, self.fft_length))
        real, imag = (ops.matmul(frames, part.astype(self.dtype)) for part in parts)
        power = ops.add(ops.square(real), ops.square(imag))
        if self.mag_exp != 2:
            power = ops.power(power, self.mag_exp / 2)
        matrix = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, half + 1, self.sampling_rate, self.min_freq, self.max_freq, self.dtype
        )
        bands = ops.matmul(power, matrix)
        return ops.swapaxes(self._decibels(bands) if self.power_to_db else bands, -1, -2)

    def _decibels(self, bands):
        levels = ops.multiply(ops.log10(ops.maximum(bands, self.min_power)), 10.0)
        levels = ops.subtract(levels, 10.0 * math.log10(max(abs(self.ref_power), self.min_power)))
        return ops.maximum(levels, ops.subtract(ops.max(levels), self.top_db))

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """(num_spectrogram_bins, num_mel_bins) weights that make bands of the mel scale of equally spaced frequencies.

        They are triangles of height 1 over 1127·log(1 + f/700), between the middles of the bands beside; frequency 0
        has no part.

        Args:
            num_spectrogram_bins: how many frequencies there are, from 0 to sampling_rate/2.
            sampling_rate: samples per second.
            lower_edge_hertz, upper_edge_hertz: where the bands begin and end.
            dtype: a float dtype.
        """

        def mel(hertz):
            return 1127.0 * np.log1p(np.asarray(hertz, "float64") / 700.0)

        points = mel(np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins))[:, None]
        edges = np.linspace(mel(lower_edge_hertz), mel(upper_edge_hertz), num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        weights = np.maximum(0, np.minimum((points - low) / (middle - low), (high - points) / (high - middle)))
        weights[0] = 0
        return weights.astype(dtype)

    def compute_output_shape(self, input_shape):
        *batch, steps = input_shape
        if steps is not None:
            steps = (steps + 2 * (self.fft_length // 2) - self.fft_length) // self.sequence_stride + 1
        return (*batch, self.num_mel_bins, steps)

    def get_config(self) -> dict:
        names = "fft_length sequence_stride sequence_length window sampling_rate num_mel_bins min_freq max_freq"
        names += " power_to_db top_db mag_exp min_power ref_power"
        return {**super().get_config(), **{name: getattr(self, name) for name in names.split()}}
