"""Which step of a role a sampled stack belongs to. Pure.

A line of samples is `frame;frame;… count`, the innermost frame last, as py-spy writes it: `name (file:line)`. The first
rule that any frame matches, the innermost frame first, names the step; what none matches is looked at once more with
`OUTSIDE`, which names whose machinery it is.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

Stack = tuple[str, ...]

STARTING: Final = "starting"
"""What is no part of the load: it is left out."""
OTHER: Final = "other"
RULES: Final = (
    (r"gc_collect_main|gc_collect", "garbage collection"),
    (r"importlib|_load_unlocked", STARTING),
    (r"^(accept|sign|verify)\b.*headrace/providers/(?P<name>\w+)/", "verify and cut"),
    (r"headrace/providers/(?P<name>\w+)/webhook", "verify and cut"),
    (r"^(identity|identify|name)\b.*headrace/providers/", "name"),
    (
        r"headrace/providers/(?P<name>\w+)/(pager|client|feeds|window|list|lead|code|stream|modified|activity_)",
        "read pages",
    ),
    (r"headrace/providers/(?P<name>\w+)/", "translate {name}"),
    (r"^(meaning_of|_meaning)", "meaning"),
    (r"^(event_of|event_id|use_later|type_of|_Batch\.event|partition_key)\b.*headrace/", "event"),
    (r"headrace/records/event|headrace/core/redact", "encode"),
    (r"headrace/records/raw|headrace/normalizer/decode", "envelope"),
    (r"headrace/normalizer/(dedupe|mark_table)|headrace/records/(mark|seen)", "marks and seen"),
    (r"headrace/normalizer/(batch_facts|ledger)|headrace/records/facts", "loss ledger"),
    (r"headrace/normalizer/(nudge|held|mapping_waits)", "nudges and held"),
    (r"headrace/(normalizer/\w*metrics|receiver/metrics|poller/metrics|observe/(?!log))|prometheus_client/", "metrics"),
    (r"headrace/normalizer/(decide|commit)", "judge"),
    (r"headrace/normalizer/outputs|headrace/kafka/partitioner", "place outputs"),
    (r"structlog/|headrace/observe/log", "log"),
    (r"aiokafka/producer/", "producer"),
    (r"aiokafka/consumer/", "fetch"),
    (r"aiokafka/record/|cramjam", "records of the client"),
    (r"aiokafka/", "broker client"),
    (r"headrace/kafka/", "shell of the Kafka client"),
    (r"headrace/normalizer/", "task loop"),
    (r"headrace/receiver/", "receiver's handler"),
    (r"headrace/spool/", "spool"),
    (r"headrace/poller/", "poller's turns"),
)
OUTSIDE: Final = (
    (r"aiohttp/|yarl/|multidict/", "HTTP"),
    (r"uvloop|asyncio/|selectors", "event loop"),
)
_RULES: Final = tuple(tuple((re.compile(rule), step) for rule, step in rules) for rules in (RULES, OUTSIDE))
_MEASURED: Final = re.compile(r"^(?P<stack>.*) (?P<count>\d+)$")


class Samples(Struct):
    """The samples of one role: how many of each stack, and of each step; `start` is how many the start took."""

    stacks: Counter[Stack]
    steps: Counter[str]
    start: int = 0


def read(text: str) -> Samples:
    """Return the samples that py-spy wrote, without those of the start."""
    found = Samples(Counter(), Counter())
    for stack, count in _lines(text.splitlines()):
        step = step_of(stack)
        if step == STARTING:
            found.start += count
            continue
        found.stacks[stack] += count
        found.steps[step] += count
    return found


def step_of(stack: Stack) -> str:
    """Return the step of one stack."""
    for rules in _RULES:
        for frame in reversed(stack):
            for rule, step in rules:
                if match := rule.search(frame):
                    return step.format(**match.groupdict())
    return OTHER


def _lines(lines: Iterable[str]) -> Iterator[tuple[Stack, int]]:
    for line in lines:
        if found := _MEASURED.match(line):
            frames = (re.sub(r":\d+\)$", ")", frame) for frame in found["stack"].split(";"))
            yield tuple(frames), int(found["count"])
