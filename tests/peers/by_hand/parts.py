"""What the three platforms share."""

from typing import Any

Json = dict[str, Any]


def enveloped(data: Json, **attributes: str | None) -> Json:
    """Return the event around its data; `id` and `source` are still to come."""
    event: Json = filled(**attributes)
    event["type"] = f"headrace.{data['category']}.{data['action']}.v1"
    event["data"] = data
    return event


def filled(**values: Any) -> Json:
    """Return what there is: neither None nor empty."""
    return {name: value for name, value in values.items() if value is not None and value not in ("", {})}


def plain(text: str) -> str:
    """Return `2026-11-20 11:40:07`, or an RFC 3339 time, as the canonical time: UTC, and no zeros for a fraction."""
    if len(text) == 19:
        return f"{text[:10]}T{text[11:]}Z"
    return f"{text[:19]}Z" if text.endswith(".000Z") else text
