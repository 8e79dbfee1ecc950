"""Outreach, simulated: the list of events, single events, and OAuth with refresh tokens that rotate."""

from tests.simulators.outreach.history import History
from tests.simulators.outreach.server import Conduct, Simulator
from tests.simulators.outreach.tokens import Tokens

__all__ = ["Conduct", "History", "Simulator", "Tokens"]
