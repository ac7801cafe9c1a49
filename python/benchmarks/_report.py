"""Rows of `run.py` as lines, a Markdown table and a picture."""

import math
from pathlib import Path

from _interleave import format_seconds


def is_disturbed(row: dict) -> bool:
    """Whether the quartiles are so far apart that the row says more of the machine's load than of the sides."""
    return row["low"] is not None and row["high"] > 2 * row["low"]


def is_reached(row: dict) -> bool | None:
    """Whether a row has what is wanted of it; None where nothing is, or nothing was compared, or it was disturbed.

    Both the median and the best rounds have to: the load of other processes may not decide it.
    """
    if row["limit"] is not None:
        return row["ours"] <= row["limit"]
    if row["wanted"] is None or row["ratio"] is None or is_disturbed(row):
        return None
    return min(row["ratio"], row["best"]) >= row["wanted"]


def line(row: dict) -> str:
    """One row for the terminal."""
    peer = row["peer"] or "alone"
    text = f"  {row['name']:58} {peer:20} {row['threads']} thread{'s' if row['threads'] > 1 else ' '} "
    if row["ratio"] is not None:
        text += f"{_ratio(row):>7}"
        if row["low"] is not None:
            text += f"  ({_number(row['low'], row)} to {_number(row['high'], row)}, best {_number(row['best'], row)})"
    if row["ours"] is not None:
        text += f"  {_amount(row['ours'], row)}"
        text += f" against {_amount(row['theirs'], row)}" if row["theirs"] is not None else ""
    if row["our_error"] is not None:
        text += f"  error {row['our_error']:.1e}"
        text += f" against {row['their_error']:.1e}" if row["their_error"] is not None else ""
    if is_reached(row) is False:
        text += f"  BELOW {_goal(row)}"
    return text + ("  disturbed" if is_disturbed(row) else "")


def geometric_means(rows: list, module) -> list:
    """For each peer and number of threads the mean of each part of the module's rows."""
    found = []
    for part, wanted in getattr(module, "MEANS", {}).items():
        own = [r for r in rows if r["module"] == module.__name__ and part in r["parts"] and r["ratio"] is not None]
        for peer, threads in dict.fromkeys((r["peer"], r["threads"]) for r in own):
            same = [r for r in own if (r["peer"], r["threads"]) == (peer, threads) and not is_disturbed(r)]
            if not same:
                continue
            entry = dict.fromkeys(own[0])
            entry |= {key: _geometric_mean([r[key] for r in same]) for key in ("ratio", "best")}
            entry |= {"module": module.__name__, "name": f"{part}, geometric mean of {len(same)}", "peer": peer}
            found.append(entry | {"threads": threads, "wanted": wanted, "unit": "mean", "parts": ()})
    return found


def _geometric_mean(values: list) -> float:
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def markdown(record: dict, titles: dict) -> str:
    """The table, a column for each number of threads; bold where less is reached than wanted."""
    threads = sorted({row["threads"] for row in record["rows"]})
    columns = [f"{count} thread{'s' if count > 1 else ''}" for count in threads]
    machine = record["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items() if version)
    lines = [
        "Medians of ratios from interleaved runs, in brackets their quartiles and the ratio of the best rounds, which",
        "the load of the machine disturbs least; bold is where one of both is below what is wanted. On one thread the",
        "process has one processor, and its time there counts. Errors (ours / theirs) are the worst against a float64",
        "reference, relative to the largest value. Rows whose quartiles are more than a factor of 2 apart were",
        "disturbed and are no evidence.",
        "",
        f"{machine['processors']} processors of {machine['processor']}, load {machine['load_before']:.1f} before and "
        f"{machine['load_after']:.1f} after; {versions}.",
        "",
        "| what | against | " + " | ".join(columns) + " | wanted | error |",
        "|---|---|" + "---|" * (len(columns) + 2),
    ]
    for module, title in titles.items():
        own = [row for row in record["means"] + record["rows"] if row["module"] == module]
        lines.append(f"| **{title}** |" + " |" * (len(columns) + 3))
        for name, peer in dict.fromkeys((row["name"], row["peer"]) for row in own):
            by_threads = {row["threads"]: row for row in own if (row["name"], row["peer"]) == (name, peer)}
            cells = [_cell(by_threads[count]) if count in by_threads else "" for count in threads]
            any_row = next(iter(by_threads.values()))
            errors = next((_errors(row) for row in by_threads.values() if row["our_error"] is not None), "")
            lines.append(f"| {name} | {peer or ''} | {' | '.join(cells)} | {_goal(any_row)} | {errors} |")
    for failure in record["failures"]:
        last = (failure["error"].splitlines() or [""])[-1].replace("|", "/")
        lines.append(f"\nFailed: {failure['module']} against {failure['peer']} on {failure['threads']} threads: {last}")
    return "\n".join(lines) + "\n"


def draw(record: dict, titles: dict, path: Path) -> None:
    """Bars of the ratios with their quartiles, a panel for each module, colours for numbers of threads."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = {}
    for module in titles:
        # Where there are means they stand for their rows.
        own = [row for row in record["means"] if row["module"] == module]
        own = own or [row for row in record["rows"] if row["module"] == module and row["ratio"] is not None]
        if own:
            panels[module] = own
    if not panels:
        return
    keys = {module: list(dict.fromkeys((r["name"], r["peer"]) for r in own)) for module, own in panels.items()}
    heights = [len(keys[module]) + 1.5 for module in panels]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(11, 0.24 * sum(heights) + 1),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    threads = sorted({row["threads"] for row in record["rows"]})
    for axis, (module, own) in zip(axes[:, 0], panels.items(), strict=True):
        labels = keys[module]
        width = 0.8 / len(threads)
        for position, count in enumerate(threads):
            rows = [row for row in own if row["threads"] == count]
            at = [labels.index((r["name"], r["peer"])) + (position - (len(threads) - 1) / 2) * width for r in rows]
            ratios = [row["ratio"] for row in rows]
            below = [max(0.0, r["ratio"] - (r["low"] or r["ratio"])) for r in rows]
            above = [max(0.0, (r["high"] or r["ratio"]) - r["ratio"]) for r in rows]
            label = f"{count} thread{'s' if count > 1 else ''}"
            color = f"C{position}"
            axis.barh(at, ratios, width, xerr=[below, above], color=color, error_kw={"lw": 0.7}, label=label)
        for index, key in enumerate(labels):
            wanted = next((r["wanted"] for r in own if (r["name"], r["peer"]) == key), None)
            if wanted is not None:
                axis.plot([wanted, wanted], [index - 0.45, index + 0.45], color="black", lw=1.5)
        axis.axvline(1, color="grey", lw=0.7)
        axis.set_yticks(range(len(labels)), [f"{name}  |  {peer}" for name, peer in labels], fontsize=7)
        axis.invert_yaxis()
        axis.margins(y=0.01)
        axis.set_title(titles[module], fontsize=9, loc="left")
        axis.tick_params(axis="x", labelsize=7)
    axes[0, 0].legend(fontsize=7)
    figure.supxlabel("times as fast as the peer (small, fraction of the bound); black: wanted", fontsize=8)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def _number(value: float, row: dict) -> str:
    return f"{value * 100:.0f} %" if row["unit"] == "bound" else f"{value:.3g}"


def _ratio(row: dict) -> str:
    return _number(row["ratio"], row) + ("" if row["unit"] == "bound" else " x")


def _amount(value: float, row: dict) -> str:
    if row["unit"] in ("s", "bound"):
        return format_seconds(value)
    return f"{value:.1f} {row['unit']}"


def _goal(row: dict) -> str:
    if row["limit"] is not None:
        return f"ours ≤ {_amount(row['limit'], row)}"
    return "" if row["wanted"] is None else f"≥ {_number(row['wanted'], row)}"


def _cell(row: dict) -> str:
    text = _amount(row["ours"], row) if row["ours"] is not None and (row["limit"] or row["ratio"] is None) else ""
    if row["ratio"] is not None:
        text += f"{', ' if text else ''}{_ratio(row).replace(' x', ' ×')}"
    text = f"**{text}**" if is_reached(row) is False else text
    if row["low"] is not None:
        text += f" ({_number(row['low'], row)}–{_number(row['high'], row)}; {_number(row['best'], row)})"
    if is_disturbed(row):
        text = f"disturbed: {text}"
    return text


def _errors(row: dict) -> str:
    theirs = f" / {row['their_error']:.0e}" if row["their_error"] is not None else ""
    return f"{row['our_error']:.0e}{theirs}"
