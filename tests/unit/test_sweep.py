"""The order of the sweep: an ordered dict is the model."""

from collections import OrderedDict
from functools import partial

from hypothesis import given, strategies as st

from headrace.poller.sweep import LOOKED_AT, Sweep

LEADS = st.sampled_from("abcdefgh")
TIMES = st.integers(0, 60).map(float)
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "put_first", "drop", "read", "next"]), LEADS, TIMES, st.sets(LEADS)), max_size=120
)
EVERY = 20.0


class Model:
    """When each lead was read, in the order of the sweep."""

    def __init__(self) -> None:
        self.read: OrderedDict[str, float] = OrderedDict()

    def add(self, lead: str, at: float) -> None:
        if lead not in self.read:
            newest = next(reversed(self.read.values()), 0.0)
            self.read[lead] = at if at and at >= newest else 0.0
            self.read.move_to_end(lead, last=bool(at and at >= newest))

    def put_first(self, lead: str) -> None:
        if lead in self.read:
            self.read[lead] = 0.0
            self.read.move_to_end(lead, last=False)

    def next(self, now: float, resting: set[str]) -> str | None:
        for _ in range(min(LOOKED_AT, len(self.read))):
            lead, at = next(iter(self.read.items()))
            if at + EVERY > now:
                return None
            if lead not in resting:
                return lead
            self.read[lead] = now
            self.read.move_to_end(lead)
        return None


def not_in(resting: set[str], lead: str) -> bool:
    return lead not in resting


@given(STEPS)
def test_the_order_is_that_of_the_last_readings(steps: list[tuple[str, str, float, set[str]]]) -> None:
    """Whatever comes, goes, is read or rests: whoever was read longest ago is next, who never was before all."""
    sweep, model = Sweep(EVERY), Model()
    for step, lead, at, resting in steps:
        match step:
            case "add":
                sweep.add(lead, at)
                model.add(lead, at)
            case "put_first":
                sweep.put_first(lead)
                model.put_first(lead)
            case "drop":
                sweep.drop(lead)
                model.read.pop(lead, None)
            case "read":
                sweep.read(lead, at)
                if lead in model.read:
                    model.read[lead] = at
                    model.read.move_to_end(lead)
            case _:
                assert sweep.next(at, partial(not_in, resting)) == model.next(at, resting)
        assert set(sweep.leads) == set(model.read)
        assert sweep.due() == next((at + EVERY for at in model.read.values()), None)
    order = list[str]()
    while (found := sweep.next(1e9, lambda _: True)) is not None:
        order.append(found)
        sweep.drop(found)
    assert order == list(model.read)


def test_a_look_passes_over_a_bounded_number() -> None:
    """Where many rest, whoever asks is not held up; the next look goes on behind them."""
    sweep, met = Sweep(EVERY), list[str]()
    for number in range(3 * LOOKED_AT):
        sweep.add(f"{number}", float(number + 1))

    def may(lead: str) -> bool:
        met.append(lead)
        return False

    assert sweep.next(1e9, may) is None
    assert met == [f"{number}" for number in range(LOOKED_AT)]
