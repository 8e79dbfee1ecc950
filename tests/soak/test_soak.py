"""What a soak is judged by: alerts and the kills behind them, growth, and the books."""

import time
from pathlib import Path

import numpy as np

from headrace_demo.senders import Fact
from tests.soak import polled
from tests.soak.alerts import Firing, Kill, firings, reason
from tests.soak.books import PolledBook
from tests.soak.conservation import Books, NamedEvent, decoder
from tests.soak.facts import FactFile, digest_of, facts_in
from tests.soak.vitals import MIB, Life, Sample

FACTS = [Fact("/outreach/hooks", "call", str(number)) for number in range(4)]


def event(fact: Fact, offset: int, version: str = "") -> NamedEvent:
    """Return a published event of a fact."""
    return decoder().decode(
        f'{{"id": "{fact.resource}/{fact.id}{version}", "source": "{fact.source}", "data": {{"native": {{"resource":'
        f' "{fact.resource}", "id": "{fact.id}"}}, "provenance": {{"raw": {{"partition": 0, "offset": {offset}}}}}}}}}'
    )


def books_of(events: list[NamedEvent]) -> dict[str, list[str]]:
    """Return what is wrong with these events, where three facts were offered and two accepted."""
    digests = [np.array(sorted(digest_of(*fact) for fact in FACTS[:count]), np.uint64) for count in (3, 2)]
    books = Books(digests[0], digests[1], {})
    books.begin()
    for each in events:
        books.add(each)
    books.close(time.time())
    return books.faults


def test_each_accepted_fact_is_published_once() -> None:
    """What was offered and not accepted may be published or not."""
    assert books_of([event(FACTS[0], 0), event(FACTS[1], 1)]) == {}
    assert books_of([event(FACTS[0], 0), event(FACTS[1], 1), event(FACTS[2], 2)]) == {}


def test_what_is_lost_doubled_strange_or_disordered_is_found() -> None:
    """Each breach has its own kind."""
    assert set(books_of([event(FACTS[0], 0)])) == {"lost"}
    assert set(books_of([event(FACTS[0], 0), event(FACTS[1], 1), event(FACTS[1], 2)])) == {"doubled"}
    assert set(books_of([event(FACTS[0], 0), event(FACTS[1], 1), event(FACTS[3], 2)])) == {"from nowhere"}
    late = [event(FACTS[0], 0), event(FACTS[1], 2), event(FACTS[1], 1, "/1")]
    assert set(books_of(late)) == {"doubled", "disordered"}


def test_a_polled_account_is_balanced_by_its_history() -> None:
    """Every row that was shown is published once, and nothing else."""
    span = polled.Span(3, 100.0, 1_796_000_000, 60.0)
    history = polled.history("outreach", span)
    idents = [history.id_of(plan) for plan in history.plans]
    book = PolledBook(history)
    assert not [complaint for ident in idents if (complaint := book.add("event", ident))]
    assert book.close(history.end) == {}
    assert book.add("event", "7")
    book.add("event", idents[0])
    assert book.close(history.end) == {"doubled": idents[:1]}
    assert set(PolledBook(history).close(history.end)) == {"lost"}
    assert "from nowhere" in book.close(history.begin)


def test_facts_come_out_of_their_files_once(tmp_path: Path) -> None:
    """Two files are one set."""
    for name in ("a", "b"):
        file = FactFile(tmp_path / name)
        file.add(FACTS)
        file.flush()
    assert facts_in(tmp_path / "a", tmp_path / "b").tolist() == sorted(digest_of(*fact) for fact in FACTS)


def test_an_alert_needs_the_kills_that_provoke_it() -> None:
    """Three kills of the same process within half an hour are a restart loop; two, or those of others, are not."""
    loop = Firing("HeadraceRestartLoop", (("instance", "poller-1"),), 1_000.0, 1_100.0)
    kills = [Kill(at, "poller-1") for at in (100.0, 500.0, 900.0)]
    assert reason(loop, kills)
    assert reason(loop, kills[1:]) is None
    assert reason(loop, [Kill(kill.at, "poller-0") for kill in kills]) is None
    assert reason(Firing("HeadraceSetAside", (), 1_000.0, 1_100.0), kills) is None


def test_firings_are_read_from_the_answer_of_prometheus() -> None:
    """An alert is told from others by its labels, without those that all have."""
    metric = {"alertname": "A", "alertstate": "firing", "severity": "info", "instance": "poller-0"}
    assert firings([{"metric": metric, "values": [[5, "1"], [20, "1"]]}]) == [
        Firing("A", (("instance", "poller-0"),), 5.0, 20.0)
    ]


def test_memory_that_grows_beside_the_marks_is_a_breach() -> None:
    """A normalizer may grow by the marks that it remembers, and by nothing else."""

    def life(a_minute: float, marks: float) -> Life:
        samples = [Sample(60.0 * n, int((100 + a_minute * n) * MIB), 40, marks * n * MIB) for n in range(9)]
        return Life("normalizer", "normalizer-0.1", samples)

    assert not life(10.0, 9.0).breaches()
    assert life(10.0, 0.0).breaches()
    assert life(300.0, 300.0).breaches(), "over the limit of its container"
