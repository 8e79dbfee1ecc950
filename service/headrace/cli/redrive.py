"""`headrace redrive`: send dead letters back to raw, to be read again after a fix."""

import contextlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from msgspec import Struct, field

from headrace.cli import _arguments as arguments
from headrace.cli._formatting import clock, count, footnote, sentence, table
from headrace.cli._kafka_errors import run_with_kafka
from headrace.cli._letter_filter import EVERY_LETTER, LetterFilter, moment
from headrace.cli._letter_places import Places, places_of
from headrace.cli._letters_sent import raw_event_of_letter, send_letters
from headrace.cli._nudged_records import AppendedBetween, count_nudged, send_nudged
from headrace.cli._output import confirmed, echo
from headrace.cli._redacted_letters import LetterPlace, raw_records
from headrace.cli._topic_reader import read_dead_letters
from headrace.config import Config
from headrace.records.raw import letter_digest
from headrace.sdk.provider import RawEvent
from headrace_events import DeadLetter


class FoundLetter(Struct, frozen=True):
    """A dead letter that can go back: its partition and offset on dead-letters, and the letter."""

    position: LetterPlace
    letter: DeadLetter


class FoundLetters(Struct):
    """Dead letters on the topic: those that can go back, one for the same record, and counts of the rest by reason.

    `gone` are those without bytes whose record raw holds no more; `replays` would be published as what they are not.
    """

    letters: dict[bytes, FoundLetter] = {}
    copies: int = 0
    foreign: int = 0
    gone: int = 0
    replays: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)


@click.command("redrive", short_help="send dead letters back to be read again")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option("--reason", "reasons", multiple=True, metavar="CODE", help="Only this problem code; repeatable.")
@click.option("-p", "--provider", type=arguments.PROVIDER, help="Only this provider's.")
@click.option("-t", "--tenant", type=arguments.TENANT, metavar="NAME", help="Only this tenant's.")
@click.option(
    "--since",
    type=moment,
    metavar="TIME",
    help="Only letters written since: 2026-08-08T09:00Z, or 2h for two hours ago.",
)
@click.option("--until", type=moment, metavar="TIME", help="Only letters written before.")
@click.option(
    "--nudged", is_flag=True, help="Not letters, but what webhooks brought, for feeds to bring it: see above."
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(ctx: click.Context, /, places: Sequence[str], yes: bool, nudged: bool, **options: Any) -> None:  # noqa: FBT001  (click passes flags so)
    """Send dead letters back to raw, to be read again: after a fix, a new row, a tenant that was configured.

    Shows what there is and asks for confirmation. The bytes are read and identified again as at first; a record that
    has been published in the meantime is a duplicate and is not published twice. A record that still cannot be read
    becomes a dead letter again. Letters of the same record go back once. Those of a replay do not go back: `headrace
    replay` does that anew. `headrace dead-letters` lists which are open; PLACE is that of one of them there, and only
    those that are named go back. A letter without bytes (its tenant's events are redacted) goes back as long as raw
    holds its record.

    With --nudged --since TIME it sends what webhooks brought since then: for when nudges were gone before a poller read
    them, which `headrace feeds` says. What is known is a duplicate, and what is not wakes its feed again.

    \b
      headrace redrive --reason held_too_long -t acme
      headrace redrive 3@120 3@121
      headrace redrive --since 2h --yes
      headrace redrive --nudged --since 2h
    """  # noqa: D301  (\b is click's mark for a paragraph that keeps its lines)
    wanted = LetterFilter(**options)
    chosen = places_of(places)
    if chosen and (nudged or wanted != EVERY_LETTER):
        raise click.UsageError("name places, or choose letters by options: not both")
    config = arguments.configuration(ctx)
    arguments.warn_of_unconfigured(config, wanted.provider, wanted.tenant)
    if nudged:
        _redrive_nudged(config, wanted, yes=yes)
        return
    found = run_with_kafka(config, _look(config, wanted, chosen))
    _show(found)
    if not found.letters:
        return
    if not (yes or confirmed(f"Send {count(len(found.letters), 'dead letter')} back to raw?")):
        echo("Nothing was sent.")
        return
    going = {one.position: one.letter for one in found.letters.values()}
    sent = run_with_kafka(config, send_letters(config, going))
    echo(f"{count(sent.records, 'record')} back into {config.topic_prefix}raw")
    if sent.too_large:
        raise click.ClickException(sent.why_not(f"{config.topic_prefix}raw"))


def _redrive_nudged(config: Config, wanted: LetterFilter, *, yes: bool) -> None:
    if wanted.since is None or wanted.reasons:
        raise click.UsageError("--nudged needs --since, and knows no --reason")
    span = AppendedBetween(wanted.since, wanted.until)
    found = run_with_kafka(config, count_nudged(config, span, wanted.wants_source))
    table(("source", "records"), [(source[1:], f"{number:,}") for source, number in sorted(found.items())])
    if found and (yes or confirmed(f"Send {count(found.total(), 'record')} of webhooks to raw again?")):
        sent, too_large = run_with_kafka(config, send_nudged(config, span, wanted.wants_source))
        echo(f"{count(sent, 'record')} back into {config.topic_prefix}raw")
        if too_large:
            raise click.ClickException(f"{count(too_large, 'record')} did not go back: raise max.message.bytes of raw")
    else:
        echo("Nothing was sent.")


async def _look(config: Config, wanted: LetterFilter, places: Places) -> FoundLetters:
    """Read dead-letters to its end; where there are `places`, only those there. Of one record the newest is used."""
    found = FoundLetters()
    redacted: list[FoundLetter] = []
    async with contextlib.aclosing(read_dead_letters(config)) as letters:
        async for record, letter in letters:
            if not wanted.wants(letter) or (places and record.offset not in places.get(record.partition, ())):
                found.others[letter.problem.code] += 1
                continue
            one = FoundLetter((record.partition, record.offset), letter)
            if letter.redacted and letter.source in config.tenants.by_source:
                redacted.append(one)
            else:
                take_letter(found, config, one, raw_event_of_letter(record))
    await _look_on_raw(found, config, redacted)
    return found


async def _look_on_raw(found: FoundLetters, config: Config, redacted: Sequence[FoundLetter]) -> None:
    """Take the letters without bytes whose records are on raw."""
    by_place = {one.position: one for one in redacted}
    if not by_place:
        return
    pairs = ((one.position, one.letter) for one in redacted)
    async with contextlib.aclosing(raw_records(config, pairs)) as records:
        async for place, record in records:
            if record is None:
                found.gone += 1
            else:
                take_letter(found, config, by_place[place], raw_event_of_letter(record))


def take_letter(found: FoundLetters, config: Config, one: FoundLetter, raw: RawEvent | None) -> None:
    """Take a letter whose record is `raw`: of one record the newest letter."""
    if raw is None:
        found.foreign += 1
    elif raw.replay:
        found.replays += 1
    elif config.tenants.by_source.get(raw.source) is None:
        found.unknown[one.letter.source] += 1
    else:
        key = letter_digest(raw)
        before = found.letters.get(key)
        found.copies += before is not None
        if before is None or before.letter.recordedtime <= one.letter.recordedtime:
            found.letters[key] = one


def _show(found: FoundLetters) -> None:
    groups: dict[tuple[str, str], list[DeadLetter]] = {}
    for each in found.letters.values():
        groups.setdefault((each.letter.source, each.letter.problem.code), []).append(each.letter)
    now = datetime.now(UTC)
    rows = [
        (source[1:], code, f"{len(letters):,}", clock(max(each.recordedtime for each in letters), now))
        for (source, code), letters in sorted(groups.items())
    ]
    if rows:
        table(("source", "problem", "letters", "newest"), rows, right=("letters", "newest"))
    elif found.others:
        others = ", ".join(f"{code} ({number:,})" for code, number in found.others.most_common())
        sentence(f"No dead letter fits; there are others: {others}")
    else:
        echo("There is no dead letter to send back.")
    if found.copies:
        footnote(f"{count(found.copies, 'older letter')} of records that have a newer one: only the newest goes back")
    if found.foreign:
        footnote(f"{count(found.foreign, 'letter')} that Headrace did not append: cannot go back")
    if found.gone:
        footnote(f"{count(found.gone, 'letter')} without bytes whose record is not on raw (any more): cannot go back")
    if found.replays:
        footnote(f"{count(found.replays, 'letter')} of a replay, not sent: run `headrace replay` again")
    for source, number in sorted(found.unknown.items()):
        footnote(f"{count(number, 'letter')} of {source}, which is not configured: would only come back")
