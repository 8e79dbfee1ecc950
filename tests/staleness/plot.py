"""The plot of what the ways yield: which share of the events is how stale at most, a panel for each platform."""

from itertools import groupby
from pathlib import Path
from typing import Final, cast

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from tests.staleness.load import DAY
from tests.staleness.measure import Result

_COLORS: Final = {"sweep only": "#b2182b", "discovery": "#2166ac", "discovery and webhooks": "#1b7837"}
_TICKS: Final = {1.0: "1 s", 10.0: "10 s", 60.0: "1 min", 600.0: "10 min", 3600.0: "1 h", 6 * 3600.0: "6 h", DAY: "1 d"}
_TARGET: Final = 90.0
_POINTS: Final = 2_000


def plot(results: list[Result], path: Path, *, note: str) -> None:
    """Write the plot as a PNG."""
    mpl.use("Agg")
    panels = [list(group) for _, group in groupby(results, key=lambda result: result.platform)]
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(12, 3.9 * rows), sharex=True, sharey=True, layout="constrained")
    for axis, group in zip(axes.flat, panels, strict=False):
        _panel(cast("Axes", axis), group)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(f"How stale events are when they are brought: {note}", fontsize=13)
    figure.supxlabel("staleness: brought minus happened (logarithmic)")
    figure.supylabel("share of the events of a day")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def _panel(axis: Axes, group: list[Result]) -> None:
    shares = np.linspace(0.0, 1.0, _POINTS)
    for result in group:
        p95 = float(np.quantile(result.staleness, 0.95))
        times = np.maximum(np.quantile(result.staleness, shares), 1.0)
        axis.plot(times, shares, label=f"{result.way}: p95 {_short(p95)}", color=_COLORS[result.way], linewidth=2)
    axis.axvline(_TARGET, color="grey", linestyle=":", linewidth=1.2)
    axis.text(_TARGET * 1.08, 0.03, "90 s", color="grey", fontsize=9)
    axis.axhline(0.95, color="grey", linestyle=":", linewidth=1.2)
    axis.text(3.2e4, 0.905, "95 %", color="grey", fontsize=9)
    axis.set_title(group[0].platform, fontsize=11)
    axis.set_xscale("log")
    axis.set_xlim(1.0, 14 * DAY)
    axis.set_xticks(list(_TICKS), list(_TICKS.values()))
    axis.xaxis.set_tick_params(labelbottom=True, labelsize=9)
    axis.minorticks_off()
    axis.set_ylim(0.0, 1.02)
    axis.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axis.grid(visible=True, color="#e5e5e5")
    below = (0.5, -0.07)
    axis.legend(
        loc="upper center",
        bbox_to_anchor=below,
        ncols=3,
        fontsize=8,
        frameon=False,
        handlelength=1.2,
        columnspacing=1.2,
    )


def _short(seconds: float) -> str:
    for unit, length in (("d", DAY), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
