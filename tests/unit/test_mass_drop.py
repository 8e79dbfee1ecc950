"""How many leads may be dropped in an hour, against a plain model."""

from hypothesis import given, strategies as st
from msgspec.structs import replace

from headrace.poller.gone_leads import TIMES, after_gone, found_again, held_back
from headrace.poller.mass_drop import FEW, ONE_IN, SPAN_SECONDS, DropBound, most
from headrace.poller.state import TenantState
from headrace.records.cursors import CursorEntry, DroppedLead, Watched, decode, encode, entry, removed

SOURCE = "/p/t"
NOW = 1_800_000_000.0
DUE = Watched(1, "people", times=TIMES - 1)


class Tenant:
    """A tenant of some leads, all but dropped, and the log that it has written."""

    def __init__(self, leads: int) -> None:
        self.log: dict[bytes, bytes] = {}
        self.state = TenantState()
        self.now = NOW
        self.dropped_at: list[float] = []
        self.write(*(entry(SOURCE, DUE, f"{number}") for number in range(leads)))

    def write(self, *entries: CursorEntry) -> None:
        """Store entries, as the newest of their keys."""
        for one in entries:
            record = encode(one)
            self.log.pop(record.key, None)
            self.log[record.key] = record.written or b""
            self.state.apply(one)

    def restart(self) -> None:
        """Remember what the compacted log says, and no more."""
        self.state = TenantState()
        for key, value in self.log.items():
            self.state.apply(decode(key, value))

    def gone(self, lead: str) -> None:
        """Take a turn in which a lead is gone for as many days as it takes."""
        watched = self.state.leads.get(lead)
        if watched is None:
            return
        assert after_gone(watched, self.now) is None
        if self.state.drops.may_drop(lead, len(self.state.leads), self.now):
            self.dropped_at.append(self.now)
            dropped = DroppedLead(int(self.now * 1000), watched.added, watched.by, TIMES, "gone")
            self.write(removed(SOURCE, Watched, lead), entry(SOURCE, dropped, lead))
        else:
            self.write(entry(SOURCE, held_back(watched, self.now), lead))

    def found(self, lead: str) -> None:
        """Take a turn that reads a lead; it is gone again at once, for as many days."""
        if lead in self.state.leads:
            self.write(entry(SOURCE, found_again(self.state.leads[lead]), lead))
            assert lead not in self.state.drops.held
            self.write(entry(SOURCE, replace(self.state.leads[lead], times=TIMES - 1), lead))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("gone"), st.integers(0, 2_999), st.integers(1, 60)),
        st.tuples(st.just("found"), st.integers(0, 2_999), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.integers(1, 4_000), st.just(1)),
        st.tuples(st.just("restart"), st.just(0), st.just(1)),
    ),
    max_size=40,
)


@given(leads=st.integers(1, 3_000), steps=steps)
def test_in_no_hour_more_are_dropped_than_may_be(leads: int, steps: list[tuple[str, int, int]]) -> None:
    """Whatever is gone when, is found again or waits, and however often its poller is killed in between."""
    tenant = Tenant(leads)
    for what, number, times in steps:
        if what == "wait":
            tenant.now += number
        elif what == "restart":
            tenant.restart()
        for lead in range(number, min(number + times, leads)):
            if what == "gone":
                tenant.gone(str(lead))
            elif what == "found":
                tenant.found(str(lead))
    for begin in tenant.dropped_at:
        assert sum(begin <= at < begin + SPAN_SECONDS for at in tenant.dropped_at) <= most(leads)
    held = {lead for lead, watched in tenant.state.leads.items() if watched.times >= TIMES}
    assert tenant.state.drops.held == held
    tenant.restart()
    assert tenant.state.drops.held == held


def test_few_leads_that_are_gone_are_dropped_at_once() -> None:
    """One in a hundred, and ten of any tenant, are no mass: nothing is held back."""
    for leads, gone in ((5, 5), (900, FEW), (100_000, 100_000 // ONE_IN)):
        tenant = Tenant(leads)
        for lead in range(gone):
            tenant.gone(str(lead))
        assert (len(tenant.dropped_at), tenant.state.drops.held) == (gone, set())


def test_one_more_than_may_be_stops_all_until_few_wait() -> None:
    """Those that wait stay watched whatever time passes; they go once so many were found again, or removed."""
    tenant = Tenant(1_000)
    for lead in range(40):
        tenant.gone(str(lead))
    assert (len(tenant.dropped_at), len(tenant.state.drops.held)) == (10, 30)
    tenant.now += 5 * SPAN_SECONDS
    for lead in range(40):
        tenant.gone(str(lead))
    assert (len(tenant.dropped_at), len(tenant.state.drops.held)) == (10, 30)
    for lead in range(10, 20):
        tenant.found(str(lead))
    tenant.write(*(removed(SOURCE, Watched, f"{lead}") for lead in range(20, 30)))
    for lead in range(30, 40):
        tenant.gone(str(lead))
    assert (len(tenant.dropped_at), tenant.state.drops.held) == (20, set())


def test_what_is_decided_counts_before_it_is_stored() -> None:
    """Several turns of a tenant end at once: none of them sees yet what the others have written."""
    bound = DropBound()
    allowed = [bound.may_drop(f"{lead}", 100, NOW) for lead in range(15)]
    assert allowed == [True] * FEW + [False] * 5
