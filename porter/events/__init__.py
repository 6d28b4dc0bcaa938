"""The event log: what was observed, what was decided, what was applied, in the order in which this agent saw it."""
