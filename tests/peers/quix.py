"""The contender on Quix Streams, at least once: `python -m tests.peers.quix SERVERS RAW OUT CODEC STATE`.

It runs in a virtual environment of its own (`made.py`). The keys that were seen stand in the framework's store
(RocksDB) with its changelog on Kafka; JSON is read and written by the framework.
"""

import sys
from typing import Any

from quixstreams import Application, State

from tests.peers.by_hand import event_of, key_of


def main(servers: str, raw: str, out: str, codec: str, state: str) -> None:
    """Work until killed."""
    app = Application(
        broker_address=servers,
        consumer_group=out,
        auto_offset_reset="earliest",
        state_dir=state,
        producer_extra_config={"compression.type": codec},
        auto_create_topics=True,
    )
    source = app.topic(raw, key_deserializer="bytes", value_deserializer="json")
    target = app.topic(out, key_serializer="str", value_serializer="json")
    frame = app.dataframe(source)
    frame = frame.filter(_is_new, stateful=True)
    frame = frame.apply(_event, metadata=True)
    frame = frame.to_topic(target, key=key_of)
    app.run()


def _is_new(_value: Any, state: State) -> bool:
    """Return whether the key, to which the store belongs, was never seen; note it."""
    if state.exists("seen"):
        return False
    state.set("seen", 1)
    return True


def _event(value: Any, _key: Any, _timestamp: int, headers: list[tuple[str, bytes]]) -> Any:
    ((_, header),) = headers
    return event_of(header, value)


if __name__ == "__main__":
    main(*sys.argv[1:])
