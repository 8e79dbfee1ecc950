"""Serve simulated platforms: `python -m headrace_demo.simulators`, all three on one port by path prefix, in real time.

Their histories begin in the past and go on while it runs: what lies ahead appears in its time, or when the control
endpoint (see `control`) moves it on. What a configuration needs is written to stdout. With `--hooks URL` what appears
is also delivered there as signed webhooks; so it is to the webhooks that were registered by API, in any case.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from typing import Final

import aiohttp

from headrace_demo import senders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import DAY, Clock
from headrace_demo.simulators.control import PREFIX, Control
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.server import Simulator
from headrace_demo.simulators.serving import Served
from headrace_demo.simulators.webhooks import deliver_to_registered, sendings

_PROVIDERS: Final = ("leadping", "leadsquared", "outreach")
_PAUSE: Final = 1.0


def simulator(provider: str, *, seed: int, events: int, shape: Shape, clock: Clock) -> Simulator:
    """Make a platform."""
    if provider == "leadping":
        return leadping.Simulator(leadping.History(seed, events, shape=shape), clock=clock)
    if provider == "leadsquared":
        return leadsquared.Simulator(leadsquared.History(seed, events, shape=shape), clock=clock)
    return outreach.Simulator(outreach.History(seed, events, shape=shape), clock=clock)


async def deliver(platform: Simulator, sender: senders.Sender, url: str | None) -> None:
    """Deliver what appears from now on, until cancelled; what cannot be delivered is lost, as with the real ones.

    It goes to `url`, where there is one, and to the webhooks that are registered at the platform.
    """
    since = platform.clock.now
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
        while True:
            await asyncio.sleep(_PAUSE)
            until = platform.clock.now
            for sending in sendings(platform.history, sender, since, until):
                await deliver_to_registered(platform, http, sending)
                if url is None:
                    continue
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with http.post(url + sending.path, data=sending.body, headers=sending.headers()):
                        pass
            since = until


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    clock_of = {name: Clock(time.time(), speed=options.speed) for name in options.provider}
    past = options.past * DAY
    shape = Shape(start=time.time() - past, span=past + options.ahead * DAY)
    platforms = {
        name: simulator(name, seed=options.seed, events=options.events, shape=shape, clock=clock)
        for name, clock in clock_of.items()
    }
    parts = {f"/{name}": platform.answer for name, platform in platforms.items()}
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Served(parts | {PREFIX: Control(platforms).answer}, options.host, options.port) as served:
        jobs = []
        for name, platform in platforms.items():
            sender = senders.make(name, options.tenant, options.seed)
            keys = platform.tenant(f"{served.url}/{name}")
            sys.stdout.write(senders.toml(sender, **keys) + "\n")
            jobs.append(asyncio.create_task(deliver(platform, sender, options.hooks)))
        sys.stdout.flush()
        await stopped.wait()
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="python -m headrace_demo.simulators", description=__doc__)
    parser.add_argument("--provider", action="append", choices=_PROVIDERS, help="default: all three")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--events", type=int, default=2_000, help="of each platform")
    parser.add_argument("--past", type=float, default=2.0, help="days of history before now")
    parser.add_argument("--ahead", type=float, default=1.0, help="days of history to come")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast time goes")
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--hooks", metavar="URL", help="base URL of a receiver")
    return parser


def main() -> None:
    """Read the options and serve."""
    options = parser().parse_args()
    options.provider = options.provider or list(_PROVIDERS)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
