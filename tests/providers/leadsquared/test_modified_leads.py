"""The feed that finds leads that were changed: in memory, and on the simulated platform."""

from random import Random
from typing import Any

import pytest

from headrace.providers.leadsquared.code_streams import FACT
from headrace.providers.leadsquared.modified_leads import ModifiedLeadsFeed
from headrace.providers.leadsquared.recent_leads import NOTE, RecentLeads
from headrace.providers.leadsquared.settings import ModifiedLeadsSettings
from headrace.providers.leadsquared.wire import BY_CODE
from headrace.sdk.feed import Sighting, Turn
from tests.providers.feeds_kit import NOW, Memory, Read, read
from tests.providers.leadsquared.account import LEAD, Account

MINUTE = 60_000
HOUR = 60 * MINUTE


def feed_of(**settings: Any) -> ModifiedLeadsFeed:
    """Make a feed of small pages."""
    return ModifiedLeadsFeed(ModifiedLeadsSettings(**({"page_size": 25} | settings)))


async def turns(feed: ModifiedLeadsFeed, api: Memory, cursor: bytes, turn: Turn | None = None) -> tuple[Read, bytes]:
    """Take turns until nothing is left; return all that they sighted, and the last cursor."""
    all_of = Read()
    for _ in range(100):
        found = await read(feed, api, cursor, turn)
        all_of.sightings += found.sightings
        all_of.lacks, all_of.cursors = found.lacks, found.cursors
        cursor = found.cursor
        if not found.cursors[-1].more:
            return all_of, cursor
    raise AssertionError("it never ends")


async def test_what_is_asked() -> None:
    """Closed windows of ModifiedOn, and three columns alone; at first one more, for the time that it is."""
    account = Account()
    account.leads[LEAD % 1] = NOW - HOUR + 5
    found, _ = await turns(feed_of(), Memory(account), b"")
    assert found.sightings == [Sighting(LEAD % 1, NOW - HOUR + 5)]
    assert account.calls == ["Leads.RecentlyModified"] * 2
    assert account.bodies[1] == {
        "Columns": {"Include_CSV": "ProspectID,ModifiedOn,CreatedOn"},
        "Parameter": {"FromDate": "2026-10-01 00:00:00", "ToDate": "2026-10-02 00:00:00"},
        "Paging": {"PageIndex": 1, "PageSize": 25},
        "Sorting": {"ColumnName": "ModifiedOn", "Direction": 0},
    }


async def test_a_change_is_told_once_and_the_last_minutes_are_read_again() -> None:
    """A lead that shows up late is found; what was told is not told again."""
    account, feed = Account(), feed_of()
    api, cursor = Memory(account), b""
    account.leads[LEAD % 1] = NOW - MINUTE
    _, cursor = await turns(feed, api, cursor)
    api.now += 2 * MINUTE
    account.leads[LEAD % 2] = NOW - 5 * MINUTE
    found, cursor = await turns(feed, api, cursor)
    assert [seen.lead for seen in found.sightings] == [LEAD % 2]
    api.now += 2 * MINUTE
    account.leads[LEAD % 1] = NOW + 3 * MINUTE
    found, _ = await turns(feed, api, cursor)
    assert [seen.lead for seen in found.sightings] == [LEAD % 1]
    assert len(account.calls) == 4


@pytest.mark.parametrize("one_list", [False, True])
async def test_leads_whose_news_the_streams_brought_are_not_woken(*, one_list: bool) -> None:
    """Where a row came that is not older than the change; any later change wakes the lead.

    Streams of codes are not all codes: a stage change before a call moved the lead as well, and only the lead has it.
    """
    account, leads = Account(), RecentLeads()
    api = Memory(account)
    if one_list:
        api.learn(FACT, "yes")
    for number in range(4):
        account.leads[LEAD % number] = NOW - HOUR
    leads.add(LEAD % 1, NOW - HOUR)
    leads.add(LEAD % 2, NOW - HOUR - 1000)
    leads.add(LEAD % 3, NOW)
    api.notes[BY_CODE, NOTE] = RecentLeads(leads.packed()).packed()
    found, _ = await turns(feed_of(), api, b"")
    assert {seen.lead: seen.brought for seen in found.sightings} == {
        LEAD % 0: False,
        LEAD % 1: True,
        LEAD % 2: False,
        LEAD % 3: True,
    }
    assert [seen.unsure for seen in found.sightings] == [seen.brought and not one_list for seen in found.sightings]


def test_recent_leads_are_bounded() -> None:
    """The last two thousand."""
    leads = RecentLeads()
    for number in range(5_000):
        leads.add(f"lead-{number}", NOW)
    assert len(leads.packed()) == 24_000
    assert leads.has("lead-4999", NOW)
    assert not leads.has("lead-2999", NOW)


@pytest.mark.parametrize("seed", range(12))
async def test_leads_that_change_while_they_are_paged_are_all_told(seed: int) -> None:
    """Changes before any page, kills behind anything: the last change of each lead is told."""
    dice, account, feed = Random(seed), Account(), feed_of()
    api, cursor, named = Memory(account), b"", set[tuple[str, int]]()

    def move() -> None:
        for _ in range(dice.randrange(6)):
            account.leads[LEAD % dice.randrange(200)] = api.now - dice.choice([0, 0, 30_000])

    account.moves = move
    for step in range(80):
        api.now += 2 * MINUTE
        account.moves = move if step < 60 else lambda: None
        most = dice.randint(1, 60) if dice.random() < 0.5 and step < 60 else None
        found = await read(feed, api, cursor, most=most)
        named |= {(seen.lead, seen.at) for seen in found.sightings}
        cursor = found.cursor if found.cursors else cursor
    assert set(account.leads.items()) <= named


async def test_leads_that_are_counted_and_not_shown() -> None:
    """It is said, and believed after a minute."""
    account, feed = Account(), feed_of()
    account.leads[LEAD % 1] = NOW - MINUTE
    account.hidden = {0: 2}
    api = Memory(account)
    found, cursor = await turns(feed, api, b"")
    assert "not shown" in found.lacks
    api.now += 2 * MINUTE
    found, _ = await turns(feed, api, cursor)
    assert not found.lacks


async def test_a_shortfall_that_was_over_is_not_believed_again() -> None:
    """A moment of empty pages, long after another one, makes no hole."""
    account, feed = Account(), feed_of()
    api, cursor = Memory(account), b""
    for number in range(3):
        account.leads[LEAD % number] = api.now - MINUTE
        account.blank = number % 2
        found, cursor = await turns(feed, api, cursor)
        api.now += HOUR
    account.blank = 1
    account.leads[LEAD % 4] = api.now - MINUTE
    found, cursor = await turns(feed, api, cursor)
    assert "not shown" in found.lacks
    api.now += HOUR
    found, _ = await turns(feed, api, cursor)
    assert [seen.lead for seen in found.sightings] == [LEAD % 4]


async def test_rewound_and_spans() -> None:
    """From a time on, and of a span alone."""
    account, feed = Account(), feed_of()
    for number in range(100):
        account.leads[LEAD % number] = NOW - (number + 1) * HOUR
    api = Memory(account)
    found, _ = await turns(feed, api, feed.rewound(NOW - 50 * HOUR, b""))
    assert len(found.sightings) == 50
    found, _ = await turns(feed, api, b"", Turn(span=(NOW - 90 * HOUR, NOW - 80 * HOUR)))
    assert sorted(seen.at for seen in found.sightings) == [NOW - hours * HOUR for hours in range(90, 80, -1)]


async def test_rewound_only_goes_back() -> None:
    """What was changed since the last reading is found, however far behind that is."""
    account, feed = Account(), feed_of()
    api = Memory(account)
    _, cursor = await turns(feed, api, b"")
    api.now += 48 * HOUR
    for number in range(40):
        account.leads[LEAD % number] = NOW + number * HOUR
    found, _ = await turns(feed, api, feed.rewound(api.now - HOUR, cursor))
    assert len(found.sightings) == 40
