"""Kubernetes at the edge: list and watch, projection, Leases, publishing. It observes and writes; it never decides."""
