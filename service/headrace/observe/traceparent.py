"""The context of a span, as W3C Trace Context writes it: `00-<32 hex of the trace>-<16 hex of the span>-<2 hex>`. Pure.

https://www.w3.org/TR/trace-context/#traceparent-header
"""

import hashlib
import re
import secrets
from typing import Final

HEADER: Final = "traceparent"
_LENGTH: Final = 55
_FORM: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_SAMPLED: Final = frozenset("13579bdf")
"""How the flags end where their lowest bit is set."""
_SPAN: Final = slice(36, 52)


def valid_traceparent(text: str) -> str:
    """Return a context from outside as it may be passed on, an empty string where it has another form.

    What a later version may write behind the flags is left out, as who does not know that version shall do.
    """
    head = text[:_LENGTH]
    if not _FORM.fullmatch(head):
        return ""
    if len(text) > _LENGTH and (head.startswith("00") or text[_LENGTH] != "-"):
        return ""
    return f"00{head[2:]}"


def is_sampled(context: str) -> bool:
    """Return whether the spans of a trace are to be recorded."""
    return context[-1:] in _SAMPLED


def trace_id(context: str) -> str:
    """Return the 32 hex digits of a context's trace."""
    return context[3:35]


def span_id(context: str) -> str:
    """Return the 16 hex digits of a context's span."""
    return context[_SPAN]


def new_trace() -> str:
    """Return the context of a sampled span that begins a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def new_span(parent: str) -> str:
    """Return the context of a span below another one."""
    return _with_span(parent, secrets.token_hex(8))


def derived_span(parent: str, salt: str) -> str:
    """Return the context of a span below another one, the same for the same salt."""
    return _with_span(parent, hashlib.blake2b(f"{parent} {salt}".encode(), digest_size=8).hexdigest())


def _with_span(context: str, span: str) -> str:
    return f"{context[: _SPAN.start]}{span}{context[_SPAN.stop :]}"
