"""The chart as Helm itself renders it, kept so that no test needs Helm."""
