"""A webhook has no ModifiedOn, and rows tell more than it: of what was never edited that is one event."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from headrace.config.tenants import Account, Tenants
from headrace.providers.leadsquared import provider
from headrace.sdk.provider import RawEvent
from tests.providers import suite
from tests.providers.kit import RECEIVED, TENANT, Rendering
from tests.providers.leadsquared import twins
from tests.providers.leadsquared.decode_row import HOME
from tests.unit.partition import Partition

OWN = {"Status": "Answered", "Owner": twins.USER, "mx_Custom_1": "roof", "mx_Custom_3": "64"}
DESCRIBED = [{"Key": "NotableEventDescription", "Value": "A call by Nora Sample"}]


def call_row(second: int = 30, **more: Any) -> Rendering:
    """Write a call as Retrieve has it: with a description that no webhook carries."""
    return twins.lead_row(2, 22, OWN | more, f"2026-03-02 08:15:{second}", Data=DESCRIBED)


def call_item(**more: Any) -> Rendering:
    """Write a call as its webhook has it."""
    return twins.item(2, 22, OWN | more)


def fates_of(renderings: Sequence[Rendering], *, polling: bool) -> list[str]:
    """Return the fates of records that come in this order."""
    return heard(renderings, polling=polling).fates


def heard(renderings: Sequence[Rendering], *, polling: bool) -> Partition:
    """Return what has decided on records that come in this order."""
    settings = replace(suite.kit_of(HOME).settings, polling=polling)
    here = Partition(Tenants([Account(provider, TENANT, settings, suite.mapping_of(HOME))]), now=RECEIVED)
    for each in renderings:
        shape, value = each.piece.shape, each.piece.value
        raw = RawEvent(provider=provider.name, tenant=TENANT, shape=shape, value=value, via=each.via, received=RECEIVED)
        here.hear(provider, raw)
    return here


@pytest.mark.parametrize("polling", [False, True])
@pytest.mark.parametrize(
    ("renderings", "fates"),
    [
        ([call_item(), call_row()], ["published", "unchanged"]),
        ([call_item(), call_row(Campaign="Roofs"), call_row()], ["published", "unchanged", "published"]),
        ([call_item(), call_row(), call_row(), call_item()], ["published", "unchanged", "duplicate", "duplicate"]),
        ([call_item(), call_row(20)], ["published", "unchanged"]),
        ([call_item(), call_row(mx_Custom_1="wall")], ["published", "published"]),
        ([call_item(), call_row(Status="Missed")], ["published", "published"]),
        ([call_item(), call_row(31)], ["published", "published"]),
        ([call_item(), call_item(mx_Custom_1="wall"), call_row()], ["published", "published", "published"]),
        ([call_item(), call_row(), call_row(31, mx_Custom_1="wall")], ["published", "unchanged", "published"]),
    ],
)
def test_an_activity_that_was_never_edited_is_one_event(
    renderings: list[Rendering], fates: list[str], *, polling: bool
) -> None:
    """A row that tells more than its webhook is no news; an edit comes out, within the second of the creation too."""
    assert fates_of(renderings, polling=polling) == fates


def deal_row(second: int, **fields: Any) -> Rendering:
    """Write an opportunity as Retrieve has it, edited at a second of the minute of its creation."""
    return twins.lead_row(7, 12000, {"Status": "Open", **fields}, f"2026-03-02 08:15:{second}")


@pytest.mark.parametrize(
    ("renderings", "words"),
    [
        ([deal_row(32)], ["created"]),
        ([deal_row(32), deal_row(40)], ["created"]),
        ([deal_row(30), deal_row(32, mx_Custom_1="9 kW")], ["created", "updated"]),
        ([twins.item(7, 12000, {"Status": "Open"}), deal_row(32)], ["created"]),
        ([twins.item(7, 12000, {"Status": "Open"}), deal_row(32, mx_Custom_1="9 kW")], ["created", "updated"]),
        ([deal_row(32), deal_row(32, mx_Custom_1="9 kW")], ["created", "updated"]),
    ],
)
def test_an_opportunity_is_created_once(renderings: list[Rendering], words: list[str]) -> None:
    """What is seen first seconds after it was made is its creation, an edit within these seconds is an update."""
    events = heard(renderings, polling=False).events
    assert [event.type for event in events] == [f"headrace.opportunity.{word}.v1" for word in words]
    assert [event.data.action for event in events] == words
