"""How accounts call their codes, where a feed has learned it: from the notes that pollers store."""

import contextlib
from collections.abc import Iterable, Mapping as Dict
from typing import Final

import msgspec

from headrace.cli._kafka_errors import existing_topics
from headrace.config import Config
from headrace.config.tenants import Account
from headrace.kafka.consumer import read
from headrace.records.cursors import FeedNote, decode
from headrace.sdk.feed import NamesCodes

_KIND: Final = "note"


async def code_names(config: Config, accounts: Iterable[Account]) -> Dict[str, Dict[str, str]]:
    """Return the names of codes by source; `cursors` is read only where a provider learns them."""
    keys: dict[bytes, tuple[str, NamesCodes]] = {}
    for account in accounts:
        provider: object = account.provider
        if isinstance(provider, NamesCodes) and account.settings.polling:
            key = "\0".join((account.source, _KIND, *provider.names_note)).encode()
            keys[key] = account.source, provider
    found: dict[str, Dict[str, str]] = {}
    if not keys:
        return found
    (topic,) = await existing_topics(config, "cursors")
    async with contextlib.aclosing(read(config.kafka, topic.name)) as log:
        async for record in log:
            if record.key in keys:
                source, provider = keys[record.key]
                note = decode(record.key, record.value or b"").value
                found[source] = _names(provider, note.value) if isinstance(note, FeedNote) else {}
    return found


def _names(provider: NamesCodes, note: bytes) -> Dict[str, str]:
    try:
        return provider.code_names(note)
    except msgspec.MsgspecError:
        return {}
