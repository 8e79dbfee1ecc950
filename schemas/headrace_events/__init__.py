"""What Headrace promises its consumers: the event, the dead letter and their words. Depends on msgspec alone."""

from headrace_events.dead_letter import DEAD_LETTER_HEADER, DeadLetter, Problem, Source, decode_dead_letter
from headrace_events.event import (
    Actor,
    Change,
    Client,
    Cost,
    Data,
    Event,
    Native,
    Parties,
    Party,
    Provenance,
    RawPosition,
    Value,
    decode,
)
from headrace_events.taxonomy import ActorKind, Channel, Direction, Outcome, Traffic, Type, Via, Word

__all__ = [
    "DEAD_LETTER_HEADER",
    "Actor",
    "ActorKind",
    "Change",
    "Channel",
    "Client",
    "Cost",
    "Data",
    "DeadLetter",
    "Direction",
    "Event",
    "Native",
    "Outcome",
    "Parties",
    "Party",
    "Problem",
    "Provenance",
    "RawPosition",
    "Source",
    "Traffic",
    "Type",
    "Value",
    "Via",
    "Word",
    "decode",
    "decode_dead_letter",
]
