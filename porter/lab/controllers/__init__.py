"""What a control plane brings: workloads become pods, pods become endpoints, silent nodes become NotReady.

One process a lab. The plans are pure functions of the objects; only `__main__` speaks to the API server.
"""
