"""Names of leads in columns: a dict of rows is the model."""

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from headrace.poller.lead_names import LeadNames

GUID = "3f2a1b0c-4a10-11f1-8f00-0242ac120099"
ODD = [
    *("", "1", "a" * 16, "a" * 17, "é" * 8, "é" * 9, "a\0", "a", "\0", "lead-2001", "ab" * 16, "\ud800"),
    *(GUID, GUID.upper(), GUID.replace("-", ""), GUID[:-1] + " ", "-" * 36, "3f2a1b0c-4a10-11f1-8f00-0242ac1200-9"),
]
NAMES = st.sampled_from([*ODD, *map(str, range(40))]) | st.uuids().map(str) | st.text(max_size=40)
CHANGES = st.lists(st.tuples(st.booleans(), NAMES), max_size=200)


@pytest.mark.parametrize("lead", ODD)
def test_a_name_comes_back_as_it_was(lead: str) -> None:
    """Whatever its form: what is not packed to the letter is held as it is."""
    names = LeadNames()
    assert names.name(names.add(lead)) == lead
    assert list(names) == [lead]


@given(CHANGES)
def test_it_is_a_dict_of_rows(changes: Iterable[tuple[bool, str]]) -> None:
    """Each name has one row, as long as it is there; no two have the same."""
    names, model = LeadNames(), dict[str, int]()
    for come, lead in changes:
        if come:
            row = names.add(lead)
            assert row == model.setdefault(lead, row)
        else:
            assert names.remove(lead) == model.pop(lead, -1)
        assert (lead in names, len(names)) == (lead in model, len(model))
    assert {lead: names.find(lead) for lead in names} == model
    assert sorted(map(names.name, model.values())) == sorted(model)
    assert len(set(model.values())) == len(model)


def test_rows_that_are_free_are_given_away_again() -> None:
    """Leads that come and go do not fill memory."""
    names = LeadNames()
    for number in range(10_000):
        names.add(f"{number}")
        names.remove(f"{number - 10}")
    assert names.rows <= 11


def test_chains_stay_short() -> None:
    """However many there are: a look-up passes a few names, and an addition moves a few."""
    names = LeadNames()
    for number in range(20_000):
        names.add(f"{number}")
    lengths = []
    for head in names._chains:
        length, row = 0, head
        while row >= 0:
            length, row = length + 1, names._next[row]
        lengths.append(length)
    assert sum(lengths) == 20_000
    assert len(lengths) == 20_000
    assert max(lengths) < 16


def test_names_may_come_and_go_while_they_are_gone_through() -> None:
    """A look at all of them goes on in slices; what was there all along is met."""
    names = LeadNames()
    for number in range(100):
        names.add(f"{number}")
    met = []
    for lead in names:
        met.append(lead)
        if int(lead) % 2 == 0 and int(lead) < 100:
            names.remove(lead)
            names.add(f"{int(lead) + 1_000}")
    assert set(map(str, range(100))) <= set(met)
