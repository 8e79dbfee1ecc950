"""The leads of a tenant, watched and dropped, from what its poller has stored: `headrace leads list`."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from headrace.cli._formatting import clock, count, footnote, sentence, table, table_as_it_fits
from headrace.cli._output import echo, styled
from headrace.core.timestamps import from_millis
from headrace.poller.state import TenantState
from headrace.records.cursors import DroppedLead

State: TypeAlias = Literal["watched", "held back", "dropped"]
_COLORS: Final[dict[State, str]] = {"watched": "green", "held back": "yellow", "dropped": "red"}
_TITLES: Final = ("lead", "state", "named by", "since", "read", "news")
_DROPPED_TITLES: Final = ("lead", "state", "named by", "since", "gone")


class Lead(Struct, frozen=True, omit_defaults=True):
    """One lead, as `--json` writes it: who named it when, when it was read, when it last had news.

    The platform did not know it so many times (`gone`), the last one at `gone_at`. Once that is so for days it is
    `dropped`, since then, with the platform's `sentence`; or `held back`: too many would be dropped at once.
    """

    lead: str
    by: str
    state: State
    since: str | UnsetType = UNSET
    read: str | UnsetType = UNSET
    news: str | UnsetType = UNSET
    gone: int = 0
    gone_at: str | UnsetType = UNSET
    dropped: str | UnsetType = UNSET
    sentence: str = ""


def dropped_leads(state: TenantState) -> dict[str, DroppedLead]:
    """Return the leads that were dropped and are not watched again."""
    return {lead: dropped for lead, dropped in state.dropped.items() if lead not in state.leads}


def lead_rows(state: TenantState, named: Iterable[str]) -> list[Lead]:
    """Return all leads of a tenant in the order of their ids; `named` are those of its settings."""
    read: dict[str, int] = {}
    for (_, lead), position in state.positions.items():
        read[lead] = max(read.get(lead, 0), position.at)
    held = state.drops.held
    rows = {
        lead: Lead(
            lead,
            watched.by,
            "held back" if lead in held else "watched",
            _moment(watched.added),
            _moment(read.get(lead, 0)),
            _moment(watched.woken),
            watched.times,
            _moment(watched.gone),
        )
        for lead, watched in state.leads.items()
    }
    for lead, dropped in dropped_leads(state).items():
        rows[lead] = Lead(
            lead,
            dropped.by,
            "dropped",
            _moment(dropped.added),
            _moment(read.get(lead, 0)),
            gone=dropped.times,
            gone_at=_moment(dropped.at),
            dropped=_moment(dropped.at),
            sentence=dropped.sentence,
        )
    for lead in named:
        if lead not in state.leads:
            rows[lead] = Lead(lead, "settings", "watched", read=_moment(read.get(lead, 0)))
    return [rows[lead] for lead in sorted(rows)]


def write(found: Sequence[Lead], source: str, now: datetime) -> None:
    """Write leads as a table, and how many they are."""
    rows = [
        (lead.lead, _state(lead), lead.by, _clock(_since(lead), now), _clock(lead.read, now), _clock(lead.news, now))
        for lead in found
    ]
    table_as_it_fits(_TITLES, rows, right=("since", "read", "news"))
    echo()
    dropped = sum(lead.state == "dropped" for lead in found)
    held = sum(lead.state == "held back" for lead in found)
    sentence(f"{count(len(found) - dropped, 'lead')} of {source}{_more(dropped, held)}.")


def write_dropped(found: Sequence[Lead], now: datetime) -> None:
    """Write leads that were dropped, or would be, with the platform's reasons below."""
    rows = [(lead.lead, _state(lead), lead.by, _clock(_since(lead), now), f"{lead.gone}x") for lead in found]
    table(_DROPPED_TITLES, rows, right=("since", "gone"))
    echo()
    for reason, times in Counter(lead.sentence for lead in found if lead.sentence).most_common():
        footnote(f"{times:,} dropped: {reason}")
    sentence("headrace leads restore watches dropped leads again.")
    held = sum(lead.state == "held back" for lead in found)
    if held:
        sentence(f"{held:,} held back, too many at once to drop: headrace leads remove takes them away.")


def _more(dropped: int, held: int) -> str:
    found = [f"{dropped:,} dropped"] if dropped else []
    found += [f"{held:,} held back"] if held else []
    return f"; {' and '.join(found)}: headrace leads list --dropped says why" if found else ""


def _state(lead: Lead) -> str:
    gone = lead.state == "watched" and lead.gone
    return styled(f"gone {lead.gone}x", fg="yellow") if gone else styled(lead.state, fg=_COLORS[lead.state])


def _since(lead: Lead) -> str | UnsetType:
    """Return since when a lead has its state."""
    return {"dropped": lead.dropped, "held back": lead.gone_at}.get(lead.state, lead.since)


def _moment(millis: int) -> str | UnsetType:
    return from_millis(millis) if millis else UNSET


def _clock(moment: str | UnsetType, now: datetime) -> str:
    return "-" if moment is UNSET else clock(moment, now).strip()
