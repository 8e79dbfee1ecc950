"""One broken item of a body is one dead letter, wherever it comes from; all others go on."""

import io
from collections.abc import Callable, Iterable

import pytest

from headrace.cli._input_files import bodies
from headrace.explain import explain
from headrace.providers.discover import discover
from headrace.providers.leadping.settings import LeadPingSettings
from headrace.providers.leadsquared.settings import LeadSquaredSettings
from headrace.providers.outreach.settings import OutreachSettings
from headrace.sdk.feed import Answer, Call, Polled, Turn
from headrace.sdk.provider import UNREADABLE, Delivery, Piece, RawEvent, Tenant
from tests.providers import suite
from tests.providers.feeds_kit import NOW, Memory, read
from tests.providers.kit import RECEIVED, TENANT
from tests.providers.suite import HOMES
from tests.unit.test_json_structure import BROKEN

LEAD = "7d0c1f6e-58a1-4c55-9a0b-3f7a53a1e0d4"
EACH = pytest.mark.parametrize("name", ["leadping", "leadsquared", "outreach"])
DAMAGE = pytest.mark.parametrize("broken", [*BROKEN.values(), b"null", b"17"], ids=[*BROKEN, "null", "a number"])
BOM = b"\xef\xbb\xbf"
SETTINGS: dict[str, Tenant] = {
    "leadping": LeadPingSettings(webhook_mode="none", polling=True),
    "leadsquared": LeadSquaredSettings(webhook_secrets=["s3cret-of-theirs"], polling=True),
    "outreach": OutreachSettings(allow_unsigned=True, polling=True),
}


def good(name: str, number: int) -> bytes:
    """Return a row of a page."""
    if name == "leadping":
        return b'{"id":"act-%d","activityType":"SMS","status":"Sent","createdAt":"2026-10-01T10:00:00Z"}' % number
    if name == "leadsquared":
        ident = b"7d0c1f6e-58a1-4c55-9a0b-3f7a53a1e0%02d" % number
        return (
            b'{"Id":"%b","EventCode":21,"EventName":"Called","ActivityFields":{},"Data":[],"RelatedProspectId":"%b"'
            b',"CreatedOn":"2026-10-01 10:00:00","ModifiedOn":"2026-10-01 10:00:00"}'
        ) % (ident, LEAD.encode())
    created = b"2026-10-01T10:00:0%d.000Z" % number
    return b'{"type":"event","id":%d,"attributes":{"name":"note_created","createdAt":"%b"}}' % (number, created)


def page(name: str, rows: list[bytes]) -> bytes:
    """Return a page of a feed."""
    around = {
        "leadping": b'{"items":[%b],"continuationToken":null}',
        "leadsquared": b'{"RecordCount":%d,"ProspectActivities":[%%b]}' % len(rows),
        "outreach": b'{"data":[%b],"links":{"next":null}}',
    }
    return around[name] % b",".join(rows)


def item(name: str, number: int) -> bytes:
    """Return a record as a webhook brings it."""
    if name != "leadsquared":
        return good(name, number)
    ident = b"7d0c1f6e-58a1-4c55-9a0b-3f7a53a1e0%02d" % number
    return (
        b'{"ProspectActivityId":"%b","ActivityEvent":21,"RelatedProspectId":"%b","Data":{},'
        b'"CreatedOn":"2026-10-01 10:00:00"}'
    ) % (ident, LEAD.encode())


def accepted(name: str, body: bytes) -> list[RawEvent]:
    """Return what a webhook with this body brings."""
    headers = {"content-type": "application/json", "x-webhook-secret": "s3cret-of-theirs"}
    settings = SETTINGS[name]
    if isinstance(settings, LeadSquaredSettings):
        headers[settings.webhook_header.lower()] = "s3cret-of-theirs"
    delivery = Delivery(tenant="acme", method="POST", headers=headers, query={}, body=body, received=NOW)
    return list(discover()[name].accept(delivery, settings).events)


async def polled(name: str, answer: Callable[[Call], bytes]) -> tuple[list[bytes], bool]:
    """Return what a feed brings of a platform, and whether it read everything."""
    provider = discover()[name]
    assert isinstance(provider, Polled)
    feed, *_ = provider.feeds(SETTINGS[name])
    found = await read(feed, Memory(answer), turn=Turn(lead=LEAD) if feed.by_lead else None)
    return [raw.value for raw in found.raws], found.cursors[-1].whole


def letters(name: str, pieces: Iterable[Piece]) -> list[bytes]:
    """Return the bytes of the pieces that become dead letters, each with a place that is told."""
    home = next(home for home in HOMES if home.name == name)
    dead = []
    for piece in pieces:
        found = suite.explained(home, piece)
        if found.problem is not None:
            assert found.problem.code != "internal"
            assert found.problem.source is not None
            dead.append(piece.value)
    return dead


@EACH
@DAMAGE
def test_a_broken_item_of_an_array_is_a_letter_of_its_own(name: str, broken: bytes) -> None:
    """In the arrays of webhooks and files."""
    first, last = item(name, 1), item(name, 2)
    body = b"[" + b", ".join((first, broken, last)) + b"]\n"
    pieces = list(discover()[name].cut(body))
    assert [piece.value for piece in pieces] == [first, broken, last]
    assert letters(name, pieces) == [broken]
    if name != "outreach":  # its webhooks hold one record each
        assert [raw.value for raw in accepted(name, body)] == [first, broken, last]


@EACH
@DAMAGE
def test_a_broken_row_of_a_page_is_a_letter_of_its_own(name: str, broken: bytes) -> None:
    """In pages that come as files."""
    first, last = good(name, 1), good(name, 2)
    pieces = list(discover()[name].cut(page(name, [first, broken, last])))
    assert [piece.value for piece in pieces] == [first, broken, last]
    assert letters(name, pieces) == [broken]


@EACH
@DAMAGE
async def test_a_feed_goes_on_behind_a_broken_row(name: str, broken: bytes) -> None:
    """All rows come, and the cursor behind them; the page was good."""
    rows = [good(name, 1), broken, good(name, 2)]

    def answer(call: Call) -> bytes:
        if name == "leadping" and call.method == "GET":
            return b'{"id":"%b"}' % call.path.split("/")[2].encode()
        return page(name, rows)

    found, whole = await polled(name, answer)
    assert whole
    assert len(found) == len(rows)
    assert broken in found
    assert all(any(row in value for value in found) for row in rows)


@pytest.mark.parametrize("pointer", [None, "/event"])
def test_a_broken_event_of_an_automation_is_a_letter_of_its_own(pointer: str | None) -> None:
    """Where the events stand below the body's top, and something else of the body is broken as well."""
    first, broken, last = good("leadping", 1), rb'{"id":"act-7","text":"\ud83d"}', good("leadping", 2)
    body = b'{"note":NaN,"event":[' + b",".join((first, broken, last)) + b"]}"
    settings = LeadPingSettings(webhook_mode="none", webhook_event=pointer)
    delivery = Delivery(tenant="acme", method="POST", headers={}, query={}, body=body, received=NOW)
    raws = discover()["leadping"].accept(delivery, settings).events
    assert [raw.value for raw in raws] == [first, broken, last]


@EACH
@pytest.mark.parametrize("cut_off", [1, 30])
def test_an_array_without_its_end_is_one_letter(name: str, cut_off: int) -> None:
    """Nobody can say what else it held: all of it is kept together, to be sent again."""
    body = (b"[" + b",".join(item(name, number) for number in range(1, 4)) + b"]")[:-cut_off]
    (piece,) = discover()[name].cut(body)
    assert (piece.shape, piece.value) == (UNREADABLE, body)
    assert letters(name, [piece]) == [body]


@EACH
def test_a_byte_order_mark_is_no_part_of_a_body(name: str) -> None:
    """The records of webhooks and files are the same with it and without."""
    provider, body = discover()[name], b"[" + item(name, 1) + b"]"
    assert list(provider.cut(BOM + body)) == list(provider.cut(body))
    assert list(provider.cut(BOM + page(name, [good(name, 1)]))) == list(provider.cut(page(name, [good(name, 1)])))
    alone = item(name, 1)
    assert accepted(name, BOM + alone) == accepted(name, alone)
    assert list(bodies(io.BytesIO(BOM + body))) == [body]
    found = explain(
        provider, TENANT, next(suite.mapping_of(h) for h in HOMES if h.name == name), BOM + body, now=RECEIVED
    )
    assert [each.problem for each in found] == [None]


@EACH
def test_an_answer_has_no_byte_order_mark(name: str) -> None:
    """A polled page with one is judged, and read, like any other."""
    provider = discover()[name]
    assert isinstance(provider, Polled)
    answer = Answer(200, {}, BOM + page(name, []))
    assert answer.body == page(name, [])


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_a_broken_line_of_a_file_is_a_body_of_its_own(line: bytes) -> None:
    """However many lines are broken, and where."""
    if line[:1] in b"{[" and b"\n" not in line and not line.startswith(b'{"a":1} '):
        lines = [line, line, line, b'{"id":1}']
        assert list(bodies(io.BytesIO(b"\n".join(lines)))) == lines
