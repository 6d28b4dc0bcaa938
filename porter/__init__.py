"""Porter: a load balancer for Kubernetes on bare metal, built as an event log with a pure function over it."""
