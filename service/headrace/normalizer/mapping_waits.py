"""How long a replay waits for a mapping that its task does not have: all that stands behind it waits, too. Pure.

It counts from when the record was appended: a restart, a rebalance or several mappings at once make it no longer.
"""

from typing import Final

from headrace.normalizer.decode import DecodedRecord
from headrace_events import Problem, Source

MOST_SECONDS: Final = 75
"""Overlays are followed within seconds, and on Kubernetes within a minute: who has it by then had it in time."""
AHEAD_SECONDS: Final = 30
"""By so much the broker's clock may be ahead. Both together stay below what a task may stand still (observe.health)."""


class WaitsForMapping(Exception):  # noqa: N818  (a state, not an error)
    """The first record of the batch is a replay under a mapping that this task does not have."""

    def __init__(self, decoded: DecodedRecord) -> None:
        where = f"offset {decoded.record.offset} waits for {decoded.raw.replay}"
        super().__init__(f"{decoded.source} has mapping {decoded.mapping}, {where}")


def lacks_mapping(decoded: DecodedRecord) -> bool:
    """Return whether a record is a replay under a mapping that its tenant does not have here."""
    wanted = decoded.raw.replay
    return bool(wanted) and decoded.account is not None and not decoded.waits and wanted != decoded.mapping


def has_waited(decoded: DecodedRecord, now: int) -> bool:
    """Return whether a replay has waited for long enough at a time (ms)."""
    age = now - decoded.record.timestamp
    return not -AHEAD_SECONDS * 1000 <= age < MOST_SECONDS * 1000


def no_mapping(decoded: DecodedRecord) -> Problem:
    """Return the problem of a replay that waited for long enough."""
    detail = (
        f"{decoded.source} has mapping {decoded.mapping}, and {decoded.raw.replay} did not come within "
        f"{MOST_SECONDS} seconds: replay again once every normalizer has it"
    )
    return Problem("mapping_missing", "The mapping of the replay is not there", detail, Source("$"))
