"""Step 3. The name and version of a record, the same for webhook and poll."""

from headrace.sdk.provider import Identity, RawEvent
from tests.providers.tutorial.acme.wire import EVENT, decode_key


def identity(raw: RawEvent) -> Identity:
    """Return `event/<id>`, its version the time of its last change. Raises what msgspec raises."""
    key = decode_key(raw.value)
    return Identity(EVENT, str(key.id), key.changed)
