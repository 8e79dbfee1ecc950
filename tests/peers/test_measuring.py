"""What is made of samples and results, without Kafka and without a clock."""

from tests.peers.__main__ import in_order
from tests.peers.compare import Difference
from tests.peers.contenders import CONTENDERS
from tests.peers.meter import Measured, Sample, measured
from tests.peers.report import Result, table

HUNDRED = Measured(records=1_000, cpu=10.0, wall=5.0, peak=50_000_000)
FIFTY = Measured(records=1_000, cpu=20.0, wall=10.0, peak=80_000_000)


def test_what_it_takes_to_start_is_not_measured() -> None:
    """The clock runs from the look that saw the first quarter written, for the records after it."""
    samples = [Sample(0.0, 0.0, 0), Sample(4.0, 3.0, 60), Sample(6.0, 4.5, 90), Sample(8.0, 6.0, 120)]
    assert measured(samples, records=1_200, skipped=0.25, peak=7) == Measured(records=600, cpu=3.0, wall=4.0, peak=7)


def test_every_round_begins_with_another_contender() -> None:
    """Nobody is always the first on a fresh topic, or the last on a warm machine."""
    results = [Result(each) for each in CONTENDERS]
    assert [in_order(results, number)[0] for number in range(6)] == [*results, results[0]]


def test_the_table_shows_medians_ratios_and_who_is_missing() -> None:
    """Records a CPU second of the middle round, ours in times of them, and the reason why somebody is not there."""
    ours, hand, quix = (Result(each) for each in CONTENDERS[:3])
    ours.rounds = [FIFTY, HUNDRED, FIFTY]
    hand.rounds, hand.differences = [HUNDRED], [Difference(events=9), Difference(events=9, lacking=2)]
    quix.missing = "there is no go here"
    lines = table([ours, hand, quix]).splitlines()
    assert lines[2].split(" | ")[:5] == ["| ours", "exactly once", "50", "100", "80"]
    assert lines[3].endswith("| 0.50 | equal; 2 lack, 0 more, 0 differ () |")
    assert lines[-1] == "Quix Streams was left out: there is no go here"
