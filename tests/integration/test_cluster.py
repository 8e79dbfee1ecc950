"""Three nodes can be parted, slowed and killed, and what a test does to them is what they then suffer."""

import asyncio
import math
import random
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from headrace_demo.probe import serves
from tests.kafka import ask
from tests.kafka.client import read_all
from tests.kafka.cluster import CLIENT, Cluster

DEADLINE = 60.0
DELAY = 2.0

pytestmark = [pytest.mark.slow, pytest.mark.network]


@pytest.fixture
async def topic(cluster: Cluster, prefix: str) -> str:
    """Create a topic of three partitions, three copies each."""
    name = f"{prefix}numbers"
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    async with asyncio.timeout(DEADLINE):
        await admin.start()
        try:
            answer = await admin.create_topics([NewTopic(name, 3, 3)])
        finally:
            await admin.close()
    assert [code for _, code, *_ in answer.topic_errors] == [0]
    await asyncio.to_thread(cluster.wait_until_whole)
    return name


async def append(servers: str, topic: str, partition: int, values: range) -> None:
    """Append numbers, each one to a majority before the next."""
    async with asyncio.timeout(DEADLINE):
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", request_timeout_ms=5000) as producer:
            for value in values:
                await producer.send_and_wait(topic, str(value).encode(), partition=partition)


@contextmanager
def connection(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    with closing(socket.create_connection((host, int(port)), timeout=1.0)) as opened:
        yield opened


async def test_a_leader_that_is_cut_off_goes_on_telling_an_old_end(cluster: Cluster, topic: str) -> None:
    """Clients read and are told an end, and what a majority took meanwhile at the new leader is not in it."""
    await append(cluster.bootstrap_servers, topic, 0, range(10))
    old = cluster.leaders(topic, viewer=1)[0]
    others = [number for number in cluster.nodes if number != old]
    cluster.isolate_from_peers(old)
    await asyncio.to_thread(cluster.wait_until_led_without, old)
    new = cluster.leaders(topic, viewer=others[0])[0]
    healthy = ",".join(cluster.addresses[number] for number in others)
    # a client that asks for metadata may be told the old leader, and ask again: that takes as long as it takes
    await append(healthy, topic, 0, range(10, 30))
    assert cluster.leaders(topic, viewer=old)[0] == old != new
    assert ask.end_offset(cluster.addresses[old], topic, 0) == 10
    assert ask.end_offset(cluster.addresses[old], topic, 0, committed=True) == 10
    assert ask.end_offset(cluster.addresses[new], topic, 0) == 30
    cluster.heal()
    await asyncio.to_thread(cluster.wait_until_whole)
    assert cluster.leaders(topic, viewer=old)[0] == new
    with pytest.raises(LookupError):
        cluster.end_offset(topic, 0, viewer=old)
    assert [record.value for record in await read_all(cluster.bootstrap_servers, topic)] == [
        str(value).encode() for value in range(30)
    ]


async def test_a_black_hole_hangs_in_one_direction_only(cluster: Cluster) -> None:
    """A connection stays and gives nothing, a new one opens, and what lost bytes is closed by healing."""
    address = cluster.addresses[2]
    with connection(address) as waiting:
        cluster.black_hole(CLIENT, 2)
        waiting.sendall(bytes(14))
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert not serves(address)
        assert serves(cluster.addresses[1])
        cluster.heal()
        waiting.settimeout(DEADLINE)
        with suppress(ConnectionResetError):
            assert waiting.recv(1) == b""
    assert serves(address)
    cluster.black_hole(2, CLIENT)
    assert not serves(address)
    assert serves(cluster.addresses[3])


async def test_a_delay_delays(cluster: Cluster) -> None:
    """Answers come so much later, those that are held back for ever come with healing."""
    cluster.delay(3, CLIENT, DELAY)
    began = time.monotonic()
    assert ask.view(cluster.addresses[3]).brokers == {1, 2, 3}
    assert DELAY <= time.monotonic() - began < 2 * DELAY
    cluster.delay(3, CLIENT, math.inf)
    asking = asyncio.create_task(asyncio.to_thread(ask.view, cluster.addresses[3]))
    await asyncio.sleep(0.5)
    assert not asking.done()
    cluster.heal()
    assert (await asking).brokers == {1, 2, 3}


async def test_a_broker_without_controllers_loses_what_it_leads(cluster: Cluster, topic: str) -> None:
    """Links of one kind are cut alone: the controllers take a broker for dead that its peers still reach."""
    lone = random.choice([number for number in cluster.nodes if number != cluster.active_controller()])
    for other in cluster.nodes:
        if other != lone:
            cluster.cut(lone, other, "controller")
    await asyncio.to_thread(cluster.wait_until_led_without, lone)
    assert lone in cluster.leaders(topic, viewer=lone).values()


async def test_a_killed_controller_is_followed_by_another(cluster: Cluster, topic: str) -> None:
    """What it led is led by others, topics can be written, and it comes back."""
    killed = cluster.active_controller()
    others = [number for number in cluster.nodes if number != killed]
    cluster.kill(killed)
    await asyncio.to_thread(cluster.wait_until_led_without, killed)
    assert cluster.active_controller(others) in others
    await append(cluster.bootstrap_servers, topic, 0, range(5))
    cluster.start(killed)
    await asyncio.to_thread(cluster.wait_until_whole)
    assert cluster.end_offset(topic, 0, viewer=cluster.leaders(topic, viewer=killed)[0]) == 5


async def test_a_frozen_node_is_replaced_and_thaws(cluster: Cluster, topic: str) -> None:
    """Longer asleep than a session lasts, a node has lost what it led; awake, it follows."""
    frozen = cluster.leaders(topic, viewer=1)[0]
    cluster.freeze(frozen)
    assert not serves(cluster.addresses[frozen])
    await asyncio.to_thread(cluster.wait_until_led_without, frozen)
    cluster.thaw(frozen)
    await asyncio.to_thread(cluster.wait_until_whole)
    assert frozen not in cluster.leaders(topic, viewer=frozen).values()
