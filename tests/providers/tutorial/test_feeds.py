"""The tutorial's feed on the tutorial's platform, over HTTP."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from headrace.sdk.faults import Denied, Unavailable
from tests.providers.feeds_kit import Platform, Read, Reader, loses_nothing_when_killed, names, read
from tests.providers.tutorial.acme import provider
from tests.providers.tutorial.acme.client import client
from tests.providers.tutorial.acme.feeds import feeds
from tests.providers.tutorial.acme.settings import AcmeEventsSettings, AcmeSettings
from tests.providers.tutorial.simulator import KEY, AcmeSimulator, Row

T0 = 1_786_179_737_000
MINUTE = 60_000


def row(number: int, changed: int = 0, state: str = "done") -> Row:
    at = "2026-08-08T09:02:17Z"
    changed = changed or T0 + number * MINUTE
    return {"id": number, "changed": changed, "kind": "call", "state": state, "at": at, "person": "p1"}


def settings(platform: AcmeSimulator, *, page_size: int = 3, key: str = KEY) -> AcmeSettings:
    events = AcmeEventsSettings(page_size=page_size, look_back=600)
    return AcmeSettings(polling=True, base_url=platform.url, api_key=key, events=events)


def api_of(own: AcmeSettings) -> Platform:
    found = client(own)
    assert found
    return Platform(found)


@pytest.fixture
async def platform() -> AsyncIterator[AcmeSimulator]:
    """Serve an account of ten calls."""
    async with AcmeSimulator(*map(row, range(1, 11))) as serving:
        yield serving


async def poll(platform: AcmeSimulator, cursor: bytes = b"", page_size: int = 3) -> Read:
    """Read the feed once."""
    own = settings(platform, page_size=page_size)
    async with api_of(own) as api:
        return await read(feeds(own)[0], api, cursor)


def ids(found: Read) -> list[int]:
    return [msgspec.json.decode(raw.value)["id"] for raw in found.raws]


async def test_every_page_is_read_and_covered(platform: AcmeSimulator) -> None:
    """All rows come in the order of the list, each page before the cursor that covers it."""
    found = await poll(platform)
    assert ids(found) == [*range(1, 11)]
    assert found.before == [3, 6, 9, 10]
    assert [cursor.more for cursor in found.cursors] == [True, True, True, False]
    assert all(provider.identity(raw).resource == "event" for raw in found.raws)


async def test_the_next_reading_brings_what_is_new(platform: AcmeSimulator) -> None:
    """A changed row, a new one and a late one come; what is read once more for late rows is known."""
    first = await poll(platform)
    platform.rows[4] = row(4, T0 + 11 * MINUTE, state="missed")
    platform.rows[11] = row(11, T0 + 12 * MINUTE)
    platform.rows[12] = row(12, T0 + 5 * MINUTE)
    second = await poll(platform, first.cursor)
    assert sorted(ids(second)) == [4, 11, 12]
    assert second.skipped["repeated"] == 9
    third = await poll(platform, second.cursor)
    assert not third.raws


async def test_a_page_that_is_too_heavy_is_halved(platform: AcmeSimulator) -> None:
    """A 413 is answered with half the rows, until the page fits."""
    platform.heaviest = 2
    assert ids(await poll(platform, page_size=8)) == [*range(1, 11)]
    assert platform.limits[:3] == [8, 4, 2]


async def test_an_old_token_begins_the_list_again(platform: AcmeSimulator) -> None:
    """Where the platform does not take the token of a cursor any more, nothing is lost and nothing comes twice."""
    first = await poll(platform)
    platform.tokens = "u"
    second = await poll(platform, first.cursors[0].value)
    assert ids(second) == [*range(4, 11)]


async def test_what_passes_is_tried_again(platform: AcmeSimulator) -> None:
    """Too many calls and a bad gateway cost a try each."""
    platform.statuses.extend([429, 502])
    assert ids(await poll(platform)) == [*range(1, 11)]


async def test_a_wrong_key_is_denied(platform: AcmeSimulator) -> None:
    """A key that the platform does not know ends the turn with a fault of its own."""
    own = settings(platform, key="another")
    async with api_of(own) as api:
        with pytest.raises(Denied):
            await read(feeds(own)[0], api)


async def test_a_platform_that_stays_away_is_unavailable(platform: AcmeSimulator) -> None:
    """After its tries the turn ends; the cursor that was stored still stands."""
    platform.statuses.extend([502] * 20)
    with pytest.raises(Unavailable):
        await poll(platform)


async def test_nothing_is_lost_when_killed(platform: AcmeSimulator) -> None:
    """A reading may end behind anything that it yields, and goes on from the last cursor."""
    own = settings(platform)
    async with api_of(own) as api:
        await loses_nothing_when_killed(provider, feeds(own)[0], api)


async def test_readings_that_are_killed_end_complete(platform: AcmeSimulator) -> None:
    """While rows are added and changed, readings that are killed now and then bring every version."""
    own = settings(platform)
    async with api_of(own) as api:
        reader = Reader(feeds(own)[0], api)
        for number in range(11, 30):
            platform.rows[number] = row(number)
            platform.rows[number - 2] = row(number - 2, T0 + number * MINUTE, state="missed")
            await reader.turn()
        await reader.turn(killed=0.0)
    wanted = {("event", str(each["id"]), each["changed"]) for each in platform.rows.values()}
    assert wanted <= names(provider, reader.raws)


async def test_one_event_is_fetched(platform: AcmeSimulator) -> None:
    """`headrace fetch` asks for one event by its id."""
    own = settings(platform)
    (call,) = provider.single(own, "event", "7")
    async with api_of(own) as api:
        (piece,) = provider.cut(await api.call(call))
    assert msgspec.json.decode(piece.value)["id"] == 7
    assert not provider.single(own, "person", "7")
