"""What is registered beside what is needed and what is ours: every state, and what is printed of a URL."""

import pytest

from headrace.poller.hook_states import ORDERED_MS, STATES, HookRow, adopted, hook_rows, printable, same_url
from headrace.poller.hook_watch import EVERY_SECONDS, FIRST_SECONDS, first_wait, report_of
from headrace.poller.state import TenantState
from headrace.records.cursors import decode, encode, entry, removed
from headrace.records.hooks import HookOrder, HookReport, OwnHook
from headrace.sdk.hooks import RegisteredHook, WantedHook

URL = "https://hooks.example.com/webhooks/things/t"
CALL = WantedHook("call", URL)
MAIL = WantedHook("mail", URL)
OWN = OwnHook("call", URL, 1)


def there(ident: str = "1", tells: str = "call", url: str = URL, reason: str = "") -> RegisteredHook:
    return RegisteredHook(ident, url, tells, not reason, reason)


def states(*rows: HookRow) -> list[tuple[str, str, str, bool]]:
    return [(row.state, row.tells, row.id, row.to_create) for row in rows]


@pytest.mark.parametrize(
    ("found", "own", "wanted"),
    [
        ([], {}, [("missing", "call", "", True)]),
        ([there()], {"1": OWN}, [("ok", "call", "1", False)]),
        ([there()], {}, [("foreign", "call", "1", False)]),
        ([there(reason="failed")], {"1": OWN}, [("disabled", "call", "1", False)]),
        ([there(reason="failed")], {}, [("disabled", "call", "1", False)]),
        ([], {"1": OWN}, [("gone", "call", "1", True)]),
        ([there(url="https://other.example.com/")], {"1": OWN}, [("elsewhere", "call", "1", False)]),
        ([there(tells="mail")], {"1": OWN}, [("differs", "mail", "1", False)]),
        ([there(tells="mail")], {}, [("missing", "call", "", True), ("other", "mail", "1", False)]),
        (
            [there(reason="failed"), there("2")],
            {"1": OWN},
            [("disabled", "call", "1", False), ("other", "call", "2", False)],
        ),
        (
            [there(), there("2", url=URL.replace("hooks", "old"))],
            {"1": OWN, "2": OwnHook("call", URL.replace("hooks", "old"), 1)},
            [("ok", "call", "1", False), ("unneeded", "call", "2", False)],
        ),
        (
            [there("3", "task")],
            {"3": OwnHook("task", URL, 1)},
            [("missing", "call", "", True), ("unneeded", "task", "3", False)],
        ),
        ([], {"3": OwnHook("task", URL, 1)}, [("missing", "call", "", True), ("unneeded", "task", "3", False)]),
    ],
)  # fmt: skip
def test_states(found: list[RegisteredHook], own: dict[str, OwnHook], wanted: list[tuple[str, str, str, bool]]) -> None:
    """Each webhook has one row; what is needed comes first."""
    assert states(*hook_rows([CALL], found, own)) == wanted


def test_after_public_url_changed_a_new_one_is_made_and_the_old_one_is_unneeded() -> None:
    """Ours at the old address stands in nobody's place, and is not forgotten."""
    old = URL.replace("hooks", "old")
    rows = hook_rows([CALL], [there(url=old)], {"1": OwnHook("call", old, 1)})
    assert states(*rows) == [("missing", "call", "", True), ("unneeded", "call", "1", False)]


def test_what_differs_is_not_made_again() -> None:
    """An account that makes another event of a number would make one more each time."""
    rows = hook_rows([CALL, MAIL], [there(tells="task")], {"1": OWN})
    assert states(*rows) == [("differs", "task", "1", False), ("missing", "mail", "", True)]
    assert rows[0].ordered == "call"


def test_an_order_whose_outcome_was_lost_adopts_what_it_made() -> None:
    """Only what is there as it was ordered, and is not known as anybody's."""
    state = TenantState()
    state.hook_orders.update({"call": HookOrder(URL, 7, ("4",)), "mail": HookOrder(URL, 8)})
    state.hooks["3"] = OWN
    found = [there("1"), there("2", url="https://other.example.com/"), there("3", "mail"), there("4")]
    entries = list(adopted("/things/t", state, found, 9))
    assert entries == [entry("/things/t", OwnHook("call", URL, 7), "1"), *entries[1:]]
    assert [(one.kind, one.names, one.value is None) for one in entries] == [
        ("hook", ("1",), False),
        ("hook-order", ("call",), True),
    ]
    for one in entries:
        record = encode(one)
        assert decode(record.key, record.value) == one


@pytest.mark.parametrize(
    ("found", "now"),
    [
        ([there("1"), there("2")], 9),
        ([], 9),
        ([there("0")], 9),
        ([there("0")], 7 + ORDERED_MS),
        ([there("1")], 7 + ORDERED_MS),
    ],
)
def test_what_may_be_somebody_elses_is_not_adopted(found: list[RegisteredHook], now: int) -> None:
    """Neither of two, nor what was there before, nor what comes a day later; then the order is forgotten."""
    state = TenantState()
    state.hook_orders["call"] = HookOrder(URL, 7, ("0",))
    entries = list(adopted("/things/t", state, found, now))
    expected = [removed("/things/t", HookOrder, "call")] if now > ORDERED_MS else []
    assert entries == expected


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, URL),
        (f"{URL}?kind=lead", f"{URL}?kind=lead"),
        (f"{URL}?secret=shhh", f"{URL}?…"),
        ("https://chat.example.com/services/T0/shhh", "https://chat.example.com/…"),
        ("https://user:shhh@chat.example.com:8443?token=shhh", "https://chat.example.com:8443?…"),
        ("https://[::1", "…"),
    ],
)
def test_no_url_is_printed_with_a_secret(url: str, shown: str) -> None:
    """What is ours has none; of others' hosts nothing but the host is shown."""
    assert printable(url, [URL, f"{URL}?kind=lead"]) == shown


def test_a_host_in_another_case_and_a_last_slash_are_no_difference() -> None:
    """Platforms write URLs in their own way."""
    assert same_url(URL, URL.replace("hooks.example", "Hooks.Example") + "/")
    assert not same_url(URL, URL + "?kind=lead")


def test_a_report_counts_all_and_remembers_since_when() -> None:
    """What is in trouble stays in trouble since it was found; what is well is counted only."""
    rows = hook_rows([CALL, MAIL], [there(reason="failed")], {"1": OWN})
    first = report_of(rows, HookReport(0), 1_000)
    assert first.counts == {state: {"disabled": 1, "missing": 1}.get(state, 0) for state in STATES}
    again = report_of(rows, first, 9_000)
    assert [(one.state, one.tells, one.since, one.reason) for one in again.findings] == [
        ("disabled", "call", 1_000, "failed"),
        ("missing", "mail", 1_000, ""),
    ]
    well = report_of(hook_rows([CALL], [there()], {"1": OWN}), again, 10_000)
    assert (well.findings, well.counts["ok"]) == ((), 1)


def test_a_successor_looks_an_hour_after_its_predecessor() -> None:
    """And never before its feeds have had their turns, nor later than an hour, whatever the clocks say."""
    assert first_wait(None, 1_000_000) == FIRST_SECONDS
    report = HookReport(1_000_000_000)
    assert first_wait(report, 1_000_000 + 600) == EVERY_SECONDS - 600
    assert first_wait(report, 1_000_000 + 90_000) == FIRST_SECONDS
    assert first_wait(report, 1_000_000 - 90_000) == EVERY_SECONDS
