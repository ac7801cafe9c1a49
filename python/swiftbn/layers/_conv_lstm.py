"""Long short-term memory of images: the products of `LSTM` are convolutions."""

from __future__ import annotations

from swiftbn import ops
from swiftbn._checks import integers, padding_mode, positive_integer
from swiftbn.config import standardize_data_format
from swiftbn.layers._arguments import known_channels
from swiftbn.layers._native_rnn import OfCell, of_cell
from swiftbn.layers.input_spec import InputSpec
from swiftbn.layers.layer import Layer
from swiftbn.layers.lstm import LSTMCell
from swiftbn.layers.rnn import RNN


class ConvLSTMCell(LSTMCell):
    """[i, f, g, o] = x ∗ kernel + h ∗ recurrent_kernel + bias; c ← σ(f)·c + σ(i)·φ(g); h ← σ(o)·φ(c).

    The recurrent convolution has strides 1 and padding "same", so that states keep their size.
    """

    def __init__(self, owner, rank, filters, kernel_size, strides, padding, data_format, dilation_rate, **kwargs):
        filters = positive_integer(owner, "filters", filters)
        kernel_size = integers(owner, "kernel_size", kernel_size, rank)
        strides = integers(owner, "strides", strides, rank)
        dilation_rate = integers(owner, "dilation_rate", dilation_rate, rank)
        if max(strides) > 1 and max(dilation_rate) > 1:
            raise ValueError(
                f"{owner}: expected strides or dilation_rate to be 1. "
                f"Received: strides={strides}, dilation_rate={dilation_rate}"
            )
        padding = padding_mode(owner, padding)
        # Keras drops other inputs for each of the four blocks.
        super().__init__(filters, implementation=1, **kwargs)
        self.rank = rank
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = dilation_rate

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        channels = known_channels(self, input_shape, self._channel_axis)
        extents = input_shape[1:-1] if self._channel_axis == -1 else input_shape[2:]
        if None in extents:
            raise ValueError(
                f"ConvLSTM{self.rank}D '{self.name}': expected known spatial extents, as the states have them. "
                f"Received: images of shape {tuple(input_shape)}"
            )
        self._image_shape = tuple(input_shape[1:])
        width = 4 * self.filters
        shapes = ((*self.kernel_size, channels, width), (*self.kernel_size, self.filters, width))
        self._add_weights(*shapes, bias_shape=(width,))

    def state_shape(self, image_shape) -> tuple:
        """(N, …) of the states for images of a shape."""
        batch, *rest = image_shape
        extents = rest[:-1] if self._channel_axis == -1 else rest[1:]
        found = []
        for n, k, s, d in zip(extents, self.kernel_size, self.strides, self.dilation_rate, strict=True):
            whole = n if self.padding == "same" or n is None else n - (k - 1) * d
            found.append(None if n is None else -(-whole // s))
        return (batch, *found, self.filters) if self._channel_axis == -1 else (batch, self.filters, *found)

    def compute_output_shape(self, inputs_shape, states_shape=None):
        shape = self.state_shape(inputs_shape)
        return shape, [shape, shape]

    def get_initial_state(self, batch_size=None):
        """Zeros for h and c."""
        shape = self.state_shape((batch_size, *self._image_shape))
        return [ops.zeros(shape, dtype=self.dtype) for _ in range(2)]

    def _convolution(self, x, kernel, masks: list, **options):
        def one(x, kernel):
            return ops.conv(x, kernel, data_format=self.data_format, **options)

        if not masks:
            return one(x, kernel)
        parts = ops.split(kernel, len(masks), axis=-1)
        products = [one(x * mask, part) for mask, part in zip(masks, parts, strict=True)]
        return ops.concatenate(products, axis=self._channel_axis)

    def call(self, inputs, states, training=False):
        h, c = states
        gates = self._convolution(
            inputs,
            self.kernel,
            self._input_masks(inputs, training),
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        gates = gates + self._convolution(h, self.recurrent_kernel, self._recurrent_masks(h, training), padding="same")
        if self.bias is not None:
            last = self._channel_axis == -1
            gates = gates + (self.bias if last else ops.reshape(self.bias, (1, -1, *(1,) * self.rank)))
        i, f, g, o = ops.split(gates, 4, axis=self._channel_axis)
        c = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
        h = self.recurrent_activation(o) * self.activation(c)
        return h, [h, c]

    def get_config(self) -> dict:
        config = super().get_config()
        del config["units"]
        return {
            **config,
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }


class ConvLSTM(OfCell, RNN):
    """A recurrent layer of images over `_rank` axes."""

    _rank = 0

    filters = of_cell("filters")
    kernel_size = of_cell("kernel_size")
    strides = of_cell("strides")
    padding = of_cell("padding")
    data_format = of_cell("data_format")
    dilation_rate = of_cell("dilation_rate")
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        cell = ConvLSTMCell(
            type(self).__name__,
            self._rank,
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
            dilation_rate=dilation_rate,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            dtype=kwargs.get("dtype"),
            trainable=kwargs.get("trainable", True),
            name="conv_lstm_cell",
        )
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self._rank + 3)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch, steps = sequences_shape[:2]
        state = self.cell.state_shape((batch, *sequences_shape[2:]))
        output = (batch, steps, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def _state_shapes(self, batch) -> list:
        return [self.cell.state_shape((batch, *self.cell._image_shape))] * 2

    def _check_states(self, states, batch) -> None:
        found = list(states) if isinstance(states, (list, tuple)) else [states]
        expected = self._state_shapes(batch)[0]
        shapes = [tuple(state.shape) for state in found]
        if len(found) != 2 or any(
            len(shape) != len(expected)
            or any(None not in (a, b) and a != b for a, b in zip(shape, expected, strict=True))
            for shape in shapes
        ):
            raise ValueError(
                f"{self._what}: expected initial_state to be two states of shape {expected}. Received: shapes {shapes}"
            )

    def get_config(self) -> dict:
        config = {**Layer.get_config(self), **self._loop_config()}
        names = ("name", "trainable", "dtype")
        return {**config, **{key: value for key, value in self.cell.get_config().items() if key not in names}}

    @classmethod
    def from_config(cls, config: dict):
        return Layer.from_config.__func__(cls, config)
