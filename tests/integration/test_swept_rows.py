"""What the sweep finds though discovery works is marked in raw: it is the proof that discovery works, or does not."""

import pytest

from headrace.records.raw import from_raw_record
from tests.fake_provider import decode_row, polled
from tests.integration.fake_platform import platform
from tests.integration.poller_harness import PolledPipeline, make_polled
from tests.kafka.broker import Broker

pytestmark = pytest.mark.apache_kafka


async def swept(pipeline: PolledPipeline) -> dict[str, bool]:
    """Return for each row in raw whether it is marked when it came first."""
    raws = [from_raw_record(record.headers, record.value) for record in await pipeline.records("raw")]
    return {str(decode_row(raw.value).id): raw.swept for raw in reversed(raws)}


@pytest.mark.parametrize("discovers", [True, False], ids=["with discovery", "without"])
async def test_what_the_sweep_finds_alone_is_marked(kafka: Broker, prefix: str, discovers: bool) -> None:  # noqa: FBT001  (a parameter)
    """Not what the first reading of a lead brings, nor anything where no feed of the tenant names leads."""
    async with platform() as there:
        there.add(1, path="/leads/a/rows")
        feeds = ["trail", "finder"] if discovers else ["trail"]
        tenant = polled(there.url, feeds=feeds, leads=["a"], every=1)
        pipeline = await make_polled(kafka.bootstrap_servers, prefix, tenant)
        async with pipeline.poller():
            await pipeline.covered(1, "trail", "a")
            if discovers:
                await pipeline.comes(lambda: found(pipeline), "the feed that discovers was read")
            there.add(2, path="/leads/a/rows")
            await pipeline.covered(2, "trail", "a")
        assert await swept(pipeline) == {"1": False, "2": discovers}


async def found(pipeline: PolledPipeline) -> bool:
    """Return whether leads were looked for."""
    return (await pipeline.remembered()).read_at("finder", "") > 0
