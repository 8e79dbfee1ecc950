"""CPU seconds, in turns: what runs beside us on the machine slows both contenders down, so only their ratio counts."""

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median


def in_turns(contenders: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Run each contender once a round, one after the other; return the median of each."""
    results: list[list[float]] = [[] for _ in contenders]
    for _ in range(rounds):
        for contender, costs in zip(contenders, results, strict=True):
            costs.append(contender())
    return [median(costs) for costs in results]


def micros(work: Callable[[], object], count: int) -> float:
    """Return the CPU microseconds that each of `count` pieces of work took."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1e6 / count


def exhaust(results: Iterable[object]) -> None:
    """Consume every result."""
    for _ in results:
        pass
