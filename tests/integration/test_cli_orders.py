"""`headrace feeds pause|resume|wake|rewind` and `headrace backfill`, with Kafka, simulated platforms and a poller."""

import signal

import pytest

from tests.integration.command import DEADLINE, first_line
from tests.integration.test_cli_polling import NORTH, World, comes, world

__all__ = ["world"]

pytestmark = pytest.mark.apache_kafka

FEED = ("-f", "events")
LONG_AGO = ("--since", "90d", "--beyond-window")  # the simulated platform's clock is months behind ours


def state(world: World) -> str:
    """Return the state of the feed."""
    return str(world.feeds(*NORTH)[0]["state"])


def test_orders_without_a_poller_say_that_they_wait(world: World) -> None:
    """What cannot be ordered is refused with a sentence, before anything is written."""
    headrace = world.headrace
    done = headrace("feeds", "pause", *NORTH, *FEED)
    assert done.stdout == (
        "Ordered: pause events of /outreach/north. A running poller does it within seconds; headrace feeds shows it.\n"
    )
    assert headrace("feeds", "resume", *NORTH).stdout == "/outreach/north is not paused.\n"
    refused = headrace("feeds", "pause", *NORTH, "-f", "event", code=2)
    assert '/outreach/north has no feed "event"; did you mean "events"?; it has events' in refused.stderr
    for code, words, sentence in (
        (1, ("--since", "400d"), "ids are remembered for"),
        (2, ("--since", "1h", "--until", "2h"), "lies behind --until"),
        (2, ("--since", "1h", "--until", "2999-01-01T00:00Z"), "is in the future"),
        (2, (), "say from when on: --since TIME"),
    ):
        assert sentence in headrace("backfill", *NORTH, *words, code=code).stderr


def test_a_backfill_goes_on_without_the_command(world: World) -> None:
    """Ctrl-C ends the command alone, which says how to look after it, and how to end it."""
    headrace = world.headrace
    with headrace.start("backfill", *NORTH, "--since", "2h") as process:
        assert first_line(process).startswith("Ordered: back-fill ")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE)
    assert rest.startswith("It goes on without you. How far it is: headrace feeds -p outreach -t north. To end it: ")
    ended = headrace(*rest.split("To end it: headrace ")[1].split())
    assert ended.stdout.startswith("Ordered: end back-fill ")
    assert "if it was ordered just now, it ends at once" in ended.stdout
    with headrace.start("run", "--role", "poller"):
        comes(lambda: bool(world.feeds(*NORTH)[0].get("backfills")), "it is taken")
        comes(lambda: world.feeds(*NORTH)[0]["backfills"][0]["state"] == "cancelled", "it is cancelled")


def test_orders_are_carried_out(world: World) -> None:
    """A feed pauses, goes on, is read again; a back-fill shows how far it is, and ends."""
    headrace = world.headrace
    with headrace.start("run", "--role", "poller"):
        comes(lambda: state(world) == "ok", "it is read")
        assert headrace("feeds", "pause", *NORTH, "--wait").stdout == "Done: pause /outreach/north.\n"
        assert state(world) == "paused"
        assert "paused since" in headrace("feeds", *NORTH).stdout
        assert headrace("feeds", "pause", *NORTH, *FEED).stdout == "events of /outreach/north is paused already.\n"
        assert headrace("feeds", "resume", *NORTH, "--wait").stdout == "Done: resume /outreach/north.\n"
        assert headrace("feeds", "wake", *NORTH, "--wait").stdout == "Done: wake /outreach/north.\n"
        rewound = headrace("feeds", "rewind", *NORTH, *LONG_AGO, "--wait").stdout
        assert rewound.startswith("Done: rewind /outreach/north.\nIt is read again from ")
        comes(lambda: state(world) == "ok", "it is read again, though it is not due")
        ordered = headrace("backfill", *NORTH, *LONG_AGO, "--share", "1.0").stdout.splitlines()
        assert ordered[0].startswith("Ordered: back-fill ")
        assert ": done, " in ordered[1]
        assert ": done, " in headrace("feeds", *NORTH).stdout
        (shown,) = world.feeds(*NORTH)[0]["backfills"]
        assert (shown["state"], shown["portion"], shown["records"] > 0) == ("done", 1.0, True)
