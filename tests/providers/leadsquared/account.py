"""A LeadSquared account in memory: rows that anybody may edit at any moment, and lists of them and of leads."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from headrace.providers.leadsquared.activity_lists import written
from headrace.sdk.faults import Fault, Rejected
from headrace.sdk.feed import Call

Row = dict[str, Any]
LEAD: Final = "00000000-4a10-11f1-8f00-0242ac12%04d"
ACTIVITY: Final = "%08x-4a10-11f1-8f00-0242ac120010"


class Account:
    """`rows` by number. `moves` is called before each page, `fails` may return a fault for a code.

    `cap` rows make a page at most, `disorder` mixes them up, `hidden` are counted for a code (0: leads) and not shown;
    `own_counts` counts the rows of a page alone. A page is `blank` so many times, whatever it counts.
    `codes` is the catalogue; `all_codes` is what RetrieveRecentlyModified does: it answers, or raises a fault.
    """

    def __init__(self, codes: tuple[int, ...] = (22,)) -> None:
        self.codes = codes
        self.names: dict[int, Any] = {}
        self.rows: Final[dict[int, Row]] = {}
        self.leads: Final[dict[str, int]] = {}
        self.calls: Final[list[str]] = []
        self.bodies: Final[list[dict[str, Any]]] = []
        self.moves: Callable[[], None] = lambda: None
        self.fails: Callable[[str], Fault | None] = lambda _: None
        self.cap = 1000
        self.disorder = False
        self.hidden: dict[int, int] = {}
        self.own_counts = False
        self.blank = 0
        self.all_codes: Fault | None = Rejected("no such method")

    def put(self, number: int, modified: int, *, code: int = 22, created: int | None = None, lead: int = 1) -> None:
        """Add a row, or edit it; times are in milliseconds."""
        known = self.rows.get(number)
        self.rows[number] = {
            "Id": ACTIVITY % number,
            "EventCode": code,
            "CreatedOn": known["CreatedOn"] if known else written(modified if created is None else created),
            "ModifiedOn": written(modified),
            "RelatedProspectId": LEAD % lead,
        }

    def __call__(self, call: Call) -> bytes:
        """Answer a call."""
        self.moves()
        name = call.path.rsplit("/", 1)[1]
        body: dict[str, Any] = msgspec.json.decode(call.body) if call.body else {}
        code = (body.get("Parameter") or {}).get("ActivityEvent")
        self.calls.append(f"{name} {code}" if code is not None else name)
        self.bodies.append(body)
        if fault := self.fails(self.calls[-1]):
            raise fault
        match name:
            case "ActivityTypes.Get":
                types = [{"ActivityEvent": str(each), "DisplayName": self.names.get(each)} for each in self.codes]
                return msgspec.json.encode(types)
            case "RetrieveByActivityEvent":
                rows = [_flat(row) for row in self.rows.values() if row["EventCode"] == code]
                return self._page("List", rows, body, self.hidden.get(code or 0, 0))
            case "RetrieveRecentlyModified":
                if self.all_codes is not None:
                    raise self.all_codes
                return self._page("ProspectActivities", [row | {"Fields": []} for row in self.rows.values()], body)
            case "Leads.RecentlyModified":
                rows = [
                    {"ProspectID": lead, "ModifiedOn": f"{written(at)}.{at % 1000:03d}"}
                    for lead, at in self.leads.items()
                ]
                return self._page("Leads", rows, body, self.hidden.get(0, 0))
            case _:
                raise Rejected("no such method")

    def _page(self, name: str, rows: list[Row], body: dict[str, Any], hidden: int = 0) -> bytes:
        parameter, paging = body["Parameter"], body["Paging"]
        column = body["Sorting"]["ColumnName"]
        found = [row for row in rows if parameter["FromDate"] <= row[column] <= parameter["ToDate"]]
        found.sort(key=lambda row: str(row) if self.disorder else row[column])
        size = min(paging["PageSize"], self.cap)
        begin = (paging["PageIndex"] - 1) * size
        page = found[begin : begin + size]
        if page and self.blank:
            self.blank, page = self.blank - 1, []
        if name == "Leads":
            page = [
                {"LeadPropertyList": [{"Attribute": key, "Value": value} for key, value in row.items()]} for row in page
            ]
        return msgspec.json.encode({"RecordCount": len(page if self.own_counts else found) + hidden, name: page})


def _flat(row: Row) -> Row:
    names = {"Id": "ProspectActivityId", "EventCode": "ActivityEvent"}
    return {names.get(key, key): str(value) if key == "EventCode" else value for key, value in row.items()}
