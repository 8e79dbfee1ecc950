"""The notices of one process, on a virtual clock: what is written of what is noted."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from headrace.kafka.notice_writer import take_notices
from headrace.observe.notice_level import (
    CODE_LASTS_SECONDS,
    CODE_RENEW_SECONDS,
    HOLD_SECONDS,
    LASTS_SECONDS,
    LONGEST_ITEM,
    LONGEST_SUMMARY,
    RENEW_SECONDS,
)
from headrace.observe.notices import MOST, MOST_BYTES, Notices
from headrace.records.notice import encode_notice
from headrace_events import Notice, NoticeKind, decode_notice

SOURCE = "/things/t"
PARKED, STALE, CODE = NoticeKind.TENANT_PARKED, NoticeKind.FEED_STALE, NoticeKind.CODE_FIRST_SEEN
BEGAN = 1_786_179_600.0


class Topic:
    """The notices of a process, a clock, and a topic that is compacted at once."""

    def __init__(self, stands: dict[str, Notice] | None = None) -> None:
        self.now = BEGAN
        self.notices = Notices(lambda: self.now)
        self.stands = stands if stands is not None else {}
        self.written: list[Notice] = []

    def write(self) -> list[Notice]:
        """Write what is due; return it."""
        if self.notices.unsettled:
            self.notices.settle(self.stands)
        found = self.notices.due()
        for one in found:
            record = encode_notice(one)
            self.stands[record.key.decode()] = decode_notice(record.value)
        self.notices.written(one.partitionkey for one in found)
        self.written += found
        return found

    def held(self) -> list[Notice]:
        """Write what is due once a minute has gone by; return it."""
        assert self.write() == [], "it has not held yet"
        self.now += HOLD_SECONDS
        return self.write()

    def restarted(self, later: float = 0.0) -> "Topic":
        """Return another process on the same topic."""
        other = Topic(self.stands)
        other.now = self.now + later
        return other


def states(found: list[Notice]) -> list[tuple[str, str]]:
    return [(one.partitionkey, one.data.state) for one in found]


def test_what_is_noted_again_and_again_is_written_once() -> None:
    """It is open from when it began, and over once; what was never the case is not written."""
    topic = Topic()
    topic.notices.note(STALE, SOURCE, None, item="rows")
    assert topic.write() == []
    topic.notices.note(PARKED, SOURCE, "it says no")
    topic.now += 5
    topic.notices.note(PARKED, SOURCE, "it says no")
    (one,) = topic.write()
    assert (one.partitionkey, one.type) == ("/things/t/tenant_parked", "headrace.notice.tenant_parked.v1")
    assert (one.time, one.recordedtime) == ("2026-08-08T09:00:00Z", "2026-08-08T09:00:05Z")
    assert (one.data.state, one.data.summary, one.data.ended) == ("open", "it says no", None)
    topic.now += 5
    topic.notices.note(PARKED, SOURCE, "it says no")
    assert topic.write() == []
    topic.notices.note(PARKED, SOURCE, None)
    topic.notices.note(PARKED, SOURCE, None)
    (over,) = topic.held()
    assert (over.data.state, over.time, over.data.ended) == ("over", "2026-08-08T09:00:10Z", "2026-08-08T09:00:10Z")
    assert (over.data.since, over.data.until) == (one.data.since, None)
    topic.now += 10 * LASTS_SECONDS
    assert topic.write() == []
    assert topic.notices.wrote == 2


def test_what_is_open_is_written_again_while_it_holds() -> None:
    """Each hour, with an id of its own and the newest reason, so that it never looks like one that nobody confirms."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "first")
    topic.write()
    topic.notices.note(PARKED, SOURCE, "second")
    for _ in range(24 * 60):
        topic.now += 60
        topic.write()
        assert topic.stands["/things/t/tenant_parked"].holds(datetime.fromtimestamp(topic.now, UTC))
    assert len(topic.written) == 25
    assert len({one.id for one in topic.written}) == 25
    assert {one.data.since for one in topic.written} == {"2026-08-08T09:00:00Z"}
    assert topic.written[1].data.summary == "second"
    topic.now += LASTS_SECONDS
    assert not topic.stands["/things/t/tenant_parked"].holds(datetime.fromtimestamp(topic.now, UTC))


def test_what_was_open_before_a_restart_goes_on_or_is_over() -> None:
    """The next process takes over since when it is, writes it no sooner than it has to, and ends what it finds over."""
    first = Topic()
    first.notices.note(PARKED, SOURCE, "it says no")
    first.notices.note(STALE, SOURCE, "slow", item="rows")
    first.write()
    second = first.restarted(later=600)
    second.notices.note(PARKED, SOURCE, "it says no")
    second.notices.note(STALE, SOURCE, None, item="rows")
    (over,) = second.held()
    assert (over.subject, over.data.state, over.data.since) == ("feed_stale/rows", "over", "2026-08-08T09:00:00Z")
    second.now = BEGAN + RENEW_SECONDS
    (again,) = second.write()
    assert (again.subject, again.data.since) == ("tenant_parked", "2026-08-08T09:00:00Z")
    late = first.restarted(later=2 * LASTS_SECONDS)
    late.notices.note(PARKED, SOURCE, "it says no")
    (new,) = late.write()
    assert new.data.since == new.time == "2026-08-08T15:00:00Z", "nobody knows what was between"


def test_who_gave_a_tenant_up_confirms_nothing_of_it() -> None:
    """Another process looks after it: what is the case is for that one to say."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "no")
    topic.notices.note(PARKED, "/things/t2", "no")
    topic.write()
    topic.notices.release(SOURCE)
    topic.now += RENEW_SECONDS
    assert states(topic.write()) == [("/things/t2/tenant_parked", "open")]


def test_what_ends_with_its_cause_is_over() -> None:
    """A tenant that is polled no more has no feed that is stale; other notices of it stay."""
    topic = Topic()
    topic.notices.note(STALE, SOURCE, "slow", item="rows")
    topic.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    topic.write()
    topic.notices.end(SOURCE, {STALE, PARKED})
    assert states(topic.held()) == [("/things/t/feed_stale/rows", "over")]


def test_what_began_and_ended_before_it_could_be_written_is_written_as_over() -> None:
    """Kafka was away meanwhile: the topic says from when until when."""
    topic = Topic()
    topic.notices.note(NoticeKind.SPOOL_IN_USE, "/headrace/a/receiver", "Kafka is away")
    topic.now += 60
    topic.notices.note(NoticeKind.SPOOL_IN_USE, "/headrace/a/receiver", None)
    (one,) = topic.held()
    assert (one.data.state, one.data.since, one.data.ended) == ("over", "2026-08-08T09:00:00Z", "2026-08-08T09:01:00Z")


def test_what_could_not_be_written_is_written_later() -> None:
    """And what changed meanwhile as it is then."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "no")
    topic.notices.settle({})
    found = topic.notices.due()
    topic.notices.note(PARKED, SOURCE, None)
    topic.notices.failed(one.partitionkey for one in found)
    assert states(topic.held()) == [("/things/t/tenant_parked", "over")]


def test_a_code_is_first_seen_once_whoever_sees_it() -> None:
    """Another process that sees it, or one that was started anew, knows since when, and writes it once a day."""
    first = Topic()
    first.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    assert len(first.write()) == 1
    second = first.restarted(later=3_600)
    second.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    assert second.write() == []
    second.now += CODE_RENEW_SECONDS
    assert second.write() == [], "nobody knows whether it still comes in"
    second.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    (again,) = second.write()
    assert again.data.since == "2026-08-08T09:00:00Z"
    late = second.restarted(later=2 * CODE_LASTS_SECONDS)
    late.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    assert late.write()[0].data.since == "2026-08-08T09:00:00Z"


def test_what_is_judged_over_on_the_topic_is_ended() -> None:
    """Tables that were changed while nobody ran: whoever knows the new ones ends what was noted under the old."""
    first = Topic()
    first.notices.note(CODE, SOURCE, "no row", item="201", mapping="aa")
    first.notices.note(CODE, SOURCE, "no row", item="202", mapping="bb")
    first.notices.note(PARKED, SOURCE, "no")
    first.write()
    second = first.restarted()
    second.notices.judge(CODE, lambda notice: notice.data.mapping == "bb")
    assert states(second.held()) == [("/things/t/code_first_seen/201", "over")]
    assert second.write() == []


def test_what_is_open_is_bounded_and_stays() -> None:
    """What is too much is refused and counted once, however often it is noted; it is taken where there is room."""
    topic = Topic()
    for _ in range(3):
        for number in range(MOST + 10):
            topic.notices.note(STALE, SOURCE, "x" * 10_000, item=f"{number}")
        topic.write()
        topic.now += 30
    assert len(topic.written) == MOST
    assert topic.written[0].data.item == "0"
    assert topic.notices.dropped == 10
    topic.notices.note(STALE, SOURCE, None, item=f"{MOST}")
    topic.notices.note(STALE, SOURCE, None, item="7")
    topic.now += HOLD_SECONDS
    topic.write()
    topic.notices.note(STALE, SOURCE, "slow", item=f"{MOST + 1}")
    assert states(topic.write()) == [(f"/things/t/feed_stale/{MOST + 1}", "open")]
    assert topic.notices.dropped == 10


def test_what_is_open_is_bounded_by_weight() -> None:
    """Where sources are long."""
    topic = Topic()
    for number in range(1_500):
        topic.notices.note(STALE, f"/things/{'x' * 2_000}{number}", "slow")
    assert topic.notices._weight <= MOST_BYTES
    assert topic.notices.dropped > 500
    assert len(topic.write()) + topic.notices.dropped == 1_500


def test_codes_leave_room_for_what_is_worse() -> None:
    """However many there are; those that came in no more for as long as their notices count make room for others."""
    topic = Topic()
    for number in range(MOST):
        topic.notices.note(CODE, SOURCE, "no row", item=f"{number}", mapping="aa")
    topic.notices.note(PARKED, SOURCE, "no")
    assert len(topic.write()) == MOST // 2 + 1
    assert topic.notices.dropped == MOST // 2
    topic.now += CODE_LASTS_SECONDS
    topic.notices.note(CODE, SOURCE, "no row", item="new", mapping="aa")
    assert states(topic.write())[-1] == ("/things/t/code_first_seen/new", "open")


@pytest.mark.parametrize("kind", NoticeKind)
def test_what_is_written_is_bounded_and_says_no_secret(kind: NoticeKind) -> None:
    """Texts from outside are one line each, cut, and without what looks like a secret."""
    topic = Topic()
    topic.notices.note(kind, SOURCE, "secret=hush \x1b[2J\n" + "y" * 1_000, item="\n" + "z" * 1_000)
    (one,) = topic.write()
    assert "hush" not in one.data.summary
    assert "\x1b" not in one.data.summary
    assert len(one.data.summary) == LONGEST_SUMMARY
    assert one.data.item is not None
    assert len(one.data.item) == LONGEST_ITEM + 1
    assert one.data.item.startswith(r"\n")
    headers = dict(encode_notice(one).headers)
    assert headers["ce_subject"].decode() == one.subject
    assert headers["ce_id"].decode() == one.id


def test_the_topic_is_looked_up_only_where_there_is_something_new() -> None:
    """However often a tenant says that all is well."""
    topic = Topic()
    for _ in range(3):
        topic.notices.note(PARKED, SOURCE, None)
    looks = [topic.notices.unsettled]
    topic.write()
    topic.notices.note(PARKED, SOURCE, None)
    assert [*looks, topic.notices.unsettled, topic.notices.has_due] == [True, False, False]


@pytest.mark.parametrize(
    "other",
    [
        {"since": "yesterday"},
        {"since": ""},
        {"since": "2026-08-08T09:00:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "2026-08-08T09:40:00"},
        {"ended": "x"},
        {"recordedtime": "2026-08-08"},
        {"source": 1},
        {"partitionkey": "/things/t2/tenant_parked"},
    ],
)
def test_what_is_no_notice_is_passed_over_and_counted(other: dict[str, Any]) -> None:
    """Whoever wrote it: what follows is taken, and all that waits is written."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "it says no")
    (one,) = topic.write()
    whole: dict[str, Any] = msgspec.to_builtins(one)
    for name, value in other.items():
        (whole if name in whole else whole["data"])[name] = value
    bad = replace(encode_notice(one), value=msgspec.json.encode(whole))
    topic.notices.note(STALE, SOURCE, "slow")
    (good,) = map(encode_notice, topic.write())
    found: dict[str, Notice] = {}
    assert take_notices(found, [bad, good, replace(bad, value=None)]) == 1
    assert list(found) == ["/things/t/feed_stale"]


def test_what_comes_and_goes_is_open_until_it_stays_away() -> None:
    """An hour of it, noted in turns each second, is written once, and over a minute after the last time."""
    topic = Topic()
    for _ in range(1_800):
        topic.notices.note(STALE, SOURCE, "slow")
        topic.write()
        topic.now += 1
        topic.notices.note(STALE, SOURCE, None)
        topic.write()
        topic.now += 1
    assert states(topic.written) == [("/things/t/feed_stale", "open")]
    topic.now -= 1
    (over,) = topic.held()
    assert (over.data.since, over.data.ended) == ("2026-08-08T09:00:00Z", "2026-08-08T09:59:59Z")
    topic.notices.note(STALE, SOURCE, "slow")
    (again,) = topic.held()
    assert (again.data.state, again.data.since) == ("open", "2026-08-08T10:00:59Z")


def test_what_was_over_for_long_begins_anew() -> None:
    """Though Kafka did not take that it was."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "no")
    topic.write()
    topic.notices.note(PARKED, SOURCE, None)
    topic.now += 2 * HOLD_SECONDS
    topic.notices.note(PARKED, SOURCE, "no again")
    (one,) = topic.write()
    assert (one.data.state, one.data.since) == ("open", "2026-08-08T09:02:00Z")


def test_a_process_that_ends_waits_for_nothing() -> None:
    """What is over with it is written at once."""
    topic = Topic()
    topic.notices.note(PARKED, SOURCE, "no")
    topic.write()
    topic.notices.note(PARKED, SOURCE, None)
    topic.notices.ends = True
    assert states(topic.write()) == [("/things/t/tenant_parked", "over")]
