"""LeadSquared, simulated: the four ways to read activities, leads that changed, and the catalogue of types."""

from tests.simulators.leadsquared.history import History
from tests.simulators.leadsquared.server import Conduct, Simulator

__all__ = ["Conduct", "History", "Simulator"]
