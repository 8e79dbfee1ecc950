"""Sentinels in what each provider sends: where a tenant redacts, they are found in nothing that leaves."""

import html
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import count, islice
from typing import Any, Final
from urllib.parse import quote, quote_plus

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.core.event_places import put
from headrace.core.redaction import PLACES as ALL_PLACES, Redaction
from headrace.core.redactor import Redactor
from headrace.core.value_copies import ValueCopies
from headrace.normalizer.metrics import NormalizerMetrics
from headrace.observe.registry import Registry
from headrace.records.raw import to_raw_record
from headrace.sdk.provider import Piece, RawEvent
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.api_call import encode
from headrace_events import Event, Via
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT
from tests.providers.suite import HOMES, Home
from tests.unit.partition import Partition

EACH = pytest.mark.parametrize("home", HOMES, ids=lambda home: home.name)
EVENTS: Final = 60
PLACES: Final = ("text", "title", "reason", "actor", "parties", "client", "urls", "change", "fields", "native.name")
HASHABLE: Final = [place for place in PLACES if place != "urls"]
WHOLES: Final = ("actor", "parties", "client", "fields")
"""Places that take `native.extra` with them where they are listed as a whole."""
PARTS: Final = tuple(place for place in ALL_PLACES if place.partition(".")[0] in WHOLES and place not in WHOLES)
LEAST: Final = 6
"""Characters of a value that a sentinel takes the place of: shorter ones are words that decide what a record is."""
EXPECTED: Final = {
    "leadping": {"text", "title", "reason", "actor", "parties", "urls", "fields"},
    "leadsquared": {"text", "title", "actor", "change", "fields", "urls"},
    "outreach": {"text", "client", "urls", "fields"},
    "acme": {"text"},
}
"""Places in which sentinels came out, at least, where nothing is redacted."""
BY_HAND: Final = (
    ("@", r"\u0040"),
    ("@", "&#64;"),
    ("@", "%2540"),
    ("é", "&eacute;"),
    ("é", "&#233;"),
    ("é", "e\u0301"),
    ("é", r"\u00E9"),
    ("&", r"\u0026"),
    ("/", "%252F"),
    ('"', "&#34;"),
    (" ", "%20"),
    (" ", "  "),
    (" ", "\u00a0"),
    (" ", "\n"),
)
"""What stands for one character of a value somewhere."""
REDACTIONS: Final = {
    "drop": Redaction(drop=list(PLACES)),
    "hash": Redaction(drop=["urls"], hash=HASHABLE, key="an-invented-key-of-32-characters"),
    # what is left of native.extra is compared
    "parts": Redaction(drop=[*(each for each in PLACES if each not in WHOLES), *PARTS]),
    "name": Redaction(drop=["fields.MxPassport"]),
}


@cache
def pieces(home: Home) -> list[Piece]:
    """Return all records of all samples and of a simulated account."""
    found = [piece for sample in suite.samples(home) for piece in suite.pieces(home, sample)]
    return found + [piece for body in simulated(home) for piece in suite.provider_of(home).cut(encode(body))]


def simulated(home: Home) -> Iterator[dict[str, Any]]:
    """Yield the bodies that a simulated platform answers with."""
    match home.name:
        case "leadping":
            history = leadping.History(seed=21, events=EVENTS)
            for plan in history.plans:
                last = len(plan.moves) - 1
                yield {"row": history.row(plan, last), "detail": history.detail(plan, last), "call": None}
        case "leadsquared":
            squared = leadsquared.History(seed=22, events=EVENTS)
            yield from ({"ProspectActivities": [squared.row(plan, len(plan.moves) - 1)]} for plan in squared.plans)
        case "outreach":
            reach = outreach.History(seed=23, events=EVENTS)
            yield {"data": [reach.row(plan, "https://api.example.com") for plan in reach.plans]}


@cache
def account(home: Home, kind: str) -> Account:
    """Configure the tenant of the samples, with one of `REDACTIONS`."""
    settings = replace(suite.kit_of(home).settings, redact=REDACTIONS[kind])
    return Account(suite.provider_of(home), TENANT, settings, suite.mapping_of(home))


def raw_event(home: Home, piece: Piece) -> RawEvent:
    return RawEvent(
        provider=suite.provider_of(home).name,
        tenant=TENANT,
        shape=piece.shape,
        via=Via.POLL,
        received=RECEIVED,
        hint=piece.hint,
        value=piece.value,
    )


def values_of(event: Event) -> dict[str, str]:
    """Return the texts that stand in the places of an event, each with its place; not those that are ids and codes."""
    redactor, found = Redactor(REDACTIONS["drop"]), dict[str, str]()
    native = event.data.native
    stay = "\n".join((event.id, event.subject, native.code or "", *(event.data.refs or {}).values()))

    def look(path: str, value: Any) -> Any:
        rule = redactor.rule_of(path)
        if rule is not None and isinstance(value, str) and len(value) >= LEAST and value not in stay:
            found[value] = rule[0]
        return value

    put(event, look)
    return found


def sentinel(number: int, value: str) -> str:
    """Return a value of the same kind that is nowhere else."""
    if value.startswith("http"):
        return f"https://sentinel-{number}.example/a%20b?c={number}"
    if "@" in value:
        return f"Sentinel.{number}@mail.example"
    if value.startswith("+"):
        return f"+1312777{number:04}"
    return f'Séntinel {number} of <what> is "hidden" / here & there'


def planted(value: bytes, instead: dict[str, str]) -> bytes:
    """Return a JSON body with each value replaced wherever it stands, in JSON inside of strings, too."""

    def walk(node: Any) -> Any:
        match node:
            case dict():
                return {key: walk(inner) for key, inner in node.items()}
            case list():
                return [walk(inner) for inner in node]
            case str() if node[:1] in {"{", "["}:
                try:
                    return json.dumps(walk(json.loads(node)))
                except ValueError:
                    return substituted(node)
            case str():
                return substituted(node)
        return node

    def substituted(text: str) -> str:
        for old, new in instead.items():
            text = text.replace(old, new)
        return text

    return json.dumps(walk(json.loads(value))).encode()


def spellings(value: str) -> list[str]:
    """Return a value as it may be written in what leaves."""
    as_json = [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    in_urls = [quote(value), quote(value, safe=""), quote_plus(value)]
    found = [value, *as_json, *in_urls, html.escape(value), cut_base64(value)]
    return found + [value.replace(*each) for each in BY_HAND if each[0] in value] + phone_spellings(value)


def cut_base64(value: str) -> str:
    """Return what base64 makes of a value whatever follows it, and a little less: no program writes this alone."""
    return b64encode(value.encode()).decode().rstrip("=")[:-1]


def phone_spellings(value: str) -> list[str]:
    """Return an American phone number as people and programs write it; nothing of another value."""
    if not (value.startswith("+1") and len(value) == len("+13127770001") and value[1:].isdecimal()):
        return []
    area, office, line = value[2:5], value[5:8], value[8:]
    return [
        f"({area}) {office}-{line}",
        f"{area}.{office}.{line}",
        f"{area}\u2011{office}\u2013{line}",
        f"%2B1%20{area}%20{office}%20{line}",
        f"whatsapp:{value}",
        f"tel:+1-{area}-{office}-{line}",
        f"001 {area} {office} {line} x12",
    ]


@pytest.mark.parametrize("original", ["http", "a@b", "+1", "name"])
def test_each_spelling_is_a_copy(original: str) -> None:
    """None that a test looks for in what leaves would stay if it came in."""
    value = sentinel(7, original)
    for spelling in set(spellings(value)) - {cut_base64(value)}:
        text = f"said so: {spelling} there"
        assert ValueCopies({value: None}, [text]).without(text) != text, spelling


def with_sentinels(home: Home) -> Iterator[tuple[Piece, dict[str, str]]]:
    """Yield each record with sentinels in the places of its event, and the place of each that comes out there."""
    for number, piece in enumerate(pieces(home)):
        event = suite.explained(home, piece).event
        texts = values_of(event) if event is not None else {}
        if not texts:
            continue
        longest_first = sorted(texts, key=len, reverse=True)
        instead = {text: sentinel(100 * number + n, text) for n, text in enumerate(longest_first)}
        spoilt = Piece(piece.shape, planted(piece.value, instead), piece.hint)
        event = suite.explained(home, spoilt).event
        out = values_of(event) if event is not None else {}
        yield spoilt, {new: out[new] for new in instead.values() if new in out}


def all_that_leaves(home: Home, kind: str, piece: Piece) -> str:
    """Return events, dead letters, decisions and metrics of one record as text."""
    configured = account(home, kind)
    here = Partition(Tenants([configured]), now=RECEIVED)
    registry = Registry("1.2.3")
    metrics = NormalizerMetrics(registry, [configured])
    out = to_raw_record(configured.provider, raw_event(home, piece))
    commit = here.take(out)
    metrics.committed(3, commit, 0.1, RECEIVED)
    shown = [registry.render().decode()]
    for record in (*commit.events, *commit.letters):
        shown += [record.value.decode(), *(f"{name}: {value.decode()}" for name, value in record.headers)]
    shown += [record.key.decode() for record in commit.events]
    shown += [str(decision.log_fields) for decision in commit.decisions]
    return "\n".join(shown)


@EACH
@pytest.mark.parametrize("kind", ["drop", "hash", "parts"])
def test_no_sentinel_leaves(home: Home, kind: str) -> None:
    """Each text of each place of each sample and simulated row, in every spelling: not where it is redacted."""
    came_out: Counter[str] = Counter()
    for piece, sentinels in with_sentinels(home):
        came_out.update(sentinels.values())
        left = all_that_leaves(home, kind, piece)
        gone = [
            value for value, place in sentinels.items() if kind != "parts" or place not in {"fields", "native.extra"}
        ]
        found = [each for value in gone for each in spellings(value) if each.lower() in left.lower()]
        assert not found, (piece, left)
    assert EXPECTED[home.name] <= set(came_out), came_out


def with_a_field_everywhere(value: bytes) -> bytes:
    """Return a JSON body with one more field in each object, in strings as well; each has a value of its own."""
    counted = count()

    def walk(node: Any) -> Any:
        match node:
            case dict():
                return {key: walk(inner) for key, inner in node.items()} | {"mx_Passport": f"PASS-{next(counted)}-5678"}
            case list():
                return [walk(inner) for inner in node]
            case str() if node[:1] == "{":
                with suppress(ValueError):
                    return json.dumps(walk(json.loads(node)))
        return node

    return json.dumps(walk(json.loads(value))).encode()


@EACH
def test_a_field_is_redacted_by_its_name_wherever_it_stands(home: Home) -> None:
    """Before and after, at the top and below: no value of it is a copy of another one."""
    shapes: set[str] = set()
    for piece in pieces(home):
        if piece.shape not in shapes and suite.explained(home, piece).event is not None:
            shapes.add(piece.shape)
            spoilt = replace(piece, value=with_a_field_everywhere(piece.value))
            assert "PASS-" not in all_that_leaves(home, "name", spoilt)
    assert shapes


def broken(piece: Piece) -> Iterator[Piece]:
    """Yield a record that breaks off, and records in which one value is of another kind."""
    yield replace(piece, value=piece.value[: len(piece.value) * 2 // 3])
    body = json.loads(piece.value)
    for name, value in body.items() if isinstance(body, dict) else ():
        for other in (5, [value], {"a": value}, str(value)):
            yield replace(piece, value=json.dumps(body | {name: other}).encode())


@EACH
def test_no_sentinel_leaves_in_a_dead_letter(home: Home) -> None:
    """Where records cannot be read, neither bytes nor sentences tell what stood in them."""
    letters = 0
    for spoilt, sentinels in islice(with_sentinels(home), 0, None, 12):
        for piece in broken(spoilt):
            left = all_that_leaves(home, "drop", piece)
            letters += "headrace-problem: " in left
            of_letter = left.partition("headrace-problem: ")[2]
            assert not [each for value in sentinels for each in spellings(value) if each.lower() in of_letter.lower()]
    assert letters
