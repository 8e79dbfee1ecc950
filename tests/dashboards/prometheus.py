"""A real Prometheus with the rules that are deployed, and what it answers."""

import json
import os
import shutil
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from headrace_demo.process import Child
from tests.deploy.alert_file import FILE, REQUIRE
from tests.integration.pipeline import until
from tests.kafka.ports import free_port

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20)


def missing() -> str | None:
    """Return why there is no Prometheus, None where there is one."""
    return None if shutil.which("prometheus") else "there is no prometheus: apt-get install prometheus"


def skip_without() -> None:
    """Skip a test that needs it; fail it where promtool, which comes with it, is required."""
    if reason := missing():
        (pytest.fail if os.environ.get(REQUIRE) else pytest.skip)(reason)


class Prometheus:
    """Scrapes one process each second, by its admin URL, and evaluates the rules as often. For the main thread."""

    def __init__(self, home: Path, admin: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self._url: Final = f"http://127.0.0.1:{port}/api/v1/"
        target = {"job_name": "headrace", "static_configs": [{"targets": [admin.removeprefix("http://")]}]}
        often = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        config = home / "prometheus.yml"
        config.write_text(json.dumps({"global": often, "rule_files": [str(FILE)], "scrape_configs": [target]}))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={home / 'data'}"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
        self._child: Final = Child(command, log=home / "prometheus.log", cwd=home)

    async def ready(self) -> None:
        """Wait until it has scraped the process."""

        async def scraped() -> bool:
            try:
                return bool(await self.query("headrace_build_info"))
            except aiohttp.ClientError:
                return False

        await until(scraped, "Prometheus has scraped")

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of an expression as it is now: `metric` has the labels, `value` a time and a number."""
        found: list[dict[str, Any]] = (await self._get("query", query=expression))["result"]
        return found

    async def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of an expression over a time (seconds since the epoch), as `values`."""
        times = {"start": str(start), "end": str(end), "step": str(step)}
        found: list[dict[str, Any]] = (await self._get("query_range", query=expression, **times))["result"]
        return found

    async def names(self) -> set[str]:
        """Return the names of all series, scraped or recorded."""
        return set(await self._get("label/__name__/values"))

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire."""
        alerts = (await self._get("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def unhealthy_rules(self) -> list[str]:
        """Return the rules whose last evaluation failed, or that were not evaluated yet, with why."""
        groups = (await self._get("rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [f"{rule['name']}: {rule.get('lastError', rule['health'])}" for rule in rules if rule["health"] != "ok"]

    def close(self) -> None:
        """End it."""
        self._child.kill()

    async def _get(self, path: str, **parameters: str) -> Any:
        url = self._url + path
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as client, client.get(url, params=parameters) as answer:
            found = await answer.json()
        if found["status"] != "success":
            raise ValueError(f"{parameters}: {found['error']}")
        return found["data"]
