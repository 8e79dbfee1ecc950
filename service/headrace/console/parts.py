"""The parts of pages that change while they are open, each rendered as a whole."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from headrace.cli._status_rows import TROUBLE
from headrace.console.advice import advice_of
from headrace.console.event_tail import MOST_SHOWN, ShownEvent
from headrace.console.rendering import render
from headrace.console.watch import Watch
from headrace.providers.discover import discover
from headrace_events import Event, Type

MOST_WAYS: Final = 100
COLOURS: Final = 4
"""Platforms that have a colour of their own in the style sheet; a fifth has that of the first."""
MOST_NOTICES: Final = 50
MOST_EVENTS: Final = 60
FEW_EVENTS: Final = 20
"""On the overview, which has more to show."""
TYPES: Final = tuple(Type)
CATEGORIES: Final = tuple(dict.fromkeys(each.partition(".")[0] for each in Type))


class Filter(Struct, frozen=True, kw_only=True):
    """Which events, tenants and ways are shown; an empty text means all."""

    type: str = ""
    source: str = ""
    lead: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """Return the filter that a query names."""
        return cls(
            type=query.get("type", "").strip(),
            source=query.get("source", "").strip(),
            lead=query.get("lead", "").strip(),
        )

    @property
    def query(self) -> dict[str, str]:
        """What names it."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}

    def wants(self, event: Event) -> bool:
        """Return whether an event is wanted: of its type or category, of a source or all that contain the words."""
        return (
            self.type in {"", event.word, event.data.category}
            and self.wants_source(event.source)
            and self.lead.lower() in event.subject.lower()
        )

    def wants_source(self, source: str) -> bool:
        """Return whether a source is wanted."""
        return self.source.lower() in source[1:].lower()


def parts_of(page: str, watch: Watch, wanted: Filter) -> Iterator[tuple[str, str]]:
    """Yield the parts of a page, by the names of their places in it."""
    yield "trouble", render("part_trouble.html", **_age(watch))
    if page in {"overview", "events"}:
        yield "events", events_part(watch, wanted, FEW_EVENTS if page == "overview" else MOST_EVENTS)
    if page == "overview":
        yield "flow", flow_part(watch)
        yield "notices", notices_part(watch, wanted)
        yield "ways", ways_part(watch, wanted)
    if page in {"overview", "partitions"}:
        name = "equation" if page == "overview" else "partitions"
        yield name, render(f"part_{name}.html", rows=watch.standing.partitions, known="partitions" in watch.read_at)


def flow_part(watch: Watch) -> str:
    """Return the picture of three platforms that flow into one stream."""
    flow, standing = watch.events.flow, watch.standing
    waiting = sum(row.waiting for row in standing.partitions)
    dead = sum(row.fates.get("dead", 0) for row in standing.partitions)
    return render(
        "part_flow.html",
        lanes=flow.lanes(sorted(discover())),
        colours=COLOURS,
        rate=flow.rate,
        minute=flow.minute,
        seconds=min(60, round(flow.seconds)),
        looked_at=flow.looked_at,
        known="events" in watch.read_at,
        waiting=waiting,
        dead=dead,
        counted="partitions" in watch.read_at,
    )


def events_part(watch: Watch, wanted: Filter, most: int = MOST_EVENTS) -> str:
    """Return the newest events that are wanted, so many at most."""
    found = [one for one in reversed(watch.events.shown) if wanted.wants(one.event)][:most]
    return render(
        "part_events.html",
        rows=[_line(one) for one in found],
        known="events" in watch.read_at,
        filtered=bool(wanted.query),
        shown=len(watch.events.shown),
        most=MOST_SHOWN,
    )


def notices_part(watch: Watch, wanted: Filter) -> str:
    """Return what is open, the worst first."""
    rows = [row for row in watch.standing.notices if wanted.wants_source(row.source)]
    return render(
        "part_notices.html",
        rows=rows[:MOST_NOTICES],
        more=len(rows) - MOST_NOTICES,
        known="status" in watch.read_at,
        remark=watch.standing.remark,
        now=datetime.now(UTC),
    )


def ways_part(watch: Watch, wanted: Filter) -> str:
    """Return the ways of all tenants, the worst first."""
    rows = [row for row in watch.standing.ways if wanted.wants_source(row.source)]
    bad = sum(row.state in TROUBLE for row in rows)
    last = watch.events.last
    shown = [(row, advice_of(row), last.get((row.source, row.via))) for row in rows[:MOST_WAYS]]
    return render(
        "part_ways.html",
        rows=shown,
        bad=bad,
        count=len(rows),
        more=len(rows) - MOST_WAYS,
        known="status" in watch.read_at,
        now=datetime.now(UTC),
    )


def _line(one: ShownEvent) -> Mapping[str, object]:
    providers, provider = sorted(discover()), one.event.data.native.provider
    own = providers.index(provider) % COLOURS if provider in providers else ""
    return {"one": one, "event": one.event, "own": own}


def _age(watch: Watch) -> dict[str, object]:
    """Return what is not read, and how old that is which is shown of it."""
    return {"trouble": [(name, why, watch.read_at.get(name)) for name, why in sorted(watch.trouble.items())]}
