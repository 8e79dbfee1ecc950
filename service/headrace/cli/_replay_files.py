"""What the tables make of records in files, and of those of another configuration: no Kafka is needed."""

import re
import time
from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from headrace.cli import _arguments as arguments
from headrace.cli._diff_file import DiffFile
from headrace.cli._file_tables import FileTables
from headrace.cli._input_files import numbered_bodies, opened
from headrace.cli._replay_findings import Findings
from headrace.cli._replay_reading import ReplayFilter
from headrace.config.tenants import Account
from headrace.core.problems import from_exception
from headrace.core.timestamps import from_millis
from headrace.normalizer.replay_change import bare
from headrace.records.event import encode_event, event_id, event_of, meaning_of
from headrace.records.newer_format import NewerFormat
from headrace.records.raw import from_raw_record, identify
from headrace.sdk.provider import UNPUBLISHED, Dropped, Provider, RawEvent
from headrace_events import Problem, Via


class BodyTenant(Struct, frozen=True):
    """Whose bodies the files hold, and their resource where the shape does not tell it; None where they are raw."""

    provider: Provider | None
    tenant: str | None
    resource: str | None


class FilesDiffer(Struct):
    """What was found in files; `differs` says that the two tables make something else of one record at least."""

    findings: Findings
    differs: bool = False


class _KcatRecord(Struct):
    """One line of `kcat -J`: headers are names and values in turn."""

    headers: list[str]
    payload: str | None


_KCAT_LINE: Final = re.compile(rb'\{"topic": ?"[^"]*", ?"partition": ?\d')
"""How a line of `kcat -J` begins, whole or cut off."""
_Outcome = dict[str, Any] | Dropped | Problem


def compare_files(
    tables: FileTables,
    of: BodyTenant,
    wanted: ReplayFilter,
    files: tuple[str, ...],
    *,
    against: FileTables | None,
    diff: DiffFile,
) -> FilesDiffer:
    """Return what today's tables make of all records; compared with those of `against`, where there is one.

    A tenant whose table is not sound ends the command, in either of them.
    """
    for each in (tables, against):
        if each is not None:
            each.check(wanted)
    found = FilesDiffer(Findings())
    for raw in _raw_events(of, files):
        if not wanted.wants_source(raw.source):
            found.findings.foreign += 1
            continue
        account, before = tables.of(raw.source), None if against is None else against.of(raw.source)
        if account is None:
            found.findings.foreign += 1
            continue
        new = _outcome(account, raw)
        if against is None:
            old: _Outcome = {"id": new["id"]} if isinstance(new, dict) else new
        else:
            old = _outcome(before, raw) if before is not None else Problem("unknown_tenant", "", "", None)
        _count(found, old, new, wanted, diff)
    return found


def _count(found: FilesDiffer, old: _Outcome, new: _Outcome, wanted: ReplayFilter, diff: DiffFile) -> None:
    event = new if isinstance(new, dict) else old
    if isinstance(event, dict) and wanted.codes and _code(event) not in wanted.codes:
        return
    found.differs |= _plain(old) != _plain(new)
    if isinstance(new, dict):
        before = old if isinstance(old, dict) else {"id": new["id"]}
        if bare(before) == bare(new):
            found.findings.same += 1
            return
        found.findings.change(before, new)
        diff.write({"old": before if isinstance(old, dict) else None, "new": new})
    elif isinstance(new, Dropped):
        found.findings.dropped[new.fate] += 1
    else:
        found.findings.dead[new.code] += 1


def _plain(outcome: _Outcome) -> object:
    if isinstance(outcome, dict):
        return bare(outcome)
    return outcome.fate if isinstance(outcome, Dropped) else outcome.code


def _code(event: dict[str, Any]) -> str | None:
    code = event.get("data", {}).get("native", {}).get("code")
    return str(code) if code is not None else None


def _outcome(account: Account, raw: RawEvent) -> _Outcome:
    """Return the event of a record as JSON, or why there is none."""
    try:
        identity = identify(account.provider, raw)
        draft = account.provider.translate(raw, account.mapping)
        if isinstance(draft, Dropped):
            return draft
        named = event_id(identity, meaning_of(draft))
        event = event_of(draft, raw.source, named, UNPUBLISHED, from_millis(raw.received))
        if account.redactor is not None:
            event = account.redactor.redact(event)
        found: dict[str, Any] = msgspec.json.decode(encode_event(event).value)
        del found["recordedtime"], found["data"]["provenance"]
    except Exception as error:  # noqa: BLE001  (any error of one payload is this payload's problem)
        return from_exception(error, raw.value)
    return found


def _raw_events(of: BodyTenant, files: tuple[str, ...]) -> Iterator[RawEvent]:
    for file in files:
        with opened(file) as stream:
            for number, body in numbered_bodies(stream):
                if _KCAT_LINE.match(body):
                    yield kcat_record(body, f"{file}:{number}")
                else:
                    yield from _records_of(of, file, body)


def _records_of(of: BodyTenant, file: str, body: bytes) -> Iterator[RawEvent]:
    """Yield the records of a body."""
    if of.provider is None or of.tenant is None:
        raise click.UsageError(f"{file} holds bodies, no raw records: name --provider and --tenant")
    arguments.check_resource(of.provider, of.resource)
    now = time.time_ns() // 1_000_000
    for piece in of.provider.cut(body, of.resource):
        yield RawEvent(
            provider=of.provider.name,
            tenant=of.tenant,
            shape=piece.shape,
            value=piece.value,
            via=Via.INGEST,
            received=now,
            hint=piece.hint,
        )


def kcat_record(line: bytes, place: str) -> RawEvent:
    """Return the raw event of a line that `kcat -J` wrote; end the command, with its `place`, where it holds none."""
    try:
        text = line.decode("utf-8", "replace")  # the key is bytes, which kcat writes as they are
        found = msgspec.json.decode(text, type=_KcatRecord, strict=False)
        pairs = zip(found.headers[::2], (value.encode() for value in found.headers[1::2]), strict=True)
        raw = from_raw_record(list(pairs), (found.payload or "").encode())
    except NewerFormat as newer:
        raise click.ClickException(f"{place}: {newer}") from None
    except (msgspec.MsgspecError, LookupError, ValueError, RecursionError):
        raise click.ClickException(f"{place} is no whole line of `kcat -J`, or no raw record of Headrace") from None
    return replace(raw, replay="", replaces="", becomes="", later=False)
