"""When a feed may build on what it has learned about a platform."""

import msgspec

from headrace.poller.platform_facts import LIFETIME_MS, Learned, known, learned, noted
from headrace.records.cursors import PlatformFact, decode, encode, entry

NOW = 1_790_899_200_000
HOUR = 3_600_000


def test_a_fact_is_believed_once_two_turns_have_seen_it() -> None:
    """One odd answer is no rule."""
    once = noted(None, "yes", NOW)
    assert known(once, NOW) is None
    twice = noted(once, "yes", NOW + HOUR)
    assert known(twice, NOW + HOUR) == "yes"
    assert noted(twice, "yes", NOW + 2 * HOUR) is twice


def test_a_fact_expires() -> None:
    """It is asked for again after a week, and believed when two turns have seen it again."""
    fact = noted(noted(None, "yes", NOW), "yes", NOW)
    assert known(fact, NOW + LIFETIME_MS - 1) == "yes"
    assert known(fact, NOW + LIFETIME_MS) is None
    again = noted(fact, "yes", NOW + LIFETIME_MS)
    assert known(again, NOW + LIFETIME_MS) is None
    assert known(noted(again, "yes", NOW + LIFETIME_MS + 1), NOW + LIFETIME_MS + 1) == "yes"


def test_two_sightings_far_apart_are_one() -> None:
    """What was seen once a week ago counts for nothing."""
    once = noted(None, "yes", NOW)
    assert known(noted(once, "yes", NOW + LIFETIME_MS), NOW + LIFETIME_MS) is None


def test_contrary_evidence_begins_anew() -> None:
    """Neither the old value nor the new one is believed then."""
    fact = noted(noted(noted(None, "a", NOW), "a", NOW), "b", NOW)
    assert known(fact, NOW) is None
    assert known(noted(fact, "b", NOW), NOW) == "b"


def test_what_older_versions_stored_is_asked_again() -> None:
    """It was believed at once and for good; it is read, and counts for nothing."""
    old = decode(b"/p/t\0fact\0name", b"\x01" + msgspec.json.encode({"value": "yes"}))
    assert old.value == PlatformFact("yes")
    assert known(PlatformFact("yes"), NOW) is None
    assert known(noted(PlatformFact("yes"), "yes", NOW), NOW) is None


def test_facts_are_stored_whole() -> None:
    """When and how often stands in the record."""
    fact = noted(noted(None, "yes", NOW), "yes", NOW + 1)
    record = encode(entry("/p/t", fact, "name"))
    assert decode(record.key or b"", record.value or b"").value == fact == PlatformFact("yes", at=NOW + 1, seen=2)


def test_people_see_what_is_believed() -> None:
    """By name, with the moment since when it is."""
    facts = {
        "b": noted(noted(None, "x", NOW), "x", NOW + 1),
        "a": noted(noted(None, "y", NOW), "y", NOW + 2),
        "once": noted(None, "z", NOW),
    }
    assert learned(facts, NOW + 3) == [Learned("a", "y", NOW + 2), Learned("b", "x", NOW + 1)]
