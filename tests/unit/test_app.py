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
