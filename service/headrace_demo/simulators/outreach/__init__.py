"""Outreach, simulated: the list of events, single events, and OAuth with refresh tokens that rotate."""

from headrace_demo.simulators.outreach.history import History
from headrace_demo.simulators.outreach.server import Conduct, Simulator
from headrace_demo.simulators.outreach.tokens import Tokens

__all__ = ["Conduct", "History", "Simulator", "Tokens"]
