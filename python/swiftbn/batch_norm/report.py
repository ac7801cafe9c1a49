"""How the batch normalizations of a model stand to data: a report by layer and channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from swiftbn.batch_norm._statistics import Batches, Moments, batch_norm_layers, observe

_SMALL_GAMMA = 1e-3


@dataclass(frozen=True, eq=False)
class LayerReport:
    """One batch normalization: float64 or bool arrays of shape (C,).

    Attributes:
        name: the layer's name.
        count: number of values per channel.
        moving_mean, moving_variance: μ and σ² of the layer.
        batch_mean, batch_variance: mean m and biased variance v of what the layer is given for the data.
        mean_shift: (m - μ)/√(σ² + ε), how far the data are from the statistics; near 0 where they fit.
        variance_ratio: (v + ε)/(σ² + ε), near 1 where they fit.
        effective_shift: β - γ·μ/√(σ² + ε), what the layer adds to γ·x/√(σ² + ε) in inference.
        is_dead: channels that are constant over the data (v = 0).
        is_gamma_small: channels with |γ| < 1e-3 of the layer's median |γ|, or γ = 0.
    """

    name: str
    count: int
    moving_mean: np.ndarray
    moving_variance: np.ndarray
    batch_mean: np.ndarray
    batch_variance: np.ndarray
    mean_shift: np.ndarray
    variance_ratio: np.ndarray
    effective_shift: np.ndarray
    is_dead: np.ndarray
    is_gamma_small: np.ndarray

    @property
    def channels(self) -> int:
        return len(self.moving_mean)


class BatchNormReport:
    """Reports of all batch normalizations that a model calls, in the order of their calls.

    `report["name"]` and `report[0]` give a `LayerReport`, `len` and iteration work as for a list, and `print(report)`
    prints the table.

    Attributes:
        model: the model's name.
        layers: list of `LayerReport`.
    """

    def __init__(self, model: str, layers: list[LayerReport]):
        self.model = model
        self.layers = layers

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self):
        return iter(self.layers)

    def __getitem__(self, key) -> LayerReport:
        if not isinstance(key, str):
            return self.layers[key]
        for layer in self.layers:
            if layer.name == key:
                return layer
        raise KeyError(f"No batch normalization named {key!r}, only {', '.join(layer.name for layer in self.layers)}")

    def table(self):
        """A `rich.table.Table`: per layer the extremes over its channels, and numbers of channels with a flaw."""
        from rich.markup import escape
        from rich.table import Table

        table = Table(title=f"Batch normalization of '{escape(self.model)}'", title_justify="left")
        table.add_column("Layer")
        for title in ("Channels", "Mean shift", "Variance ratio", "Effective shift", "Dead", "Small γ"):
            table.add_column(title, justify="right")
        for layer in self.layers:
            table.add_row(
                escape(layer.name),
                str(layer.channels),
                _range(layer.mean_shift),
                _range(layer.variance_ratio),
                _range(layer.effective_shift),
                str(int(layer.is_dead.sum())),
                str(int(layer.is_gamma_small.sum())),
            )
        return table

    def __str__(self) -> str:
        import io

        from rich.console import Console

        console = Console(width=120, file=io.StringIO())
        console.print(self.table())
        return console.file.getvalue().rstrip("\n")

    def __repr__(self) -> str:
        return f"<BatchNormReport model={self.model}, layers={[layer.name for layer in self.layers]}>"

    def plot(self, path) -> None:
        """Writes a picture: one row per layer, one column each for mean shift, variance ratio and effective shift.

        Dead channels are red, those with small γ orange.

        Args:
            path: file whose ending gives the format, as matplotlib knows it (.png, .svg, .pdf).

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                "BatchNormReport.plot: expected matplotlib to be installed; pip install 'swiftbn[plot]'"
            ) from error
        columns = (("mean_shift", "mean shift", 0), ("variance_ratio", "variance ratio", 1))
        columns += (("effective_shift", "effective shift", None),)
        figure = Figure(figsize=(11, 0.6 + 1.9 * len(self.layers)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(self.layers), len(columns), squeeze=False)
        for row, layer in zip(axes, self.layers, strict=True):
            colors = np.where(layer.is_dead, "tab:red", np.where(layer.is_gamma_small, "tab:orange", "tab:blue"))
            for axis, (attribute, title, fit) in zip(row, columns, strict=True):
                axis.scatter(np.arange(layer.channels), getattr(layer, attribute), s=12, c=list(colors))
                if fit is not None:
                    axis.axhline(fit, color="gray", linewidth=0.8)
                    # Rounding should not look like a difference.
                    low, high = axis.get_ylim()
                    axis.set_ylim(min(low, fit - 0.1), max(high, fit + 0.1))
                axis.set_title(f"{layer.name}: {title}", fontsize=9)
                axis.tick_params(labelsize=8)
        for axis in axes[-1]:
            axis.set_xlabel("channel", fontsize=8)
        figure.suptitle(f"Batch normalization of '{self.model}' (red: dead channels, orange: small γ)", fontsize=10)
        figure.savefig(path, dpi=120)


def batch_norm_report(model, x, batch_size=None) -> BatchNormReport:
    """Compares the moving statistics of all batch normalizations with what the layers are given for data.

    The model runs in inference mode over all of x; means and variances are joined over the batches in float64, and do
    not depend on the batch size. Nothing of the model is changed. A layer that is called several times is reported
    once, over all its inputs; one that is not called is left out.

    Args:
        model: a built model, Sequential, functional or subclassed.
        x: its inputs, as for `predict`, (N, …).
        batch_size: samples per batch, by default 32.

    Returns:
        A `BatchNormReport`, whose `LayerReport`s hold arrays of shape (C,).

    Raises:
        TypeError: not a model.
        ValueError: a model that is not built, has no batch normalization, or calls none; x does not fit.
    """
    layers = batch_norm_layers(model, "batch_norm_report")
    by_id = {id(layer): layer for layer in layers}
    found = observe(model, layers, Batches(x, batch_size))
    if not found:
        raise ValueError(f"batch_norm_report: model '{model.name}' calls none of its batch normalizations")
    return BatchNormReport(model.name, [_layer_report(by_id[key], moments) for key, moments in found.items()])


def _layer_report(layer, moments: Moments) -> LayerReport:
    mean, variance = (v.numpy().astype("float64") for v in (layer.moving_mean, layer.moving_variance))
    gamma = np.ones_like(mean) if layer.gamma is None else layer.gamma.numpy().astype("float64")
    beta = np.zeros_like(mean) if layer.beta is None else layer.beta.numpy().astype("float64")
    with np.errstate(all="ignore"):
        deviation = np.sqrt(variance + layer.epsilon)
        return LayerReport(
            name=layer.name,
            count=moments.count,
            moving_mean=mean,
            moving_variance=variance,
            batch_mean=moments.mean,
            batch_variance=moments.variance,
            mean_shift=(moments.mean - mean) / deviation,
            variance_ratio=(moments.variance + layer.epsilon) / (variance + layer.epsilon),
            effective_shift=beta - gamma * mean / deviation,
            is_dead=moments.is_constant,
            is_gamma_small=(np.abs(gamma) < _SMALL_GAMMA * np.median(np.abs(gamma))) | (gamma == 0),
        )


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} … {values.max():.3g}" if len(values) else "-"
