"""What a scene says of an account is right: the figures of `make scenes` are made of these."""

import pytest

from headrace_demo.simulators.ledger import Key
from tests.scenes.account import Account, Look
from tests.scenes.scene import Scene


@pytest.fixture
def account() -> Account:
    """Return an account that has shown ten events, and whose trouble is over."""
    made = Account(
        Scene(name="a", provider="outreach", leads=2, events=10, lasts=0.0, from_start=True, trouble=lambda _: None),
        seed=1,
    )
    made.begin()
    return made


def publish(account: Account, keys: set[Key], *, after: float) -> None:
    """Publish events so many seconds after the trouble."""
    for key in keys:
        account.published[key].append(account.ends + after)


def test_it_has_recovered_once_the_last_visible_event_is_published(account: Account) -> None:
    """Nobody has recovered who misses one event; the last one counts."""
    first, *others = account.visible(account.ends)
    publish(account, set(others), after=3.0)
    assert (account.recovered, account.missing(account.ends)) == (None, {first})
    publish(account, {first}, after=7.0)
    assert account.recovered == pytest.approx(7.0)


def test_copies_and_events_of_nothing_are_counted(account: Account) -> None:
    """One copy and one event that never existed are two too many."""
    keys = account.visible(account.ends)
    publish(account, keys, after=1.0)
    assert account.doubled == 0
    publish(account, {next(iter(keys)), Key("event", "never")}, after=2.0)
    assert account.doubled == 2


@pytest.mark.parametrize(
    ("seconds", "word", "lies"), [(59.0, "ok", 0), (61.0, "ok", 1), (61.0, "partial", 0), (90.0, "ok", 0)]
)
def test_ok_is_wrong_only_where_an_event_is_overdue(account: Account, seconds: float, word: str, lies: int) -> None:
    """An event may take its turn and half a minute; what is published by the answer is not missing."""
    publish(account, account.visible(account.ends), after=80.0)
    at = account.started + seconds
    account.looks.append(Look(at, at + 1, frozenset({word})))
    assert len(account.ok_while_missing) == lies
