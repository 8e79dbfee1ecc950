"""The HTTP of the poller, against a simulated platform."""

import pytest

from headrace.poller.http_client import HttpClient, open_session
from headrace.sdk.faults import Unavailable
from headrace.sdk.feed import Call
from tests.simulators import leadping


async def test_a_call_is_sent_once_whatever_becomes_of_its_connection() -> None:
    """A GET whose kept connection breaks is not sent again behind the budget's back."""
    async with leadping.Simulator(leadping.History(1, 10)) as platform, open_session() as opened:
        http, call = HttpClient(opened, platform.url), Call(path="/events/calls/any")
        await http.exchange(call)
        platform.faults.next(1, "lost")
        with pytest.raises(Unavailable):
            await http.exchange(call)
        assert len(platform.calls) == 2
