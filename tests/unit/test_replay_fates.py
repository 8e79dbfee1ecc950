"""What became of the records that a replay sent, as marks, held ranges and dead letters tell it."""

from msgspec.structs import replace

from headrace.cli._replay_fates import HELD, STALE, UnpublishedReplay, explain, look_up
from headrace.cli._replay_reading import Remembered
from headrace.core.record import ProducerRecord
from headrace.normalizer.mapping_waits import MOST_SECONDS
from headrace.records.raw import from_raw_record, headers_of
from tests.fake_provider import FAKE, OTHER_TABLE, tenants, thing
from tests.unit.partition import NOW, Partition, Raw, partition
from tests.unit.test_replay import replay

KEYS = ("a", "b", "c")


def ordered() -> tuple[Partition, list[ProducerRecord]]:
    """Return a partition that published three things, with tables under which each is another, and their replays."""
    here = partition()
    here.hear(FAKE, *(thing(name, 1, "x") for name in KEYS))
    here.tenants = tenants(OTHER_TABLE)
    published = dict(zip(KEYS, here.events, strict=True))
    return here, [replay(here, thing(name, 1, "x"), published[name]) for name in KEYS]


def reasons(here: Partition, sent: list[ProducerRecord], *letters: Raw) -> tuple[int, list[str]]:
    """Return how many were published, and why others were not."""
    left: dict[bytes, UnpublishedReplay] = {}
    published = look_up(sent, Remembered(here.seen.marks, here.seen.held), left)
    for letter in letters:
        explain(letter, "mapping_missing", left)
    return published, [one.reason for one in left.values()]


def test_what_is_published_is_known_by_its_mark() -> None:
    """Also where an earlier run had sent the same."""
    here, sent = ordered()
    here.take(*sent)
    assert reasons(here, sent) == (3, [])
    here.take(*sent)
    assert here.fates[-3:] == ["duplicate"] * 3
    assert reasons(here, sent) == (3, [])
    here.hear(FAKE, thing("a", 2, "newer"))
    assert reasons(here, sent) == (3, [])


def test_what_was_published_anew_meanwhile_is_stale() -> None:
    """The others of the same run are published."""
    here, sent = ordered()
    here.hear(FAKE, thing("b", 2, "newer"))
    here.take(*sent)
    assert reasons(here, sent) == (2, [STALE])


def test_what_is_held_is_told_from_a_dead_letter() -> None:
    """Normalizers know the tenant as paused, this command does not."""
    here, sent = ordered()
    here.tenants = tenants(OTHER_TABLE, "other")
    here.take(*sent)
    assert reasons(here, sent) == (0, [HELD] * 3)


def test_a_dead_letter_says_why() -> None:
    """A second replay makes no second letter: the first one counts, but not where another reason is known."""
    here, sent = ordered()
    here.tenants = tenants()
    records = here.records(sent)
    here.now = NOW + MOST_SECONDS * 1000
    letters = [Raw(n, NOW, out.key, out.value, out.headers) for n, out in enumerate(here.decide(records).letters)]
    assert reasons(here, sent, *letters) == (0, ["mapping_missing"] * 3)
    raw = from_raw_record(sent[0].headers, sent[0].value)
    again = ProducerRecord(sent[0].key, raw.value, headers_of(replace(raw, becomes="other")))
    assert reasons(here, [again], *letters) == (0, ["mapping_missing"])
    here.hear(FAKE, thing("a", 2, "newer"))
    assert reasons(here, [again], *letters) == (0, [STALE])


def test_a_letter_that_is_no_replay_says_nothing() -> None:
    """An id may have letters of its own."""
    here, sent = ordered()
    plain = [Raw(0, NOW, sent[0].key, b"", [("headrace", b"")]), Raw(1, NOW, None, b"", [])]
    raw = from_raw_record(sent[0].headers, b"")
    plain.append(Raw(2, NOW, sent[0].key, b"", headers_of(replace(raw, replay=""))))
    assert reasons(here, sent[:1], *plain) == (0, [""])
