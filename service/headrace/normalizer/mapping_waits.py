"""How long replays wait for a mapping that this task does not have: all that stands behind them waits, too. Pure."""

from typing import Final, TypeAlias

from headrace.normalizer.decode import DecodedRecord
from headrace_events import Problem, Source

Wanted: TypeAlias = tuple[str, str]
"""A source, and the mapping under which records of it are replayed."""
MOST_SECONDS: Final = 300.0
"""A mapping is read within seconds, and a roll-out takes minutes: who does not have it by then does not get it."""
FORGOTTEN_AFTER: Final = 86_400.0
"""Seconds after which a mapping that was given up is waited for again."""
MOST_WANTED: Final = 1_000
"""Mappings that are remembered; the oldest are forgotten first."""


class WaitsForMapping(Exception):  # noqa: N818  (a state, not an error)
    """The first record of the batch is a replay under a mapping that this task does not have: `wanted`."""

    def __init__(self, decoded: DecodedRecord) -> None:
        self.wanted: Wanted = decoded.source, decoded.raw.replay
        where = f"offset {decoded.record.offset} waits for {decoded.raw.replay}"
        super().__init__(f"{decoded.source} has mapping {decoded.mapping}, {where}")


class MappingWaits:
    """Since when this task has waited for mappings: once for each, not for every record."""

    def __init__(self) -> None:
        self._since: Final[dict[Wanted, float]] = {}

    def wait(self, wanted: Wanted, now: float) -> None:
        """Note that a record waits at a time (seconds)."""
        self._since.setdefault(wanted, now)
        if len(self._since) > MOST_WANTED:
            del self._since[next(iter(self._since))]

    def given_up(self, now: float) -> list[Wanted]:
        """Return the mappings that were waited for long enough."""
        for wanted in [wanted for wanted, since in self._since.items() if now - since > FORGOTTEN_AFTER]:
            del self._since[wanted]
        return [wanted for wanted, since in self._since.items() if now - since >= MOST_SECONDS]


def lacks_mapping(decoded: DecodedRecord) -> bool:
    """Return whether a record is a replay under a mapping that its tenant does not have here."""
    wanted = decoded.raw.replay
    return bool(wanted) and decoded.account is not None and not decoded.waits and wanted != decoded.mapping


def no_mapping(decoded: DecodedRecord) -> Problem:
    """Return the problem of a replay that waited for long enough."""
    detail = (
        f"{decoded.source} has mapping {decoded.mapping}, and {decoded.raw.replay} did not come within "
        f"{MOST_SECONDS / 60:.0f} minutes: replay again once every normalizer has it"
    )
    return Problem("mapping_missing", "The mapping of the replay is not there", detail, Source("$"))
