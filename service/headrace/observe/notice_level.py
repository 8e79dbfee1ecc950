"""How things stand with one subject of notices, and the notice that says so. Pure."""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from headrace.observe.escapes import escaped
from headrace.observe.redact import scrub
from headrace_events import Notice, NoticeData, NoticeKind, NoticeState

RENEW_SECONDS: Final = 3_600.0
LASTS_SECONDS: Final = 3 * RENEW_SECONDS
CODE_RENEW_SECONDS: Final = 86_400.0
CODE_LASTS_SECONDS: Final = 7 * CODE_RENEW_SECONDS
"""A code is written again when it comes in again: nobody knows whether it still does."""
HOLD_SECONDS: Final = 60.0
"""What is over is written once it has been for so long, and nothing sooner after it was written before."""
LONGEST_SUMMARY: Final = 300
LONGEST_ITEM: Final = 100
_OWN_BYTES: Final = 300
"""What is remembered of a subject beside its texts."""


class NoticeSubject(Struct, frozen=True):
    """What may be the case, and of what: a tenant or process, and an item of it. `str` is its key on the topic."""

    kind: NoticeKind
    source: str
    item: str = ""

    @property
    def name(self) -> str:
        """The CloudEvents subject: the kind, and the item."""
        return f"{self.kind}/{self.item}" if self.item else str(self.kind)

    def __str__(self) -> str:
        return f"{self.source}/{self.name}"


class NoticeLevel(Struct):
    """How things stand. `since` and `changed` are in ms, `written` is in seconds since the epoch.

    `settled`: what stood on the topic before is known. `waits`: it is to be written. `stands`: the topic has it open.
    """

    subject: NoticeSubject
    summary: str
    since: int
    changed: int
    is_open: bool = True
    mapping: str = ""
    settled: bool = False
    waits: bool = False
    stands: bool = False
    written: float = 0.0

    @property
    def is_code(self) -> bool:
        """Whether it is about a native code."""
        return self.subject.kind is NoticeKind.CODE_FIRST_SEEN

    @property
    def renews(self) -> float:
        """After so many seconds it may be written again."""
        return CODE_RENEW_SECONDS if self.is_code else RENEW_SECONDS

    @property
    def weight(self) -> int:
        """Bytes that it takes, rounded up."""
        return _OWN_BYTES + 4 * (LONGEST_SUMMARY + len(self.subject.item) + len(self.subject.source))

    def has_lapsed(self, now: float) -> bool:
        """Return whether it is of a code that did not come in for so long that its notice counts no more."""
        return self.is_code and not self.waits and now >= self.written + CODE_LASTS_SECONDS

    def is_due(self, now: float, hold: float) -> bool:
        """Return whether it is to be written now, where what is news has to hold for `hold` seconds."""
        renewed = self.is_open and not self.is_code and now >= self.written + RENEW_SECONDS
        since = self.written if self.is_open else max(self.written, self.changed / 1000)
        return self.settled and (renewed or (self.waits and now >= since + hold))

    def reopen(self, summary: str, mapping: str, now: int) -> None:
        """Note that it is the case again, as of now (ms); where it was over for a moment only, it never was."""
        if now < self.changed + HOLD_SECONDS * 1000:
            self.waits = not self.stands
        else:
            self.waits, self.since = True, now
        self.is_open = True
        self.summary, self.mapping = summary, mapping

    def meet(self, before: Notice, now: float) -> None:
        """Take over what stands on the topic of what is the case: since when it is, and whether that is news."""
        self.settled = True
        if self.is_code or before.holds(datetime.fromtimestamp(now, UTC)):
            self.since = min(self.since, millis(before.data.since))
        renewed = millis(before.recordedtime) / 1000
        self.stands = before.is_open
        known = before.is_open and before.data.mapping == (self.mapping or None)
        if self.is_open and known and now < renewed + self.renews / 2:
            self.waits, self.written = False, renewed


def level_over(subject: NoticeSubject, before: Notice, now: int) -> NoticeLevel:
    """Return the level of what the topic has as open, and what is over, as of now (ms)."""
    summary = before.data.summary[:LONGEST_SUMMARY]
    since = millis(before.data.since)
    return NoticeLevel(subject, summary, since, now, is_open=False, settled=True, waits=True, stands=True)


def notice_of(level: NoticeLevel, now: float) -> Notice:
    """Return the notice that says how things stand, written at `now` (seconds since the epoch)."""
    lasts = CODE_LASTS_SECONDS if level.is_code else LASTS_SECONDS
    written = int(now * 1000)
    data = NoticeData(
        notice=level.subject.kind,
        state=NoticeState.OPEN if level.is_open else NoticeState.OVER,
        summary=level.summary,
        item=level.subject.item or None,
        since=text_of(level.since),
        ended=None if level.is_open else text_of(level.changed),
        until=text_of(int((now + lasts) * 1000)) if level.is_open else None,
        mapping=level.mapping or None,
    )
    return Notice(
        specversion="1.0",
        id=f"{level.subject.name}/{written}",
        source=level.subject.source,
        type=f"headrace.notice.{level.subject.kind}.v1",
        subject=level.subject.name,
        time=data.ended or data.since,
        recordedtime=text_of(written),
        datacontenttype="application/json",
        dataschema="urn:headrace:notice:1",
        partitionkey=str(level.subject),
        data=data,
    )


def bounded_summary(why: str) -> str:
    """Return a sentence as a notice has it: one line, of bounded length, without what looks like a secret."""
    text = escaped(scrub(why[: 4 * LONGEST_SUMMARY]))
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


def millis(text: str) -> int:
    """Return a time in ms since the epoch. Raises `ValueError`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def text_of(millis: int) -> str:
    """Return milliseconds since the epoch as all times of ours are written."""
    seconds, rest = divmod(millis, 1000)
    text = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"
