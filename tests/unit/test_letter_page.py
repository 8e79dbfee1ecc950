"""What `headrace dead-letters show` advises: what helps, and nothing that publishes a record as what it is not."""

import pytest
from msgspec.structs import replace

from headrace.cli._letter_page import next_step
from headrace.cli._letters_shown import ShownLetter, shown
from headrace.cli.redrive import FoundLetter, FoundLetters, take_letter
from headrace.config import Config
from headrace.config.tenants import Tenants
from headrace.core.record import ProducerRecord
from headrace.normalizer.commit import Commit
from headrace.normalizer.decide import decide
from headrace.records.raw import digest, from_raw_record, headers_of, to_raw_record
from headrace.records.replayed import state_of
from headrace_events import decode_dead_letter
from tests.fake_provider import FAKE, NEW, OTHER_TABLE, account, tenants, thing
from tests.unit.partition import Partition, Raw, partition

RAW = thing("a", 1, "x")
KEY = digest("/things/acme", "thing", "a")
PAUSED = Tenants([account("acme", paused=True)])


def record(**beside: object) -> ProducerRecord:
    """Return a record of raw that comes back."""
    return ProducerRecord(KEY, RAW.value, headers_of(replace(RAW, resource="thing", id="a", version=1, **beside)))


def letter_of(commit: Commit) -> Raw:
    """Return the one letter of a commit as it lies on dead-letters."""
    (out,) = commit.letters
    return Raw(120, 0, out.key, out.value, out.headers)


def shown_to(tenants: Tenants, letter: Raw) -> ShownLetter:
    """Return a letter as it is shown where these tenants are configured."""
    on_topic = type("OnTopic", (), letter._asdict() | {"partition": 3, "topic": "dead-letters"})()
    return shown(Config(tenants=tenants), on_topic, decode_dead_letter(letter.headers))


@pytest.fixture
def here() -> Partition:
    """Return a partition where the record is published."""
    here = partition()
    here.hear(FAKE, RAW)
    return here


def of_lacking_mapping(here: Partition) -> Raw:
    """Return the letter of a replay whose mapping did not come."""
    here.now += 10 * 60_000
    batch = [here.records([record(replay=NEW)])[0]._replace(timestamp=0)]
    return letter_of(decide(batch, here.seen, here.tenants, here.limits, here.now))


def of_another_event(here: Partition) -> Raw:
    """Return the letter of a replay that became another event than was shown."""
    here.tenants = tenants(OTHER_TABLE)
    mark = here.seen.marks.find([KEY])[KEY]
    return letter_of(here.take(record(replay=NEW, replaces=state_of(mark), becomes="0" * 16)))


@pytest.mark.parametrize("make", [of_lacking_mapping, of_another_event])
def test_a_letter_of_a_replay_is_replayed_again(make: object, here: Partition) -> None:
    """Sent back it would be published under the tables of today, as what no replay showed: it is not sent back."""
    assert callable(make)
    letter = make(here)
    for configured in (here.tenants, PAUSED):
        step = next_step(shown_to(configured, letter))
        assert "run `headrace replay` again" in step
        assert "redrive" not in step
    found = FoundLetters()
    one = FoundLetter((3, 120), decode_dead_letter(letter.headers))
    take_letter(found, Config(tenants=here.tenants), one, from_raw_record(letter.headers, letter.value))
    assert (found.letters, found.replays) == ({}, 1)


def test_what_was_held_too_long_waits_for_its_tenant_first(here: Partition) -> None:
    """Where that is not configured or paused, what is sent back would be held again."""
    here.tenants = PAUSED
    letter = letter_of(here.take(record(expired=True)))
    assert next_step(shown_to(Tenants([]), letter)) == (
        "configure /things/acme, then headrace dead-letters redrive 3@120"
    )
    paused = next_step(shown_to(PAUSED, letter))
    assert paused.startswith("/things/acme is paused")
    assert paused.endswith("let it go on, then headrace dead-letters redrive 3@120")
    assert next_step(shown_to(tenants(), letter)) == "today it can be read: headrace dead-letters redrive 3@120"
    empty = letter._replace(value=b"")
    assert next_step(shown_to(tenants(), empty)) == "its tenant goes on: headrace dead-letters redrive 3@120"


def test_what_is_broken_stays_broken_whoever_is_paused(here: Partition) -> None:
    """A pause is not the reason why it cannot be read."""
    letter = letter_of(here.take(to_raw_record(FAKE, thing("b", 1, "?", do="bad"))))
    assert next_step(shown_to(PAUSED, letter)).startswith("let the platform correct the record")
    assert next_step(shown_to(tenants(), letter)).startswith("let the platform correct the record")
