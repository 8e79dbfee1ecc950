"""What follows from faults: who rests, for how long, what is dropped. Without a clock."""

import itertools
from collections.abc import Callable

import pytest

from headrace.kafka.client import KafkaError
from headrace.poller.circuit_breaker import FIRST_PARKING_SECONDS, FIRST_PAUSE_SECONDS, CircuitBreaker
from headrace.poller.fault_policy import SEVERAL, FaultPolicy, code_of, sentence
from headrace.poller.gone_leads import APART_SECONDS, TIMES, after_gone, found_again
from headrace.poller.missing_leads import Missing, MissingLeads
from headrace.poller.scheduler import Scheduler, Work
from headrace.records.cursors import Watched
from headrace.sdk.faults import Denied, Fault, Gone, Incomplete, NoRoute, Rejected, Throttled, TooHeavy, Unavailable
from tests.unit.test_scheduler import NOW, Named

MINUTE = 60.0
HOUR = 60 * MINUTE
EVERY = 300
PLATFORM: tuple[Callable[[], Fault], ...] = (
    *(lambda: Gone("404"), lambda: NoRoute("404"), lambda: Rejected("400")),
    *(lambda: TooHeavy("500"), lambda: Unavailable("503")),
)


def a_circuit() -> CircuitBreaker:
    """Make a circuit without jitter."""
    return CircuitBreaker(lambda: 1.0)


class Tenant:
    """A tenant with one feed that is read by lead, on a clock that stands still between turns."""

    def __init__(self, *leads: str) -> None:
        self.now = NOW
        self.scheduler = Scheduler([Named("trail", by_lead=True, every=EVERY)])
        self.scheduler.watch(("trail", lead, 0.0) for lead in leads)
        self.circuit = a_circuit()
        self.policy = FaultPolicy(self.scheduler, self.circuit)
        self.taken: list[tuple[float, str]] = []

    def run(self, until: float, answer: Callable[[str, float], Exception | None], most: int = 100_000) -> None:
        """Take turns, each of a second, until then; `answer` returns what is wrong with a lead's list."""
        for _ in range(most):
            work = self.policy.next(self.now)
            if work is None:
                wait = self.policy.wait(self.now)
                self.now += MINUTE if wait is None else max(wait, 0.01)
            else:
                lead, began = work.lead or "", self.now
                self.taken.append((began, lead))
                self.now += 1.0
                fault = answer(lead, began)
                if fault is None:
                    self.policy.succeeded(work, self.now, more=False)
                else:
                    self.policy.failed(work, fault, self.now, began)
            if self.now >= until:
                return
        raise AssertionError("it takes turns without end")

    def calls(self, lead: str, since: float = 0.0) -> list[float]:
        """Return when a lead was read."""
        return [at for at, name in self.taken if name == lead and at >= since]


@pytest.mark.parametrize("fault", PLATFORM)
def test_an_outage_in_whatever_words_rests_nothing_for_longer_than_a_minute(fault: Callable[[], Fault]) -> None:
    """A minute of it, or ten: all leads are read again within a minute and their turns, the quota is left alone."""
    for length in (MINUTE, 150.0, 10 * MINUTE, 6 * HOUR):
        leads = [str(number) for number in range(40)]
        tenant = Tenant(*leads)
        tenant.run(NOW + 100, lambda _lead, _at: None)
        begin, end = tenant.now, tenant.now + length
        tenant.run(end + EVERY + 2 * MINUTE, lambda _lead, at, end=end: fault() if at < end else None)  # type: ignore[misc]
        first = min(at for at, _ in tenant.taken if at >= end)
        assert first <= end + MINUTE
        assert set(leads) == {lead for at, lead in tenant.taken if end <= at}
        failed = {lead for at, lead in tenant.taken if begin <= at < end}
        assert all(tenant.calls(lead, end)[0] <= first + 2 * len(leads) for lead in failed)
        assert len([at for at, _ in tenant.taken if begin <= at < end]) <= 12 + length / 9


@pytest.mark.parametrize("fault", [*PLATFORM, lambda: Denied("403")])
def test_a_lead_that_fails_alone_stops_no_other_and_costs_no_more_than_one(fault: Callable[[], Fault]) -> None:
    """It rests longer each time, no longer than until its next turn in the sweep."""
    tenant = Tenant(*"abcdefgh")
    tenant.run(NOW + 4 * HOUR, lambda lead, _: fault() if lead == "c" else None)
    well, ill = tenant.calls("d", NOW + HOUR), tenant.calls("c", NOW + HOUR)
    assert len(well) >= 3 * HOUR / (EVERY + 15)
    assert len(ill) <= len(well) + 1
    assert max(later - at for at, later in itertools.pairwise(ill)) <= EVERY + 15
    assert tenant.circuit.parked_since == 0.0


def test_many_leads_that_are_gone_stop_no_other() -> None:
    """Three in a row may be an outage: what went well before is asked, and answers."""
    leads = [f"gone-{number}" for number in range(200)] + [f"there-{number}" for number in range(20)]
    tenant = Tenant("known", *leads)
    tenant.policy.went_well("trail", ["known"])
    tenant.run(NOW + 1_000, lambda lead, _: Gone("404") if lead.startswith("gone") else None)
    assert {lead for _, lead in tenant.taken} == {"known", *leads}
    assert not tenant.policy.trouble("trail")


def test_a_probe_that_fails_makes_it_the_platforms_trouble() -> None:
    """What went well is asked once more, alone; only then the tenant rests."""
    tenant = Tenant(*"abcdefgh")
    tenant.run(NOW + 20, lambda _lead, _at: None)
    order = [lead for _, lead in tenant.taken]
    tenant.taken.clear()
    for lead in order:
        tenant.scheduler.wake(Work("trail", lead))
    tenant.run(tenant.now + 2 * SEVERAL, lambda _lead, _at: Gone("404"))
    assert [lead for _, lead in tenant.taken] == order[:SEVERAL] + order[: -SEVERAL - 1 : -1]
    assert tenant.policy.trouble("trail")
    assert tenant.circuit.wait(tenant.now) > 0


def test_a_tenant_with_one_lead_rests_no_longer_than_any() -> None:
    """One lead is all there is: it is never alone."""
    tenant = Tenant("only")
    tenant.run(NOW + 3 * HOUR, lambda _, at: Gone("404") if at < NOW + 2 * HOUR else None)
    assert tenant.calls("only", NOW + 2 * HOUR)[0] <= NOW + 2 * HOUR + MINUTE


def test_one_404_of_a_whole_feed_rests_it_for_seconds() -> None:
    """A feed that is not read by lead has no other to ask."""
    scheduler = Scheduler([Named("all", every=180)])
    policy = FaultPolicy(scheduler, a_circuit())
    work = policy.next(NOW)
    assert work == Work("all")
    treatment = policy.failed(work, Gone("404"), NOW + 1, NOW)
    assert (treatment.code, treatment.rest, treatment.alone) == ("gone", FIRST_PAUSE_SECONDS, False)
    assert policy.next(NOW + 2) is None
    assert policy.next(NOW + 1 + FIRST_PAUSE_SECONDS) == work
    policy.succeeded(work, NOW + 20, more=False)
    assert policy.next(NOW + 21) is None


def test_a_feed_that_is_denied_parks_the_tenant_unless_others_go_well() -> None:
    """Credentials that work elsewhere are not the tenant's fault but the feed's."""
    scheduler, circuit = Scheduler([Named("a"), Named("b")]), a_circuit()
    policy = FaultPolicy(scheduler, circuit)
    policy.failed(Work("a"), Denied("no"), NOW)
    assert circuit.parked_since == NOW
    assert circuit.wait(NOW) == FIRST_PARKING_SECONDS
    policy.succeeded(Work("b"), NOW + 400, more=False)
    assert circuit.parked_since == 0.0
    policy.failed(Work("a"), Denied("no"), NOW + 700)
    assert circuit.allows(NOW + 700, trying=True)
    assert policy.next(NOW + 701) == Work("b")
    assert policy.next(NOW + 701) is None


def test_wrong_credentials_park_a_tenant_that_is_read_by_lead() -> None:
    """Whichever lead is tried next: one call a pause, and the pauses grow."""
    tenant = Tenant(*map(str, range(1_000)))
    tenant.run(NOW + 24 * HOUR, lambda _lead, _at: Denied("no"))
    assert NOW < tenant.circuit.parked_since < NOW + 10
    assert len(tenant.taken) < 40


def test_one_401_parks_nobody_for_long() -> None:
    """A blip is over with the next call."""
    tenant = Tenant(*"abcdefgh")
    tenant.run(NOW + 10 * MINUTE, lambda _, at: Denied("401") if at < NOW + 1 else None)
    assert tenant.calls("b")[0] <= NOW + 10
    assert tenant.calls(tenant.taken[0][1])[1] <= NOW + MINUTE


def test_what_asks_to_wait_is_waited_for_and_tells_nothing_of_the_rest() -> None:
    """And what fails on our side neither."""
    tenant = Tenant(*"abcd")
    for number, (fault, code, rest) in enumerate(
        (
            (Throttled("429", 17.0), "throttled", 17.0),
            (Throttled("429", None), "throttled", FIRST_PAUSE_SECONDS),
            (Incomplete("1 of 30"), "incomplete", FIRST_PAUSE_SECONDS),
            (KafkaError("no"), "append", 1.0),
            (TimeoutError(), "append", 1.0),
            (KeyError("x"), "broken", FIRST_PAUSE_SECONDS),
        )
    ):
        work = Work("trail", "a", str(number))
        treatment = tenant.policy.failed(work, fault, NOW)
        assert (treatment.code, treatment.rest) == (code, rest)
        assert code_of(fault) == code
    assert tenant.circuit.allows(NOW, trying=True)
    assert sentence(ValueError("https://host/?key=secret")) == "ValueError"


def test_an_event_that_is_not_there_is_asked_for_by_its_nudge_alone() -> None:
    """It says nothing about the lists, and is done."""
    tenant = Tenant(*"abcd")
    work = Work("trail", None, "e-1")
    for _ in range(2 * SEVERAL):
        tenant.scheduler.wake(work)
        assert not tenant.policy.failed(work, Gone("404"), NOW).again
    assert not tenant.policy.trouble("trail")
    assert tenant.policy.next(NOW) == work  # woken behind the turn that failed


def test_a_lead_is_dropped_after_days_and_only_alone() -> None:
    """Seven turns, twelve hours apart; a turn that reads it begins the count anew."""
    watched, now = Watched(1, "people"), NOW
    for number in range(TIMES - 1):
        after = after_gone(watched, now)
        assert after is not None
        assert after.times == number + 1
        assert after_gone(after, now + APART_SECONDS - 1) == after
        watched, now = after, now + APART_SECONDS
    assert found_again(watched) == Watched(1, "people")
    assert after_gone(watched, now) is None
    assert now - NOW >= 3 * 24 * HOUR


def test_a_lead_is_alone_once_another_went_well_since_it_began_to_fail() -> None:
    """Not at the first time: an outage begins with somebody."""
    tenant = Tenant(*"abcdefgh")
    work, other = Work("trail", "a"), Work("trail", "b")
    assert not tenant.policy.failed(work, Gone("404"), NOW).alone
    assert not tenant.policy.failed(work, Gone("404"), NOW + 20).alone
    tenant.policy.succeeded(other, NOW + 30, more=False)
    assert tenant.policy.failed(work, Gone("404"), NOW + 60).alone


def test_what_is_missing_is_counted_until_it_is_read() -> None:
    """By lead, since the first began to fail; what nudges ask for beside it stays open as nudges."""
    missing = MissingLeads()
    missing.failed(Work("trail", "a"), NOW)
    missing.failed(Work("trail", "a"), NOW + 5)
    missing.failed(Work("trail", "b", "event"), NOW + 7)
    missing.failed(Work("trail", None, "event"), NOW + 8)
    missing.failed(Work("trail", "c", around=0), NOW + 9)
    assert missing.of("trail") == Missing(2, NOW)
    missing.read(Work("trail", "a"))
    assert missing.of("trail") == Missing(1, NOW + 7)
    missing.drop("b")
    assert missing.of("trail") == Missing()
    missing.failed(Work("all"), NOW)
    assert missing.of("all") == Missing(1, NOW)


def test_a_circuit_lets_one_through_at_a_time_while_it_is_in_doubt() -> None:
    """The pause doubles up to its bound while that one fails, and is forgotten when it goes well."""
    circuit = a_circuit()
    circuit.doubt()
    assert circuit.allows(NOW, trying=False)
    assert not circuit.allows(NOW, trying=True)
    now = NOW
    for pause in (10.0, 20.0, 40.0, 48.0, 48.0):
        circuit.failed(now)
        circuit.failed(now)  # what had begun before says nothing new
        assert circuit.wait(now) == pause
        assert not circuit.allows(now + pause - 1, trying=False)
        now += pause
    assert circuit.allows(now, trying=False)
    circuit.park(now)
    assert circuit.wait(now) == FIRST_PARKING_SECONDS
    circuit.succeeded()
    assert circuit.allows(now, trying=True)


def test_a_long_turn_that_goes_well_holds_up_nobody_in_doubt() -> None:
    """A lead with a long history is read for an hour; three others that are gone beside each other stop no one."""
    tenant = Tenant("big", *"abcdefgh")
    tenant.scheduler.wake(Work("trail", "big"))
    assert tenant.policy.next(NOW) == Work("trail", "big")
    tenant.run(NOW + HOUR, lambda lead, _: Gone("404") if lead in "abc" else None)
    assert {lead for _, lead in tenant.taken} == set("abcdefgh")
    assert max(later - at for at, later in itertools.pairwise(tenant.calls("d"))) < EVERY + 30


def test_unknown_leads_at_the_beginning_of_a_list_are_asked_once_each_until_one_is_there() -> None:
    """Nothing went well yet: each try is another lead."""
    leads = [f"there-{number}" for number in range(5)] + [f"gone-{number}" for number in range(50)]
    tenant = Tenant(*leads)  # the last one is the first to be read
    tenant.run(NOW + 20 * MINUTE, lambda lead, _: Gone("404") if lead.startswith("gone") else None)
    first = next(number for number, (_, lead) in enumerate(tenant.taken) if lead.startswith("there"))
    assert first <= 50 + SEVERAL
    assert tenant.taken[first][0] < NOW + 12 * MINUTE


def test_a_lead_that_is_dropped_while_its_turn_fails_is_asked_for_no_more() -> None:
    """Nor counted as missing."""
    tenant = Tenant("a", "b")
    for _ in range(2):
        work = tenant.policy.next(NOW)
        assert work is not None
        if work.lead == "a":
            tenant.scheduler.drop("a")
            assert not tenant.policy.failed(work, Unavailable("503"), NOW + 1, NOW).again
        else:
            tenant.policy.succeeded(work, NOW, more=False)
    tenant.run(NOW + HOUR, lambda _lead, _at: None)
    assert tenant.calls("a") == []


def test_an_error_of_ours_in_the_platforms_trouble_rests_all_the_same() -> None:
    """It would be tried again without any pause: the circuit rests for the platform's faults alone."""
    tenant = Tenant(*"abcdefgh")
    tenant.run(NOW + 30, lambda _lead, _at: Unavailable("503"))
    assert tenant.policy.trouble("trail")
    before, begin = len(tenant.taken), tenant.now

    def broken(_lead: str, _at: float) -> Exception:
        return KeyError("x")

    tenant.run(begin + 10 * MINUTE, broken)
    assert len(tenant.taken) - before <= 8 * 10
