"""What the panels of the dashboards ask Prometheus for."""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.deploy.files import DEPLOY

BOARDS: Final[dict[str, dict[str, Any]]] = {
    file.stem: json.loads(file.read_text("utf-8")) for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
}
OPERATOR: Final = {"$provider": ".*", "$tenant": ".*"}
"""What Grafana puts in the place of variables where all are chosen."""


@dataclass(frozen=True)
class Panel:
    """One panel: its queries, each with its legend; `unit` is Grafana's name of it. Its place is in cells."""

    x: int
    y: int
    width: int
    height: int
    title: str
    row: str
    kind: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def panels(board: str, variables: dict[str, str]) -> list[Panel]:
    """Return the panels of a dashboard with these values of its variables, for Prometheus scraping each second."""
    found, row = [], ""
    for panel in BOARDS[board]["panels"]:
        if panel["type"] == "row":
            row = panel["title"]
            continue
        queries = tuple((_filled(one["expr"], variables), one["legendFormat"]) for one in panel["targets"])
        unit = panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        found.append(
            Panel(
                x=place["x"],
                y=place["y"],
                width=place["w"],
                height=place["h"],
                title=panel["title"],
                row=row,
                kind=panel["type"],
                unit=unit,
                queries=queries,
            )
        )
    return found


def _filled(expression: str, variables: dict[str, str]) -> str:
    for name, value in (variables | {"$__rate_interval": "15s"}).items():
        expression = expression.replace(name, value)
    return expression
