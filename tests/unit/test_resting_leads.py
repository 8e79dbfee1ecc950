"""Which leads rest: bounded, stored where it changes, and no longer than it is so."""

from headrace.poller.circuit_breaker import CircuitBreaker
from headrace.poller.fault_policy import FaultPolicy
from headrace.poller.missing_leads import MissingLeads
from headrace.poller.platform_client import client_of
from headrace.poller.resting_leads import MOST, RestingLeads
from headrace.poller.scheduler import Scheduler, Work
from headrace.records.cursors import Resting, RestingLead, encode
from headrace.sdk.faults import Rejected, Unavailable
from tests.fake_provider import polled

NOW = 1_800_000_000.0
SOURCE = "/p/t"


class Tenant:
    """What decides over the turns of a tenant whose feed `trail` is read by lead."""

    def __init__(self, leads: list[str], stored: dict[str, Resting] | None = None) -> None:
        account = polled("http://nowhere", feeds=["rows", "trail"], every=300)
        self.scheduler = Scheduler(client_of(account).feeds)
        self.scheduler.watch(("trail", lead, 0.0) for lead in leads)
        self.policy = FaultPolicy(self.scheduler, CircuitBreaker())
        self.missing = MissingLeads()
        self.resting = RestingLeads(SOURCE, self.scheduler, self.missing.of, (stored or {}).items())

    def fails(self, work: Work, error: Exception, now: float = NOW) -> None:
        self.scheduler.begin(work, now)
        treatment = self.policy.failed(work, error, now)
        self.missing.failed(work, now)
        self.resting.failed(work, treatment, str(error), now)

    def succeeds(self, work: Work, now: float = NOW) -> None:
        self.scheduler.begin(work, now)
        self.policy.succeeded(work, now, more=False)
        self.missing.read(work)
        self.resting.read(work)

    def changed(self, now: float = NOW) -> dict[str, Resting | None]:
        found = self.resting.changed(now)
        return {one.names[0]: one.value for one in found if one.value is None or isinstance(one.value, Resting)}


def test_a_lead_rests_until_it_is_read_and_is_stored_when_that_changes() -> None:
    """Why, since when, until when, how often in a row; nothing is written of what was written."""
    tenant = Tenant(["a", "b"])
    assert tenant.changed() == {}
    tenant.fails(Work("trail", "a"), Rejected("it will never be"))
    ms = int(NOW * 1000)
    first = RestingLead("a", 0, ms, ms + 10_000, 1)
    assert tenant.changed() == {"trail": Resting(ms, (first,), (("rejected", "it will never be"),))}
    assert tenant.changed(NOW + 9) == {}
    tenant.succeeds(Work("trail", "b"), NOW + 9)
    tenant.fails(Work("trail", "a"), Rejected("it will never be"), NOW + 10)
    again = RestingLead("a", 0, ms, ms + 310_000, 2)
    assert tenant.changed(NOW + 20) == {"trail": Resting(ms + 20_000, (again,), (("rejected", "it will never be"),))}
    tenant.succeeds(Work("trail", "a"), NOW + 310)
    assert tenant.changed(NOW + 310) == {"trail": None}
    assert tenant.changed(NOW + 340) == {}


def test_a_trouble_lists_those_that_wait_for_it_and_counts_the_others() -> None:
    """No more than so many are listed, whatever their number; the record fits into its topic by far."""
    leads = [f"lead {number:04}" for number in range(MOST + 50)]
    tenant = Tenant(leads)
    for number, lead in enumerate(leads):
        tenant.fails(Work("trail", lead), Unavailable(f"nobody answers {number} " + "x" * 9_000))
    (found,) = tenant.resting.changed(NOW)
    assert isinstance(found.value, Resting)
    assert (len(found.value.leads), found.value.more) == (MOST, 50)
    assert [one.aside for one in found.value.leads] == [False] * 2 + [True] * (MOST - 2)
    assert encode(found).size < 100_000
    tenant.resting.drop(leads[0])
    tenant.missing.drop(leads[0])
    (found,) = tenant.resting.changed(NOW)
    assert isinstance(found.value, Resting)
    assert (len(found.value.leads), found.value.more) == (MOST - 1, 50)


def test_turns_for_one_fact_are_no_leads_and_a_feed_of_its_own_rests_as_one() -> None:
    """A nudge is asked for again by who follows up on it."""
    tenant = Tenant(["a"])
    tenant.fails(Work("trail", None, "e"), Rejected("no"))
    tenant.fails(Work("trail", "a", around=5), Rejected("no"))
    assert tenant.changed() == {}
    tenant.fails(Work("rows"), Unavailable("nobody answers"))
    found = tenant.changed()["rows"]
    assert found is not None
    assert [one.lead for one in found.leads] == [""]


def test_a_feed_that_people_paused_says_nothing_of_a_time() -> None:
    """Nobody knows when they let it go on."""
    tenant = Tenant(["a"])
    tenant.fails(Work("trail", "a"), Rejected("it will never be"))
    tenant.scheduler.paused = ["trail"]
    found = tenant.changed()["trail"]
    assert found is not None
    assert found.held == 0
    tenant.scheduler.paused = []
    tenant.scheduler.hold("trail", NOW + 5)
    found = tenant.changed()["trail"]
    assert found is not None
    assert found.held == int(NOW * 1000) + 5_000


def test_what_an_earlier_process_said_is_over() -> None:
    """Nobody rests in a process that has just begun."""
    stored = Resting(1, (RestingLead("a", 0, 1, 2, 3),), (("gone", "no"),))
    tenant = Tenant(["a"], {"trail": stored})
    assert tenant.changed() == {"trail": None}
    assert tenant.changed() == {}
