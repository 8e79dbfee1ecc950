import random

import pytest
from aiokafka import partitioner

from headrace.kafka.partitioner import murmur2, partitions

GOLDEN = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}
"""From `UtilsTest.testMurmur2` of Apache Kafka's clients."""


@pytest.mark.parametrize(("key", "expected"), GOLDEN.items())
def test_java_clients_hash_the_same(key: bytes, expected: int) -> None:
    """A key alone has the hash that Java clients compute."""
    assert murmur2([key]).tolist() == [expected % 2**32]


def test_a_batch_hashes_as_its_keys_do() -> None:
    """Keys of different lengths do not disturb each other."""
    assert murmur2(list(GOLDEN)).tolist() == [expected % 2**32 for expected in GOLDEN.values()]


def test_the_python_client_hashes_the_same() -> None:
    """Random keys of every length up to 70 bytes get the hash that aiokafka computes one by one."""
    rng = random.Random(3)
    keys = [rng.randbytes(n) for n in range(71) for _ in range(3)]
    rng.shuffle(keys)
    assert murmur2(keys).tolist() == [partitioner.murmur2(key) % 2**32 for key in keys]


def test_the_python_client_places_the_same() -> None:
    """An event goes to the partition where a consumer with the default partitioner looks for its key."""
    default, keys = partitioner.DefaultPartitioner(), [f"/toy/acme/lead/{n}".encode() for n in range(200)]
    for count in (1, 2, 12, 50):
        everywhere = list(range(count))
        assert partitions(keys, count) == [default(key, everywhere, everywhere) for key in keys]


def test_no_keys_have_no_places() -> None:
    """A commit without events asks for nothing."""
    assert partitions([], 12) == []
