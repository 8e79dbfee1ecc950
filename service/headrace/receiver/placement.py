"""The two topics that deliveries go to, and the partition of each record."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from headrace.kafka import partitioner
from headrace.records.raw import place

TOPICS: Final = ("raw", "nudges")

PARTITION_OF: Final[dict[str, Callable[[bytes, int], int]]] = {
    "raw": place,
    "nudges": lru_cache(maxsize=4096)(lambda key, count: partitioner.partitions([key], count)[0]),
}
"""From a record's key and the number of partitions: raw by an explicit digest, nudges as Java clients do (murmur2)."""
