"""Rows that move while they are paged: whatever moves, in whatever moment, none is lost."""

from random import Random

import pytest

from headrace.providers.leadsquared import windows
from headrace.providers.leadsquared.activity_lists import asking
from headrace.providers.leadsquared.rows import facts_of, millis
from headrace.providers.leadsquared.windows import SECOND_MS, Place, WindowReader
from headrace.sdk.faults import Rejected, TooHeavy, Unavailable
from tests.providers.feeds_kit import NOW, Memory
from tests.providers.leadsquared.account import ACTIVITY, Account

HOUR = 3_600_000


def reader(api: Memory, place: Place, size: int = 25) -> WindowReader:
    """Read the rows of code 22."""
    return WindowReader(
        place,
        asking(api, "22"),
        size=size,
        time_of=lambda row: facts_of(row).modified,
        name_of=lambda row: facts_of(row).name,
    )


def later_than(written: str, dice: Random) -> int:
    """Return a time (ms) after one."""
    return (millis(written) or 0) + dice.randrange(1, 30) * SECOND_MS


async def read_all(found: WindowReader) -> tuple[set[tuple[object, int | None]], int, int]:
    """Return the versions that came, in how many pages, and how many rows were not shown."""
    versions: set[tuple[object, int | None]] = set()
    pages = short = 0
    while not found.done:
        for row in await found.page():
            facts = facts_of(row)
            versions.add((facts.name, facts.modified))
        pages, short = pages + 1, short + found.short
        assert pages < 2_000
    return versions, pages, short


@pytest.mark.parametrize("seed", range(60))
async def test_rows_that_are_edited_while_they_are_paged_are_not_lost(seed: int) -> None:
    """Before any page rows are edited, so that they leave the window or move on in it: the others come."""
    dice = Random(seed)
    account = Account()
    span = dice.choice([2, 60, HOUR // 1000])
    for number in range(dice.randrange(20, 200)):
        account.put(number, NOW - HOUR + dice.randrange(span) * SECOND_MS)
    account.cap = dice.choice([7, 25, 1000])
    account.disorder = dice.random() < 0.3
    still = set(list(account.rows)[:: dice.choice([2, 3])])

    def move() -> None:
        for number in dice.sample(sorted(account.rows), dice.randrange(4)):
            if number not in still:
                away = dice.random() < 0.5
                account.put(number, NOW + 1000 if away else later_than(account.rows[number]["ModifiedOn"], dice))

    account.moves = move
    place = Place(NOW - HOUR, NOW)
    came, _, _ = await read_all(reader(Memory(account), place))
    ids = {facts[0][0] for facts in came}  # type: ignore[index]  # a name of an id and a code
    assert {ACTIVITY % number for number in still} <= ids


async def test_a_second_with_more_rows_than_a_page() -> None:
    """It is paged by number and counted."""
    account = Account()
    for number in range(130):
        account.put(number, NOW - HOUR)
    for number in range(130, 140):
        account.put(number, NOW - HOUR + 5 * SECOND_MS)
    came, _, short = await read_all(reader(Memory(account), Place(NOW - 2 * HOUR, NOW)))
    assert (len(came), short) == (140, 0)


@pytest.mark.parametrize("counts", [True, False])
async def test_a_second_with_many_small_pages(counts: bool) -> None:  # noqa: FBT001  (a case)
    """However small pages had to be made: what bounds a second are its rows."""
    account = Account()
    account.own_counts = not counts
    for number in range(1_300):
        account.put(number, NOW - HOUR)
    came, _, short = await read_all(reader(Memory(account), Place(NOW - 2 * HOUR, NOW)))
    assert (len(came), short) == (1_300, 0)


async def test_a_second_with_more_rows_than_are_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said that the rest does not come, and not taken for rows that are hidden; what follows comes."""
    monkeypatch.setattr(windows, "_MOST_ROWS", 1_000)
    account = Account()
    for number in range(1_300):
        account.put(number, NOW - HOUR)
    account.put(1_300, NOW - HOUR + SECOND_MS)
    found = reader(Memory(account), Place(NOW - HOUR, NOW))
    assert len(await found.page()) == 1_000
    assert (found.cut, found.short) == (True, 0)
    assert len(await found.page()) == 1
    assert not found.cut


async def test_a_page_is_read_on_from_the_last_time() -> None:
    """Three pages of thirty rows each, by PageIndex 1 alone."""
    account = Account()
    for number in range(70):
        account.put(number, NOW - HOUR + number * 10 * SECOND_MS)
    came, pages, _ = await read_all(reader(Memory(account), Place(NOW - HOUR, NOW)))
    assert (len(came), pages) == (70, 3)
    assert {body["Paging"]["PageIndex"] for body in account.bodies} == {1}


async def test_what_is_counted_and_not_shown_is_said() -> None:
    """In a page, and in an empty one."""
    account = Account()
    account.hidden = {22: 3}
    account.put(1, NOW - HOUR)
    _, _, short = await read_all(reader(Memory(account), Place(NOW - 2 * HOUR, NOW)))
    assert short > 0


@pytest.mark.parametrize("fault", [TooHeavy("500"), Unavailable("503 MXTimeout")])
async def test_windows_that_are_too_much_are_made_smaller(fault: TooHeavy) -> None:
    """Both page and window, where a small one comes; they grow again."""
    account = Account()
    for number in range(400):
        account.put(number, NOW - 24 * HOUR + number * 200 * SECOND_MS)
    account.fails = lambda _: fault if account.bodies[-1]["Paging"]["PageSize"] > 100 else None
    place = Place(NOW - 24 * HOUR, NOW)
    came, _, short = await read_all(reader(Memory(account), place, size=1000))
    assert (len(came), short) == (400, 0)


async def test_an_outage_costs_one_call_more() -> None:
    """Where the smallest page fails as well, nothing is made smaller."""
    account = Account()
    account.fails = lambda _: Unavailable("503")
    found = reader(Memory(account), Place(NOW - HOUR, NOW), size=1000)
    with pytest.raises(Unavailable):
        await found.page()
    assert len(account.calls) == 2
    assert (found.place.size, found.place.span) == (0, 0)


async def test_a_refusal_is_not_asked_again() -> None:
    """It is an answer."""
    account = Account()
    account.fails = lambda _: Rejected("500 MXInvalidInputException")
    with pytest.raises(Rejected):
        await reader(Memory(account), Place(NOW - HOUR, NOW)).page()
    assert len(account.calls) == 1
