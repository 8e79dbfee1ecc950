"""How long what is known of a lead outlives its place on the watch-list."""

from headrace.poller.dropped_leads import change, forgotten
from headrace.poller.state import TenantState
from headrace.records.cursors import DroppedLead, Position, encode, entry, removed

SOURCE, KEY = "/p/t", ("trail", "a")
DAY_MS = 86_400_000
NOW = 1_800_000_000_000
LIFETIME = 30 * 86_400.0


def after(state: TenantState, now: int, *, watched: bool = False) -> Position | None:
    """Return what is remembered of the cursor once it was looked at."""
    changed = change(SOURCE, state, KEY, watched=watched, now=now, lifetime=LIFETIME)
    if changed is not None:
        state.apply(changed)
    return state.positions.get(KEY)


def test_a_cursor_is_removed_thirty_days_after_its_lead() -> None:
    """Counted from when the lead was missed first, however long ago it was read: it may never have been read whole."""
    for at in (0, 1, NOW):
        state = TenantState()
        state.apply(entry(SOURCE, Position(b"cursor", at), *KEY))
        assert after(state, NOW, watched=True) == Position(b"cursor", at)
        assert after(state, NOW) == Position(b"cursor", at, NOW)
        assert after(state, NOW + 30 * DAY_MS) == Position(b"cursor", at, NOW)
        assert after(state, NOW + 30 * DAY_MS + 1) is None
        assert after(state, NOW + 31 * DAY_MS) is None


def test_a_lead_that_comes_back_has_its_cursor_as_before() -> None:
    """When it is dropped again, the days begin again."""
    state = TenantState()
    state.apply(entry(SOURCE, Position(b"cursor", 5), *KEY))
    after(state, NOW)
    assert after(state, NOW + 29 * DAY_MS, watched=True) == Position(b"cursor", 5)
    after(state, NOW + 40 * DAY_MS)
    assert after(state, NOW + 69 * DAY_MS) == Position(b"cursor", 5, NOW + 40 * DAY_MS)


def test_why_a_lead_was_dropped_is_known_for_as_long_as_its_cursor() -> None:
    """And no longer than it is watched again, whoever named it."""
    state = TenantState()
    state.apply(entry(SOURCE, DroppedLead(NOW, 1, "event", 7, "gone"), "a"))

    def over(now: int, *, watched: bool) -> bool:
        found = forgotten(SOURCE, state, "a", watched=watched, now=now, lifetime=LIFETIME)
        assert found in (None, removed(SOURCE, DroppedLead, "a"))
        return found is not None

    assert not over(NOW + 30 * DAY_MS, watched=False)
    assert over(NOW + 30 * DAY_MS + 1, watched=False)
    assert over(NOW + 1, watched=True)


def test_what_is_removed_is_written_without_a_value() -> None:
    """An empty value would keep its key in the compacted topic for ever."""
    assert encode(removed(SOURCE, Position, *KEY)).written is None
    assert encode(entry(SOURCE, Position(b""), *KEY)).written
