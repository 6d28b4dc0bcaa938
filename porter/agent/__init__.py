"""The agent of one node: what `porter run` runs. It ties the log, the fold, the cluster and the plugins together.

An entry goes one way: observed, folded, decided, written down, and only then acted upon.
"""
