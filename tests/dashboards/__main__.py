"""`python -m tests.dashboards [--seconds N] [FOLDER]`: run a service, scrape it, and draw both dashboards.

In the middle there is trouble: refusals, dead letters, codes without a row, turns that fail.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.dashboards.boards import BOARDS, OPERATOR, panels
from tests.dashboards.busy_service import BusyService, busy_service
from tests.dashboards.plot import plot, series_of
from tests.dashboards.prometheus import missing
from tests.kafka import embedded

TENANT: Final = {"$provider": "leadsquared", "$tenant": "acme"}


async def draw(service: BusyService, folder: Path, begin: float) -> None:
    """Draw both dashboards over the time since `begin`."""
    end = time.time()
    for name, board in BOARDS.items():
        drawn = []
        for panel in panels(name, OPERATOR if name == "headrace" else TENANT):
            series = [
                one
                for query, legend in panel.queries
                for one in series_of(legend, await service.prometheus.query_range(query, begin, end, 1.0), begin)
            ]
            drawn.append((panel, series))
        path = folder / f"{name}.png"
        plot(board["title"], drawn, path)
        sys.stdout.write(f"{path}\n")


async def run(servers: str, home: Path, folder: Path, seconds: float) -> None:
    """Let a service work for so long, then draw."""
    async with busy_service(servers, "dashboards.", home) as service:
        begin = time.time()
        await service.work(0.5, seconds / 2)
        await service.suffer()
        await service.work(0.9, seconds / 2)
        await draw(service, folder, begin)


def main() -> None:
    """Run; exit with 1 where there is no Prometheus."""
    parser = argparse.ArgumentParser(prog="make dashboards", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the service works")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("build/dashboards"))
    options = parser.parse_args()
    if reason := missing():
        parser.exit(1, f"{reason}\n")
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="headrace-dashboards-") as home:
        broker = embedded.offer(Path(home))
        try:
            broker.start()
            asyncio.run(run(broker.bootstrap_servers, Path(home) / "service", options.folder, options.seconds))
        finally:
            broker.close()


if __name__ == "__main__":
    main()
