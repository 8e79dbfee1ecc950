"""A dashboard as a picture: each panel's queries over the last minutes, as Prometheus answers them."""

import re
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Final, cast

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tests.dashboards.boards import Panel

COLUMNS: Final = 4
_MOST: Final = 6
"""Series in a legend."""
_MISSING: Final = re.compile(r"{{\w+}}")

Lines = list[tuple[str, list[tuple[float, float]]]]
"""Each series by its name: seconds from the begin, and values."""


def lines_of(legend: str, found: list[dict[str, Any]], begin: float) -> Lines:
    """Return the series that Prometheus answered, named as the panel's legend says."""
    lines = []
    for one in found:
        name = legend
        for label, value in one["metric"].items():
            name = name.replace("{{" + label + "}}", value)
        name = _MISSING.sub("", name).strip()
        points = [(at - begin, float(value)) for at, value in one["values"]]
        lines.append((name, [(at, value) for at, value in points if isfinite(value)]))
    return lines


def plot(title: str, drawn: list[tuple[Panel, Lines]], path: Path) -> None:
    """Write the panels as a PNG."""
    mpl.use("Agg")
    rows = ceil(len(drawn) / COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(22, 2.9 * rows), layout="constrained", squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.set_visible(False)
    for axis, (panel, lines) in zip(axes.flat, drawn, strict=False):
        _draw(cast("Axes", axis), panel, lines)
    figure.suptitle(title, fontsize=15)
    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)


def _draw(axis: Axes, panel: Panel, lines: Lines) -> None:
    axis.set_title(f"{panel.row}: {panel.title}", fontsize=10)
    axis.tick_params(labelsize=7)
    if panel.kind == "stat":
        last = [points[-1][1] for _, points in lines if points]
        axis.text(
            0.5, 0.5, ", ".join(f"{value:,.4g}" for value in last) or "no data", ha="center", va="center", fontsize=22
        )
        axis.set_axis_off()
        return
    for name, points in lines:
        axis.plot([at for at, _ in points], [value for _, value in points], linewidth=1, label=name or panel.title)
    axis.set_ylabel(panel.unit, fontsize=7)
    axis.set_ylim(bottom=0)
    axis.grid(visible=True, color="#e5e5e5")
    handles, names = axis.get_legend_handles_labels()
    if handles:
        axis.legend(handles[:_MOST], names[:_MOST], fontsize=6, loc="upper left")
