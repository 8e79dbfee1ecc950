import pytest

from headrace import app
from headrace.kafka.producer import Transactions


async def test_producers_that_cannot_even_be_cut_off_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them: whatever they may still deliver, only a new process is rid of them."""
    monkeypatch.setattr(Transactions, "stuck", app.STUCK_LIMIT)
    with pytest.raises(app.Stuck, match="3 producers could not be stopped: the process ends, start it again"):
        await app._guard()


def test_roles_start_from_the_door_inwards() -> None:
    """The receiver starts first: it takes deliveries whether the others can work or not."""
    assert next(iter(app.ROLES)) == "receiver"


def test_processes_of_one_host_have_sources_of_their_own() -> None:
    """The same after a restart; the order of roles is that of the command line."""
    one, other = (app.process_source(["receiver", "poller"], port) for port in (9464, 9465))
    assert one != other
    assert one.startswith("/headrace/")
    assert one.endswith(":9464/receiver+poller")
    assert app.process_source(list(app.ROLES), 9464).endswith(":9464/all")
