"""A tenant whose events are redacted, decided on: the same fates, other events, and letters without bytes."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.cli._code_uses import CodeUse, as_today
from headrace.config.tenants import Account, Tenants
from headrace.core.redaction import Redaction
from headrace.normalizer.decide import refuse
from headrace.normalizer.mapping_waits import WaitsForMapping
from headrace.records.raw import to_raw_record
from headrace.sdk.provider import RawEvent
from headrace_events import decode_dead_letter
from tests.fake_provider import FAKE, tenants, thing
from tests.unit.partition import LIMITS, NOW, Partition, Raw, partition
from tests.unit.test_decide import RECORDS
from tests.unit.test_replay import change, replay

HIDDEN = "what nobody may read"
DROPPED = Redaction(drop=["text"])
LISTED = Redaction(drop=["text", "fields.mx_phone"])
HASHED = Redaction(hash=["text"], key="an-invented-key-of-32-characters")


def redacting(redaction: Redaction = DROPPED, **more: Any) -> Partition:
    """Return a partition of raw whose tenants redact."""
    accounts = [replace(one, settings=replace(one.settings, redact=redaction, **more)) for one in tenants()]
    return Partition(Tenants(accounts))


def texts(here: Partition) -> list[str | None]:
    return [event.data.text for event in here.events]


def test_what_is_listed_is_not_published() -> None:
    """Left out or hashed, and the event says so; what was taken is in no byte of the record."""
    for redaction, starts in ((DROPPED, "None"), (HASHED, "hmac:")):
        here = redacting(redaction)
        commit = here.hear(FAKE, thing(v=1, text=HIDDEN))
        assert str(here.events[0].data.text).startswith(starts)
        assert here.events[0].data.redacted == ["text"]
        assert HIDDEN.encode() not in msgspec.msgpack.encode(commit.events[0])


@given(st.lists(RECORDS, max_size=12), st.sampled_from([DROPPED, HASHED]))
def test_redaction_changes_no_fate(raws: list[RawEvent], redaction: Redaction) -> None:
    """It is done after the meaning was taken: what is news, and under which id, is the same with and without it."""
    plain, redacted = partition(), redacting(redaction)
    plain.hear(FAKE, *raws)
    redacted.hear(FAKE, *raws)
    assert redacted.fates == plain.fates
    assert [event.id for event in redacted.events] == [event.id for event in plain.events]
    assert [letter.raw for letter in redacted.letters] == [letter.raw for letter in plain.letters]


def test_a_letter_has_no_bytes_and_quotes_none() -> None:
    """It has the problem, the place in the payload and the coordinates on raw, and says that it was redacted."""
    here = redacting()
    record = here.records([to_raw_record(FAKE, thing("a", 1, HIDDEN, do="bad"))])[0]
    commit = here.decide([record])
    (out,) = commit.letters
    letter = decode_dead_letter(out.headers)
    assert (out.value, letter.redacted) == (b"", True)
    assert (letter.problem.code, letter.problem.source and letter.problem.source.pointer) == ("bad_value", "$.text")
    assert (letter.raw.partition, letter.raw.offset, letter.id) == (3, 0, "a")
    assert HIDDEN.encode() not in msgspec.msgpack.encode(out)
    assert HIDDEN not in commit.decisions[0].note


@pytest.mark.parametrize(
    "value",
    [
        b'{"id": "a", "v": "' + HIDDEN.encode() + b'"}',
        b'{"id": "a", "text": "' + HIDDEN.encode(),
        b'{"id": "a", "text": "' + HIDDEN.encode() + b'\xff"}',
    ],
)
def test_what_cannot_be_decoded_is_not_quoted_either(value: bytes) -> None:
    """A value of another kind, a body that breaks off, and bytes that are no text."""
    commit = redacting().hear(FAKE, replace(thing(), value=value))
    assert commit.fates == {"dead": 1}
    assert HIDDEN.encode() not in msgspec.msgpack.encode(commit.letters[0])


def test_other_letters_have_no_bytes_either() -> None:
    """Of what is too large, what was held for too long, and what Kafka refuses."""
    here = redacting()
    here.limits = replace(LIMITS, event_bytes=400)
    here.hear(FAKE, thing("a", 1, HIDDEN, size=500))
    waiting = redacting(paused=True)
    out = to_raw_record(FAKE, thing("b", 1, HIDDEN))
    waiting.hear(FAKE, replace(thing("b", 1, HIDDEN), expired=True))
    refused = refuse(Raw(0, NOW, out.key, out.value, out.headers), here.seen, here.tenants, LIMITS, NOW)
    assert [letter.problem.code for letter in here.letters] == ["too_large"]
    assert decode_dead_letter(refused.letters[0].headers).problem.code == "unwritable"
    assert [letter.value for letter in refused.letters] == [b""]
    assert all(letter.redacted for letter in (*here.letters, *waiting.letters))


def test_the_log_of_decisions_quotes_nothing() -> None:
    """At level debug, where each record has a line."""
    here = redacting()
    commit = here.hear(FAKE, thing("a", 1, HIDDEN), thing("b", 1, HIDDEN, do="bad"), thing("c", 1, HIDDEN, do="break"))
    assert [decision.fate for decision in commit.decisions] == ["published", "dead", "dead"]
    assert HIDDEN not in str([decision.log_fields for decision in commit.decisions])


def test_the_log_of_decisions_shows_the_subject_of_the_event() -> None:
    """Hashed where that is; of what is not published as well."""
    here = redacting(Redaction(hash=["subject"], key="an-invented-key-of-32-characters"))
    plain = partition().hear(FAKE, thing("a", 1)).decisions[0].subject
    subjects = [here.hear(FAKE, thing("a", version)).decisions[0].subject for version in (1, 2)]
    assert subjects == [here.events[0].subject] * 2
    assert plain != subjects[0]


def test_examples_for_a_draft_are_those_of_today() -> None:
    """Events that are older than the redaction stand on the topic as they were: no example is taken of these."""
    here, use = partition(), CodeUse("2026")
    here.hear(FAKE, thing("a", 1, HIDDEN))
    (event,) = here.events
    event.data.fields = {"mx_Phone": "five of them", "city": "Oslo"}
    before, after = (one.get(FAKE.name, "acme") for one in (here.tenants, redacting(LISTED).tenants))
    assert as_today(event, before).data.fields == {"mx_Phone": "five of them", "city": "Oslo"}
    use.add(as_today(event, after))
    assert use.fields == {"city": "Oslo"}
    assert event.data.text is None


@pytest.mark.parametrize(("before", "after"), [(partition, redacting), (redacting, partition)])
def test_a_change_of_what_is_redacted_can_be_replayed(before: Any, after: Any) -> None:
    """What is compared and published is the redacted event, under a mapping of its own; nothing else differs then."""
    here, raw = before(), thing("a", 1, HIDDEN)
    here.hear(FAKE, raw)
    old, here.tenants = here.tenants, after().tenants
    again = replay(here, raw)
    here.tenants = old
    with pytest.raises(WaitsForMapping):
        here.take(again)
    here.tenants = after().tenants
    here.take(again, again)
    assert here.fates == ["published", "published", "duplicate"]
    assert sorted(texts(here), key=str) == [None, HIDDEN]
    assert change(here, raw, here.events[-1]) is None


def test_no_redaction_costs_no_more_than_a_look() -> None:
    """An account without it has nothing that redacts, and the id of its tables."""
    account: Account = next(iter(tenants()))
    assert (account.redactor, account.mapping_id) == (None, account.mapping.id)
