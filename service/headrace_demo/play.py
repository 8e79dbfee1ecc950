"""Play the scenario through the real program on an embedded broker, and check that no record is missing."""

import asyncio
import os
import random
import signal
import tempfile
from pathlib import Path
from typing import Final

from headrace.config import Config, load
from headrace_demo import configuration, proofs
from headrace_demo.embedded_broker import EmbeddedBroker, free_port
from headrace_demo.failure import Failed
from headrace_demo.polled_platforms import PolledPlatforms
from headrace_demo.program import gauge, headrace, service
from headrace_demo.published import log_differs, show_one_event
from headrace_demo.scenario import crowd, outage, scripted
from headrace_demo.screen import Screen
from headrace_demo.stage import Stage
from headrace_demo.webhooks import Webhooks

_SECONDS: Final = 20.0
"""How long traffic goes on where nobody says."""
_REST_SECONDS: Final = 4.0
"""What starting and looking at the outcome take of it, about."""
_POLLED_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
_MOST_CROWD: Final = 200


def play(seconds: float | None, seed: int) -> bool:
    """Play for about so many seconds, None: until Ctrl-C; return whether exactly the expected records were published.

    Raises `Failed` or `TimeoutError` where it could not be played, and `BrokerMissing` where there is no broker.
    """
    # The demo has a configuration of its own.
    for name in [name for name in os.environ if name.startswith("HEADRACE_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as home:
        broker = EmbeddedBroker(Path(home))
        try:
            broker.start()
            return asyncio.run(_play(Path(home), broker, seconds, seed))
        finally:
            broker.close()


async def _play(home: Path, broker: EmbeddedBroker, seconds: float | None, seed: int) -> bool:
    ports = configuration.Ports(free_port(), free_port(), free_port())
    screen = Screen()
    async with PolledPlatforms() as polled:
        file = configuration.write(home, broker.bootstrap_servers, ports, polled)
        os.environ["HEADRACE_CONFIG"] = str(file)
        config = load(file, {})
        screen.say(f"Kafka is {broker.name}, on {broker.bootstrap_servers}.", "Making the topics …")
        await headrace("topics", "apply", "--profile", "dev", "--partitions", "3")
        screen.say("Starting Headrace: receiver, normalizer, poller and console in one process …")
        async with service(home, screen) as decided, Webhooks(ports.receiver) as webhooks:
            screen.say(f"Watch what follows at http://127.0.0.1:{ports.page}/")
            stage = Stage(screen, decided, webhooks, polled)
            await _play_all(stage, broker, ports.admin, seconds, seed)
            faults = await _differences(stage, config)
            screen.go_on(ports, broker.bootstrap_servers, file, webhooks.curl(), ends=seconds is not None)
            if seconds is None and not faults:
                screen.say("Ctrl-C ends the demo, and its Kafka: go on in a second terminal.")
                await _until_interrupted()
    return not faults


async def _differences(stage: Stage, config: Config) -> list[str]:
    """Show the outcome of the scenario; return what differs from the expected."""
    screen = stage.screen
    faults = screen.missing(stage.expected) + screen.unexpected(stage.expected, stage.copies)
    faults += await log_differs(config, screen)
    await show_one_event(config, screen)
    screen.totals()
    screen.differs(faults)
    if not faults:
        screen.proven(proofs.of_topics(screen.decisions))
    return faults


async def _play_all(stage: Stage, broker: EmbeddedBroker, admin: int, seconds: float | None, seed: int) -> None:
    """Play the scripted part, polling, an outage of Kafka, then ordinary traffic until the time is up."""
    rng = random.Random(seed)
    loop = asyncio.get_running_loop()
    until = loop.time() + (_SECONDS if seconds is None else seconds) - _REST_SECONDS
    stage.screen.head()
    for step in scripted(rng):
        await stage.play(step)
    stage.proves(proofs.of_scenario(stage.screen.decisions))
    await _while_polled(stage)
    await _without_kafka(stage, broker, admin, rng)
    number = 0
    while loop.time() < until and number < _MOST_CROWD:
        await stage.play(crowd(rng, number))
        number += 1


async def _while_polled(stage: Stage) -> None:
    """Play what is polled, after every feed has looked at its platform while it was empty."""
    async with asyncio.timeout(_POLLED_SECONDS):
        while not stage.polled.all_polled:  # noqa: ASYNC110  (the platforms only count)
            await asyncio.sleep(_POLL_SECONDS)
    begun = len(stage.screen.decisions)
    for step in stage.polled.steps():
        if isinstance(step, str):
            stage.screen.remark(step)
        else:
            await stage.play(step)
    stage.proves(proofs.of_polling(stage.screen.decisions[begun:]))


async def _without_kafka(stage: Stage, broker: EmbeddedBroker, admin: int, rng: random.Random) -> None:
    """Freeze Kafka: webhooks are acknowledged from the spool meanwhile, and published when Kafka is back."""
    stage.screen.remark("Kafka goes away. Webhooks come in all the same:")
    begun = len(stage.screen.decisions)
    broker.pause()
    try:
        count = 0
        for step in outage(rng):
            await stage.hand_in(step)
            stage.screen.acknowledged(step.provider)
            stage.copies.add(step.provider)
            count += 1
        waiting = await gauge(admin, "headrace_spool_records")
        stage.screen.remark(
            f"{count} webhooks are acknowledged, {waiting:.0f} records wait in the spool. Kafka comes back:"
        )
    finally:
        broker.resume()
    await stage.decided()
    if waiting < count:
        raise Failed(f"the spool held {waiting:.0f} records while Kafka was away, and not {count}")
    stage.proves(proofs.of_outage(stage.screen.decisions[begun:], count))


async def _until_interrupted() -> None:
    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    await interrupted.wait()
