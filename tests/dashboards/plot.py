"""A dashboard as a picture: each panel at its place, with what Prometheus answered over the last minutes."""

import io
import re
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeAlias

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image

from tests.dashboards.boards import Panel
from tests.dashboards.units import amount, scale_of

GRID: Final = 24
"""Columns of a dashboard; places and sizes of panels are in cells of it."""
_CELL: Final = (0.62, 0.34)
"""Inches of a cell: width and height."""
_HEAD: Final = 0.5
"""Inches for the title of the dashboard."""
_LISTED: Final = 6
"""Series in a legend: the largest."""
_MISSING: Final = re.compile(r"{{\w+}}")
_COLORS: Final = 256

Series: TypeAlias = tuple[str, list[tuple[float, float]]]
"""A series by its name: seconds from the begin, and values."""


def series_of(legend: str, found: list[dict[str, Any]], begin: float) -> list[Series]:
    """Return the series that Prometheus answered, named as the panel's legend says."""
    series = []
    for one in found:
        name = legend
        for label, value in one["metric"].items():
            name = name.replace("{{" + label + "}}", value)
        points = [(at - begin, float(value)) for at, value in one["values"]]
        series.append((_MISSING.sub("", name).strip(), [(at, value) for at, value in points if isfinite(value)]))
    return series


def plot(title: str, drawn: list[tuple[Panel, list[Series]]], path: Path) -> None:
    """Write the panels as a PNG of few colors."""
    width = GRID * _CELL[0]
    height = _HEAD + _CELL[1] * max(panel.y + panel.height for panel, _ in drawn)
    figure = Figure(figsize=(width, height))
    canvas = FigureCanvasAgg(figure)
    figure.text(0.01, 1 - _HEAD / 2 / height, title, fontsize=15, va="center")
    tops: dict[str, int] = {}
    for panel, series in drawn:
        tops[panel.row] = min(panel.y, tops.get(panel.row, panel.y))
        _draw(figure, panel, series)
    for row, top in tops.items():
        figure.text(0.01, 1 - (_HEAD + (top - 0.5) * _CELL[1]) / height, row, fontsize=12, weight="bold", va="center")
    raw = io.BytesIO()
    canvas.print_figure(raw, dpi=80, format="png")
    Image.open(raw).convert("RGB").quantize(_COLORS).save(path, optimize=True)


def _draw(figure: Figure, panel: Panel, series: list[Series]) -> None:
    left, top = panel.x * _CELL[0], _HEAD + panel.y * _CELL[1]
    wide, high = panel.width * _CELL[0], panel.height * _CELL[1]
    total = figure.get_size_inches()
    frame = ((left + 0.04) / total[0], 1 - (top + high - 0.04) / total[1])
    size = ((wide - 0.08) / total[0], (high - 0.08) / total[1])
    figure.add_artist(Rectangle(frame, *size, transform=figure.transFigure, facecolor="none", edgecolor="#cccccc"))
    figure.text((left + 0.12) / total[0], 1 - (top + 0.18) / total[1], panel.title, fontsize=9, va="center")
    if panel.kind == "stat":
        at = (left + wide / 2) / total[0], 1 - (top + high / 2 + 0.12) / total[1]
        figure.text(*at, _newest(panel, series), fontsize=20, ha="center", va="center")
        return
    columns = panel.width // 3
    below = 0.34 + 0.15 * -(-min(len(series), _LISTED + 1) // columns)
    inner = wide - 0.83, high - below - 0.38
    corner = (left + 0.68) / total[0], 1 - (top + high - below) / total[1]
    axis = figure.add_axes((*corner, inner[0] / total[0], inner[1] / total[1]))
    _lines(axis, panel, series)
    _legend(axis, columns, inner)


def _newest(panel: Panel, series: list[Series]) -> str:
    found = [(name, points[-1][1]) for name, points in series if points]
    return (
        ", ".join(f"{name}: {value:.0f}" if name else amount(value, panel.unit) for name, value in found) or "no data"
    )


def _lines(axis: Axes, panel: Panel, series: list[Series]) -> None:
    highest = max(map(_height, series), default=0.0) or 1.0
    size, scale = scale_of(highest, panel.unit)
    for name, points in sorted(series, key=_height, reverse=True):
        times, values = [at for at, _ in points], [value / size for _, value in points]
        axis.plot(times, values, linewidth=1.2, label=name or panel.title, clip_on=False)
    axis.set_ylim(0, 1.05 * highest / size)
    axis.xaxis.set_major_formatter(lambda at, _: f"{at:.0f} s")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}{scale}" if value else "0")
    axis.tick_params(labelsize=7, length=2)
    axis.locator_params(axis="y", nbins=5)
    axis.grid(visible=True, color="#e5e5e5")
    axis.spines[["top", "right"]].set_visible(False)


def _height(series: Series) -> float:
    return max((value for _, value in series[1]), default=0.0)


def _legend(axis: Axes, columns: int, inches: tuple[float, float]) -> None:
    handles, names = axis.get_legend_handles_labels()
    if len(handles) > _LISTED:
        more = Line2D([], [], linestyle="none")
        handles, names = [*handles[:_LISTED], more], [*names[:_LISTED], f"and {len(handles) - _LISTED} more"]
    legend = axis.legend(handles, names, loc="upper left", ncol=columns, fontsize=7, frameon=False, borderaxespad=0.0)
    legend.set_bbox_to_anchor((-0.55 / inches[0], -0.22 / inches[1]))
