"""Does what an event costs depend on how much is remembered? Decide and apply alone, without Kafka."""

from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np

from headrace.normalizer.batch_size import MOST_RECORDS
from headrace.normalizer.commit import CommitLimits
from headrace.normalizer.decide import decide
from headrace.normalizer.dedupe import Seen
from headrace.records.seen import decode_record
from tests.benchmarks import load
from tests.benchmarks.measure import micros
from tests.benchmarks.memory import remember
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row, flat

FEW = 10_000


def rows(sizes: Sizes) -> Iterator[Row]:
    """Compare the cost of an event with few and with many ids remembered, on the same records."""
    few, many = _remembering(FEW), _remembering(sizes.remembered)
    costs: tuple[list[float], list[float]] = ([], [])
    for number in range(sizes.rounds):
        records = load.records(out for _, out in load.mixed(sizes.decided, seed=number))
        for seen, cost in zip((few, many), costs, strict=True):
            cost.append(_cost(seen, records))
    named = f"{sizes.remembered / 1e6:g} million remembered ids against {FEW:,}"
    yield flat(f"cost of an event, {named}", median(costs[0]), median(costs[1]), "µs")


def _remembering(count: int) -> Seen:
    seen = Seen()
    remember(seen.marks, count, np.random.default_rng(1))
    return seen


def _cost(seen: Seen, records: Sequence[load.Record]) -> float:
    tenants, limits = load.tenants(), CommitLimits("raw", 0)

    def work() -> None:
        for first in range(0, len(records), MOST_RECORDS):
            commit = decide(records[first : first + MOST_RECORDS], seen, tenants, limits, load.RECEIVED)
            seen.apply([decode_record(commit.seen_value)], seen.read_to + 1)

    return micros(work, len(records))
