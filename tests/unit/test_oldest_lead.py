import random

import pytest

from headrace.poller import oldest_lead
from headrace.poller.oldest_lead import AGAIN_SECONDS, OldestLead


class Leads:
    """Leads, when each was read, and how often somebody asked."""

    def __init__(self, count: int) -> None:
        self.read = {f"{number}": 1_000 + number for number in range(count)}
        self.calls = 0
        self.oldest = OldestLead(self.read_at)

    def read_at(self, lead: str) -> int:
        self.calls += 1
        return self.read[lead]

    def look(self, now: float = 0.0) -> int:
        """Look at all leads; return in how many slices."""
        return len(list(self.oldest.look(self.read.keys(), now))) + 1

    def found(self, now: float = 0.0) -> int | None:
        if self.oldest.is_due(self.read.keys(), now):
            self.look(now)
        return self.oldest.oldest(self.read.keys())


def test_all_leads_are_looked_at_in_slices_and_rarely() -> None:
    """Others run between slices; what one look found serves thousands of turns."""
    leads = Leads(20_500)
    assert leads.look() == 21
    leads.calls = 0
    for number in range(1_000):
        assert leads.found() == 1_000 + number
        leads.read[f"{number}"] = 999_999
    assert leads.calls < 5_000


def test_it_is_what_a_look_at_all_leads_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is read, comes and goes."""
    monkeypatch.setattr(oldest_lead, "MOST_OLDEST", 7)
    monkeypatch.setattr(oldest_lead, "SLICE", 3)
    leads, chance = Leads(50), random.Random(7)
    for step, now in enumerate(range(5_000, 7_000)):
        some = chance.choice([*leads.read])
        leads.read[some] = now
        if step % 5 == 0 and len(leads.read) > 1:
            del leads.read[chance.choice([*leads.read])]
            leads.read[f"new-{step}"] = now
        assert leads.found() == min(leads.read.values())


def test_without_leads_nothing_is_known_and_nothing_is_due_again() -> None:
    """A tenant may have none yet."""
    leads = Leads(0)
    assert leads.found() is None
    assert not leads.oldest.is_due(leads.read.keys(), 1.0)


def test_a_lead_that_came_back_is_found_after_a_while() -> None:
    """It may have been read longer ago than all that were looked at."""
    leads = Leads(3)
    assert leads.found() == 1_000
    leads.read["back"] = 5
    assert leads.found(AGAIN_SECONDS + 1) == 5
