"""The fold and the decisions: a pure function from observed entries to who has which address, and why.

The same entries give the same decisions on every node, in every process, on every day. Nothing here reads a clock,
draws a number at random, logs, or touches a socket, a file or the API.
"""
