"""What the simulators tell is what the program reads: nothing undecodable, and one fact in all of its shapes."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec.structs import replace

from headrace.config import load
from headrace.config.tenants import Account, Tenants
from headrace.sdk.provider import Delivery, RawEvent
from headrace_demo import senders
from headrace_demo.simulators import leadping, leadsquared, outreach
from headrace_demo.simulators.api_call import encode
from headrace_demo.simulators.history import History, Payload
from headrace_demo.simulators.leadsquared.history import OPPORTUNITY
from headrace_demo.simulators.ledger import Plan, found_of
from headrace_demo.simulators.webhooks import sendings
from headrace_events import Via
from tests.unit.partition import NOW, Partition

EVENTS = 150
LEADPING = leadping.History(seed=11, events=EVENTS)
LEADSQUARED = leadsquared.History(seed=12, events=EVENTS)
OUTREACH = outreach.History(seed=13, events=EVENTS)


def account_of(history: History, folder: Path, *, polling: bool = False) -> Account:
    """Configure the account whose history it is; nothing is polled here, so it needs no credentials."""
    file = folder / "headrace.toml"
    file.write_text(senders.toml(senders.make(history.provider)))
    (account,) = load(file, {}).tenants
    return replace(account, settings=replace(account.settings, polling=polling))


def in_time(history: History) -> Iterator[tuple[float, Plan, int]]:
    """Yield all versions in the order in which they appear."""
    moves = ((move.appears, plan, n) for plan in history.plans for n, move in enumerate(plan.moves))
    return iter(sorted(moves, key=lambda one: one[0]))


def polled(account: Account, *bodies: Payload) -> Iterator[RawEvent]:
    """Cut bodies as a poller does."""
    for body in bodies:
        for piece in account.provider.cut(encode(body)):
            yield RawEvent(
                provider=account.provider.name,
                tenant=account.name,
                shape=piece.shape,
                value=piece.value,
                via=Via.POLL,
                received=NOW,
                hint=piece.hint,
            )


def judge(history: History, account: Account, raws: Iterator[RawEvent]) -> Partition:
    """Let the normalizer decide on raw events, each twice, and hold the outcome to the ledger."""
    partition = Partition(Tenants([account]))
    for raw in raws:
        partition.hear(account.provider, raw, raw)
    assert partition.letters == []
    assert history.ledger.complaints(map(found_of, partition.events), history.end) == []
    return partition


def delivered(history: History, account: Account) -> Iterator[RawEvent]:
    """Pass all webhooks of a history through `accept`."""
    sender = senders.make(history.provider)
    for sending in sendings(history, sender, history.begin, history.end):
        headers = {name.lower(): value for name, value in sending.headers(NOW / 1000).items()}
        query = dict(parse_qsl(sending.query))
        delivery = Delivery(account.name, "POST", headers, query, sending.body, NOW)
        yield from account.provider.accept(delivery, account.settings).events


@pytest.mark.parametrize("generation", ["g1", "g3", "g4"])
@pytest.mark.parametrize("own_calls", [False, True])
def test_leadping_bundles_of_every_generation(generation: Any, own_calls: bool, tmp_path: Path) -> None:  # noqa: FBT001  (a case)
    """Row, detail and call together give each version once, the last one last."""

    def bundles() -> Iterator[Payload]:
        for _, plan, version in in_time(LEADPING):
            call = LEADPING.kind_of(plan.number).type == "Call"
            yield {
                "row": LEADPING.row(plan, version, generation, own_calls=own_calls),
                "detail": LEADPING.detail(plan, version, generation),
                "call": LEADPING.call(plan, version, generation, own_calls=own_calls) if call else None,
            }

    account = account_of(LEADPING, tmp_path)
    partition = judge(LEADPING, account, polled(account, *bundles()))
    assert len(partition.events) == sum(len(plan.moves) for plan in LEADPING.plans)


def test_leadsquared_tells_one_thing_in_four_shapes(tmp_path: Path) -> None:
    """Rows of all reads and webhooks of what people note are one version each; mirrors are dropped."""
    account = account_of(LEADSQUARED, tmp_path, polling=True)

    def pages() -> Iterator[Payload]:
        for _, plan, version in in_time(LEADSQUARED):
            kind = LEADSQUARED.kind_of(plan.number)
            yield {"ProspectActivities": [LEADSQUARED.row(plan, version)]}
            if kind == OPPORTUNITY:
                yield {"ProspectActivities": [LEADSQUARED.row(plan, version, mirror=True)]}
            if kind.own:
                yield {"List": [LEADSQUARED.flat_row(plan, version)]}
                yield {"ProspectActivities": [LEADSQUARED.modified_row(plan, version, fields=True)]}

    hooks = delivered(LEADSQUARED, account)
    partition = judge(LEADSQUARED, account, chain(polled(account, *pages()), hooks))
    assert len(partition.events) == sum(len(plan.moves) for plan in LEADSQUARED.plans)
    assert "mirror" in partition.fates


def test_leadsquared_webhooks_before_the_poll(tmp_path: Path) -> None:
    """Webhooks first, the rows afterwards: nothing is published twice, and what was missed is made up for."""
    account = account_of(LEADSQUARED, tmp_path, polling=True)
    pages = ({"ProspectActivities": [LEADSQUARED.row(plan, len(plan.moves) - 1)]} for plan in LEADSQUARED.plans)
    hooks = delivered(LEADSQUARED, account)
    judge(LEADSQUARED, account, chain(hooks, polled(account, *pages)))


def test_outreach_rows_and_webhooks(tmp_path: Path) -> None:
    """Each event once; its webhook only wakes the feed, as often as it comes."""
    account = account_of(OUTREACH, tmp_path, polling=True)
    rows = [OUTREACH.row(plan, "https://api.example.com") for plan in OUTREACH.plans]
    hooks = list(delivered(OUTREACH, account))
    partition = judge(OUTREACH, account, chain(hooks, polled(account, {"data": rows})))
    assert len(partition.events) == EVENTS
    assert Counter(partition.fates) == {"nudged": 2 * len(hooks), "published": EVENTS, "duplicate": EVENTS}


def test_leadping_webhooks_without_polling(tmp_path: Path) -> None:
    """An automation's event is genuine, and tells the version that it says."""
    account = account_of(LEADPING, tmp_path)
    judge(LEADPING, account, delivered(LEADPING, account))
