"""A Prometheus that scrapes all places with the rules that are deployed, evaluated as shipped."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp

from headrace_demo.process import Child
from tests.deploy.alert_file import FILE
from tests.integration.pipeline import until
from tests.kafka.ports import HOST, free_port
from tests.soak.places import Place

EVERY: Final = 15
"""Seconds between two scrapes, as deploy/components/pod-monitor has it, and between two evaluations."""
_TIMEOUT: Final = aiohttp.ClientTimeout(total=30)


class ScrapedService:
    """Prometheus over these places, each an instance by its own name. For the main thread."""

    def __init__(self, home: Path, places: Sequence[Place]) -> None:
        home.mkdir(parents=True)
        port = free_port()
        self._url: Final = f"http://{HOST}:{port}"
        targets = [{"targets": [place.admin], "labels": {"instance": place.name}} for place in places]
        often = {"scrape_interval": f"{EVERY}s", "scrape_timeout": "10s", "evaluation_interval": f"{EVERY}s"}
        jobs = [{"job_name": "headrace", "static_configs": targets}]
        config = home / "prometheus.yml"
        config.write_text(json.dumps({"global": often, "rule_files": [str(FILE)], "scrape_configs": jobs}))
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={home / 'data'}"]
        command += [f"--web.listen-address={HOST}:{port}", "--log.level=warn"]
        self._child: Final = Child(command, log=home / "prometheus.log", cwd=home)

    async def ready(self) -> None:
        """Wait until it serves."""

        async def serves() -> bool:
            try:
                async with aiohttp.ClientSession(timeout=_TIMEOUT) as client, client.get(f"{self._url}/-/ready") as a:
                    return a.ok
            except aiohttp.ClientError:
                return False

        await until(serves, "Prometheus is ready")

    async def fired(self, since: float, to: float) -> list[dict[str, Any]]:
        """Return the series of the alerts that fired in a time (seconds since the epoch)."""
        asked_for = {"query": 'ALERTS{alertstate="firing"}', "start": str(since), "end": str(to), "step": str(EVERY)}
        found: list[dict[str, Any]] = (await self._get("query_range", asked_for))["result"]
        return found

    async def unseen(self, places: Sequence[Place]) -> list[str]:
        """Return the places that it does not scrape now: what alerts say of these counts for nothing."""
        found = (await self._get("query", {"query": "headrace_build_info"}))["result"]
        seen = {one["metric"]["instance"] for one in found}
        return [f"{place.name} is not scraped" for place in places if place.name not in seen]

    async def unhealthy_rules(self) -> list[str]:
        """Return the rules whose last evaluation failed, with why."""
        rules = [rule for group in (await self._get("rules", {}))["groups"] for rule in group["rules"]]
        return [f"{rule['name']}: {rule.get('lastError', '')}" for rule in rules if rule["health"] == "err"]

    def close(self) -> None:
        """End it."""
        self._child.kill()

    async def _get(self, path: str, parameters: dict[str, str]) -> Any:
        url = f"{self._url}/api/v1/{path}"
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as client, client.get(url, params=parameters) as answer:
            found = await answer.json()
        if found["status"] != "success":
            raise ValueError(f"{path}: {found['error']}")
        return found["data"]
