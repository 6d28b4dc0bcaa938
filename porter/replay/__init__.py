"""Replay: the same fold over a recorded log. It never changes what it reads, and needs no Kubernetes client."""
