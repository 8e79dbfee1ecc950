"""The lists of an account's activities: by code, all that were modified, and the catalogue of codes."""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Raw, Struct, field

from headrace.core.timestamps import from_millis
from headrace.providers.leadsquared.offset_detection import Listed
from headrace.providers.leadsquared.windows import Ask
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Api, Call
from headrace.sdk.json_structure import UNCUTTABLE
from headrace.sdk.pages import Page, open_page

_SERVICE: Final = "/v2/ProspectActivity.svc"
BY_EVENT: Final = f"{_SERVICE}/CustomActivity/RetrieveByActivityEvent"
"""https://apidocs.leadsquared.com/get-activities-by-activity-event/"""
MODIFIED: Final = f"{_SERVICE}/RetrieveRecentlyModified"
"""No page of the reference has it; clients use it."""
TYPES: Final = Call(path=f"{_SERVICE}/ActivityTypes.Get")
ALL: Final = "all"
"""The name of the stream of all codes; those of one code are named by it."""
_MOST_CODES: Final = 1_000
_LONGEST_NAME: Final = 80
Column = Literal["ModifiedOn", "CreatedOn"]


class _ByCodePage(Page, rename="pascal"):
    rows: Raw = field(name="List")
    record_count: int | None = None


class _ModifiedPage(Page, rename="pascal"):
    rows: Raw = field(name="ProspectActivities")
    record_count: int | None = None


class _Type(Struct, rename="pascal"):
    activity_event: int
    display_name: Any = None
    activity_event_name: Any = None


_by_code: Final = msgspec.json.Decoder(_ByCodePage, strict=False)
_modified: Final = msgspec.json.Decoder(_ModifiedPage, strict=False)
_types: Final = msgspec.json.Decoder(list[_Type], strict=False).decode
_encode: Final = msgspec.json.Encoder().encode


def body_of(window: tuple[int, int], index: int, size: int, column: str, **more: Any) -> bytes:
    """Return the body of a call for a page of a window in ms, both ends within it; `more` is what else it says."""
    since, until = window
    return _encode(
        {
            **more,
            "Parameter": {"FromDate": written(since), "ToDate": written(until + 999), **more.get("Parameter", {})},
            "Paging": {"PageIndex": index, "PageSize": size},
            "Sorting": {"ColumnName": column, "Direction": 0},
        }
    )


def written(millis: int) -> str:
    """Return a time as calls have it: UTC, whole seconds, no zone."""
    return from_millis(millis // 1000 * 1000)[:19].replace("T", " ")


def listed(total: int | None, rows: Sequence[bytes]) -> Listed:
    """Return a page; without a count it is all there is."""
    return Listed(len(rows) if total is None else total, rows)


def asking(api: Api, name: str, column: Column = "ModifiedOn") -> Ask:
    """Return how the pages of a stream are asked for."""

    async def ask(since: int, until: int, index: int, size: int) -> Listed:
        if name == ALL:
            body = body_of((since, until), index, size, column, Parameter={"IncludeCustomFields": 1})
            all_codes, rows = await open_page(_modified, await api.call(Call(path=MODIFIED, method="POST", body=body)))
            return listed(all_codes.record_count, rows)
        code = {"ActivityEvent": int(name), "RemoveEmptyValue": True}
        body = body_of((since, until), index, size, column, Parameter=code)
        page, rows = await open_page(_by_code, await api.call(Call(path=BY_EVENT, method="POST", body=body)))
        return listed(page.record_count, rows)

    return ask


async def catalogue(api: Api) -> dict[int, str]:
    """Return the codes of the account's activity types, each with its name, "" without one. Raises `Fault`."""
    body = await api.call(TYPES)
    try:
        codes = {found.activity_event: _name(found) for found in _types(body)}
    except UNCUTTABLE:
        codes = {}
    if not codes:
        raise Unavailable("no list of activity types came")
    if len(codes) > _MOST_CODES:
        raise Unavailable(f"the account has {len(codes):,} activity types, more than are read: set `codes`")
    return dict(sorted(codes.items()))


def is_list_of_types(body: bytes) -> bool:
    """Return whether a body is the catalogue of activity types: every account has some."""
    try:
        return bool(_types(body))
    except UNCUTTABLE:
        return False


def _name(found: _Type) -> str:
    """Return how a type is called, "" where that is no text: its code counts all the same."""
    name = found.display_name or found.activity_event_name
    return name[:_LONGEST_NAME] if isinstance(name, str) else ""
