"""Traffic at a steady rate, as a client's: what was sent when, answered when and by whom, and the gaps between."""

from porter.lab.probing.attempts import Attempt, Gap, Report
from porter.lab.probing.protocols import PROTOCOLS
from porter.lab.probing.steady import Plan, Prober

__all__ = ["PROTOCOLS", "Attempt", "Gap", "Plan", "Prober", "Report"]
