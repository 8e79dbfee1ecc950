"""LeadSquared, simulated: the four ways to read activities, leads that changed, and the catalogue of types."""

from headrace_demo.simulators.leadsquared.history import History
from headrace_demo.simulators.leadsquared.server import Conduct, Simulator

__all__ = ["Conduct", "History", "Simulator"]
