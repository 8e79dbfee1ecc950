"""What an act of the demo has just shown, in one line each, with the numbers that it came to. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

Decisions = Sequence[dict[str, Any]]
"""Decisions of the normalizer, as its log has them."""

_ONCE: Final = ("duplicate", "unchanged", "stale", "mirror", "noop")
"""Fates of records that are no news."""


def of_scenario(decided: Decisions) -> Iterator[str]:
    """Yield what files and webhooks of all platforms have shown."""
    fates = _fates(decided)
    events = [each for each in decided if each["fate"] == "published"]
    unmapped = sum(each["type"] == "unmapped" for each in events)
    old = sum(fates[fate] for fate in _ONCE)
    yield f"{len(decided)} records in, each event out once: {len(events)} events, {old} records were no news"
    yield f"nothing is guessed: {unmapped} codes without a row are unmapped, with their code"
    yield f"nothing is lost: {fates['dead']} broken records are dead letters, with bytes and place"


def of_polling(decided: Decisions) -> Iterator[str]:
    """Yield what webhooks and polling of the same activities have shown."""
    polled = [each for each in decided if each["via"] == "poll"]
    known, woken = _fates(polled)["unchanged"], _fates(decided)["nudged"]
    yield f"both ways make one event: {_fates(polled)['published']} by poll, {known} known before, {woken} feeds woken"


def of_outage(decided: Decisions, acknowledged: int) -> Iterator[str]:
    """Yield what an outage of Kafka has shown, during which so many webhooks were acknowledged."""
    events = _fates(decided)["published"]
    yield f"acknowledged is durable: {acknowledged} webhooks survived, as {events} events, once each"


def of_topics(decided: Decisions) -> Iterator[str]:
    """Yield what the topics have shown, compared with every decision."""
    fates = _fates(decided)
    yield f"the topics hold just that: {fates['published']} events, each id once, {fates['dead']} dead letters"


def _fates(decided: Decisions) -> Counter[str]:
    return Counter(each["fate"] for each in decided)
