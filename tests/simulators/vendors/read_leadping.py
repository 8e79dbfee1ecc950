"""Read a whole LeadPing account with the vendor's own client, and write what it understood as JSON, a line a row.

Runs in an environment of its own: `python read_leadping.py BASE_URL API_KEY ORGANIZATION SINCE LEAD…`. The lists of the
leads, then for every row its detail, and for every call its record; then the list of the organization since a time.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

# None of these is installed where the types are checked.
from kiota_abstractions.authentication.api_key_authentication_provider import (  # type: ignore[import-not-found]
    ApiKeyAuthenticationProvider,
    KeyLocation,
)
from kiota_abstractions.base_request_configuration import RequestConfiguration  # type: ignore[import-not-found]
from kiota_http.httpx_request_adapter import HttpxRequestAdapter  # type: ignore[import-not-found]
from leadping import LeadpingOpenApiClient  # type: ignore[import-not-found]
from leadping.models.request_data_options import RequestDataOptions  # type: ignore[import-not-found]


def client_of(base_url: str, api_key: str) -> Any:
    """Set the client up as its README says."""
    key = ApiKeyAuthenticationProvider(KeyLocation.Header, f"Bearer {api_key}", "Authorization", ["127.0.0.1"])
    adapter = HttpxRequestAdapter(key)
    adapter.base_url = base_url
    return LeadpingOpenApiClient(adapter)


async def rows_of(builder: Any, configuration: Any = None) -> AsyncIterator[Any]:
    """Follow the continuation token of a list to its end."""
    options = RequestDataOptions()
    options.page_size = 20
    while True:
        page = await builder.post(options, configuration)
        for row in page.items or []:
            yield row
        options.continuation_token = page.continuation_token
        if page.continuation_token is None:
            return


def record_of(row: Any) -> dict[str, Any]:
    """Return what the client made of a row."""
    return {
        "id": row.id,
        "lead": row.lead_id,
        "summary": row.summary,
        "status": row.status.value,
        "type": row.timeline_type.value,
        "created": row.created_at.isoformat(),
        "delivered": row.delivered_at.isoformat() if row.delivered_at else None,
        "amount": row.billable_amount,
        "retries": row.retry_count,
    }


async def main(base_url: str, api_key: str, organization: str, since: str, leads: list[str]) -> None:
    """Read everything."""
    client = client_of(base_url, api_key)
    for lead in leads:
        async for row in rows_of(client.events.leads.by_lead_id(lead)):
            detail = await client.events.detail.by_event_id(row.id).get()
            found = record_of(row) | {"detail": detail.id, "modified": detail.modified_at.isoformat()}
            if found["type"] == "Call":
                call = await client.events.calls.by_call_event_id(row.related_entity_id or row.id).get()
                found |= {"call": call.id, "call_status": call.status.value}
            sys.stdout.write(json.dumps(found) + "\n")
    of_all = client.events.organizations.by_organization_id(organization)
    parameters = of_all.WithOrganizationItemRequestBuilderPostQueryParameters(start_at=datetime.fromisoformat(since))
    async for row in rows_of(of_all, RequestConfiguration(query_parameters=parameters)):
        sys.stdout.write(json.dumps(record_of(row) | {"organization": organization}) + "\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:]))
