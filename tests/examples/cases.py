"""What a consumer may get wrong, one record a case."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from headrace_events import Data, Event, Native, Provenance, RawPosition

_UGLY: Final = 'say "no" \\ to\n\u0000 naïve € 終\u2028'
_PROVENANCE: Final = Provenance(
    via="poll",
    received="2026-10-01T09:00:00.000Z",
    raw=RawPosition(topic="headrace.raw", partition=0, offset=0),
    mapping="0b6d3e58",
    row="call/done",
)


@dataclass(frozen=True)
class Case:
    """Events of one record in the order of publication, and which of them is the latest."""

    about: str
    events: Sequence[Event]
    latest: str


def event(
    record: str,
    version: str = "",
    *,
    word: str = "call.completed",
    lead: str = "lead/1",
    revised: str | None = None,
    **more: Any,
) -> Event:
    """Return an event of a record `<resource>/<native id>`; when it was published is set by `story`."""
    resource, native = record.split("/")
    source = more.get("source", "/leadping/birch")
    provider, tenant = source[1:].split("/")
    category, _, action = word.partition(".")
    return Event(
        specversion="1.0",
        id=f"{record}/{version}" if version and not version.startswith("~") else record + version,
        source=source,
        type=f"headrace.{word}.v1",
        subject=lead,
        time="2026-10-01T08:59:00Z",
        recordedtime="",
        datacontenttype="application/json",
        dataschema="urn:headrace:event:1",
        partitionkey=f"{source}/{lead}",
        traffic=more.get("traffic"),
        data=Data(
            category=category,
            action=action or None,
            revised=revised,
            text=more.get("text"),
            native=Native(provider=provider, tenant=tenant, resource=resource, id=native, code="350"),
            provenance=_PROVENANCE,
        ),
    )


def cases() -> list[Case]:
    """Return the cases that a consumer may get wrong."""
    at = "2026-10-01T09:03:{:0>2}Z".format
    other = "lead/9"  # in another partition than lead/1
    return [
        Case("it never changes", [event("event/70001", word="email.opened")], "event/70001"),
        Case(
            "three versions, in order",
            [
                event("call/1", str(n), word=word, revised=at(10 + n))
                for n, word in enumerate(("call.started", "call.answered", "call.completed"))
            ],
            "call/1/2",
        ),
        Case(
            "an older version comes late",
            [event("call/2", "2", revised=at(20)), event("call/2", "1", word="call.started", revised=at(15))],
            "call/2/2",
        ),
        Case(
            "milliseconds on one side alone: as texts they compare wrongly",
            [event("call/3", "1", revised=at(30)), event("call/3", "2", revised=at("30.120"))],
            "call/3/2",
        ),
        Case(
            "the older one has the milliseconds",
            [event("call/4", "2", revised=at(31)), event("call/4", "1", revised=at("30.999"))],
            "call/4/2",
        ),
        Case(
            "a code without a row stays unmapped", [event("activity/5", word="unmapped", revised=at(1))], "activity/5"
        ),
        Case(
            "a code that has a row now is replayed under another id",
            [
                event("activity/6", "1", word="unmapped", revised=at(1)),
                event("activity/6", "1~0b6d3e58", word="custom.logged", revised=at(1)),
            ],
            "activity/6/1~0b6d3e58",
        ),
        Case(
            "what never changes is replayed, and twice",
            [
                event("event/7", v, word=w)
                for v, w in (("", "unmapped"), ("~0b6d3e58", "email.opened"), ("~7f9ceca2", "email.clicked"))
            ],
            "event/7~7f9ceca2",
        ),
        Case(
            "a replay finds another lead, hence another partition",
            [
                event("activity/8", "1", word="unmapped", revised=at(1)),
                event("activity/8", "1~0b6d3e58", lead=other, revised=at(1)),
            ],
            "activity/8/1~0b6d3e58",
        ),
        Case(
            "the older version of a record that moved to another lead",
            [event("activity/9", "2", lead=other, revised=at(2)), event("activity/9", "1", revised=at(1))],
            "activity/9/2",
        ),
        Case(
            "a version that nobody knows comes later",
            [event("activity/10", "1", revised=at(5)), event("activity/10", "4baadd8f")],
            "activity/10/4baadd8f",
        ),
        Case(
            "and is replaced in turn",
            [event("activity/11", "4baadd8f"), event("activity/11", "1", revised=at(5))],
            "activity/11/1",
        ),
        Case(
            "it turns out to be a test",
            [event("call/12", "1", revised=at(1)), event("call/12", "2", revised=at(2), traffic="test")],
            "call/12/2",
        ),
        Case(
            "another resource has the same id",
            [event("message/1", "1", word="message.sent", revised=at(1))],
            "message/1/1",
        ),
        Case("another source has it", [event("call/1", "9", revised=at(1), source="/leadping/elm")], "call/1/9"),
        Case("its text is ugly", [event("note/13", "1", word="note.added", revised=at(1), text=_UGLY)], "note/13/1"),
    ]
