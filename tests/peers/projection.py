"""Our events reduced to what each contender writes, and the form in which two of them are compared."""

import hashlib
from typing import Any, Final

import msgspec

from headrace.explain import explain_piece
from headrace.records.event import encode_event
from headrace.sdk.provider import Piece, RawEvent
from tests.benchmarks import load

OURS_ALONE: Final = ("specversion", "recordedtime", "datacontenttype", "dataschema", "partitionkey")
"""Attributes that the others do not write."""

Json = dict[str, Any]
Name = tuple[str, str]
"""Source and id of a reduced event."""

_canonical: Final = msgspec.json.Encoder(order="deterministic").encode


def reduced(event: Json) -> Json:
    """Return our event as the mapping of README.md has it: no provenance, no version in its id."""
    native = event["data"]["native"]
    left = {name: value for name, value in event.items() if name not in OURS_ALONE}
    left["id"] = f"{native['resource']}/{native['id']}"
    left["data"] = {name: value for name, value in event["data"].items() if name != "provenance"}
    return left


def of_raw(raw: RawEvent) -> Json:
    """Return the reduced event that the service makes of a raw event."""
    account = load.tenants().by_source[raw.source]
    piece = Piece(raw.shape, raw.value, raw.hint)
    explained = explain_piece(account.provider, raw.tenant, account.mapping, piece, now=raw.received)
    if explained.event is None:
        raise ValueError(f"{raw.shape} is not published: {explained.problem}")
    return reduced(msgspec.json.decode(encode_event(explained.event).value))


def name_of(event: Json) -> Name:
    """Return what two events about the same record share."""
    return event["source"], event["id"]


def digest_of(event: Json) -> bytes:
    """Return 16 bytes that are equal for equal events, however keys are ordered and whole numbers written."""
    return hashlib.blake2b(_canonical(_whole(event)), digest_size=16).digest()


def _whole(value: Any) -> Any:
    """Return a structure with 0.0 as 0: which of the two a JSON library writes is its own affair."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is dict:
        return {name: _whole(inner) for name, inner in value.items()}
    if type(value) is list:
        return [_whole(inner) for inner in value]
    return value
