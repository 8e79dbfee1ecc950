"""Find out which list has the events of all leads: it is remembered once two turns have had its answer.

1. `POST /events/organizations/{id}`, or `/events/businesses/{id}` in older generations, where an id is known: from the
   settings, else from calls, which name their organization.
2. `POST /events/all/my` where the settings name none. It is the view of one user, and never counts as whole.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from headrace.core.timestamps import from_millis
from headrace.providers.leadping.client import at
from headrace.providers.leadping.hydrate import ORGANIZATION
from headrace.sdk.faults import Denied, Fault, Gone, NoRoute, Rejected
from headrace.sdk.feed import Api, Call

LIST: Final = "tenant-list"
"""The fact which list answered, and for which organization it was asked."""
UNREAD: Final = "one user's view is read, not all events: set organization to its id"
_PATHS: Final = {"organizations": "/events/organizations/{}", "businesses": "/events/businesses/{}"}
MY: Final = "my"
_MY_PATH: Final = "/events/all/my"
PROBED_MS: Final = 60_000
_encode: Final = msgspec.json.Encoder().encode


class TenantList(Struct, frozen=True):
    """A list: its name, with the organization it was asked for, its path, and whether it has all events."""

    name: str
    path: str
    whole: bool


def page_call(path: str, begin: int, end: int, size: int, token: str | None = None) -> Call:
    """Return the call for a page of what was created from `begin` until before `end` (ms since the epoch).

    `startAt` and `endAt` are documented for these lists, unlike the names that a range in the body may have.
    """
    body: dict[str, object] = {"pageSize": size}
    if token is not None:
        body["continuationToken"] = token
    query = (("startAt", from_millis(begin)), ("endAt", from_millis(end)))
    return Call(path=path, method="POST", query=query, body=_encode(body))


async def tenant_list(api: Api, organization: str | None, before: str = "") -> TenantList:
    """Return the list that is known to answer, else the first that does; `before` is the name of the one before.

    Facts expire, and a list that has all events is not left for the view of one user meanwhile. Raises `Fault` where
    none answers.
    """
    named = organization or api.recall(ORGANIZATION) or before.partition(" ")[2] or None
    lists = list(tenant_lists(organization, named))
    known = api.recall(LIST)
    for each in lists:
        if each.name == known:
            return each
    faults: list[Fault] = []
    for each in lists:
        try:
            await api.call(page_call(each.path, api.now - PROBED_MS, api.now, 1))
        except (Gone, NoRoute, Rejected, Denied) as fault:
            faults.append(fault)
        else:
            api.remember(LIST, each.name)
            return each
    raise _refusal(faults)


def tenant_lists(organization: str | None, known: str | None) -> Iterator[TenantList]:
    """Yield the lists that may answer, best first: of the `organization` that is set, or of one that is `known`."""
    if known is not None:
        for word, path in _PATHS.items():
            yield TenantList(f"{word} {known}", at(path, known), whole=True)
    if organization is None:
        yield TenantList(f"{MY} {known}" if known else MY, _MY_PATH, whole=False)


def _refusal(faults: list[Fault]) -> Fault:
    """Return what it means that every list was refused: credentials, a gateway, or an id that nobody knows."""
    for kind in (Denied, NoRoute):
        found = next((fault for fault in faults if isinstance(fault, kind)), None)
        if found is not None and (kind is Denied or all(isinstance(fault, NoRoute) for fault in faults)):
            return found
    return Rejected("no list has the events of this organization: look whether `organization` is its id")
