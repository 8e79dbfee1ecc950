"""The log of turns that failed: what a feed lacks is in it once, and again when it changes."""

from structlog.testing import capture_logs

from headrace.poller.scheduler import Work
from headrace.poller.turn_log import TurnLog


def test_what_a_feed_lacks_is_logged_once_and_again_when_it_changes() -> None:
    """A code that is refused fails in every turn; another one, or the same after a whole reading, is news."""
    log, feed = TurnLog("/things/t"), Work("rows")
    with capture_logs() as lines:
        for reason in ("code 22", "code 22", "code 22", "code 7", "code 22"):
            log.failed(feed, "incomplete", reason)
        log.read(Work("rows", around=7))
        log.failed(feed, "incomplete", "code 22")
        log.read(feed)
        log.failed(feed, "incomplete", "code 22")
    assert [line["reason"] for line in lines] == ["code 22", "code 7", "code 22", "code 22"]
    assert lines[0] == {
        "event": "turn_failed",
        "log_level": "warning",
        "source": "/things/t",
        "feed": "rows",
        "code": "incomplete",
        "reason": "code 22",
    }


def test_other_failures_and_those_of_leads_are_logged_each_time() -> None:
    """They rest ever longer, and leads are many."""
    log = TurnLog("/things/t")
    with capture_logs() as lines:
        for _ in range(2):
            log.failed(Work("rows"), "unavailable", "no answer")
            log.failed(Work("trail", "lead-1"), "incomplete", "one detail did not come")
    assert len(lines) == 4
