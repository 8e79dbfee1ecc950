"""The scenes: which platform, how many leads and events, what goes wrong with it and for how long."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.history import Shape
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator

PAST_SECONDS: Final = 300.0
"""What had happened when the service was started."""
WARM_SECONDS: Final = 45.0
"""From the start of the service until something goes wrong."""
AFTER_SECONDS: Final = 20.0
"""Events go on for so long once the trouble is over."""
_FEEDS: Final = {"leadping": "lead_events", "leadsquared": "lead_activities", "outreach": "events"}

Trouble = Callable[[Simulator], None]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One account of a provider, in trouble for so many seconds (`lasts`; 0: it comes once, or for good).

    Each lead, and Outreach's one feed, is read `every` so many seconds. Where the trouble is there `from_start`, all
    events are older than the service; `wrong_path` stands behind base_url until the trouble is over. Leads that are
    `unlisted` are no part of the configuration: webhooks name them.
    """

    name: str
    provider: str
    leads: int
    events: int
    lasts: float
    trouble: Trouble
    every: int = 30
    from_start: bool = False
    wrong_path: str = ""
    unlisted: int = 0
    calls: int = 100
    """Calls that the platform allows in a second; the service knows it."""
    keys: Mapping[str, object] = field(default_factory=dict)

    def platform(self, seed: int, now: float) -> Simulator:
        """Make the platform at a time: its clock runs as ours does."""
        ahead = 0.0 if self.from_start and not self.lasts else WARM_SECONDS + self.lasts + AFTER_SECONDS
        shape = Shape(start=now - PAST_SECONDS, span=PAST_SECONDS + ahead, late=0.0, edited=0.0)
        module = _module(self.provider)
        history = module.History(seed, self.events, leads=self.leads, shape=shape)
        allowed = Allowance(per_window=self.calls, window=1.0)
        made: Simulator = module.Simulator(history, clock=Clock(now, speed=1.0), allowance=allowed)
        return made

    def tenant(self, platform: Simulator, *, wrong: bool) -> Mapping[str, object]:
        """Return the keys of the tenant, with the wrong base_url or the right one."""
        keys = platform.tenant(platform.url + (self.wrong_path if wrong else ""))
        keys |= {f"{_FEEDS[self.provider]}.every": f"{self.every}s"}
        keys |= {"budget.per_window": self.calls, "budget.window": "1s"}
        if self.provider == "leadsquared":
            keys["budget.per_day"] = 10_000_000
        if self.provider == "leadping":
            keys["webhook_event"] = "/event"
        if self.provider != "outreach":
            keys["leads"] = platform.history.leads[self.unlisted :]
        return keys | dict(self.keys)


def _module(provider: str) -> Any:
    return {"leadping": leadping, "leadsquared": leadsquared, "outreach": outreach}[provider]


def _json_404(platform: Simulator) -> None:
    platform.faults.during(60.0, "json_404")


def _outage(platform: Simulator) -> None:
    platform.faults.during(150.0, "unavailable")


def _one_html_404(platform: Simulator) -> None:
    platform.faults.next(1, "html_404", path="/events/leads/")


def _one_detail(platform: Simulator) -> None:
    """Let the detail of the third activity of the lead with the most activities answer 500, for good."""
    plans = max(platform.history.by_lead.values(), key=len)
    platform.faults.always("500", path="/detail", id=platform.history.id_of(plans[2]))


def _gateway(form: str) -> Trouble:
    def answer(platform: Simulator) -> None:
        platform.conduct.unknown_path = form  # type: ignore[assignment]

    return answer


def _slow(platform: Simulator) -> None:
    """Let answers take as long as they do over a network: processes are killed meanwhile."""
    platform.faults.always("slow", seconds=0.05)


TROUBLES: Final = (
    Scene(name="json-404", provider="leadping", leads=280, events=600, lasts=60.0, trouble=_json_404),
    Scene(name="json-404", provider="leadsquared", leads=40, events=400, lasts=60.0, trouble=_json_404),
    Scene(name="json-404", provider="outreach", leads=40, events=400, lasts=60.0, every=10, trouble=_json_404),
    Scene(name="outage", provider="leadsquared", leads=40, events=400, lasts=150.0, trouble=_outage),
    Scene(
        name="bad-detail", provider="leadping", leads=10, events=150, lasts=0.0, from_start=True, trouble=_one_detail
    ),
    Scene(
        name="html-404", provider="leadping", leads=10, events=400, lasts=0.0, trouble=_one_html_404,
        keys={"lead_events.page_size": 10, "lead_events.look_back": "1m"},
    ),
)  # fmt: skip
"""All at the same time, each on an account of its own."""

WRONG_URLS: Final = tuple(
    Scene(
        name="wrong-url", provider=provider, leads=leads, events=400, lasts=60.0, every=every, from_start=True,
        wrong_path="/wrong", trouble=_gateway(form),
    )
    for provider, leads, every, form in (
        ("leadping", 280, 30, "json"), ("leadsquared", 40, 30, "html"), ("outreach", 40, 10, "platform"),
    )
)  # fmt: skip
"""The poller is started again with the right one."""

KILLS: Final = Scene(
    name="kills", provider="leadping", leads=5_000, events=5_000, lasts=120.0, every=120, calls=150, unlisted=100,
    trouble=_slow,
)  # fmt: skip
"""Webhooks tell half of what happens, and all of the leads that are not listed, twice each; commands name new leads."""
