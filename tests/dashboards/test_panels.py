"""Every panel shows something, and no alert fires, where a real Prometheus scrapes a service at work."""

import contextlib
import re
import time
from pathlib import Path

import pytest

from tests.dashboards.boards import BOARDS, OPERATOR, Panel, panels
from tests.dashboards.busy_service import BusyService, busy_service
from tests.dashboards.prometheus import skip_without
from tests.integration.pipeline import until
from tests.kafka.broker import Broker

pytestmark = [pytest.mark.slow]

PROVOKED = {"HeadraceUnmappedCode", "HeadraceProvisionalCode", "HeadraceDeadLetterBurst"}
"""The alerts that what `BusyService.suffer` does sets off at once; others of it take longer than a test."""
TENANT = {"$provider": "leadsquared", "$tenant": "acme"}
_SERIES = re.compile(r"\b(?:headrace|process)[_:][\w:]+|\bALERTS\b")


def queried(board: str) -> list[Panel]:
    """Return the panels of a dashboard, for all tenants or for the one that is looked at."""
    return panels(board, OPERATOR if board == "headrace" else TENANT)


def series() -> set[str]:
    """Return the names of all series that a panel asks for."""
    queries = (query for board in BOARDS for panel in queried(board) for query, _ in panel.queries)
    return {name for query in queries for name in _SERIES.findall(query)}


async def empty(service: BusyService, begin: float) -> list[str]:
    """Return the queries of all panels that have shown nothing since `begin`."""
    return [
        f"{board}: {panel.title}: {query}"
        for board in BOARDS
        for panel in queried(board)
        for query, _ in panel.queries
        if not await service.prometheus.query_range(query, begin, time.time(), 1.0)
    ]


async def test_every_panel_shows_something_and_alerts_are_quiet(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """A healthy service sets off no alert; what only trouble shows is shown once there is some."""
    skip_without()
    async with busy_service(kafka.bootstrap_servers, prefix, tmp_path) as service:
        begin = time.time()
        await service.work(0.6, 6.0)
        assert await service.prometheus.unhealthy_rules() == []
        assert await service.prometheus.firing() == set()
        await service.suffer()
        await service.work(0.9, 4.0)

        async def provoked() -> bool:
            return await service.prometheus.firing() == PROVOKED

        async def whole() -> bool:
            return not await empty(service, begin)

        await until(provoked, f"exactly {PROVOKED} fire", every=1.0)
        assert series() - await service.prometheus.names() == set()
        with contextlib.suppress(TimeoutError):
            await until(whole, "every panel shows something", deadline=20.0, every=1.0)
        assert await empty(service, begin) == []
