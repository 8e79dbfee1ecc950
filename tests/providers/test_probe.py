"""How each platform takes a tenant, as `headrace check --online` tries it: on the simulators, a row for each fault."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from headrace.cli._check_rows import CheckRow
from headrace.cli._platform_checks import platform_rows, quota_row
from headrace.config.tenants import Account
from headrace.core.mapping import Mapping as Table
from headrace.poller.hook_pace import HookPace
from headrace.poller.http_client import HttpClient, open_session
from headrace.poller.platform_client import client_of
from headrace.poller.probe_calls import ProbeCalls, Tried, left_of
from headrace.poller.state import TenantState
from headrace.providers.discover import discover
from headrace.sdk.probe import ShowsAccess
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.clock import Clock
from headrace_demo.simulators.quota import Allowance
from headrace_demo.simulators.server import Simulator
from tests.kafka.ports import free_port

SECRETS = ("sk_invented_for_tests", "invented-secret-key", "u$rinvented", "invented-access-token")
GOOD = {"platform": "ok", "credentials": "ok", "scopes": "ok", "clock": "ok", "quota": "ok"}


def simulators() -> dict[str, Simulator]:
    """Return a platform of each kind, whose clock is ours."""
    clock, allowance = Clock(time.time(), speed=1.0), Allowance(per_window=1000, window=60.0)
    made: list[Simulator] = [
        leadping.Simulator(leadping.History(seed=3, events=4, leads=1), clock=clock, allowance=allowance),
        leadsquared.Simulator(leadsquared.History(seed=3, events=4, leads=1), clock=clock, allowance=allowance),
        outreach.Simulator(outreach.History(seed=3, events=4), clock=clock, allowance=allowance),
    ]
    return {each.provider: each for each in made}


async def tried(platform: Simulator, **settings: Any) -> tuple[Account, Tried]:
    """Try how a platform takes a tenant."""
    provider = discover()[platform.provider]
    keys = {"polling": True, "base_url": platform.url} | platform.credentials() | settings
    account = Account(provider, "acme", msgspec.convert(keys, provider.Settings), Table([]))
    client = client_of(account)
    assert isinstance(provider, ShowsAccess)
    async with open_session() as session:
        http = HttpClient(session, client.api.base_url, 0.5)
        calls = ProbeCalls(http, client, None, HookPace(client.limits, 1, None))
        return account, await calls.probe(provider.probe(account.settings, int(time.time() * 1000)))


async def rows(platform: Simulator, **settings: Any) -> dict[str, CheckRow]:
    """Return what is shown of it, by check."""
    account, found = await tried(platform, **settings)
    shown = [*platform_rows("p/acme", client_of(account).api.base_url, found)]
    shown.append(quota_row("p/acme", left_of(account, TenantState(), time.time()), found))
    return {row.check: row for row in shown}


def states(found: Mapping[str, CheckRow]) -> dict[str, str]:
    return {check: row.state for check, row in found.items()}


EACH = pytest.mark.parametrize("provider", sorted(discover()))


@EACH
def test_a_probe_stays_at_its_platform_and_quotes_no_secret(provider: str) -> None:
    """Its calls are paths that the client signs; what a person does next is a sentence of our own."""
    found, keys = discover()[provider], simulators()[provider].credentials()
    assert isinstance(found, ShowsAccess)
    probe = found.probe(msgspec.convert(keys, found.Settings), 1_800_000_000_000)
    assert probe.calls
    assert all(call.path.startswith("/") and not call.headers for call in probe.calls)
    for sentence in (probe.reads, probe.credentials, probe.scopes, probe.address):
        assert sentence
        assert not any(secret in sentence for secret in SECRETS)


@EACH
async def test_a_good_answer_is_ok_in_every_row(provider: str) -> None:
    """One call shows address, credentials, scopes and clock; nothing else is asked for."""
    async with simulators()[provider] as platform:
        assert states(await rows(platform)) == GOOD
        assert len(platform.calls) == 1


Spoil = Callable[[Simulator], Any]


def _rejects(status: int) -> Spoil:
    return lambda platform: setattr(platform.conduct, "rejects", status)


def _fault(kind: Any, **options: Any) -> Spoil:
    return lambda platform: platform.faults.always(kind, **options)


@EACH
@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        pytest.param(_rejects(401), "credentials", id="wrong key"),
        pytest.param(_rejects(403), "scopes", id="missing scope"),
        pytest.param(_fault("429", seconds=30.0), "quota", id="429"),
        pytest.param(_fault("html_404"), "platform", id="gateway 404"),
        pytest.param(_fault("html_502"), "platform", id="gateway 502"),
        pytest.param(_fault("html"), "platform", id="challenge page"),
        pytest.param(_fault("500"), "platform", id="500"),
        pytest.param(_fault("reset"), "platform", id="connection lost"),
        pytest.param(_fault("unanswered", seconds=3.0), "platform", id="no answer"),
        pytest.param(_fault("truncated"), "platform", id="half a document"),
        pytest.param(_fault("301", location="https://elsewhere.example.com/"), "platform", id="another host"),
        pytest.param(_fault("307"), "platform", id="redirects without end"),
    ],
)
async def test_each_fault_has_one_row_and_a_next_step(provider: str, spoil: Spoil, check: str) -> None:
    """What does not show behind it is unknown, never ok."""
    async with simulators()[provider] as platform:
        spoil(platform)
        found = await rows(platform)
    assert [row.check for row in found.values() if row.state == "fault"] == [check]
    assert found[check].next
    assert "ok" not in {found[each].state for each in ("credentials", "scopes")}
    text = "".join(row.found + row.next for row in found.values())
    assert not any(secret in text for secret in SECRETS)


@EACH
async def test_nobody_there(provider: str) -> None:
    """A wrong host or port is a fault of the address, and nothing is known behind it."""
    async with simulators()[provider] as platform:
        found = await rows(platform, base_url=f"http://127.0.0.1:{free_port()}")
    assert states(found) == {
        "platform": "fault", "credentials": "unknown", "scopes": "unknown", "clock": "unknown", "quota": "ok"
    }  # fmt: skip


@EACH
@pytest.mark.parametrize("body", ["html", "json"])
async def test_a_wrong_path_in_base_url(provider: str, body: Any) -> None:
    """A gateway answers: never ok, and base_url is in the next step."""
    async with simulators()[provider] as platform:
        platform.conduct.unknown_path = body
        found = await rows(platform, base_url=f"{platform.url}/wrong")
    (fault,) = (row for row in found.values() if row.state == "fault")
    assert "base_url" in fault.next
    assert {found[each].state for each in ("platform", "credentials", "scopes")} <= {"fault", "unknown"}


@EACH
@pytest.mark.parametrize(("skew", "state"), [(3600.0, "fault"), (-3600.0, "fault"), (20.0, "ok"), (0.0, "ok")])
async def test_a_clock_that_is_an_hour_off(provider: str, skew: float, state: str) -> None:
    """It is said which way; some seconds are no fault."""
    async with simulators()[provider] as platform:
        platform.conduct.skew = skew
        clock = (await rows(platform))["clock"]
    assert clock.state == state
    if state == "fault":
        assert "1 h" in clock.found or "59 min" in clock.found
        assert ("ahead" if skew > 0 else "behind") in clock.found


@pytest.mark.parametrize("provider", ["leadsquared", "outreach"])
@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"status": "up"}'])
async def test_anything_may_answer_200(provider: str, body: bytes) -> None:
    """What is no answer of the platform shows nothing of the credentials."""
    async with simulators()[provider] as platform:
        found = discover()[provider]
        assert isinstance(found, ShowsAccess)
        probe = found.probe(msgspec.convert(platform.credentials(), found.Settings), 1_800_000_000_000)
    assert not probe.is_answer(body)


async def test_an_answer_that_is_none_is_a_fault_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said where to look, and nothing behind it is ok."""

    async def other(*_: Any) -> bytes:
        return b"{}"

    monkeypatch.setattr(ProbeCalls, "call", other)
    async with simulators()["outreach"] as platform:
        found = await rows(platform)
    assert [row.check for row in found.values() if row.state == "fault"] == ["platform"]
    assert "base_url" in found["platform"].next
    assert {found[each].state for each in ("credentials", "scopes")} == {"unknown"}


@EACH
@pytest.mark.parametrize("location", ["mailto:a@example.com", "tel:+1", "http:///nowhere", "//"])
async def test_a_redirect_to_what_has_no_host(provider: str, location: str) -> None:
    """It is a fault of the platform like any other."""
    async with simulators()[provider] as platform:
        platform.faults.always("301", location=location)
        found = await rows(platform)
    assert [row.check for row in found.values() if row.state == "fault"] == ["platform"]


async def test_keys_of_another_region() -> None:
    """LeadSquared's other regions refuse good keys: the next step names both."""
    async with simulators()["leadsquared"] as platform:
        found = await rows(platform, secret_key="of-nobody-here")  # noqa: S106  (of nobody)
    assert found["credentials"].state == "fault"
    assert "region" in found["credentials"].next
    assert "of-nobody-here" not in "".join(row.found + row.next for row in found.values())


async def test_a_wrong_organization() -> None:
    """The platform knows no such list: what the key may read is at fault, not the key."""
    async with simulators()["leadping"] as platform:
        found = await rows(platform, organization="org_of_others")
        assert len(platform.calls) == 2
    assert found["scopes"].state == "fault"
    assert "organization" in found["scopes"].next


async def test_an_older_generation_of_leadping() -> None:
    """Its list has another name: the second call shows it."""
    platform = simulators()["leadping"]
    assert isinstance(platform, leadping.Simulator)
    platform.conduct.generation = "g1"
    async with platform:
        assert states(await rows(platform)) == GOOD
        assert len(platform.calls) == 2


async def test_one_users_view_is_tried_without_an_organization() -> None:
    """It is the list that the feed would read."""
    async with simulators()["leadping"] as platform:
        found = await rows(platform, organization=None)
    assert states(found) == GOOD
    assert "as one user sees them" in found["scopes"].found


async def test_outreach_says_what_is_left() -> None:
    """The number stands in the row; at none it is a fault."""
    platform = simulators()["outreach"]
    async with platform:
        assert "the platform says 999" in (await rows(platform))["quota"].found
    platform = outreach.Simulator(
        outreach.History(seed=3, events=4), clock=Clock(time.time(), speed=1.0), allowance=Allowance(per_window=1)
    )
    async with platform:
        quota = (await rows(platform))["quota"]
    assert quota.state == "fault"
    assert quota.next


async def test_userinfo_of_a_base_url_is_not_shown() -> None:
    """Whoever writes a password into it does not find it in the table."""
    async with simulators()["outreach"] as platform:
        found = await rows(platform, base_url=platform.url.replace("http://", "http://me:planted-5a@"))
    assert "planted-5a" not in "".join(row.found + row.next for row in found.values())
