import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.core.mapping_file import build, read
from headrace.providers.discover import builtin
from headrace.providers.leadsquared import provider
from headrace.providers.leadsquared.settings import (
    ActivitiesByCodeSettings,
    LeadActivitiesSettings,
    LeadSquaredSettings,
)
from headrace.records.raw import printable
from headrace.sdk.provider import Accepted, Delivery, Nudge, Refused
from tests.providers.kit import RECEIVED
from tests.providers.nudging import Decided, decide_on
from tests.raw_records import through_raw

SETTINGS = LeadSquaredSettings(webhook_secrets=["old-secret", "new-secret"])
ITEM = {"ProspectActivityId": "AB", "ActivityEvent": "22", "Data": {}}
LEAD = {"ProspectID": "CD", "ModifiedOn": "2026-03-02 08:16:00"}
ANSWER = b'{"Status":"Success","StatusReason":""}'


def delivery(body: Any = b"", /, method: str = "POST", **headers: str) -> Delivery:
    """Make a delivery; a body that is no bytes is written as JSON."""
    signed = {"content-type": "application/json", "x-headrace-secret": "new-secret"}
    return Delivery(
        tenant="acme",
        method=method,
        headers=signed | {name.replace("_", "-"): value for name, value in headers.items()},
        query={},
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        received=RECEIVED,
    )


def accepted(request: Delivery, settings: Any = SETTINGS) -> Accepted:
    """Return what `accept` makes of a delivery."""
    return provider.accept(request, settings)


@pytest.mark.parametrize("secret", ["old-secret", "new-secret"])
def test_any_known_secret_opens_the_door(secret: str) -> None:
    """While a secret is rotated, old and new are both taken, and the answer is the one LeadSquared wants."""
    found = accepted(delivery([ITEM, ITEM], x_headrace_secret=secret))
    assert [raw.value for raw in found.events] == [json.dumps(ITEM).encode()] * 2
    assert (found.status, found.answer, found.content_type) == (200, ANSWER, "application/json")


@pytest.mark.parametrize("secret", ["", "wrong", "new-secre", "new-secrets", "néw-secret", "\udcff"])
def test_a_wrong_secret_is_refused_without_telling_one(secret: str) -> None:
    """A stranger gets 401 and the name of the header, nothing else."""
    with pytest.raises(Refused) as refused:
        accepted(delivery([ITEM], x_headrace_secret=secret))
    assert refused.value.status == 401
    assert "X-Headrace-Secret" in str(refused.value)
    assert not any(secret in str(refused.value) for secret in ("old-secret", "new-secret"))


def test_the_header_of_the_secret_can_be_named() -> None:
    """`webhook_header` names another header, in any case, and then the usual one does not count."""
    settings = LeadSquaredSettings(webhook_secrets=["s"], webhook_header="X-Api-Key")
    assert accepted(delivery([ITEM], x_api_key="s"), settings).events
    with pytest.raises(Refused, match="X-Api-Key"):
        accepted(replace(delivery([ITEM]), headers={"content-type": "application/json"}), settings)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_no_secret_means_no_delivery(secrets: list[str]) -> None:
    """Without a configured secret, an empty one included, nothing is accepted, and the sentence says what to set."""
    with pytest.raises(Refused, match="webhook_secrets") as refused:
        accepted(delivery([ITEM], x_headrace_secret=""), LeadSquaredSettings(webhook_secrets=secrets))
    assert refused.value.status == 401


@pytest.mark.parametrize("method", ["HEAD", "GET", "POST"])
def test_the_check_of_a_new_webhook_is_answered(method: str) -> None:
    """A request without a body gets 200 without a secret, and brings nothing."""
    found = accepted(delivery(b" ", method, x_headrace_secret=""))
    assert (found.status, found.events, found.answer) == (200, (), ANSWER)


@pytest.mark.parametrize(("method", "body"), [("PUT", b""), ("GET", b"[]"), ("DELETE", b"")])
def test_another_method_is_refused(method: str, body: bytes) -> None:
    """A body comes by POST."""
    with pytest.raises(Refused) as refused:
        accepted(delivery(body, method))
    assert refused.value.status == 405


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_another_content_type_is_refused(kind: str) -> None:
    """The platform offers three content types; only JSON can be read."""
    with pytest.raises(Refused, match="application/json") as refused:
        accepted(delivery(b"a=b", content_type=kind))
    assert refused.value.status == 415


def test_parameters_of_the_content_type_do_not_matter() -> None:
    """A charset, in any case, is fine."""
    assert accepted(delivery([ITEM], content_type="Application/JSON; charset=UTF-8")).events


def test_a_verified_body_that_cannot_be_read_is_kept_whole() -> None:
    """What is verified is never refused for its content: one raw event, the bytes untouched."""
    (raw,) = accepted(delivery(b'[{"ProspectActivityId":')).events
    assert (raw.shape, raw.value) == ("unreadable", b'[{"ProspectActivityId":')


@pytest.mark.parametrize(
    ("query", "headers", "hint"),
    [
        ({"kind": "Lead_Stage_Changed "}, {}, "lead_stage_changed"),
        ({"kind": "lead_field_changed", "field": "mx_City"}, {}, "lead_field_changed:mx_City"),
        ({}, {"x_headrace_kind": "task_deleted"}, "task_deleted"),
        ({"kind": "a/b" + "c" * 200}, {}, "a_b" + "c" * 97),
        ({"field": "mx_City"}, {}, ""),
    ],
)
def test_the_kind_travels_beside_the_bytes(query: dict[str, str], headers: dict[str, str], hint: str) -> None:
    """The kind in the URL or a header becomes the hint of every record."""
    request = replace(delivery(LEAD, **headers), query=query)
    (raw,) = accepted(request).events
    assert raw.hint == hint


def decided(body: Any, kind: str = "", codes: Sequence[int] = (), overlay: str = "") -> Decided:
    """Return what becomes of a polled tenant's delivery."""
    request = replace(delivery(body), query={"kind": kind})
    own = replace(SETTINGS, polling=True, lead_activities=LeadActivitiesSettings(codes=[*codes]))
    mapping = build(builtin(provider.name), read(overlay, "acme.toml", provider.tables))
    return decide_on(provider, accepted(request, own).events, own, mapping)


CHANGE = {"Before": {"ProspectStage": "New"}, "After": LEAD}
NUDGE = Nudge("lead-activities", lead="cd")


@pytest.mark.parametrize("kind", ["lead_stage_changed", "lead_owner_changed", ""])
def test_what_polling_brings_wakes_the_feed(kind: str) -> None:
    """For a polled tenant changes of stage and owner are left to the feed."""
    found = decided(CHANGE, kind)
    assert (found.fates, found.nudges) == (["nudged"], [NUDGE])


@pytest.mark.parametrize(
    ("kind", "codes", "fate"),
    [
        ("lead_stage_changed", [21, 22], "published"),
        ("lead_owner_changed", [21, 22], "published"),
        ("lead_stage_changed", [21, 3002], "nudged"),
        ("lead_owner_changed", [21, 3002], "published"),
        ("lead_owner_changed", [3001], "nudged"),
    ],
)
def test_a_feed_is_not_woken_for_a_code_that_it_does_not_ask_for(kind: str, codes: list[int], fate: str) -> None:
    """With `codes` set, what these leave out is published as told."""
    assert decided(CHANGE, kind, codes).fates == [fate]


@pytest.mark.parametrize(
    "body",
    [{"Before": {}, "After": {}}, {"Before": {}, "After": LEAD}, [ITEM], LEAD],
    ids=["bare", "any", "item", "new"],
)
def test_what_only_webhooks_bring_is_not_left_to_the_feed(body: Any) -> None:
    """Other kinds, activities, and changes that cannot be read wake no feed."""
    assert not decided(body).nudges


@pytest.mark.parametrize(
    ("kind", "body", "codes", "fate"),
    [
        ("lead_updated", CHANGE, [], "published"),
        ("lead_created", LEAD, [], "published"),
        ("", [ITEM | {"RelatedProspectId": "CD"}], [], "nudged"),
        ("", [ITEM | {"RelatedProspectId": "CD"}], [21], "published"),
        ("", [ITEM], [], "published"),
        ("opportunity_deleted", [ITEM | {"RelatedProspectId": "CD"}], [], "published"),
    ],
)
def test_an_overlay_leaves_to_the_feed_what_that_can_bring(kind: str, body: Any, codes: list[int], fate: str) -> None:
    """A row's `nudge` counts where an activity says the same, of a lead that is named, and is asked for."""
    rows = [("22", "call.completed"), ("lead_updated", "lead.updated"), ("lead_created", "lead.created")]
    overlay = "".join(
        f'[[row]]\ncode = "{code}"\ntype = "{type_}"\nreach = "nudge"\n'
        for code, type_ in (*rows, ("opportunity_deleted", "opportunity.deleted"))
    )
    assert decided(body, kind, codes, overlay).fates == [fate]


@pytest.mark.parametrize(
    ("code", "codes", "fate"), [("22", [], "nudged"), ("22", [21], "published"), ("3002", [], "published")]
)
def test_without_the_feed_of_leads_that_of_codes_is_woken(code: str, codes: list[int], fate: str) -> None:
    """For codes that it is sure to bring: a stage and an owner are published as told."""
    overlay = f'[[row]]\ncode = "{code}"\ntype = "call.completed"\nreach = "nudge"\n'
    own = replace(
        SETTINGS,
        polling=True,
        feeds=["activities-by-code", "modified-leads"],
        activities_by_code=ActivitiesByCodeSettings(codes=codes),
    )
    mapping = build(builtin(provider.name), read(overlay, "acme.toml", provider.tables))
    item = ITEM | {"ActivityEvent": code, "RelatedProspectId": "CD"}
    found = decide_on(provider, accepted(delivery([item]), own).events, own, mapping)
    assert found.fates == [fate]
    assert [nudge.feed for nudge in found.nudges] == (["activities-by-code"] if fate == "nudged" else [])
    stage = accepted(replace(delivery(CHANGE), query={"kind": "lead_stage_changed"}), own).events
    assert decide_on(provider, stage, own, mapping).fates == ["published"]


def test_an_overlay_publishes_what_the_table_leaves_to_the_feed() -> None:
    """An overlay's `only` is heard."""
    overlay = '[[row]]\ncode = "lead_stage_changed"\ntype = "lead.stage_changed"\nreach = "only"'
    assert decided(CHANGE, "lead_stage_changed", overlay=overlay).fates == ["published"]


@pytest.mark.parametrize("odd", ["\udcff", "\xff", "k" * 5_000])
@pytest.mark.parametrize("where", ["headers", "query"])
def test_an_odd_kind_comes_in(where: str, odd: str) -> None:
    """A kind or field that cannot be encoded, or is long, does not keep a verified delivery out."""
    body = {"Before": LEAD, "After": LEAD}
    request = delivery(body, x_headrace_kind=odd, x_headrace_field=odd)
    if where == "query":
        request = replace(delivery(body), query={"kind": odd, "field": odd})
    (raw,) = accepted(request).events
    named = through_raw(provider, raw)
    assert named.hint == printable(raw.hint)
    assert named.identity is not None
    assert provider.identity(named) == named.identity


def test_a_secret_beyond_ascii_opens_the_door() -> None:
    """A secret may be any text: its bytes are compared."""
    assert accepted(delivery([ITEM], x_headrace_secret="é"), LeadSquaredSettings(webhook_secrets=["é"])).events  # noqa: S106  (made up)
