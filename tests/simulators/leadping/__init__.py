"""LeadPing, simulated: the activity lists of leads and of the account, details and calls."""

from tests.simulators.leadping.history import History
from tests.simulators.leadping.server import Conduct, Simulator

__all__ = ["Conduct", "History", "Simulator"]
