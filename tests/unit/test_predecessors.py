"""Asking the coordinator how the last transaction ended, before anybody is fenced."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError

from headrace.kafka.hanging_transactions import Predecessors


class Answering:
    """A client whose every request gets one answer."""

    def __init__(self, code: int, state: str) -> None:
        self._answer = SimpleNamespace(transactions=[(code, "t", state, 15_000, 0, 7, 3, [], {})])

    async def send(self, node: int, request: Any) -> Any:  # noqa: ARG002  (as the client's)
        """Answer."""
        return self._answer


@pytest.mark.parametrize("code", [15, 16])
async def test_a_coordinator_that_is_none_any_more_is_looked_for_again(code: int) -> None:
    """The client forgets a coordinator for this error alone; after any other it would ask the same node for ever."""
    with pytest.raises(NodeNotReadyError):
        await Predecessors("t", ()).ask_coordinator(Answering(code, ""), 1)
