"""Explain what would become of a body, record by record, without publishing anything. Pure."""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from headrace.core.lift import misfits
from headrace.core.mapping import Mapping
from headrace.core.problems import from_exception
from headrace.core.redactor import Redactor, mapping_id
from headrace.core.timestamps import from_millis
from headrace.records.event import encode_event, event_id, event_of, meaning_of
from headrace.records.raw import identify
from headrace.sdk.provider import Dropped, Identity, Piece, Provider, RawEvent
from headrace_events import Event, Problem, Provenance, RawPosition, Via, decode


class Explanation(Struct, omit_defaults=True, kw_only=True):
    """One record: its `shape` and size, who it is, the row that decided, its `fate`, and the event or the problem.

    `misfits` says which fields a row's `lift` left where they were.
    `fate` is `published` (as long as nothing was seen before), `mirror`, `noop` or `dead`.
    """

    number: int
    shape: str
    size: int
    fate: str
    identity: Identity | None = None
    row: str | None = None
    provisional: bool = False
    reach: str | None = None
    event: Event | None = None
    misfits: list[str] = []
    problem: Problem | None = None


def explain(
    provider: Provider,
    tenant: str,
    mapping: Mapping,
    body: bytes,
    *,
    resource: str | None = None,
    now: int = 0,
    redactor: Redactor | None = None,
) -> Iterator[Explanation]:
    """Yield an explanation of every record of `body`; `now` is the time of receipt in milliseconds since the epoch."""
    for number, piece in enumerate(provider.cut(body, resource), 1):
        yield explain_piece(provider, tenant, mapping, piece, number=number, now=now, redactor=redactor)


def explain_piece(
    provider: Provider,
    tenant: str,
    mapping: Mapping,
    piece: Piece,
    *,
    number: int = 1,
    now: int = 0,
    redactor: Redactor | None = None,
) -> Explanation:
    """Return the explanation of one record as cut from a body."""
    raw = RawEvent(
        provider=provider.name,
        tenant=tenant,
        shape=piece.shape,
        value=piece.value,
        via=Via.INGEST,
        received=now,
        hint=piece.hint,
    )
    return explain_raw(provider, mapping, raw, number=number, redactor=redactor)


def explain_raw(
    provider: Provider, mapping: Mapping, raw: RawEvent, *, number: int = 1, redactor: Redactor | None = None
) -> Explanation:
    """Return the explanation of a record with all that was received beside its bytes."""
    explanation = Explanation(number=number, shape=raw.shape, size=len(raw.value), fate="dead")
    received = from_millis(raw.received)
    try:
        explanation.identity = identity = identify(provider, raw)
        raw = replace(raw, resource=identity.resource, id=identity.id, version=identity.version)
        draft = provider.translate(raw, mapping)
        if isinstance(draft, Dropped):
            explanation.fate, explanation.row = draft.fate, draft.row
            return explanation
        named = event_id(explanation.identity, meaning_of(draft))
        made_with = mapping_id(mapping.id, redactor)
        provenance = Provenance(raw.via, received, RawPosition("", -1, -1), made_with, draft.row.label)
        event = event_of(draft, raw.source, named, provenance, received)
        stayed = misfits(draft.data, draft.row.lift)
        # Encoded and decoded, it is what consumers would see: values cut, nulls gone.
        explanation.event = decode(encode_event(redactor.redact(event) if redactor else event).value)
    except Exception as error:  # noqa: BLE001  (any error of one payload is this payload's problem)
        explanation.problem = from_exception(error, raw.value)
        return explanation
    explanation.fate, explanation.misfits = "published", stayed
    explanation.row, explanation.provisional, explanation.reach = (
        draft.row.label,
        draft.row.provisional,
        draft.row.reach,
    )
    return explanation
