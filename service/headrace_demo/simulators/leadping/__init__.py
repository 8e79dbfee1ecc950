"""LeadPing, simulated: the activity lists of leads and of the account, details and calls."""

from headrace_demo.simulators.leadping.history import History
from headrace_demo.simulators.leadping.server import Conduct, Simulator

__all__ = ["Conduct", "History", "Simulator"]
